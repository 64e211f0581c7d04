package rules

import (
	"fmt"
	"math"
	"strconv"
)

// size is a number of bytes, written as 500MB, 10GiB or plain.
type size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *size) UnmarshalText(text []byte) error {
	units := map[string]float64{
		"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	digits := span(string(text), func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
	n, err := strconv.ParseFloat(string(text[:digits]), 64)
	unit, known := units[string(text[digits:])]
	switch bytes := n * unit; {
	case err != nil || !known:
		return fmt.Errorf("%s is not a size: write it like 500MB, 64MiB or 10GiB", strconv.Quote(shorten(string(text), 40)))
	case bytes >= math.MaxInt64:
		return fmt.Errorf("%s is too much", strconv.Quote(shorten(string(text), 40)))
	default:
		*s = size(bytes)
	}
	return nil
}

// amount is how many of something there may be.
type amount int

// UnmarshalText reads a whole number that is not negative.
func (a *amount) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("%s: want a whole number; 0 is no limit", strconv.Quote(shorten(string(text), 40)))
	}
	*a = amount(n)
	return nil
}
