//go:build !linux && !darwin

package dbfile

import (
	"errors"
	"os"
)

// Free is not supported here.
func Free(string) (int64, error) { return 0, errors.ErrUnsupported }

// NamesAndSize returns 1, since the number of names of an open file is unknown here, and its size.
func NamesAndSize(f *os.File) (names uint64, size int64) {
	info, err := f.Stat()
	if err != nil {
		return 1, 1
	}
	return 1, info.Size()
}

// NetworkOf is not supported here.
func NetworkOf(string) string { return "" }
