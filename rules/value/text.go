package value

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// PlainText is a value as people write it.
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

// OneLine turns line ends and other control characters into spaces, so that text cannot begin a line or a header.
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

func IsControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

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

// Span returns the number of bytes at the beginning of s that in accepts.
func Span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}
