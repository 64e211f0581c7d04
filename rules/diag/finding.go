// Package diag holds findings about a text, and problems of rules files with their severity and position.
package diag

import "unicode/utf8"

// MaxFindings is the number of findings that are reported about one expression.
const MaxFindings = 10

// Finding is a message about a text, with its position there.
type Finding struct {
	At      Position
	Message string
	Hint    string
}

// Position is a position in a text: the line from 1, the column from 0 in characters.
type Position struct{ Line, Col int }

// Locate returns the position of an offset in characters.
func Locate(source string, offset int) Position {
	p := Position{Line: 1}
	for _, r := range source {
		if offset == 0 {
			break
		}
		offset--
		if p.Col++; r == '\n' {
			p.Line, p.Col = p.Line+1, 0
		}
	}
	return p
}

// Column returns the number of characters in front of a byte of s.
func Column(s string, at int) int { return utf8.RuneCountInString(s[:min(at, len(s))]) }
