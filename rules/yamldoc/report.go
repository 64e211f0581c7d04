package yamldoc

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Reported returns the number of errors of all documents so far.
func (d *Document) Reported() (errors int) {
	for _, p := range d.reader.Problems {
		if p.Severity == diag.Error {
			errors++
		}
	}
	return errors
}

// Report reports a problem of a node, or of the whole file if n is nil.
func (d *Document) Report(n *yaml.Node, severity diag.Severity, message, hint string) {
	if d.silent[n] {
		return
	}
	p := diag.Problem{File: d.Name, Severity: severity, Message: message, Hint: hint, Line: 1, Col: 1}
	if n != nil {
		p.Line, p.Col = n.Line, n.Column
	}
	d.show(&p)
	d.reader.Problems = append(d.reader.Problems, p)
}

// Errorf reports an error of a node.
func (d *Document) Errorf(n *yaml.Node, format string, args ...any) {
	d.Report(n, diag.Error, fmt.Sprintf(format, args...), "")
}

// ReportInside reports findings about the text of a scalar as errors.
func (d *Document) ReportInside(n *yaml.Node, findings []diag.Finding) {
	if d.silent[n] {
		return
	}
	for _, f := range findings {
		d.ReportAt(d.At(n), diag.Error, f)
	}
}

// ReportAt reports a finding about the text at a place of the document.
func (d *Document) ReportAt(at Place, severity diag.Severity, f diag.Finding) {
	d.reader.Problems = append(d.reader.Problems, at.Problem(severity, f))
}

// ReportUnset reports a variable that is not set, or a file that cannot be read.
func (d *Document) ReportUnset(n *yaml.Node, message, hint string) {
	switch {
	case d.reader.IgnoreUnset:
	case d.reader.AllowUnset:
		d.Report(n, diag.Warning, message, hint)
	default:
		d.Report(n, diag.Error, message, hint)
	}
}

// Place is the position of a value in its document.
type Place struct {
	doc  *Document
	node *yaml.Node
}

// At returns the position of a node.
func (d *Document) At(n *yaml.Node) Place { return Place{d, n} }

// File returns the name of the file.
func (p Place) File() string { return p.doc.Name }

// String returns the position as FILE:LINE:COL.
func (p Place) String() string {
	return fmt.Sprintf("%s:%d:%d", p.doc.Name, p.node.Line, p.node.Column)
}

// Line returns the number of the line, from 1.
func (p Place) Line() int { return p.node.Line }

// Column returns the number of the column, from 1.
func (p Place) Column() int { return p.node.Column }

// IsText reports whether the value is a scalar.
func (p Place) IsText() bool { return p.node.Kind == yaml.ScalarNode }

// Child returns the position of a value within this one: its keys and indexes lead there. Where the path ends early, it
// returns the last value on the way, and false.
func (p Place) Child(path ...string) (Place, bool) {
	n := p.node
	for _, key := range path {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		next := childOf(n, key)
		if next == nil {
			return Place{p.doc, n}, false
		}
		n = next
	}
	return Place{p.doc, n}, true
}

func childOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return ValueOf(n, key)
	}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
		return n.Content[i]
	}
	return nil
}

// Contains reports whether another position is that of this value or of one within it. Aliases are not followed.
func (p Place) Contains(other Place) bool {
	return p == other || slices.ContainsFunc(p.node.Content, func(n *yaml.Node) bool {
		return Place{p.doc, n}.Contains(other)
	})
}

// Lines returns the lines on which the value and each value within it begin.
func (p Place) Lines() []int {
	lines := []int{p.node.Line}
	for _, inner := range p.node.Content {
		lines = append(lines, Place{p.doc, inner}.Lines()...)
	}
	return lines
}

// Problem makes a problem of a finding about the text of a scalar. A finding without a position concerns the
// whole value.
func (p Place) Problem(severity diag.Severity, f diag.Finding) diag.Problem {
	out := diag.Problem{File: p.doc.Name, Severity: severity, Message: f.Message, Hint: f.Hint}
	out.Line, out.Col = p.inside(f.At)
	p.doc.show(&out)
	return out
}

// line returns a line of the file without its line end, or "" if the file is shorter.
func (d *Document) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	return strings.TrimRight(d.lines[n-1], "\r")
}

// show adds its line to a problem, with secrets masked, and takes these secrets out of its texts.
func (d *Document) show(p *diag.Problem) {
	if d.masked == nil {
		d.masked = masked(d.lines)
	}
	if p.Line < 1 || p.Line > len(d.masked) {
		return
	}
	p.Source = strings.TrimRight(d.masked[p.Line-1], "\r")
	d.hide(p, p.Line)
	if !blockBegin.MatchString(p.Source) {
		return
	}
	for n := p.Line + 1; n <= len(d.masked) && (d.masked[n-1] != d.lines[n-1] || d.lines[n-1] == ""); n++ {
		d.hide(p, n)
	}
}

// blockBegin matches a line whose value is a text on the lines below, which messages may repeat.
var blockBegin = regexp.MustCompile(`[|>][-+0-9]*\s*$`)

// hide takes the secrets of a line out of the texts of a problem.
func (d *Document) hide(p *diag.Problem, line int) {
	for _, secret := range hidden(d.line(line), strings.TrimRight(d.masked[line-1], "\r")) {
		p.Message = strings.ReplaceAll(p.Message, secret, "…")
		p.Hint = strings.ReplaceAll(p.Hint, secret, "…")
	}
}

// Canonical returns a text of the value that does not depend on its style and the order of its keys. Aliases are not
// followed, since they could multiply.
func (p Place) Canonical() string { return canonical(p.node) }

func canonical(n *yaml.Node) string {
	switch n.Kind {
	case yaml.AliasNode:
		return "*" + n.Value
	case yaml.ScalarNode:
		return value.JSONText(n.Value)
	}
	parts := make([]string, len(n.Content))
	for i, inner := range n.Content {
		parts[i] = canonical(inner)
	}
	if n.Kind != yaml.MappingNode {
		return "[" + strings.Join(parts, ",") + "]"
	}
	var pairs []string
	for pair := range slices.Chunk(parts, 2) {
		pairs = append(pairs, strings.Join(pair, ":"))
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ",") + "}"
}
