//go:build !linux && !darwin

package sqlite

import (
	"errors"
	"os"
)

// FreeDisk is not supported here.
func (s *Store) FreeDisk() (int64, error) { return 0, errors.ErrUnsupported }

// isDeleted is not known here.
func isDeleted(*os.File) bool { return false }

// fileSystemOf is not supported here.
func fileSystemOf(string) string { return "" }
