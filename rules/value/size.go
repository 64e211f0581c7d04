package value

import (
	"fmt"
	"math"
	"strconv"
)

// Size is a number of bytes, written as 500MB, 10GiB or plain.
type Size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	units := map[string]float64{
		"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	digits := Span(string(text), func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
	n, err := strconv.ParseFloat(string(text[:digits]), 64)
	unit, known := units[string(text[digits:])]
	switch bytes := n * unit; {
	case err != nil || !known:
		return fmt.Errorf("%s is not a size: write it like 500MB, 64MiB or 10GiB", strconv.Quote(Shorten(string(text), 40)))
	case bytes >= math.MaxInt64:
		return fmt.Errorf("%s is too much", strconv.Quote(Shorten(string(text), 40)))
	default:
		*s = Size(bytes)
	}
	return nil
}

// UnmarshalText reads a whole number that is not negative.
func (a *Amount) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("%s: want a whole number; 0 is no limit", strconv.Quote(Shorten(string(text), 40)))
	}
	*a = Amount(n)
	return nil
}
