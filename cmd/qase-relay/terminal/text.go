package terminal

import (
	"strconv"
	"strings"
	"unicode"
)

func Signed(sign string, n int) string {
	if n == 0 {
		return "·"
	}
	return sign + strconv.Itoa(n)
}

func CutLine(line string, wide int) string {
	if Columns(line) <= wide {
		return line
	}
	return line[:cutAt(line, max(wide-1, 1))] + "…"
}

// Printable replaces what could steer a terminal, since events come from outside, and drops what cannot be seen.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2060' || r == '\u200b' || unicode.IsPrint(r):
			return r
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return '\uFFFD'
	}, s)
}

// Sentences wraps text behind an indent for people, and leaves it in one line for programs that look for it.
func Sentences(s *Screen, text string, indent int) []string {
	if !s.Terminal {
		return []string{Printable(text)}
	}
	return Wrap(Printable(text), s.Columns-indent)
}
