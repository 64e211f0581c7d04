package window

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// String returns the window for people, such as "mon–fri 09:00–18:00 Europe/Berlin".
func (w *Window) String() string {
	if w == nil {
		return "always"
	}
	parts := []string{daysText(w.days), hoursText(w.hours), w.zone.String()}
	if w.days == everyDay && len(w.hours) == 1 && w.hours[0] == (span{0, day}) {
		parts = []string{"always", w.zone.String()}
	}
	text := strings.Join(parts, " ")
	if len(w.except) == 0 {
		return text
	}
	const most = 3
	var except []string
	for _, d := range w.except[:min(most, len(w.except))] {
		if except = append(except, date(d.from)); d.to > d.from {
			except[len(except)-1] += "–" + date(d.to)
		}
	}
	if more := len(w.except) - most; more > 0 {
		except = append(except, fmt.Sprintf("%d more", more))
	}
	return text + ", except " + strings.Join(except, ", ")
}

// String returns the times for people, such as "mon–fri 09:00, sat 10:00 Europe/Berlin".
func (t *Times) String() string {
	parts := make([]string, len(t.entries))
	for i, m := range t.entries {
		parts[i] = daysText(m.days) + " " + clockText(m.at)
	}
	return strings.Join(parts, ", ") + " " + t.zone.String()
}

// daysText returns "every day", or the days with each that follow one another as a range.
func daysText(days [7]bool) string {
	if days == everyDay {
		return "every day"
	}
	var parts []string
	for first := range 7 {
		if !days[first] || days[(first+6)%7] {
			continue
		}
		last := first
		for days[(last+1)%7] {
			last = (last + 1) % 7
		}
		if text := dayNames[first]; last == first {
			parts = append(parts, text)
		} else {
			parts = append(parts, text+"–"+dayNames[last])
		}
	}
	return strings.Join(parts, ", ")
}

func hoursText(hours []span) string {
	if slices.Equal(hours, []span{{0, day}}) {
		return "all day"
	}
	parts := make([]string, len(hours))
	for i, h := range hours {
		parts[i] = clockText(h.from) + "–" + clockText(h.to)
		if h.to-h.from > day {
			parts[i] += " of the next day"
		}
	}
	return strings.Join(parts, ", ")
}

// clockText returns a time of day as people write it.
func clockText(seconds int64) string {
	if seconds > day {
		seconds -= day
	}
	return fmt.Sprintf("%02d:%02d", seconds/3600, seconds/60%60)
}

func date(d int64) string { return time.Unix(d*day, 0).UTC().Format(time.DateOnly) }
