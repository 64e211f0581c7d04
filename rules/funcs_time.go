package rules

import (
	"errors"
	"fmt"
	"time"
)

// timeFunctions are those about times and durations.
func timeFunctions(location *time.Location) map[string]function {
	return map[string]function{
		"ago": func(r *run, args []any) (any, error) {
			if len(args) != 1 {
				return nil, errors.New("ago needs a time")
			}
			return agoText(r.now, args[0]), nil
		},
		"date":     two(func(layout, t any) (any, error) { return dateText(plainText(layout), t, location), nil }),
		"duration": one(func(v any) any { return durationText(v) }),
		"runDuration": one(func(v any) any {
			dot, _ := v.(map[string]any)
			return runDuration(dot)
		}),
	}
}

// durationText writes a number of seconds or a time.Duration for people.
func durationText(v any) string {
	seconds, ok := toFloat(v)
	if !ok || seconds < 0 || seconds > 1e9 {
		return ""
	}
	return humanDuration(time.Duration(seconds * float64(time.Second)))
}

// humanDuration gives "45 s", "1 h 12 min" or "3 d 4 h": the two largest units.
func humanDuration(d time.Duration) string {
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

// runDuration gives the seconds that a run took: from its start where that is known, else from payload.duration, which Qase's newer
// pages document in milliseconds. nil when neither is known.
func runDuration(dot map[string]any) any {
	entity, _ := dot["entity"].(map[string]any)
	end, ok1 := dot["time"].(time.Time)
	start, ok2 := entity["started_at"].(time.Time)
	if ok1 && ok2 && end.After(start) {
		return int(end.Sub(start).Seconds())
	}
	payload, _ := dot["payload"].(map[string]any)
	if ms, ok := toFloat(payload["duration"]); ok && ms > 0 {
		return int((ms + 999) / 1000)
	}
	return nil
}

// toTime reads a time.Time, Unix seconds, or one of the two ways in which Qase writes dates.
func toTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case int:
		return time.Unix(int64(v), 0).UTC(), true
	case string:
		for _, layout := range []string{time.RFC3339, time.DateTime} {
			if t, err := time.Parse(layout, v); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

func dateText(layout string, v any, location *time.Location) string {
	t, ok := toTime(v)
	if !ok {
		return ""
	}
	return t.In(location).Format(layout)
}

// agoText writes how long before the event's arrival a moment was.
func agoText(now time.Time, v any) string {
	t, ok := toTime(v)
	if !ok {
		return ""
	}
	if age := now.Sub(t); age >= time.Second {
		return humanDuration(age) + " ago"
	}
	return "just now"
}
