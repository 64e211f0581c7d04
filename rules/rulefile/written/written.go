// Package written shows rules files as they are written: each rule with its own lines, and without secrets, which are
// masked by the keys of their values.
//
// The masked text is YAML with the same lines, so that people can change it. [Files.Restore] puts back what was masked,
// where a changed text has the mask at the same place.
package written

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/yamldoc"
)

// Files are rules files as they were read. They do not change.
type Files struct{ files []*file }

// file is one rules file, as it is and masked.
type file struct {
	name   string
	data   []byte
	doc    *yamldoc.Document
	lines  []string // masked
	masked *yamldoc.Document
}

// Read reads rules files that were loaded before. Those that are not readable as YAML are left out.
func Read(files []yamldoc.File) *Files {
	all := &Files{}
	for _, one := range files {
		f := &file{name: one.Name, data: one.Data, doc: (&yamldoc.Reader{}).Open(one)}
		if f.doc.Root == nil {
			continue
		}
		f.lines = maskAll(f.doc, splitLines(one.Data))
		text := yamldoc.File{Name: one.Name, Data: []byte(strings.Join(f.lines, "\n"))}
		f.masked = (&yamldoc.Reader{}).Open(text)
		if f.masked.Root == nil || !sameShape(f.doc.Root, f.masked.Root) { // rather nothing than a secret
			f.lines = make([]string, len(f.lines))
			f.masked.Root = &yaml.Node{Kind: yaml.MappingNode}
		}
		all.files = append(all.files, f)
	}
	return all
}

// sameShape reports whether two values have the same structure.
func sameShape(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && slices.EqualFunc(a.Content, b.Content, sameShape)
}

// splitLines returns the lines of a file without their ends.
func splitLines(data []byte) []string {
	lines := strings.Split(strings.TrimPrefix(string(data), "\uFEFF"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	return lines
}

// Names returns the names of the files.
func (f *Files) Names() (names []string) {
	for _, one := range f.files {
		names = append(names, one.name)
	}
	return names
}

// Text returns a file with its secrets masked. An empty name is that of the first file.
func (f *Files) Text(name string) (text string, found bool) {
	one := f.named(name)
	if one == nil {
		return "", false
	}
	return strings.Join(one.lines, "\n"), true
}

// named returns a file, the first one for an empty name, or nil.
func (f *Files) named(name string) *file {
	for _, one := range f.files {
		if name == "" || one.name == name {
			return one
		}
	}
	return nil
}

// Rule is a rule as it is written.
type Rule struct {
	File        string
	First, Last int      // its lines, from 1
	Lines       []string // with their secrets masked

	masked *yaml.Node
}

// Rule returns the entry of a rule. A rule that another key makes has the entry of that key.
func (f *Files) Rule(name string) (Rule, bool) {
	for _, at := range []struct{ key, suffix string }{{"rules", ""}, {"summaries", "-summary"}, {"sources", "-is-silent"}} {
		entry, made := strings.CutSuffix(name, at.suffix)
		for _, one := range f.files {
			if i := indexOf(one.doc.Root, at.key, entry); made && i >= 0 {
				return one.rule(at.key, i), true
			}
		}
	}
	return Rule{}, false
}

// indexOf returns the place of an entry with a name in a list at the top, or -1.
func indexOf(root *yaml.Node, key, name string) int {
	list := yamldoc.ValueOf(root, key)
	if list == nil || list.Kind != yaml.SequenceNode {
		return -1
	}
	return slices.IndexFunc(list.Content, func(item *yaml.Node) bool {
		given := yamldoc.ValueOf(item, "name")
		return given != nil && given.Value == name
	})
}

// rule returns an entry of a list at the top.
func (f *file) rule(key string, i int) Rule {
	n := yamldoc.ValueOf(f.doc.Root, key).Content[i]
	last, _ := f.doc.At(n).End()
	r := Rule{File: f.name, First: n.Line, Last: last}
	list := yamldoc.ValueOf(f.masked.Root, key)
	if list == nil { // the file is not shown
		return r
	}
	r.masked = list.Content[i]
	if before := []rune(f.lines[n.Line-1]); strings.Trim(string(before[:n.Column-1]), " -") != "" {
		r.Lines = f.part(r.masked)
		return r
	}
	if first := f.dashOf(n); first > 0 {
		r.First = first
	}
	r.Lines = slices.Clone(f.lines[r.First-1 : r.Last])
	return r
}

// dashOf returns the line of the dash before an entry of a list, or 0 if none stands before it alone.
func (f *file) dashOf(n *yaml.Node) int {
	if strings.Contains(string([]rune(f.lines[n.Line-1])[:n.Column-1]), "-") {
		return n.Line
	}
	for line := n.Line - 1; line > 0; line-- {
		switch text, _, _ := strings.Cut(f.lines[line-1], " #"); strings.TrimSpace(text) {
		case "":
		case "-":
			return line
		default:
			return 0
		}
	}
	return 0
}

// part returns the lines of a masked value that begins and may end within a line.
func (f *file) part(n *yaml.Node) []string {
	last, col := f.masked.At(n).End()
	lines := slices.Clone(f.lines[n.Line-1 : last])
	end := []rune(lines[len(lines)-1])
	lines[len(lines)-1] = string(end[:min(col-1, len(end))])
	lines[0] = string([]rune(lines[0])[n.Column-1:])
	return lines
}

// Value returns the value of a key of the rule with its secrets masked: text, a number, a list or a mapping; nil for none.
func (r Rule) Value(key string) (v any) {
	if r.masked == nil {
		return nil
	}
	n := yamldoc.ValueOf(r.masked, key)
	if n == nil {
		return nil
	}
	defer func() {
		if recover() != nil { // yaml.v3 can panic on odd merge keys, and refuses aliases that multiply
			v = nil
		}
	}()
	if n.Decode(&v) != nil {
		return nil
	}
	return v
}

// String returns the value of a key of the rule if it is a text, or "".
func (r Rule) String(key string) string {
	text, _ := r.Value(key).(string)
	return text
}

// Spot is where the entry of a rule stands in its file, or where one can be added.
type Spot struct {
	File        string
	First, Last int // the lines of the entry, from 1; Last is First-1 for one that is added
	Indent      int // the number of blanks before the dash of the entry
	// Alone reports whether no other value stands on these lines, as in a list with dashes.
	Alone bool
	// Key reports whether the key rules has to be added as well.
	Key bool
}

// Spot returns where the entry of a rule stands. For a rule that is not there, it returns the place behind the last one,
// and false.
func (f *Files) Spot(rule string) (at Spot, found bool) {
	for _, one := range f.files {
		if i := indexOf(one.doc.Root, "rules", rule); i >= 0 {
			return one.spot(i), true
		}
	}
	for i := len(f.files) - 1; i >= 0; i-- {
		if list := yamldoc.ValueOf(f.files[i].doc.Root, "rules"); list != nil && len(list.Content) > 0 {
			at = f.files[i].spot(len(list.Content) - 1)
			at.First = at.Last + 1
			return at, false
		}
	}
	if len(f.files) == 0 {
		return Spot{}, false
	}
	first := f.files[0]
	end := len(first.lines)
	for end > 0 && strings.TrimSpace(first.lines[end-1]) == "" {
		end--
	}
	isBlock := first.doc.Root.Style&yaml.FlowStyle == 0 && !yamldoc.HasKey(first.doc.Root, "rules")
	return Spot{File: first.name, First: end + 1, Last: end, Indent: 2, Alone: isBlock, Key: true}, false
}

// spot returns where an entry of rules stands.
func (f *file) spot(i int) Spot {
	list := yamldoc.ValueOf(f.doc.Root, "rules")
	r, n := f.rule("rules", i), list.Content[i]
	at := Spot{File: f.name, First: r.First, Last: r.Last, Indent: list.Column - 1}
	at.Alone = list.Style&yaml.FlowStyle == 0 && n.Kind != yaml.AliasNode && strings.HasPrefix(strings.TrimSpace(f.lines[r.First-1]), "-")
	return at
}
