package rulefile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/yamldoc"
)

// fileSpec is a rules file as it is written.
type fileSpec struct {
	Include   []yamldoc.Text          `yaml:"include"`
	Settings  *settingsSpec           `yaml:"settings"`
	Windows   yamldoc.Raw             `yaml:"windows"`
	Sources   []sourceSpec            `yaml:"sources"`
	People    []personSpec            `yaml:"people"`
	Notifiers []yamldoc.Raw           `yaml:"notifiers"`
	Templates map[string]yamldoc.Text `yaml:"templates"`
	Rules     []ruleSpec              `yaml:"rules"`
	Summaries []summarySpec           `yaml:"summaries"`
	Tests     []testfile.Spec         `yaml:"tests"`
}

// document is one decoded file.
type document struct {
	*yamldoc.Document
	spec fileSpec
}

// reader opens files and the files that they include, each once.
type reader struct {
	options   Options
	yaml      yamldoc.Reader
	complete  []string        // names of the files that may hold every key: those given, and those that tests include
	opened    map[string]bool // by name
	documents []*document
	files     []yamldoc.File // those opened
}

func (r *reader) readAll(files []yamldoc.File) []*document {
	for _, f := range files {
		r.complete = append(r.complete, filepath.Clean(f.Name))
	}
	for _, f := range files {
		r.open(f)
	}
	return r.documents
}

func (r *reader) open(f yamldoc.File) {
	name := filepath.Clean(f.Name)
	if r.opened[name] {
		return
	}
	r.opened[name] = true
	r.files = append(r.files, f)
	d := &document{Document: r.yaml.Open(f)}
	if d.Root == nil {
		return
	}
	d.Decode(d.Root, &d.spec, "")
	if !slices.Contains(r.complete, name) {
		d.checkIncluded()
	}
	r.documents = append(r.documents, d)
	for _, pattern := range d.spec.Include {
		r.include(d, pattern)
	}
}

// include opens the files that a pattern names, relative to the file that includes them.
func (r *reader) include(from *document, pattern yamldoc.Text) {
	if !pattern.Given() {
		return
	}
	for _, name := range r.expand(from, pattern) {
		data, err := from.ReadFile(name)
		if err != nil {
			message := fmt.Sprintf("include: %v", err)
			if errors.Is(err, fs.ErrNotExist) {
				message = "include: there is no file " + pattern.S
			}
			from.Report(pattern.Node, diag.Error, message, "paths are relative to this file")
			continue
		}
		if from.onlyTests() && slices.Contains(r.complete, filepath.Clean(from.Name)) {
			r.complete = append(r.complete, filepath.Clean(name))
		}
		r.open(yamldoc.File{Name: name, Data: data})
	}
}

// expand returns the names of the files that a path or pattern of include: names.
func (r *reader) expand(from *document, pattern yamldoc.Text) []string {
	full := pattern.S
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(from.Name), full)
	}
	if !strings.ContainsAny(full, "*?[") || r.options.Glob == nil {
		return []string{full}
	}
	found, err := r.options.Glob(full)
	switch {
	case err != nil:
		from.Errorf(pattern.Node, "include: %q is not a pattern: %v", pattern.S, err)
	case len(found) == 0:
		from.Report(pattern.Node, diag.Warning, fmt.Sprintf("include: no file matches %q", pattern.S),
			"paths are relative to this file")
	}
	return found
}

// checkIncluded reports keys that an included file cannot have, so that one file says where events come from and where
// messages go.
func (d *document) checkIncluded() {
	for key := range yamldoc.Pairs(d.Root) {
		if slices.Contains([]string{"settings", "sources", "notifiers"}, key.Value) {
			d.Report(key, diag.Error, "an included file cannot hold "+key.Value,
				"move them to the file that includes this one; windows, people, templates, rules, summaries and tests may stay")
		}
	}
}

// onlyTests reports whether a file holds only tests, so that the files it includes are the complete rules.
func (d *document) onlyTests() bool {
	for key := range yamldoc.Pairs(d.Root) {
		if key.Value != "include" && key.Value != "tests" && !strings.HasPrefix(key.Value, yamldoc.ExtensionPrefix) {
			return false
		}
	}
	return true
}

// HasIncludes reports whether a file includes others. A file that is not valid YAML has none.
func HasIncludes(data []byte) bool { return yamldoc.HasTopKey(data, "include") }
