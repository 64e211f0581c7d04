//go:build linux || darwin

package sqlite

import (
	"fmt"
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
