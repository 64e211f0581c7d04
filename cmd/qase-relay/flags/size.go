package flags

import (
	"errors"
	"strconv"
	"strings"
)

// Size is the value of a flag for a size: 1048576, 1024KiB or 1MiB.
type Size int64

func (b *Size) String() string {
	n := int64(*b)
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "KiB"
	}
	return strconv.FormatInt(n, 10)
}

// Type returns the placeholder of the value in help texts.
func (b *Size) Type() string { return "SIZE" }

// Set reads a size.
func (b *Size) Set(text string) error {
	unit := int64(1)
	digits := text
	for suffix, size := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			unit, digits = size, rest
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n <= 0 || n > (1<<40)/unit {
		return errors.New("want a size such as 1048576, 512KiB or 2MiB")
	}
	*b = Size(n * unit)
	return nil
}
