package diag

import "unicode/utf8"

func Span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

// MaxFaults is how many faults of one expression are told at once.
const MaxFaults = 10

// Place turns an offset in characters into a line and a column.
func Place(source string, at int) Offset {
	o := Offset{Line: 1}
	for _, r := range source {
		if at == 0 {
			break
		}
		at--
		if o.Col++; r == '\n' {
			o.Line, o.Col = o.Line+1, 0
		}
	}
	return o
}

// Column counts characters up to a byte of s.
func Column(s string, at int) int { return utf8.RuneCountInString(s[:min(at, len(s))]) }

// Finding is something to be said about a text, with its place there.
type Finding struct {
	At      Offset
	Message string
	Hint    string
}

// Offset is a place within a text: line from 1, column from 0 in characters.
type Offset struct{ Line, Col int }

func Shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
