package value

import (
	"math/big"
	"strconv"
	"time"
)

// Uniq returns the elements of a list, each once.
func Uniq(list []any) []any {
	seen, kept := make(map[any]bool, len(list)), []any{}
	for _, element := range list {
		if key := Identity(element); !seen[key] {
			seen[key] = true
			kept = append(kept, element)
		}
	}
	return kept
}

// compound is the JSON of a list or an object.
type compound string

// Identity returns a key that is the same for equal values.
func Identity(v any) any {
	switch v := v.(type) {
	case nil, string, bool:
		return v
	case []any, map[string]any:
		return compound(JSONText(v))
	}
	if n, isNumber := Float(v); isNumber {
		return n
	}
	return compound(PlainText(v))
}

// Time returns a time: one of Go, Unix seconds or milliseconds, or a text in RFC 3339 or in the format of Qase, which
// has no time zone and is taken for UTC.
func Time(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case int:
		return unixTime(int64(v)), true
	case float64:
		return unixTime(int64(max(-maxUnix, min(v, 1e15)))), true
	case string:
		return TimeIn(v, time.UTC)
	}
	return time.Time{}, false
}

// TimeIn reads a text such as 2026-01-31, 2026-01-31 09:30 or 2026-01-31T09:30:00Z as a time. One without a zone is a
// time of the location.
func TimeIn(text string, location *time.Location) (time.Time, bool) {
	if len(text) < len(time.DateOnly) || len(text) > len("2006-01-02T15:04:05.999999999+07:00") {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", time.DateOnly,
		"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00"} {
		if t, err := time.ParseInLocation(layout, text, location); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// maxUnix is the year 5138 in seconds. Larger numbers are milliseconds.
const maxUnix = 1e11

// unixTime returns the time of Unix seconds, or of milliseconds, which are larger than any seconds of our time.
func unixTime(n int64) time.Time {
	if n >= maxUnix {
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

// ParseNumber reads a text that holds a number and nothing else.
func ParseNumber(s string) (any, bool) {
	if _, isWhole := new(big.Int).SetString(s, 10); isWhole && len(s) <= MaxDigits {
		return Number(s), true
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f-f == 0
}
