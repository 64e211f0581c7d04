package yamldoc

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// End returns the line and the column, both from 1, behind the last character of the value.
func (p Place) End() (line, col int) {
	n := p.node
	switch {
	case n.Kind == yaml.AliasNode:
		return n.Line, n.Column + 1 + utf8.RuneCountInString(n.Value)
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return p.blockEnd()
	case n.Kind == yaml.ScalarNode:
		return p.flowEnd()
	}
	line, col = n.Line, n.Column
	if len(n.Content) > 0 {
		line, col = Place{p.doc, n.Content[len(n.Content)-1]}.End()
	}
	if n.Style&yaml.FlowStyle != 0 {
		return p.doc.behindBracket(line, col)
	}
	return line, col
}

// blockEnd returns the end of a text below its | or >, without the empty lines behind it.
func (p Place) blockEnd() (line, col int) {
	last := p.node.Line
	first, _, _ := strings.Cut(p.node.Value, "\n")
	indent := p.doc.blockIndent(last) - indentOf(first) // more blanks may stand there than are the indentation
	for n := last + 1; n <= len(p.doc.lines) && strings.Trim(p.node.Value, "\n") != ""; n++ {
		text := p.doc.line(n)
		if strings.TrimSpace(text) == "" {
			continue
		}
		if indentOf(text) < indent {
			break
		}
		last = n
	}
	return last, utf8.RuneCountInString(p.doc.line(last)) + 1
}

// flowEnd returns the end of a plain or quoted text.
func (p Place) flowEnd() (line, col int) {
	n := p.node
	f := &flowScalar{doc: p.doc, plain: true}
	f.goTo(n.Line, n.Column)
	f.begin(n)
	for left := utf8.RuneCountInString(n.Value); left > 0 && f.line <= len(p.doc.lines); {
		switch breaks, isText := f.step(); {
		case breaks > 0:
			left -= breaks
		case isText:
			left--
		}
	}
	if f.plain {
		return f.line, f.col
	}
	for f.escapesBreak() {
		f.step()
	}
	for f.atLineEnd() && f.line < len(p.doc.lines) { // the closing quote stands on a line of its own
		f.goTo(f.line+1, 1)
		f.blanks()
	}
	return f.line, f.col + 1
}

// behindBracket returns the place behind the next closing bracket, from a place on. Only blanks, commas and comments stand
// before it.
func (d *Document) behindBracket(line, col int) (int, int) {
	for ; line <= len(d.lines); line, col = line+1, 1 {
		for i, r := range []rune(d.line(line)) {
			if i < col-1 {
				continue
			}
			if r == '#' && (i == 0 || isSpace([]rune(d.line(line))[i-1])) {
				break
			}
			if r == ']' || r == '}' {
				return line, i + 2
			}
		}
	}
	return line - 1, utf8.RuneCountInString(d.line(line-1)) + 1
}

// Nodes yields the value and each one within it, keys too, in the order in which they are written. Aliases are not
// followed.
func (p Place) Nodes(yield func(Place) bool) {
	p.nodes(yield)
}

func (p Place) nodes(yield func(Place) bool) bool {
	if !yield(p) {
		return false
	}
	for _, inner := range p.node.Content {
		if !(Place{p.doc, inner}).nodes(yield) {
			return false
		}
	}
	return true
}
