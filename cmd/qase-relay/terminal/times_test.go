package terminal

import (
	"testing"
	"time"
)

func TestTimesAreParsedInTheirForms(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2h":                        "2026-01-31T07:00:00Z",
		"7d":                        "2026-01-24T09:00:00Z",
		"1h30m":                     "2026-01-31T07:30:00Z",
		"2026-01-02":                "2026-01-02T00:00:00Z",
		"2026-01-02T03:04:05+01:00": "2026-01-02T02:04:05Z",
		"":                          "0001-01-01T00:00:00Z",
	} {
		if got, err := ParseTime("since", text, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "2026-13-01", "7 days", "-2h"} {
		if got, err := ParseTime("since", text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestAgesAreInWords(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for want, d := range map[string]time.Duration{"now": 500 * time.Millisecond, "59 s ago": 59 * time.Second,
		"2 min ago": 150 * time.Second, "47 h ago": 47 * time.Hour, "3 days ago": 80 * time.Hour,
		"in 5 min": -5 * time.Minute} {
		if got := Ago(now.Add(-d), now); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
