package rules

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

type ruleSpec struct {
	At          raw   `yaml:"-"`
	Name        text  `yaml:"name"`
	Description text  `yaml:"description"`
	Enabled     *bool `yaml:"enabled"`
	When        text  `yaml:"when"`
	Level       text  `yaml:"level"`
	Title       text  `yaml:"title"`
	Body        text  `yaml:"body"`
	Notify      []raw `yaml:"notify"`
	Stop        bool  `yaml:"stop"`
}

func (b *builder) buildRules() []*rule {
	names := uniqueNames{}
	var rules []*rule
	for _, f := range b.files {
		for i := range f.spec.Rules {
			spec := &f.spec.Rules[i]
			if !spec.At.isMapping() {
				continue
			}
			if f.checkName(spec.Name, spec.At.node, "rule", plainName) {
				names.add(f, spec.Name, "rule")
			}
			rules = append(rules, b.rule(f, spec))
		}
	}
	if len(rules) == 0 && len(b.files) > 0 && b.problems.Err() == nil {
		b.files[0].report(nil, Warning, "there are no rules, so nothing will ever be sent", "add rules:")
	}
	return rules
}

func (b *builder) rule(f *openFile, spec *ruleSpec) *rule {
	r := &rule{
		name: spec.Name.s, description: spec.Description.s, level: spec.Level.s, stop: spec.Stop,
		enabled: spec.Enabled == nil || *spec.Enabled,
	}
	b.current = r
	defer func() { b.current = nil }()
	if r.when = b.condition(f, spec); r.when != nil {
		b.conditions = append(b.conditions, lintItem{file: f, text: spec.When, rule: r})
	}
	if spec.Level.given() && !isLevel(r.level) {
		levels := []string{levelInfo, levelSuccess, levelWarning, levelError}
		f.report(spec.Level.node, Error, fmt.Sprintf("no level %q", r.level), didYouMean(r.level, levels))
	}
	r.title = b.template(f, spec.Title, "title", formText)
	r.body = b.template(f, spec.Body, "body", formMarkdown)
	for _, entry := range spec.Notify {
		if t := b.target(f, entry.node); t != nil {
			r.targets = append(r.targets, t)
		}
	}
	reported := spec.Notify == nil && hasKey(spec.At.node, "notify")
	if len(spec.Notify) == 0 && !reported && !r.stop && spec.Name.given() && !f.misspelt(spec.At.node, "notify", "stop") {
		f.report(spec.Name.node, Warning, fmt.Sprintf("the rule %q notifies nobody", r.name), "add notify: [NOTIFIER]")
	}
	return r
}

func (b *builder) condition(f *openFile, spec *ruleSpec) *condition {
	if !spec.When.given() {
		if hasKey(spec.At.node, "when") || f.misspelt(spec.At.node, "when") {
			return nil
		}
		f.report(spec.At.node, Error, "the rule "+quoted(spec.Name.s)+"has no when", "say which events it is for, such as when: event_name == \"run.completed\"")
		return nil
	}
	b.note(spec.When.s)
	c, faults := compileCondition(spec.When.s)
	f.reportFaults(spec.When.node, faults)
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
func (b *builder) template(f *openFile, t text, name string, as form) *compiled {
	if !t.given() {
		return nil
	}
	b.note(t.s)
	c, faults := b.templates.compile(name, t.s, as)
	f.reportFaults(t.node, faults)
	b.lintLater(lintItem{file: f, text: t, as: as, c: c})
	return c
}

// target decodes one entry of notify: the name of a notifier, or a mapping with its name and message options.
func (b *builder) target(f *openFile, node *yaml.Node) *target {
	if node == nil {
		return nil
	}
	var spec struct {
		Notifier text   `yaml:"notifier"`
		Fallback []text `yaml:"fallback"`
	}
	var rest []entry
	if node.Kind == yaml.MappingNode {
		rest = f.fill(f.entries(node, itemOf("notify")), reflect.ValueOf(&spec).Elem(), itemOf("notify"))
	} else {
		f.decode(node, reflect.ValueOf(&spec.Notifier).Elem(), itemOf("notify"))
	}
	if !spec.Notifier.given() && node.Kind == yaml.MappingNode && !hasKey(node, "notifier") {
		if !f.foundMisspelt(rest, "notifier", "an entry of notify") {
			f.report(node, Error, "an entry of notify needs a notifier", "write {notifier: NAME, …}")
		}
		return nil
	}
	info := b.lookUp(f, spec.Notifier)
	if info == nil {
		return nil
	}
	before, unset := len(b.problems), f.unset
	t := &target{notifier: spec.Notifier.s}
	fields := structFields(reflect.TypeOf(info.kind.Options))
	for _, e := range rest {
		field, known := fields[e.key.Value]
		if !known {
			f.unknownKey(e.key, "a message to "+t.notifier, append(fields.keys(), "notifier", "fallback"))
			continue
		}
		t.options = append(t.options, b.option(f, e, field, info))
	}
	if len(b.problems) == before && f.unset == unset && !info.unsure {
		f.checkTarget(node, t, info)
	}
	t.options = inherit(t.options, info.templates)
	t.freeze()
	t.fallbacks = b.fallbacks(f, node, t.notifier, spec.Fallback)
	return t
}

// checkTarget reports a message that could never be delivered, whatever the event.
func (f *openFile) checkTarget(node *yaml.Node, t *target, info *notifierInfo) {
	if info.kind.Missing == nil {
		return
	}
	given := maps.Clone(info.given)
	for _, o := range t.options {
		given[o.key] = !isEmptyOption(o.value)
	}
	if what, hint := info.kind.Missing(info.config, given); what != "" {
		f.report(node, Error, "the notifier "+t.notifier+" "+what, hint)
	}
}

// lookUp finds a notifier by name. It returns nil if there is none, or if it is too faulty to be used.
func (b *builder) lookUp(f *openFile, name text) *notifierInfo {
	info := b.kinds[name.s]
	switch {
	case !name.given():
	case info == nil:
		known := slices.Collect(maps.Keys(b.kinds))
		hint := didYouMean(name.s, known)
		if len(known) == 0 {
			hint = "there are no notifiers yet; add notifiers:"
		}
		f.report(name.node, Error, fmt.Sprintf("no notifier %q", name.s), hint)
	case info.kind.Config != nil:
		return info
	}
	return nil
}

// inherit adds the templates of the notifier behind those of the rule. Of an option that both have the rule's holds, but maps are put
// together.
func inherit(own, templates []option) []option {
	for _, o := range templates {
		i := slices.IndexFunc(own, func(p option) bool { return p.key == o.key })
		if i < 0 {
			own = append(own, o)
			continue
		}
		mine, ok1 := own[i].value.(map[string]optionValue)
		theirs, ok2 := o.value.(map[string]optionValue)
		if ok1 && ok2 {
			both := maps.Clone(theirs)
			maps.Copy(both, mine)
			own[i].value = both
		}
	}
	return own
}
