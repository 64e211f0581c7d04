package yamldoc

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
)

// inside returns the line and column in the file of an offset in the text of a scalar: that of the scalar if there is
// none, as behind the value of a variable.
func (p Place) inside(at diag.Position) (line, col int) {
	if at.Line == 0 {
		return p.node.Line, p.node.Column
	}
	line, col = p.locate(at)
	if line < 1 || line > len(p.doc.lines) || col > utf8.RuneCountInString(p.doc.line(line))+1 {
		return p.node.Line, p.node.Column
	}
	return line, col
}

func (p Place) locate(at diag.Position) (line, col int) {
	line = p.node.Line
	switch p.node.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		line += at.Line
		if at.Line > 1 {
			return line, p.doc.blockIndent(p.node.Line) + at.Col + 1
		}
		return line, indentOf(p.doc.line(line)) + at.Col + 1
	case yaml.FoldedStyle:
		return p.doc.unfold(p.node, at)
	}
	f := &flowScalar{doc: p.doc, plain: true}
	f.goTo(line, p.node.Column)
	f.begin(p.node)
	return f.walk(at)
}

// blockIndent returns the indentation of the block scalar whose indicator stands on the given line.
func (d *Document) blockIndent(indicator int) int {
	for n := indicator + 1; n <= len(d.lines); n++ {
		if text := d.line(n); strings.TrimSpace(text) != "" {
			return indentOf(text)
		}
	}
	return 0
}

// indentOf returns the number of spaces at the beginning of a line.
func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// unfold returns the position of a column of a folded scalar, in which line ends became spaces.
func (d *Document) unfold(n *yaml.Node, at diag.Position) (line, col int) {
	indent, rest := d.blockIndent(n.Line), at.Col
	for line = n.Line + 1; line <= len(d.lines); line++ {
		width := len([]rune(d.line(line))) - indent
		if rest <= width {
			return line, indent + rest + 1
		}
		rest -= width + 1
	}
	return n.Line, n.Column
}

// flowScalar walks through a plain or quoted scalar in the file, character by character of its text.
type flowScalar struct {
	doc            *Document
	text           []rune // of the line
	line, col      int    // of the next character, from 1
	plain, doubled bool   // without quotes, with double ones
}

// begin goes behind an anchor, a tag and the opening quote.
func (f *flowScalar) begin(n *yaml.Node) {
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		for f.at(0) == '&' || f.at(0) == '!' {
			for f.at(0) != 0 && !isSpace(f.at(0)) {
				f.col++
			}
			f.blanks()
		}
	}
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle:
		f.plain, f.doubled = false, true
		f.col++
	case yaml.SingleQuotedStyle:
		f.plain = false
		f.col++
	}
}

// at returns the character that stands n places further in the line, or 0 behind its end.
func (f *flowScalar) at(n int) rune {
	if i := f.col - 1 + n; i >= 0 && i < len(f.text) {
		return f.text[i]
	}
	return 0
}

func (f *flowScalar) goTo(line, col int) {
	f.text, f.line, f.col = []rune(f.doc.line(line)), line, col
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' }

func (f *flowScalar) blanks() {
	for isSpace(f.at(0)) {
		f.col++
	}
}

// walk returns the place of a position in the text. It is outside of the file for one behind the end of it.
func (f *flowScalar) walk(to diag.Position) (line, col int) {
	at := diag.Position{Line: 1}
	for at != to || f.escapesBreak() {
		if f.line > len(f.doc.lines) || at.Line > to.Line {
			return 0, 0
		}
		switch breaks, isText := f.step(); {
		case breaks > 0:
			at = diag.Position{Line: at.Line + breaks}
		case isText:
			at.Col++
		}
	}
	return f.line, f.col
}

// step goes behind one character of the text. breaks is the number of line breaks that it is; isText is false for what
// is not a part of the text.
func (f *flowScalar) step() (breaks int, isText bool) {
	switch c := f.at(0); {
	case f.atLineEnd():
		return f.fold()
	case f.escapesBreak():
		if f.goTo(f.line+1, 1); f.atLineEnd() && f.line <= len(f.doc.lines) {
			breaks, _ = f.fold()
			return breaks + 1, true
		}
		f.blanks()
		return 0, false
	case f.doubled && c == '\\':
		next := f.at(1)
		f.col += 2 + map[rune]int{'x': 2, 'u': 4, 'U': 8}[next]
		if next == 'n' {
			return 1, true
		}
		return 0, true
	case !f.plain && !f.doubled && c == '\'' && f.at(1) == '\'':
		f.col++
	}
	f.col++
	return 0, true
}

// escapesBreak reports whether the line ends in a backslash here, so that its end is no part of the text.
func (f *flowScalar) escapesBreak() bool { return f.doubled && f.at(0) == '\\' && f.at(1) == 0 }

// atLineEnd reports whether only blanks follow in the line.
func (f *flowScalar) atLineEnd() bool {
	n := 0
	for isSpace(f.at(n)) {
		n++
	}
	return f.at(n) == 0
}

// fold goes to the next line with text: a single line break in a scalar is a blank, and more are line breaks.
func (f *flowScalar) fold() (breaks int, isText bool) {
	for ends := 0; ; ends++ {
		f.goTo(f.line+1, 1)
		if f.line > len(f.doc.lines) || !f.atLineEnd() {
			f.blanks()
			return ends, true
		}
	}
}
