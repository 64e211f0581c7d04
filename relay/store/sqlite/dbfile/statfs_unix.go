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

// NamesAndSize returns how many names an open file has, none if it was deleted, and its size. It takes a microsecond,
// and no memory. What is not known is 1.
func NamesAndSize(f *os.File) (names uint64, size int64) {
	var st syscall.Stat_t
	if syscall.Fstat(int(f.Fd()), &st) != nil {
		return 1, 1
	}
	return uint64(st.Nlink), st.Size
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
