// Package value reads, writes and compares dynamic values: those of events and rules files, with types that are known
// only at run time.
package value

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

type (
	// Link is a text with a URL behind it.
	Link struct{ Text, URL string }
	// Mention is a person in a message. Slack is the member id, or empty, and Person the value that it was made of.
	Mention struct {
		Name, Slack string
		Person      any
	}
	// RawJSON is JSON text that is written as it is.
	RawJSON struct{ Text string }
)

// PlainText returns a value as text for people.
func PlainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format("2006-01-02 15:04 MST")
	case time.Duration:
		return HumanDuration(v)
	case Link:
		return v.Text
	case Mention:
		return v.Name
	case RawJSON:
		return v.Text
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = PlainText(x)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		return JSONText(v)
	}
	return fmt.Sprint(v)
}

// OneLine replaces line ends and other control characters by spaces, so that a text cannot begin a line or a header.
func OneLine(s string) string {
	if strings.IndexFunc(s, IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// IsControl reports whether r is a control character or a line end of Unicode.
func IsControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// Describe returns the type of a value in plain words.
func Describe(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string, Link, Mention, RawJSON:
		return "text"
	case int, int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

// Shorten returns the first most characters of s, with an ellipsis if there are more.
func Shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// Quote returns the beginning of a text in quotes, for messages.
func Quote(s string) string { return strconv.Quote(Shorten(s, 40)) }

// Span returns the number of bytes at the beginning of s that in accepts.
func Span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

// SortedKeys returns the keys of m in order.
func SortedKeys(m map[string]any) []string { return AppendSortedKeys(nil, m) }

// AppendSortedKeys appends the keys of m in order to a buffer, which may be on the stack of the caller.
func AppendSortedKeys(keys []string, m map[string]any) []string {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Number reads a JSON number. 7.0 and 7e2 are whole. A number beyond float64 becomes the largest one, since expr and
// JSON have no infinity.
func Number(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64)
	f = max(-math.MaxFloat64, min(f, math.MaxFloat64))
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// Float returns a number, or a duration in seconds, as a float64.
func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case time.Duration:
		return v.Seconds(), true
	}
	return 0, false
}
