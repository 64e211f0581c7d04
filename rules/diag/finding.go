package diag

import "unicode/utf8"

// MaxFindings is the number of findings that are reported about one expression.
const MaxFindings = 10

// Place turns an offset in characters into a line and a column.
func Locate(source string, at int) Position {
	o := Position{Line: 1}
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
	At      Position
	Message string
	Hint    string
}

// Offset is a place within a text: line from 1, column from 0 in characters.
type Position struct{ Line, Col int }
