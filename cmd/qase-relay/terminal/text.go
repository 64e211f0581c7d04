package terminal

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
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
	return ansi.Truncate(line, max(wide, 2), "…")
}

// Printable replaces what could steer a terminal, since events come from outside, and drops what cannot be seen.
func Printable(s string) string {
	if !strings.ContainsRune(s, zeroWidthJoiner) {
		return strings.Map(printable, s)
	}
	var out strings.Builder
	for s != "" {
		character, columns := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		s = s[len(character):]
		for _, r := range character {
			if r == zeroWidthJoiner && columns == 2 { // it joins the parts of one emoji
				out.WriteRune(r)
			} else if r = printable(r); r >= 0 {
				out.WriteRune(r)
			}
		}
	}
	return out.String()
}

const zeroWidthJoiner = '\u200d'

// printable returns r, a replacement if r could steer a terminal, or -1 if r cannot be seen.
func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\u2060' || r == '\u200b' || unicode.IsPrint(r):
		return r
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return '\uFFFD'
}

// Sentences wraps text behind an indent for people, and leaves it in one line for programs that look for it.
func Sentences(s *Screen, text string, indent int) []string {
	if !s.Terminal {
		return []string{Printable(text)}
	}
	return Wrap(Printable(text), s.Columns-indent)
}

// PrintWrapped prints text behind an indent, and its further lines below the text.
func (s *Screen) PrintWrapped(indent, text string) {
	for _, line := range Wrap(text, s.Columns-len(indent)) {
		s.Printf("%s%s\n", indent, line)
		indent = strings.Repeat(" ", len(indent))
	}
}
