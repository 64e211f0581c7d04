//go:build !linux && !darwin

package sqlite

import "errors"

// FreeDisk knows no free space here.
func (s *Store) FreeDisk() (int64, error) { return 0, errors.ErrUnsupported }
