package template

import (
	"errors"
	"time"

	"qaserelay/rules/value"
)

// timeFunctions are those about times and durations.
func timeFunctions(location *time.Location) map[string]function {
	return map[string]function{
		"ago": func(r *Renderer, args []any) (any, error) {
			if len(args) != 1 {
				return nil, errors.New("ago needs a time")
			}
			return agoText(r.now, args[0]), nil
		},
		"date":     two(func(layout, t any) (any, error) { return dateText(value.PlainText(layout), t, location), nil }),
		"duration": one(func(v any) any { return durationText(v) }),
		"runDuration": one(func(v any) any {
			dot, _ := v.(map[string]any)
			return runDuration(dot)
		}),
	}
}

// durationText writes a number of seconds or a time.Duration for people.
func durationText(v any) string {
	seconds, ok := value.Float(v)
	if !ok || seconds < 0 || seconds > 1e9 {
		return ""
	}
	return value.HumanDuration(time.Duration(seconds * float64(time.Second)))
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
	if ms, ok := value.Float(payload["duration"]); ok && ms > 0 {
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
		return value.HumanDuration(age) + " ago"
	}
	return "just now"
}
