package template

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"qaserelay/rules/value"
)

// textFunctions are those of sprig that cut or grow text, made to count letters in place of bytes and to stay within bounds.
func textFunctions() map[string]function {
	return map[string]function{
		"trunc":  two(func(n, s any) (any, error) { return truncate(int(toNumber(n)), value.PlainText(s)), nil }),
		"abbrev": two(func(n, s any) (any, error) { return abbreviate(int(toNumber(n)), value.PlainText(s)), nil }),
		"substr": substring,
		"upper":  one(func(v any) any { return strings.ToUpper(value.PlainText(v)) }),
		"lower":  one(func(v any) any { return strings.ToLower(value.PlainText(v)) }),
		"title":  one(func(v any) any { return titleCase(value.PlainText(v)) }),
		"trim":   one(func(v any) any { return strings.TrimSpace(value.PlainText(v)) }),
		"indent": two(func(n, s any) (any, error) { return indent(int(toNumber(n)), value.PlainText(s)) }),
		"nindent": two(func(n, v any) (any, error) {
			s, err := indent(int(toNumber(n)), value.PlainText(v))
			return "\n" + s, err
		}),
		"replace": func(_ *Renderer, args []any) (any, error) {
			if len(args) != 3 {
				return nil, errors.New("replace needs what to replace, by what, and where")
			}
			return clip(strings.ReplaceAll(value.PlainText(args[2]), value.PlainText(args[0]), value.PlainText(args[1])), maxOutputBytes), nil
		},
	}
}

// truncate keeps the first n letters, or the last ones for a negative n.
func truncate(n int, s string) string {
	letters := []rune(s)
	switch {
	case n >= 0 && n < len(letters):
		return string(letters[:n])
	case n < 0 && -n < len(letters):
		return string(letters[len(letters)+n:])
	}
	return s
}

// abbreviate keeps at most n letters, the last of which is an ellipsis if any are missing.
func abbreviate(n int, s string) string {
	if letters := []rune(s); n > 0 && n < len(letters) {
		return string(letters[:n-1]) + "…"
	}
	return s
}

// substring is substr START END TEXT, counted in letters; an END below 0 is the end of the text.
func substring(_ *Renderer, args []any) (any, error) {
	if len(args) != 3 {
		return nil, errors.New("substr needs a start, an end and a text")
	}
	letters := []rune(value.PlainText(args[2]))
	start, end := int(toNumber(args[0])), int(toNumber(args[1]))
	if end < 0 || end > len(letters) {
		end = len(letters)
	}
	return string(letters[min(max(0, start), end):end]), nil
}

// titleCase makes the first letter of each word a capital.
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

func indent(n int, s string) (string, error) {
	if n < 0 || n > maxIndent {
		return "", fmt.Errorf("indent takes at most %d spaces", maxIndent)
	}
	pad := strings.Repeat(" ", n)
	return clip(pad+strings.ReplaceAll(s, "\n", "\n"+pad), maxOutputBytes), nil
}
