package terminal

import (
	"fmt"
	"time"

	"qaserelay/rules/value"
)

// Stamp is how an exact time is written.
const Stamp = "2006-01-02 15:04:05 MST"

// Moment reads a point in time: RFC 3339, a day, or how long ago it was, such as 2h and 7d.
func Moment(flag, text string, now time.Time) (time.Time, error) {
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
	return time.Time{}, Hint(fmt.Errorf("--%s %q is no time", flag, text), "how long ago, such as 2h or 7d, a day, 2026-01-31, or a moment, 2026-01-31T09:00:00Z")
}

// Ago says in a few columns how far away a time is.
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

// Exactly writes a time with how far away it is.
func Exactly(at, now time.Time) string {
	return fmt.Sprintf("%s (%s)", at.Local().Format(Stamp), Ago(at, now))
}

// Latency writes how long an attempt took.
func Latency(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
