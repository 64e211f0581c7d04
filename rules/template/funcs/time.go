package funcs

import (
	"errors"
	"time"

	"qaserelay/rules/value"
)

// timeFuncs are the functions on times and durations.
func timeFuncs(location *time.Location) map[string]Func {
	return map[string]Func{
		"ago": func(c *Context, args []any) (any, error) {
			if len(args) != 1 {
				return nil, errors.New("ago needs a time")
			}
			return ago(c.Now, args[0]), nil
		},
		"date":        binary(func(layout, t any) any { return date(value.PlainText(layout), t, location) }),
		"duration":    unary(func(v any) any { return value.DurationText(v) }),
		"runDuration": unary(runDuration),
	}
}

// ago returns how long before now a time was, such as "3 min ago".
func ago(now time.Time, v any) string {
	t, ok := value.Time(v)
	if !ok {
		return ""
	}
	if age := now.Sub(t); age >= time.Second {
		return value.HumanDuration(age) + " ago"
	}
	return "just now"
}

func date(layout string, v any, location *time.Location) string {
	t, ok := value.Time(v)
	if !ok {
		return ""
	}
	return t.In(location).Format(layout)
}

// runDuration returns the seconds that the run of a message took, or nil if that is not known. It uses the start of the
// run if that is known, else payload.duration, which Qase documents in milliseconds.
func runDuration(dot any) any {
	vars, _ := dot.(map[string]any)
	entity, _ := vars["entity"].(map[string]any)
	end, _ := vars["time"].(time.Time)
	start, _ := entity["started_at"].(time.Time)
	payload, _ := vars["payload"].(map[string]any)
	if seconds, known := value.TookSeconds(start, end, payload["duration"]); known {
		return seconds
	}
	return nil
}
