package trial

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile/written"
	"qaserelay/rules/yamldoc"
)

// Draft is a change of the rules to try. Its zero value changes nothing.
type Draft struct {
	// Rule is one entry of rules, which replaces the rule of its name, or is added behind the others.
	Rule string `json:"rule,omitempty"`
	// Replaces names the rule that Rule replaces, if that has another name.
	Replaces string `json:"replaces,omitempty"`
	// File is the text of a whole rules file, and FileName its name; empty is the first one.
	File     string `json:"file,omitempty"`
	FileName string `json:"file_name,omitempty"`
}

// IsEmpty reports whether the draft changes nothing.
func (d Draft) IsEmpty() bool { return d.Rule == "" && d.File == "" }

// notYAML begins the message about a file that is not readable.
const notYAML = "not valid YAML"

// draftName stands for the draft of one rule in problems.
const draftName = "draft"

// composed is a set of rules files with a draft in them.
type composed struct {
	files   []yamldoc.File
	renamed map[string]string // see written.Restorer
	name    string            // of the file with the draft
	first   int               // the first line of a draft of one rule, or 0
	shifts  []int             // how far each of its lines was moved to the right
	removed int               // how many lines it replaces
	spread  *written.Unfolded // the file, if its rules stand in brackets; else nil
	problem *diag.Problem     // a draft that cannot be put in
	current *written.Files    // the rules files without the draft
}

// compose puts a draft into the current rules files.
func compose(files []yamldoc.File, d Draft) composed {
	c := composed{files: slices.Clone(files), current: written.Read(files)}
	if d.Rule != "" {
		c.putRule(d)
		return c
	}
	i := slices.IndexFunc(files, func(f yamldoc.File) bool { return d.FileName == "" || f.Name == d.FileName })
	if i < 0 {
		c.refuse(d.FileName, "there is no rules file of this name", "name one of the files of the current rules")
		return c
	}
	c.name = files[i].Name
	c.files[i].Data = []byte(d.File)
	return c
}

func (c *composed) refuse(file, message, hint string) {
	c.problem = &diag.Problem{File: file, Line: 1, Col: 1, Severity: diag.Error, Message: message, Hint: hint}
}

// putRule puts a draft of one rule into its file.
func (c *composed) putRule(d Draft) {
	lines := strings.Split(strings.TrimPrefix(strings.ReplaceAll(d.Rule, "\r\n", "\n"), "\uFEFF"), "\n")
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		c.refuse(draftName, "the draft is empty", `write an entry of rules, such as - {name: failed-run, when: …, notify: […]}`)
		return
	}
	if !c.isOneEntry(d.Rule) {
		return
	}
	name := nameIn(d.Rule)
	if c.renamed = nil; d.Replaces != "" && d.Replaces != name {
		c.renamed = map[string]string{name: d.Replaces}
	}
	at, found, i := c.spot(cmp.Or(d.Replaces, name))
	if i < 0 || !at.Alone {
		c.refuse(draftName, fmt.Sprintf("the rules of %s cannot be taken apart, so that one could be replaced", at.File),
			"draft the whole file")
		return
	}
	if d.Replaces != "" && !found {
		c.refuse(draftName, fmt.Sprintf("there is no rule %q to replace", d.Replaces), "leave the name of the replaced rule out to add one")
		return
	}
	c.name, c.first, c.removed = at.File, at.First, at.Last-at.First+1
	lines, c.shifts = moved(lines, at.Indent)
	old := strings.Split(string(c.files[i].Data), "\n")
	if at.Key {
		lines, c.first = append([]string{"rules:"}, lines...), c.first+1
	}
	before := topOf(c.files[i].Data)
	c.files[i].Data = []byte(strings.Join(slices.Concat(old[:at.First-1], lines, old[min(at.Last, len(old)):]), "\n"))
	if at.Key {
		before = append(before, "rules")
	}
	if after := topOf(c.files[i].Data); after != nil && !slices.Equal(before, after) {
		c.refuse(draftName, "a draft of one rule cannot change other parts of the file", "draft the whole file")
	}
}

// spot returns where a rule stands, and the number of its file. Rules that stand in brackets get dashes.
func (c *composed) spot(rule string) (at written.Spot, found bool, i int) {
	files := c.current
	at, found = files.Spot(rule)
	i = slices.IndexFunc(c.files, func(f yamldoc.File) bool { return f.Name == at.File })
	if i < 0 || at.Alone {
		return at, found, i
	}
	if spread, ok := files.Unfold(at.File); ok {
		c.files[i].Data, c.spread = spread.Data, &spread
		at, found = written.Read(c.files).Spot(rule)
	}
	return at, found, i
}

// topOf returns the keys at the top of a file, or nil for one that is not readable.
func topOf(data []byte) (keys []string) {
	var doc yaml.Node
	if safely(func() error { return yaml.Unmarshal(data, &doc) }) != nil || len(doc.Content) == 0 {
		return nil
	}
	for key := range yamldoc.Pairs(doc.Content[0]) {
		keys = append(keys, key.Value)
	}
	return keys
}

var (
	entryBegin = regexp.MustCompile(`^\s*-(\s|$)`)
	nameLine   = regexp.MustCompile(`(?m)(?:^|[{,])\s*(?:- *)?[{]?\s*name:\s*["']?([^"',}#\n]*[^"',}#\s])`)
	marker     = regexp.MustCompile(`(?m)^(---|\.\.\.|%)`)
)

// isOneEntry reports whether a draft is one entry of a list. A draft that is not readable alone may still be one, in its
// file.
func (c *composed) isOneEntry(text string) bool {
	var doc yaml.Node
	err := safely(func() error { return yaml.Unmarshal([]byte(text), &doc) })
	if marker.MatchString(text) {
		c.refuse(draftName, "a draft of one rule cannot begin another document", "remove the line with ---, ... or %")
		return false
	}
	if err != nil || len(doc.Content) == 0 {
		return true
	}
	root := doc.Content[0]
	if root.Kind == yaml.SequenceNode && len(root.Content) == 1 && root.Style&yaml.FlowStyle == 0 {
		root = root.Content[0]
	}
	if root.Kind == yaml.MappingNode && !yamldoc.HasKey(root, "rules") {
		return true
	}
	c.refuse(draftName, "a draft of one rule is one entry of rules, not "+yamldoc.Describe(root),
		`write - name: failed-run and its keys; draft the whole file to change more`)
	return false
}

// safely calls f, and returns a panic as an error.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not readable: %v", p)
		}
	}()
	return f()
}

// nameIn returns the name of the rule in a draft, or "".
func nameIn(text string) string {
	var all any
	if safely(func() error { return yaml.Unmarshal([]byte(text), &all) }) == nil {
		if list, is := all.([]any); is && len(list) == 1 {
			all = list[0]
		}
		if rule, is := all.(map[string]any); is {
			name, _ := rule["name"].(string)
			return name
		}
	}
	if m := nameLine.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// moved moves the lines of a draft so that its dash stands behind some blanks, and returns how far each one was moved.
func moved(lines []string, indent int) (out []string, shifts []int) {
	out, shifts = slices.Clone(lines), make([]int, len(lines))
	first := slices.IndexFunc(lines, func(line string) bool {
		text := strings.TrimSpace(line)
		return text != "" && !strings.HasPrefix(text, "#")
	})
	first = max(first, 0)
	begin := indentOf(lines[first])
	dash := ""
	if !entryBegin.MatchString(lines[first]) {
		dash, indent = "- ", indent+2
	}
	for i, line := range lines {
		text := strings.TrimLeft(line, " ")
		if text == "" {
			continue
		}
		shifts[i] = max(indent-begin, -indentOf(line))
		out[i] = strings.Repeat(" ", indentOf(line)+shifts[i]) + text
		if i == first && dash != "" {
			out[i] = out[i][:indent-2] + dash + text
		}
	}
	return out, shifts
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// position returns a place of the file with the draft as one of the draft, or of the current file.
func (c *composed) position(line, col int) (placed, column int, inDraft bool) {
	switch i := line - c.first; {
	case i >= len(c.shifts):
		line += c.removed - len(c.shifts)
	case i >= 0:
		return i + 1, max(1, col-c.shifts[i]), true
	}
	if c.spread != nil {
		line = c.spread.Line(line)
	}
	return line, col, false
}

// place returns a problem as it stands in the draft, or in the current files. inDraft reports whether it is in the draft.
func (c *composed) place(p diag.Problem) (placed diag.Problem, inDraft bool) {
	if p.File != c.name {
		return p, false
	}
	if c.first == 0 {
		return p, true
	}
	line, col, inDraft := c.position(p.Line, p.Col)
	if !inDraft && strings.HasPrefix(p.Message, notYAML) { // the parser names the line where it gave up
		p.Source = ""
		line, col, inDraft = len(c.shifts), 1, true
	}
	if inDraft {
		p.File = draftName
		if shift := c.shifts[line-1]; shift > 0 {
			p.Source = string([]rune(p.Source)[min(shift, len([]rune(p.Source))):])
		} else {
			p.Source = strings.Repeat(" ", -shift) + p.Source
		}
	}
	p.Line, p.Col = line, col
	p.Message, p.Hint = c.relocate(p.Message, inDraft), c.relocate(p.Hint, inDraft)
	return p, inDraft
}

// otherPlace matches a place that a problem names beside its own.
var otherPlace = regexp.MustCompile(`(\S+:|\bline )(\d+)`)

// relocate changes the places in a text about the file with the draft as position does. inDraft says that the text is
// about the draft.
func (c *composed) relocate(text string, inDraft bool) string {
	return otherPlace.ReplaceAllStringFunc(text, func(found string) string {
		m := otherPlace.FindStringSubmatch(found)
		number, _ := strconv.Atoi(m[2])
		line, _, within := c.position(number, 1)
		switch {
		case m[1] == c.name+":" && within:
			return fmt.Sprintf("%s:%d", draftName, line)
		case m[1] == c.name+":":
			return fmt.Sprintf("%s:%d", c.name, line)
		case m[1] != "line ":
			return found
		case within == inDraft:
			return fmt.Sprintf("line %d", line)
		case within:
			return fmt.Sprintf("line %d of the draft", line)
		}
		return fmt.Sprintf("line %d of %s", line, c.name)
	})
}
