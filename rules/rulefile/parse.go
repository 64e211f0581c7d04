package rulefile

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// What a rules file holds, as it is written.
type (
	fileSpec struct {
		Include   []yamldoc.Text          `yaml:"include"`
		Settings  *settingsSpec           `yaml:"settings"`
		Sources   []sourceSpec            `yaml:"sources"`
		People    []personSpec            `yaml:"people"`
		Notifiers []yamldoc.Raw           `yaml:"notifiers"`
		Templates map[string]yamldoc.Text `yaml:"templates"`
		Rules     []RuleSpec              `yaml:"rules"`
		Tests     []testSpec              `yaml:"tests"`
	}
	personSpec struct {
		At       yamldoc.Raw  `yaml:"-"`
		Name     yamldoc.Text `yaml:"name"`
		Email    yamldoc.Text `yaml:"email"`
		MemberID *int         `yaml:"member_id"`
		Slack    yamldoc.Text `yaml:"slack"`
		Team     yamldoc.Text `yaml:"team"`
	}
)

// Builder makes a Config from files. Things are looked up over all files, so it goes kind by kind.
type Builder struct {
	O        Options
	Problems diag.Problems
	Given    []string        // cleaned names of the files that may hold everything: those not there by include, and what tests include
	Opened   map[string]bool // cleaned names of files
	visited  int
	Files    []*OpenFile

	settings  rules.Settings
	people    []people.Person
	Templates *template.Set
	directory *people.Directory
	kinds     map[string]*notifierInfo // by notifier name
	previous  bool                     // something asks for the previous run

	current    *rules.Rule // whose templates are being compiled
	Conditions []LintItem
	LintItems  []LintItem
}

// OpenFile is one decoded file.
type OpenFile struct {
	*yamldoc.Decoder
	Spec fileSpec
}

// Open decodes a file and those that it includes, each once.
func (b *Builder) Open(f yamldoc.File) {
	name := filepath.Clean(f.Name)
	if b.Opened[name] {
		return
	}
	b.Opened[name] = true
	src := yamldoc.NewSource(f, &b.Problems)
	if src.Root == nil {
		return
	}
	file := &OpenFile{Decoder: &yamldoc.Decoder{Source: src, O: yamldoc.Reading{LookupEnv: b.O.LookupEnv, ReadFile: b.O.ReadFile, AllowUnset: b.O.AllowUnset}}}
	file.Visited = b.visited
	file.Decode(src.Root, reflect.ValueOf(&file.Spec).Elem(), "")
	b.visited = file.Visited
	if !slices.Contains(b.Given, name) {
		file.checkIncluded()
	}
	b.Files = append(b.Files, file)
	for _, pattern := range file.Spec.Include {
		b.include(file, pattern)
	}
}

// checkIncluded reports what cannot stand in an included file, so that one file says where events come from and messages go.
func (f *OpenFile) checkIncluded() {
	for i := 0; i+1 < len(f.Root.Content); i += 2 {
		key := f.Root.Content[i]
		if slices.Contains([]string{"settings", "sources", "notifiers"}, key.Value) {
			f.Report(key, diag.Error, "an included file cannot hold "+key.Value, "move them to the file that includes this one; people, templates, rules and tests may stay")
		}
	}
}

// onlyTests reports whether a file has nothing to say of its own beside tests, so that what it includes are the rules in full.
func (f *OpenFile) onlyTests() bool {
	for i := 0; i+1 < len(f.Root.Content); i += 2 {
		if key := f.Root.Content[i].Value; key != "include" && key != "tests" {
			return false
		}
	}
	return true
}

// include opens the files that a pattern names, relative to the file that it stands in.
func (b *Builder) include(from *OpenFile, pattern yamldoc.Text) {
	if !pattern.Given() {
		return
	}
	full := pattern.S
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(from.Name), full)
	}
	matches := []string{full}
	if strings.ContainsAny(full, "*?[") && b.O.Glob != nil {
		found, err := b.O.Glob(full)
		if err != nil {
			from.Errorf(pattern.Node, "include: %q is not a pattern: %v", pattern.S, err)
			return
		}
		if len(found) == 0 {
			from.Report(pattern.Node, diag.Warning, fmt.Sprintf("include: no file matches %q", pattern.S), "paths are relative to this file")
		}
		matches = found
	}
	for _, name := range matches {
		data, err := from.ReadFile(name)
		if err != nil {
			from.Report(pattern.Node, diag.Error, fmt.Sprintf("include: %v", err), "paths are relative to this file")
			continue
		}
		if from.onlyTests() && slices.Contains(b.Given, filepath.Clean(from.Name)) {
			b.Given = append(b.Given, filepath.Clean(name))
		}
		b.Open(yamldoc.File{Name: name, Data: data})
	}
}

func (b *Builder) Build() *Config {
	b.buildSettings()
	b.buildPeople()
	set := &rules.Set{Settings: b.settings, People: people.New(b.people)}
	b.buildTemplates(set)
	config := &Config{Settings: b.settings, Sources: b.buildSources(), Notifiers: b.buildNotifiers(), Rules: set}
	set.All = b.buildRules()
	set.Index.Build(set.All)
	set.UsesPrevious = b.previous
	set.Defaults = rules.CompileDefaults(set)
	config.Tests = b.buildTests(config)
	return config
}

func (b *Builder) buildPeople() {
	seen := map[string]*yaml.Node{}
	for _, f := range b.Files {
		for _, spec := range f.Spec.People {
			if !spec.At.IsMapping() {
				continue
			}
			p := people.Person{Name: spec.Name.S, Email: spec.Email.S, MemberID: f.memberID(spec), Slack: spec.Slack.S, Team: spec.Team.S}
			if p.Name == "" && p.Email == "" && !f.Misspelt(spec.At.Node, "name", "email") {
				f.Errorf(spec.At.Node, "a person needs a name or an email")
			}
			for _, key := range []string{"email " + strings.ToLower(p.Email), "member_id " + value.PlainText(p.MemberID)} {
				if key == "email " || key == "member_id 0" {
					continue
				}
				if first := seen[key]; first != nil {
					f.Report(spec.At.Node, diag.Error, "two people have the same "+key, fmt.Sprintf("the first stands in line %d", first.Line))
				}
				seen[key] = spec.At.Node
			}
			b.people = append(b.people, p)
		}
	}
}

// memberID returns the member_id of a person, or 0 if it is not given.
func (f *OpenFile) memberID(spec personSpec) int {
	if spec.MemberID == nil {
		return 0
	}
	if *spec.MemberID <= 0 {
		f.Report(spec.At.Node, diag.Error, fmt.Sprintf("nobody has the member_id %d", *spec.MemberID), "0 is automation; leave it out if it is not known")
	}
	return *spec.MemberID
}

// buildTemplates gathers the partials and checks each as it would be used in a body.
func (b *Builder) buildTemplates(set *rules.Set) {
	partials := map[string]string{}
	where := map[string]*OpenFile{}
	for _, f := range b.Files {
		for name, t := range f.Spec.Templates {
			if where[name] != nil {
				f.Report(t.Node, diag.Error, fmt.Sprintf("the template %q stands in two files", name), "the other is "+where[name].Name)
			}
			where[name], partials[name] = f, t.S
			b.note(t.S)
		}
	}
	b.directory = set.People
	b.Templates = template.New(partials, template.Options{Location: set.Settings.Location, People: set.People})
	for name, f := range where {
		f.reportFaults(f.Spec.Templates[name].Node, b.Templates.Check(name))
	}
}

// note remembers what the texts of rules ask for.
func (b *Builder) note(text string) { b.previous = b.previous || strings.Contains(text, "previous") }

// reportFaults reports what is wrong within a text.
func (f *OpenFile) reportFaults(n *yaml.Node, faults []diag.Finding) {
	for _, fault := range faults {
		f.ReportInside(n, diag.Error, fault)
	}
}
