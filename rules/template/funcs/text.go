package funcs

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"qaserelay/rules/value"
)

// MaxBytes is the limit for the text that a template or function returns.
const MaxBytes = 256 << 10

// textFuncs are functions of sprig on texts. Unlike sprig's they count characters, not bytes, and bound their results.
func textFuncs() map[string]Func {
	return map[string]Func{
		"hasPrefix": textTest(strings.HasPrefix),
		"hasSuffix": textTest(strings.HasSuffix),
		"contains":  textTest(strings.Contains),
		"trunc":     binary(func(n, s any) any { return cut(int(toNumber(n)), value.PlainText(s)) }),
		"abbrev":    binary(func(n, s any) any { return abbreviate(int(toNumber(n)), value.PlainText(s)) }),
		"substr":    exactly(3, "substr needs a start, an end and a text", substring),
		"upper":     unary(func(v any) any { return strings.ToUpper(value.PlainText(v)) }),
		"lower":     unary(func(v any) any { return strings.ToLower(value.PlainText(v)) }),
		"title":     unary(func(v any) any { return titleCase(value.PlainText(v)) }),
		"trim":      unary(func(v any) any { return strings.TrimSpace(value.PlainText(v)) }),
		"indent":    binaryErr(func(n, s any) (any, error) { return indent(int(toNumber(n)), value.PlainText(s)) }),
		"nindent": binaryErr(func(n, v any) (any, error) {
			s, err := indent(int(toNumber(n)), value.PlainText(v))
			return "\n" + s, err
		}),
		"replace": exactly(3, "replace needs what to replace, by what, and where", func(args []any) any {
			return replaceAll(value.PlainText(args[2]), value.PlainText(args[0]), value.PlainText(args[1]))
		}),
		"trimAll": binary(func(set, s any) any { return trimAll(value.PlainText(s), value.PlainText(set)) }),
		"wrap":    binary(func(n, s any) any { return wrap(int(toNumber(n)), value.PlainText(s)) }),
	}
}

// textTest makes a function that looks for its first argument in its second.
func textTest(test func(s, part string) bool) Func {
	return binary(func(part, s any) any { return test(value.PlainText(s), value.PlainText(part)) })
}

// replaceAll replaces from by to and truncates the result. It stops where the result is long enough.
func replaceAll(s, from, to string) string {
	most := -1
	if len(to) > len(from) {
		most = MaxBytes/len(to) + 1
	}
	return Truncate(strings.Replace(s, from, to, most))
}

// trimAll removes the characters of a set from both ends.
func trimAll(s, set string) string {
	members := map[rune]bool{}
	for _, r := range set {
		members[r] = true
	}
	return strings.TrimFunc(s, func(r rune) bool { return members[r] })
}

// offset returns the number of bytes of the first n characters of a text, as people see them.
func offset(s string, n int) int {
	rest, state := s, -1
	for ; n > 0 && rest != ""; n-- {
		_, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
	}
	return len(s) - len(rest)
}

// cut keeps the first n characters, or the last -n for a negative n.
func cut(n int, s string) string {
	if n >= 0 {
		return s[:offset(s, n)]
	}
	return s[offset(s, max(0, uniseg.GraphemeClusterCount(s)+n)):]
}

// abbreviate keeps at most n characters, the last of which is an ellipsis if any are missing.
func abbreviate(n int, s string) string {
	if n > 0 && offset(s, n) < len(s) {
		return s[:offset(s, n-1)] + "…"
	}
	return s
}

// substring is substr START END TEXT, counted in characters; an END below 0 is the end of the text.
func substring(args []any) any {
	s := value.PlainText(args[2])
	start, end := int(toNumber(args[0])), int(toNumber(args[1]))
	if end >= 0 {
		s = s[:offset(s, end)]
	}
	return s[offset(s, start):]
}

// wrap breaks lines at spaces, so that they have at most n characters where their words do.
func wrap(n int, s string) string {
	var out strings.Builder
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			out.WriteByte('\n')
		}
		wrapLine(&out, max(n, 1), line)
	}
	return out.String()
}

func wrapLine(out *strings.Builder, n int, line string) {
	used := 0
	for i, word := range strings.Split(line, " ") {
		length := uniseg.GraphemeClusterCount(word)
		switch {
		case i == 0:
		case used+1+length > n:
			out.WriteByte('\n')
			used = 0
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += length
	}
}

// titleCase capitalizes the first letter of each word.
func titleCase(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		defer func() { before = r }()
		if unicode.IsSpace(before) || before == '-' {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

const maxIndent = 100

// indent puts n spaces before each line.
func indent(n int, s string) (string, error) {
	if n < 0 || n > maxIndent {
		return "", fmt.Errorf("indent takes at most %d spaces", maxIndent)
	}
	pad := strings.Repeat(" ", n)
	return Truncate(pad + replaceAll(s, "\n", "\n"+pad)), nil
}

// Truncate shortens a text of more than MaxBytes and ends it with an ellipsis. It does not split a character or an
// escape sequence.
func Truncate(s string) string {
	const ellipsis = " …"
	if len(s) <= MaxBytes {
		return s
	}
	n := MaxBytes - len(ellipsis)
	for i := 0; i < utf8.UTFMax-1 && !utf8.RuneStart(s[n]); i++ { // s need not be UTF-8: b64dec returns any bytes
		n--
	}
	s = strings.TrimRight(s[:n], `\`)
	if i := strings.LastIndexByte(s, '&'); i >= len(s)-8 && i >= 0 {
		s = s[:i]
	}
	return s + ellipsis
}

// bounded refuses a text of more than MaxBytes.
func bounded(s string) (string, error) {
	if len(s) > MaxBytes {
		return "", errTooLong
	}
	return s, nil
}

var errTooLong = fmt.Errorf("the text has more than %d bytes", MaxBytes)
