//go:build linux || darwin

package dbfile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Free returns how many bytes this process can still write to the file system of a file.
func Free(path string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return 0, fmt.Errorf("asking for the free space beside %s: %w", path, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// IsDeleted reports whether an open file has no name any more. It takes a microsecond, and nothing of the memory.
func IsDeleted(f *os.File) bool {
	var st syscall.Stat_t
	return syscall.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0
}

// NetworkOf returns the name of the network file system that a file is on, or nothing. It knows none of the
// numbers of macOS.
func NetworkOf(path string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return ""
	}
	return NetworkName(uint32(st.Type))
}
