package terminal

import (
	"fmt"
	"time"

	"qaserelay/rules/value"
)

// TimeFormat is the layout of exact times.
const TimeFormat = "2006-01-02 15:04:05 MST"

// ParseTime reads the value of a time flag: RFC 3339, a day, or a duration before now, such as 2h or 7d.
func ParseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day, nil
	}
	if ago, err := value.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	return time.Time{}, Hint(fmt.Errorf("--%s %q is not a valid time", flag, text),
		"how long ago, such as 2h or 7d, a day, 2026-01-31, or a moment, 2026-01-31T09:00:00Z")
}

// Ago returns the distance of a time from now, such as 3 min ago or in 2 h.
func Ago(at, now time.Time) string {
	d := now.Sub(at)
	format := "%s ago"
	if d < 0 {
		d, format = -d, "in %s"
	}
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf(format, fmt.Sprintf("%d s", d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf(format, fmt.Sprintf("%d min", d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf(format, fmt.Sprintf("%d h", d/time.Hour))
	}
	return fmt.Sprintf(format, fmt.Sprintf("%d days", d/(24*time.Hour)))
}

// In returns a time in the time zone of the screen.
func (s *Screen) In(at time.Time) time.Time {
	if s.Zone == nil {
		return at.Local()
	}
	return at.In(s.Zone)
}

// TimeWithAge returns an exact time with its distance from now.
func (s *Screen) TimeWithAge(at, now time.Time) string {
	return fmt.Sprintf("%s (%s)", s.In(at).Format(TimeFormat), Ago(at, now))
}

// Latency returns the duration of an attempt in words.
func Latency(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
