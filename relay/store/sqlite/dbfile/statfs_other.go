//go:build !linux && !darwin

package dbfile

import (
	"errors"
	"os"
)

// Free is not supported here.
func Free(string) (int64, error) { return 0, errors.ErrUnsupported }

// IsDeleted is not known here.
func IsDeleted(*os.File) bool { return false }

// NetworkOf is not supported here.
func NetworkOf(string) string { return "" }
