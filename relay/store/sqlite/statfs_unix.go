//go:build linux || darwin

package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// FreeDisk returns how many bytes this process can still write to the file system of the store.
func (s *Store) FreeDisk() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(s.Path), &st); err != nil {
		return 0, fmt.Errorf("asking for the free space beside %s: %w", s.Path, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// isDeleted reports whether an open file has no name any more. It takes a microsecond, and nothing of the memory.
func isDeleted(f *os.File) bool {
	var st syscall.Stat_t
	return syscall.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0
}

// fileSystemOf returns the name of the network file system that a file is on, or nothing. It knows none of the
// numbers of macOS.
func fileSystemOf(path string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return ""
	}
	return networkFileSystem(uint32(st.Type))
}
