package rules

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// ParseDuration reads a duration as it is written in rules files, such as 90s, 1h30m, 26h, 7d and 2w.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// parseDuration reads durations such as 90s, 1h30m, 26h, 7d and 2w.
func parseDuration(s string) (time.Duration, error) {
	units := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
	}
	bad := fmt.Errorf("%q is not a duration: write it like 90s, 10m, 1h30m, 26h or 7d", s)
	var total float64
	for rest := s; rest != "" || total == 0; {
		digits := span(rest, func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
		n, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, bad
		}
		rest = rest[digits:]
		letters := span(rest, func(c byte) bool { return 'a' <= c && c <= 'z' })
		unit, known := units[rest[:letters]]
		if !known {
			if n == 0 && letters == 0 && rest == "" {
				return 0, nil
			}
			return 0, bad
		}
		total += n * float64(unit)
		if rest = rest[letters:]; total == 0 && rest == "" {
			break
		}
	}
	if total > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is too long a time", s)
	}
	return time.Duration(total), nil
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}
