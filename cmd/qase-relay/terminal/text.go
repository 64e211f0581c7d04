package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Truncate shortens a line to a width in columns, with … at its end.
func Truncate(line string, wide int) string {
	if Columns(line) <= wide {
		return line
	}
	return ansi.Truncate(line, max(wide, 2), "…")
}

// Printable replaces control characters, since events come from outside and could control the terminal, and drops
// invisible characters.
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

// OneLine is Printable within a line: line breaks and tabs become spaces, so that an event cannot begin a line of its own.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, Printable(s))
}

const zeroWidthJoiner = '\u200d'

// printable returns r, U+FFFD for a control character, or -1 for an invisible character.
func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\u2060' || r == '\u200b' || unicode.IsPrint(r):
		return r
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return '\uFFFD'
}

// Sentences wraps text on a terminal, behind an indent. Without a terminal it returns one line, for programs.
func Sentences(s *Screen, text string, indent int) []string {
	if !s.Terminal {
		return []string{Printable(text)}
	}
	return Wrap(Printable(text), s.Columns-indent)
}

// PrintSentences prints text as Sentences wraps it, behind an indent. paint colors each line; nil does not.
func (s *Screen) PrintSentences(indent, text string, paint func(string) string) {
	for _, line := range Sentences(s, text, len(indent)) {
		if paint != nil {
			line = paint(line)
		}
		s.Printf("%s%s\n", indent, line)
	}
}

// PrintWrapped prints text behind an indent, and aligns the wrapped lines.
func (s *Screen) PrintWrapped(indent, text string) {
	for _, line := range Wrap(text, s.Columns-len(indent)) {
		s.Printf("%s%s\n", indent, line)
		indent = strings.Repeat(" ", len(indent))
	}
}

// DecodeNumbers decodes JSON, with numbers as json.Number.
func DecodeNumbers(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// DecodeValue decodes JSON that stands in a flag.
func DecodeValue(text string) (any, error) {
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%s begins like JSON but is not valid JSON", text)
	}
	var v any
	err := DecodeNumbers([]byte(text), &v)
	return v, err
}

// JSON returns v as JSON on one line, without escaping <, > and &.
func JSON(v any) string {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // v was decoded from JSON
	return strings.TrimSpace(text.String())
}
