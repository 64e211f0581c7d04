package written

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/message"
	"qaserelay/rules/yamldoc"
)

// Restorer puts masked values back into changed files, and refuses what would read variables or files that the current
// files do not read at the same place. It serves one goroutine.
type Restorer struct {
	current map[string]*index // by the name of the file
	renamed map[string]string // the current name of a rule, by its name in a changed file
	back    []string
}

// index finds the values of a file by their places.
type index struct {
	values   map[string]value
	aliases  map[string]string // the path of the value that the alias at a path stands for
	includes []string
}

// value is a text in a file, as it is and masked.
type value struct{ text, shown string }

// Restorer returns one for changed versions of the files. renamed has the current names of rules that have another one
// now; it may be nil.
func (f *Files) Restorer(renamed map[string]string) *Restorer {
	r := &Restorer{current: map[string]*index{}, renamed: renamed}
	for _, one := range f.files {
		r.current[one.name] = one.index()
	}
	return r
}

// Restored returns the secrets that were put back.
func (r *Restorer) Restored() []string { return r.back }

func (f *file) index() *index {
	x := &index{values: map[string]value{}, aliases: map[string]string{}}
	paths := pathsOf(f.doc.Root)
	walk(f.doc.Root, place{}, func(n *yaml.Node, at place) {
		if n.Kind == yaml.AliasNode {
			x.aliases[at.path] = paths[n.Alias]
			return
		}
		if _, known := x.values[at.path]; known { // of two entries with one name the first counts
			return
		}
		x.values[at.path] = value{n.Value, shown(n.Value, at)}
		if at.key == "include" {
			x.includes = append(x.includes, n.Value)
		}
	})
	return x
}

// pathsOf returns the path of each value, also of lists and mappings.
func pathsOf(root *yaml.Node) map[*yaml.Node]string {
	paths := map[*yaml.Node]string{}
	var note func(n *yaml.Node, path string)
	note = func(n *yaml.Node, path string) {
		paths[n] = path
		switch n.Kind {
		case yaml.MappingNode:
			path += identity(n)
			for key, v := range yamldoc.Pairs(n) {
				note(v, path+"/"+key.Value)
			}
		case yaml.SequenceNode:
			for i, item := range n.Content {
				note(item, path+"/"+entryName(item, i))
			}
		}
	}
	note(root, "")
	return paths
}

// Prepare puts back the masked values of a changed file, before it is decoded. It reports what a draft may not read.
func (r *Restorer) Prepare(d *yamldoc.Document) {
	x := r.current[d.Name]
	if x == nil {
		x = &index{}
	}
	sensitive := map[*yaml.Node]bool{}
	walk(d.Root, place{}, func(n *yaml.Node, at place) {
		if n.Kind == yaml.ScalarNode {
			r.prepare(d, n, at, x)
			sensitive[n] = at.secret || isURL(at.key) || strings.Contains(n.Value, "${") || slices.Contains(r.back, n.Value)
		}
	})
	paths := pathsOf(d.Root)
	walk(d.Root, place{}, func(n *yaml.Node, at place) {
		if n.Kind != yaml.AliasNode || !holds(n.Alias, sensitive, 0) {
			return
		}
		if target, known := x.aliases[r.pathOf(at)]; !known || target != r.renamedPath(paths[n.Alias]) {
			d.Report(n, diag.Error, "a draft cannot use the anchor &"+n.Value+" here, since it holds a secret or a variable",
				"write the values that are meant")
			*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Line: n.Line, Column: n.Column}
		}
	})
}

// holds reports whether a value is one of some, or has one of them within it.
func holds(n *yaml.Node, some map[*yaml.Node]bool, depth int) bool {
	const deepest = 100
	return some[n] || depth > deepest || slices.ContainsFunc(n.Content, func(inner *yaml.Node) bool {
		return holds(inner, some, depth+1)
	})
}

// pathOf returns the path of a place in the current file.
func (r *Restorer) pathOf(at place) string { return r.renamedPath(at.path) }

func (r *Restorer) renamedPath(path string) string {
	for now, before := range r.renamed {
		if rest, is := strings.CutPrefix(path, `/rules/["`+now+`"]`); is {
			return `/rules/["` + before + `"]` + rest
		}
	}
	return path
}

// prepare puts the value of a masked text back, or refuses a text that may not be there.
func (r *Restorer) prepare(d *yamldoc.Document, n *yaml.Node, at place, x *index) {
	current, known := x.values[r.pathOf(at)]
	switch {
	case known && n.Value == current.text:
	case known && n.Value == current.shown:
		n.Value = current.text
		if at.secret || isURL(at.key) {
			r.back = append(r.back, current.text)
		}
	case strings.Contains(n.Value, message.Hidden) && (at.secret || isURL(at.key)):
		d.Report(n, diag.Error, message.Hidden+" stands for a value of the current rules, which have none at this place",
			"write the value itself; nothing of a draft is kept")
	case strings.Contains(n.Value, "${"):
		d.Report(n, diag.Error, "a draft cannot read environment variables, except where the current rules read the same one",
			"write the value itself, or leave the text of the current rules at this place")
		n.Value = strings.ReplaceAll(n.Value, "${", "$${")
	case strings.HasSuffix(at.key, "_file"):
		d.Report(n, diag.Error, "a draft cannot read files, except where the current rules read the same one",
			"write the value itself under the key without _file")
		n.Value = ""
	case at.key == "include" && !slices.Contains(x.includes, n.Value):
		d.Report(n, diag.Error, "a draft cannot include other files than the current rules do",
			"write what it holds into the draft")
		n.Value = ""
	}
}
