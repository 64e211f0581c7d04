package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unitNames replaces the names of units, and the spaces around them, by their signs.
var unitNames = strings.NewReplacer("seconds", "s", "second", "s", "secs", "s", "sec", "s", "minutes", "m", "minute", "m",
	"mins", "m", "min", "m", "hours", "h", "hour", "h", "hrs", "h", "hr", "h", "days", "d", "day", "d", "weeks", "w",
	"week", "w", " ", "")

// ParseDuration reads a duration such as 90s, 1h30m, 26h, 7d and 2w.
func ParseDuration(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if short := unitNames.Replace(strings.ToLower(s)); err != nil && short != s {
		if _, failed := parseDuration(short); failed == nil {
			return 0, fmt.Errorf("%q is not a duration: write %s", s, short)
		}
	}
	return d, err
}

func parseDuration(s string) (time.Duration, error) {
	units := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute,
		"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
	}
	bad := fmt.Errorf("%q is not a duration: write it like 90s, 10m, 1h30m, 26h or 7d", s)
	var total float64
	for rest := s; rest != "" || total == 0; {
		digits := Span(rest, func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
		n, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, bad
		}
		rest = rest[digits:]
		letters := Span(rest, func(c byte) bool { return 'a' <= c && c <= 'z' })
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

// HumanDuration returns "45 s", "1 h 12 min" or "3 d 4 h": the two largest units.
func HumanDuration(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	two := func(a int, unit string, b int, smaller string) string {
		if b == 0 {
			return fmt.Sprintf("%d %s", a, unit)
		}
		return fmt.Sprintf("%d %s %d %s", a, unit, b, smaller)
	}
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return two(s/60, "min", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "min")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}

// DurationText writes a number of seconds, a time.Duration or a text such as 36h for people. It returns "" for anything
// else, and for more than 1e9 seconds.
func DurationText(v any) string {
	if text, isText := v.(string); isText {
		if d, err := ParseDuration(text); err == nil {
			return HumanDuration(d)
		}
	}
	seconds, ok := Float(v)
	if !ok || seconds < 0 || seconds > 1e9 {
		return ""
	}
	return HumanDuration(time.Duration(seconds * float64(time.Second)))
}

// TookSeconds returns how long something took: by its start if that is known and before its end, else by a number of
// milliseconds.
func TookSeconds(start, end time.Time, milliseconds any) (seconds int, known bool) {
	if !start.IsZero() && end.After(start) {
		return int(end.Sub(start).Seconds()), true
	}
	ms, ok := Float(milliseconds)
	return int((ms + 999) / 1000), ok && ms > 0
}
