// Package value reads, writes and compares dynamic values: those of events and rules files, with types that are known
// only at run time.
package value

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
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
	case []any, map[string]any:
		return string(appendPlain(nil, v))
	}
	return fmt.Sprint(v)
}

// appendPlain appends the text of a value. A list is the texts of its elements, with commas between them.
func appendPlain(out []byte, v any) []byte {
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = appendPlain(out, x)
		}
		return out
	case map[string]any:
		return appendObject(out, v)
	}
	return append(out, PlainText(v)...)
}

// appendObject appends the name of an object: of a plan, an environment, a person. Other objects are JSON.
func appendObject(out []byte, object map[string]any) []byte {
	if name := nameOf(object); name != "" {
		return append(out, name...)
	}
	return AppendJSON(out, object)
}

// nameKeys are the fields that name an object, the best first.
var nameKeys = []string{"title", "name", "full_name", "label", "email", "slug", "code"}

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
	case int, int64, float64, *big.Int:
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

// MaxDigits is the number of digits up to which a whole number is exact.
const MaxDigits = 100

// Number reads a JSON number. 7.0 and 7e2 are whole. A whole number beyond int is a *big.Int, and any other beyond
// float64 becomes the largest one, since expr and JSON have no infinity.
func Number(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if len(s) <= MaxDigits {
		if n, isWhole := new(big.Int).SetString(s, 10); isWhole {
			return Whole(n)
		}
	}
	f, _ := strconv.ParseFloat(s, 64)
	f = max(-math.MaxFloat64, min(f, math.MaxFloat64))
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// Whole returns a whole number as an int if it fits.
func Whole(n *big.Int) any {
	if n.IsInt64() {
		return int(n.Int64())
	}
	return n
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
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, true
	case time.Duration:
		return v.Seconds(), true
	}
	n, named := NamedNumber(v)
	return float64(n), named
}

// NamedNumber returns the number of a value that has a name too, such as a weekday or a month.
func NamedNumber(v any) (n int, ok bool) {
	_, hasName := v.(fmt.Stringer)
	if _, isDuration := v.(time.Duration); !hasName || isDuration {
		return 0, false
	}
	if r := reflect.ValueOf(v); r.CanInt() {
		return int(r.Int()), true
	}
	return 0, false
}
