package written

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/yamldoc"
)

// Unfolded is a rules file whose rules were written in brackets, with dashes in their place.
type Unfolded struct {
	Data  []byte
	From  int // the line on which the rules begin, from 1
	Lines int // that the rules have now
	Was   int // lines that they had before
}

// Line returns the line of the file as it was for one of the file with dashes. All lines of the rules are those on which
// they began.
func (u *Unfolded) Line(line int) int {
	switch {
	case line < u.From:
		return line
	case line < u.From+u.Lines:
		return u.From
	}
	return line - u.Lines + u.Was
}

// Unfold writes the rules of a file with a dash each where they stand in brackets, so that one of them can be replaced.
// ok is false for any other file, and for one that would say something else.
func (f *Files) Unfold(name string) (u Unfolded, ok bool) {
	one := f.named(name)
	if one == nil || one.doc.Root.Style&yaml.FlowStyle != 0 {
		return u, false
	}
	list := yamldoc.ValueOf(one.doc.Root, "rules")
	if list == nil || list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle == 0 || len(list.Content) == 0 {
		return u, false
	}
	lines := splitLines(one.data)
	last, _ := one.doc.At(list).End()
	out := []string{strings.TrimRight(string([]rune(lines[list.Line-1])[:list.Column-1]), " ")}
	for _, entry := range list.Content {
		for i, text := range one.span(lines, entry) {
			before := "      "
			if i == 0 {
				before = "  - "
			}
			out = append(out, before+text)
		}
	}
	u = Unfolded{From: list.Line, Lines: len(out), Was: last - list.Line + 1}
	u.Data = []byte(strings.Join(slices.Concat(lines[:list.Line-1], out, lines[last:]), "\n"))
	now := (&yamldoc.Reader{}).Open(yamldoc.File{Name: name, Data: u.Data})
	return u, now.Root != nil && sameValue(one.doc.Root, now.Root)
}

// span returns the text of a value that begins and may end within a line.
func (f *file) span(lines []string, n *yaml.Node) []string {
	last, col := f.doc.At(n).End()
	text := slices.Clone(lines[n.Line-1 : last])
	end := []rune(text[len(text)-1])
	text[len(text)-1] = string(end[:min(col-1, len(end))])
	text[0] = string([]rune(text[0])[n.Column-1:])
	return text
}

// sameValue reports whether two values are the same, however they are written.
func sameValue(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && a.Anchor == b.Anchor && a.Tag == b.Tag &&
		slices.EqualFunc(a.Content, b.Content, sameValue)
}
