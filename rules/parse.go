package rules

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads rules files and all that they include. It finds every problem at once; the config is nil if any of
// them is an error.
func Parse(files []File, o Options) (*Config, Problems) {
	b := &builder{o: o, opened: map[string]bool{}}
	for _, f := range files {
		b.given = append(b.given, filepath.Clean(f.Name))
	}
	for _, f := range files {
		b.open(f)
	}
	config := b.build()
	b.lint(config)
	b.problems.sort()
	if b.problems.Err() != nil {
		return nil, b.problems
	}
	return config, b.problems
}

// What a rules file holds, as it is written.
type (
	fileSpec struct {
		Include   []text          `yaml:"include"`
		Settings  *settingsSpec   `yaml:"settings"`
		Sources   []sourceSpec    `yaml:"sources"`
		People    []personSpec    `yaml:"people"`
		Notifiers []raw           `yaml:"notifiers"`
		Templates map[string]text `yaml:"templates"`
		Rules     []ruleSpec      `yaml:"rules"`
		Tests     []testSpec      `yaml:"tests"`
	}
	personSpec struct {
		At       raw  `yaml:"-"`
		Name     text `yaml:"name"`
		Email    text `yaml:"email"`
		MemberID *int `yaml:"member_id"`
		Slack    text `yaml:"slack"`
		Team     text `yaml:"team"`
	}
)

// builder makes a Config from files. Things are looked up over all files, so it goes kind by kind.
type builder struct {
	o        Options
	problems Problems
	given    []string        // cleaned names of the files that may hold everything: those not there by include, and what tests include
	opened   map[string]bool // cleaned names of files
	visited  int
	files    []*openFile

	settings  Settings
	people    []Person
	templates *templates
	kinds     map[string]*notifierInfo // by notifier name
	previous  bool                     // something asks for the previous run

	current    *rule // whose templates are being compiled
	conditions []lintItem
	lintItems  []lintItem
}

// openFile is one decoded file.
type openFile struct {
	*decoder
	spec fileSpec
}

// open decodes a file and those that it includes, each once.
func (b *builder) open(f File) {
	name := filepath.Clean(f.Name)
	if b.opened[name] {
		return
	}
	b.opened[name] = true
	src := newSource(f, &b.problems)
	if src.root == nil {
		return
	}
	file := &openFile{decoder: &decoder{source: src, o: reading{b.o.LookupEnv, b.o.ReadFile, b.o.AllowUnset}}}
	file.visited = b.visited
	file.decode(src.root, reflect.ValueOf(&file.spec).Elem(), "")
	b.visited = file.visited
	if !slices.Contains(b.given, name) {
		file.checkIncluded()
	}
	b.files = append(b.files, file)
	for _, pattern := range file.spec.Include {
		b.include(file, pattern)
	}
}

// checkIncluded reports what cannot stand in an included file, so that one file says where events come from and messages go.
func (f *openFile) checkIncluded() {
	for i := 0; i+1 < len(f.root.Content); i += 2 {
		key := f.root.Content[i]
		if slices.Contains([]string{"settings", "sources", "notifiers"}, key.Value) {
			f.report(key, Error, "an included file cannot hold "+key.Value, "move them to the file that includes this one; people, templates, rules and tests may stay")
		}
	}
}

// onlyTests reports whether a file has nothing to say of its own beside tests, so that what it includes are the rules in full.
func (f *openFile) onlyTests() bool {
	for i := 0; i+1 < len(f.root.Content); i += 2 {
		if key := f.root.Content[i].Value; key != "include" && key != "tests" {
			return false
		}
	}
	return true
}

// include opens the files that a pattern names, relative to the file that it stands in.
func (b *builder) include(from *openFile, pattern text) {
	if !pattern.given() {
		return
	}
	full := pattern.s
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(from.name), full)
	}
	matches := []string{full}
	if strings.ContainsAny(full, "*?[") && b.o.Glob != nil {
		found, err := b.o.Glob(full)
		if err != nil {
			from.errorf(pattern.node, "include: %q is not a pattern: %v", pattern.s, err)
			return
		}
		if len(found) == 0 {
			from.report(pattern.node, Warning, fmt.Sprintf("include: no file matches %q", pattern.s), "paths are relative to this file")
		}
		matches = found
	}
	for _, name := range matches {
		data, err := from.readFile(name)
		if err != nil {
			from.report(pattern.node, Error, fmt.Sprintf("include: %v", err), "paths are relative to this file")
			continue
		}
		if from.onlyTests() && slices.Contains(b.given, filepath.Clean(from.name)) {
			b.given = append(b.given, filepath.Clean(name))
		}
		b.open(File{Name: name, Data: data})
	}
}

func (b *builder) build() *Config {
	b.buildSettings()
	b.buildPeople()
	set := &Set{settings: b.settings, people: newPeople(b.people)}
	b.buildTemplates(set)
	config := &Config{Settings: b.settings, Sources: b.buildSources(), Notifiers: b.buildNotifiers(), Rules: set}
	set.rules = b.buildRules()
	set.index.build(set.rules)
	set.usesPrevious = b.previous
	set.defaults = compileDefaults(set)
	config.Tests = b.buildTests(config)
	return config
}

func (b *builder) buildPeople() {
	seen := map[string]*yaml.Node{}
	for _, f := range b.files {
		for _, spec := range f.spec.People {
			if !spec.At.isMapping() {
				continue
			}
			p := Person{spec.Name.s, spec.Email.s, f.memberID(spec), spec.Slack.s, spec.Team.s}
			if p.Name == "" && p.Email == "" && !f.misspelt(spec.At.node, "name", "email") {
				f.errorf(spec.At.node, "a person needs a name or an email")
			}
			for _, key := range []string{"email " + strings.ToLower(p.Email), "member_id " + plainText(p.MemberID)} {
				if key == "email " || key == "member_id 0" {
					continue
				}
				if first := seen[key]; first != nil {
					f.report(spec.At.node, Error, "two people have the same "+key, fmt.Sprintf("the first stands in line %d", first.Line))
				}
				seen[key] = spec.At.node
			}
			b.people = append(b.people, p)
		}
	}
}

// memberID returns the member_id of a person, or 0 if it is not given.
func (f *openFile) memberID(spec personSpec) int {
	if spec.MemberID == nil {
		return 0
	}
	if *spec.MemberID <= 0 {
		f.report(spec.At.node, Error, fmt.Sprintf("nobody has the member_id %d", *spec.MemberID), "0 is automation; leave it out if it is not known")
	}
	return *spec.MemberID
}

// buildTemplates gathers the partials and checks each as it would be used in a body.
func (b *builder) buildTemplates(set *Set) {
	partials := map[string]string{}
	where := map[string]*openFile{}
	for _, f := range b.files {
		for name, t := range f.spec.Templates {
			if where[name] != nil {
				f.report(t.node, Error, fmt.Sprintf("the template %q stands in two files", name), "the other is "+where[name].name)
			}
			where[name], partials[name] = f, t.s
			b.note(t.s)
		}
	}
	b.templates = newTemplates(partials, set.settings.Location, set.people)
	for name, f := range where {
		f.reportFaults(f.spec.Templates[name].node, b.templates.check(name))
	}
}

// note remembers what the texts of rules ask for.
func (b *builder) note(text string) { b.previous = b.previous || strings.Contains(text, "previous") }

// reportFaults reports what is wrong within a text.
func (f *openFile) reportFaults(n *yaml.Node, faults []finding) {
	for _, fault := range faults {
		f.reportInside(n, Error, fault)
	}
}
