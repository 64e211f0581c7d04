package sqlite

import (
	"path/filepath"
	"syscall"
)

// fileSystemOf returns the name of the network file system that a file is on, or nothing.
func fileSystemOf(path string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return ""
	}
	return networkFileSystem(uint32(st.Type))
}
