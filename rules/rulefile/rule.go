package rulefile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

type RuleSpec struct {
	At          yamldoc.Raw   `yaml:"-"`
	Name        yamldoc.Text  `yaml:"name"`
	Description yamldoc.Text  `yaml:"description"`
	Enabled     *bool         `yaml:"enabled"`
	When        yamldoc.Text  `yaml:"when"`
	Level       yamldoc.Text  `yaml:"level"`
	Title       yamldoc.Text  `yaml:"title"`
	Body        yamldoc.Text  `yaml:"body"`
	Notify      []yamldoc.Raw `yaml:"notify"`
	Stop        bool          `yaml:"stop"`
}

func (b *Builder) buildRules() []*rules.Rule {
	names := uniqueNames{}
	var rules []*rules.Rule
	for _, f := range b.Files {
		for i := range f.Spec.Rules {
			spec := &f.Spec.Rules[i]
			if !spec.At.IsMapping() {
				continue
			}
			if f.checkName(spec.Name, spec.At.Node, "rule", plainName) {
				names.add(f, spec.Name, "rule")
			}
			rules = append(rules, b.rule(f, spec))
		}
	}
	if len(rules) == 0 && len(b.Files) > 0 && b.Problems.Err() == nil {
		b.Files[0].Report(nil, diag.Warning, "there are no rules, so nothing will ever be sent", "add rules:")
	}
	return rules
}

func (b *Builder) rule(f *OpenFile, spec *RuleSpec) *rules.Rule {
	r := &rules.Rule{
		Name: spec.Name.S, Description: spec.Description.S, Level: spec.Level.S, Stop: spec.Stop,
		Enabled: spec.Enabled == nil || *spec.Enabled,
	}
	b.current = r
	defer func() { b.current = nil }()
	if r.When = b.condition(f, spec); r.When != nil {
		b.Conditions = append(b.Conditions, LintItem{File: f, Text: spec.When, Rule: r})
	}
	if spec.Level.Given() && !rules.IsLevel(r.Level) {
		levels := []string{rules.LevelInfo, rules.LevelSuccess, rules.LevelWarning, rules.LevelError}
		f.Report(spec.Level.Node, diag.Error, fmt.Sprintf("no level %q", r.Level), catalog.DidYouMean(r.Level, levels))
	}
	r.Title = b.template(f, spec.Title, "title", template.FormText)
	r.Body = b.template(f, spec.Body, "body", template.FormMarkdown)
	for _, entry := range spec.Notify {
		if t := b.target(f, entry.Node); t != nil {
			r.Targets = append(r.Targets, t)
		}
	}
	reported := spec.Notify == nil && HasKey(spec.At.Node, "notify")
	if len(spec.Notify) == 0 && !reported && !r.Stop && spec.Name.Given() && !f.Misspelt(spec.At.Node, "notify", "stop") {
		f.Report(spec.Name.Node, diag.Warning, fmt.Sprintf("the rule %q notifies nobody", r.Name), "add notify: [NOTIFIER]")
	}
	return r
}

func (b *Builder) condition(f *OpenFile, spec *RuleSpec) *condition.Condition {
	if !spec.When.Given() {
		if HasKey(spec.At.Node, "when") || f.Misspelt(spec.At.Node, "when") {
			return nil
		}
		f.Report(spec.At.Node, diag.Error, "the rule "+quoted(spec.Name.S)+"has no when", "say which events it is for, such as when: event_name == \"run.completed\"")
		return nil
	}
	b.note(spec.When.S)
	c, faults := condition.Compile(spec.When.S)
	f.reportFaults(spec.When.Node, faults)
	return c
}

// quoted gives a name as part of a sentence, nothing if there is none.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return strconv.Quote(name) + " "
}

// template compiles one template of a rule, or returns nil if it is not given.
func (b *Builder) template(f *OpenFile, t yamldoc.Text, name string, as template.Form) *template.Template {
	if !t.Given() {
		return nil
	}
	b.note(t.S)
	c, faults := b.Templates.Compile(name, t.S, as)
	f.reportFaults(t.Node, faults)
	b.lintLater(LintItem{File: f, Text: t, As: as, C: c})
	return c
}

// target decodes one entry of notify: the name of a notifier, or a mapping with its name and message options.
func (b *Builder) target(f *OpenFile, node *yaml.Node) *rules.Target {
	if node == nil {
		return nil
	}
	var spec struct {
		Notifier yamldoc.Text   `yaml:"notifier"`
		Fallback []yamldoc.Text `yaml:"fallback"`
	}
	var rest []yamldoc.Entry
	if node.Kind == yaml.MappingNode {
		rest = f.Fill(f.Entries(node, yamldoc.ItemOf("notify")), reflect.ValueOf(&spec).Elem(), yamldoc.ItemOf("notify"))
	} else {
		f.Decode(node, reflect.ValueOf(&spec.Notifier).Elem(), yamldoc.ItemOf("notify"))
	}
	if !spec.Notifier.Given() && node.Kind == yaml.MappingNode && !HasKey(node, "notifier") {
		if !f.FoundMisspelt(rest, "notifier", "an entry of notify") {
			f.Report(node, diag.Error, "an entry of notify needs a notifier", "write {notifier: NAME, …}")
		}
		return nil
	}
	info := b.lookUp(f, spec.Notifier)
	if info == nil {
		return nil
	}
	before, unset := len(b.Problems), f.Unset
	t := &rules.Target{Notifier: spec.Notifier.S}
	fields := yamldoc.StructFields(reflect.TypeOf(info.kind.Options))
	for _, e := range rest {
		field, known := fields[e.Key.Value]
		if !known {
			f.UnknownKey(e.Key, "a message to "+t.Notifier, append(fields.Keys(), "notifier", "fallback"))
			continue
		}
		t.Options = append(t.Options, b.option(f, e, field, info))
	}
	if len(b.Problems) == before && f.Unset == unset && !info.unsure {
		f.checkTarget(node, t, info)
	}
	t.Options = inherit(t.Options, info.templates)
	t.Freeze()
	t.Fallbacks = b.fallbacks(f, node, t.Notifier, spec.Fallback)
	return t
}

// checkTarget reports a message that could never be delivered, whatever the event.
func (f *OpenFile) checkTarget(node *yaml.Node, t *rules.Target, info *notifierInfo) {
	if info.kind.Missing == nil {
		return
	}
	given := maps.Clone(info.given)
	for _, o := range t.Options {
		given[o.Key] = !rules.IsEmptyOption(o.Value)
	}
	if what, hint := info.kind.Missing(info.config, given); what != "" {
		f.Report(node, diag.Error, "the notifier "+t.Notifier+" "+what, hint)
	}
}

// lookUp finds a notifier by name. It returns nil if there is none, or if it is too faulty to be used.
func (b *Builder) lookUp(f *OpenFile, name yamldoc.Text) *notifierInfo {
	info := b.kinds[name.S]
	switch {
	case !name.Given():
	case info == nil:
		known := slices.Collect(maps.Keys(b.kinds))
		hint := catalog.DidYouMean(name.S, known)
		if len(known) == 0 {
			hint = "there are no notifiers yet; add notifiers:"
		}
		f.Report(name.Node, diag.Error, fmt.Sprintf("no notifier %q", name.S), hint)
	case info.kind.Config != nil:
		return info
	}
	return nil
}

// inherit adds the templates of the notifier behind those of the rule. Of an option that both have the rule's holds, but maps are put
// together.
func inherit(own, templates []rules.Option) []rules.Option {
	for _, o := range templates {
		i := slices.IndexFunc(own, func(p rules.Option) bool { return p.Key == o.Key })
		if i < 0 {
			own = append(own, o)
			continue
		}
		mine, ok1 := own[i].Value.(map[string]rules.OptionValue)
		theirs, ok2 := o.Value.(map[string]rules.OptionValue)
		if ok1 && ok2 {
			both := maps.Clone(theirs)
			maps.Copy(both, mine)
			own[i].Value = both
		}
	}
	return own
}
