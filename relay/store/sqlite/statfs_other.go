//go:build !linux && !darwin

package sqlite

import "errors"

// FreeDisk is not supported here.
func (s *Store) FreeDisk() (int64, error) { return 0, errors.ErrUnsupported }

// fileSystemOf is not supported here.
func fileSystemOf(string) string { return "" }
