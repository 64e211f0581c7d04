package rulefile

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/message"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// ruleSpec is a rule as it is written. The comments of its keys are their descriptions in the JSON Schema.
type ruleSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// Unique name of the rule.
	Name yamldoc.Text `yaml:"name"`
	// Purpose of the rule.
	Description yamldoc.Text `yaml:"description"`
	// false disables the rule.
	Enabled *bool `yaml:"enabled"`
	// Condition: an expression that is true for the events that the rule matches, such as event_name == "run.completed"
	// && payload.failed > 0.
	When yamldoc.Text `yaml:"when"`
	// Severity of the message. Default: by the event, so that a failed run is an error.
	Level yamldoc.Text `yaml:"level"`
	// Template of the title: one line of plain text. Default: a good one for the event.
	Title yamldoc.Text `yaml:"title"`
	// Template of the body, in Markdown. Default: a good one for the event.
	Body yamldoc.Text `yaml:"body"`
	// Notifiers of the message, by name or with options for this message.
	Notify []yamldoc.Raw `yaml:"notify"`
	// true ends the evaluation at this rule for an event that it matches.
	Stop bool `yaml:"stop"`
	// Window of time in which messages are sent: its name, or its days and hours. Default: always.
	Active yamldoc.Raw `yaml:"active"`
	// Lets only so many messages through in a window of time.
	Throttle *throttleSpec `yaml:"throttle"`
	// Collects messages in a digest.
	Group *groupSpec `yaml:"group"`
	// How messages list the tests that failed.
	Failures *shownSpec `yaml:"failures"`
	// Time to wait before the message, such as 4h, or a mapping with wait and more.
	After yamldoc.Raw `yaml:"after"`
	// Condition of a later event that prevents the message of after.
	Unless yamldoc.Text `yaml:"unless"`
	// Earlier names of the rule, whose open digests and waits it takes over.
	Was []yamldoc.Text `yaml:"was"`
}

func parseRules(documents []*document, notifiers notifierTable, c *compiler) []RuleSource {
	names := uniqueNames{pattern: plainName, first: map[string]string{}}
	var all []RuleSource
	for _, d := range documents {
		for i := range d.spec.Rules {
			spec := &d.spec.Rules[i]
			if !spec.At.IsMapping() {
				continue
			}
			names.check(d, spec.Name, spec.At.Node, "rule")
			p := &ruleParser{d: d, notifiers: notifiers, compiler: c}
			all = append(all, p.parse(spec))
		}
	}
	return all
}

func rulesOf(sources []RuleSource) []*rules.Rule {
	all := make([]*rules.Rule, len(sources))
	for i, s := range sources {
		all[i] = s.Rule
	}
	return all
}

// markWrong marks the entries of notify that have errors on their lines, or on those of their notifiers.
func markWrong(sources []RuleSource, notifiers map[string]yamldoc.Place, problems diag.Problems) {
	wrong := map[string]bool{}
	for _, p := range problems {
		if p.Severity == diag.Error {
			wrong[fmt.Sprintf("%s:%d", p.File, p.Line)] = true
		}
	}
	if len(wrong) == 0 {
		return
	}
	for _, s := range sources {
		for i := range s.Targets {
			t := &s.Targets[i]
			if t.Wrong {
				continue
			}
			places := []yamldoc.Place{t.At}
			if notifier, known := notifiers[t.Notifier]; known {
				places = append(places, notifier)
			}
			for _, at := range places {
				for _, line := range at.Lines() {
					t.Wrong = t.Wrong || wrong[fmt.Sprintf("%s:%d", at.File(), line)]
				}
			}
		}
	}
}

// ruleParser reads one rule.
type ruleParser struct {
	*compiler
	d         *document
	notifiers notifierTable
}

func (p *ruleParser) parse(spec *ruleSpec) RuleSource {
	r := &rules.Rule{Level: spec.Level.S, RuleInfo: rules.RuleInfo{
		Name: spec.Name.S, Description: spec.Description.S, Enabled: spec.Enabled == nil || *spec.Enabled,
		When: spec.When.S, Stop: spec.Stop,
	}}
	r.Failures = p.d.shown(spec.Failures)
	out := RuleSource{Rule: r, At: p.d.At(spec.At.Node), When: p.d.At(spec.When.Node)}
	p.rule = r
	defer func() { p.rule = nil }()
	r.Condition = p.condition(spec)
	if out.Parsed = r.Condition; out.Parsed == nil && spec.When.Given() {
		out.Parsed = condition.Parse(spec.When.S)
	}
	checkMessageKey(p.d.Document, "level", spec.Level)
	if spec.Title.Given() {
		r.Title = p.compile(p.d, spec.Title, "title", template.FormText)
		marked := message.MarkShortcodes(spec.Title.S, template.Literal(spec.Title.S))
		if r.Title != nil && marked != spec.Title.S {
			r.Marked, _ = p.templates.Compile("title", marked, template.FormText) // as valid as the title
		}
	}
	if spec.Body.Given() {
		r.Body = p.compile(p.d, spec.Body, "body", template.FormMarkdown)
	}
	for _, entry := range spec.Notify {
		t := p.target(entry.Node)
		if t != nil {
			r.Targets = append(r.Targets, t)
		}
		out.Targets = append(out.Targets, TargetSource{Target: t, At: p.d.At(entry.Node), Wrong: t == nil})
	}
	p.timing(spec, r)
	p.checkNotify(spec)
	if r.After != nil {
		out.Unless = r.After.Unless
	}
	if out.Unless == nil && spec.Unless.Given() {
		out.Unless = condition.Parse(spec.Unless.S)
	}
	if n := spec.Active.Node; n != nil {
		r.Active = p.active(n)
		p.checkHold(r.Active, r.OwnTargets(), n)
	}
	return out
}

// checkMessageKey reports a text that a key of messages cannot have.
func checkMessageKey(d *yamldoc.Document, name string, t yamldoc.Text) {
	key, _ := message.Lookup(name)
	if t.Given() && key.Values != nil && !slices.Contains(key.Values, t.S) {
		d.Report(t.Node, diag.Error, fmt.Sprintf("no %s %q", name, t.S), levelHint(t.S, key.Values))
	}
}

// checkNotify warns of a rule that sends nothing.
func (p *ruleParser) checkNotify(spec *ruleSpec) {
	reported := spec.Notify == nil && yamldoc.HasKey(spec.At.Node, "notify")
	if len(spec.Notify) == 0 && !reported && !spec.Stop && spec.Name.Given() &&
		!p.d.Misspelt(spec.At.Node, "notify", "stop") {
		p.d.Report(spec.Name.Node, diag.Warning, fmt.Sprintf("the rule %q sends nothing", spec.Name.S),
			"add notify: ["+cmp.Or(p.notifiers.first(), "NOTIFIER")+"]")
	}
}

func (p *ruleParser) condition(spec *ruleSpec) *condition.Condition {
	if !spec.When.Given() {
		if !yamldoc.HasKey(spec.At.Node, "when") && !p.d.Misspelt(spec.At.Node, "when") {
			p.d.Report(spec.At.Node, diag.Error, "the rule "+quoted(spec.Name.S)+"has no when",
				"select its events, such as when: event_name == \"run.completed\"")
		}
		return nil
	}
	p.note(spec.When.S)
	c, faults := condition.Compile(spec.When.S)
	p.d.ReportInside(spec.When.Node, faults)
	return c
}

// targetSpec is an entry of notify that is a mapping. Its other keys are message options.
type targetSpec struct {
	Notifier yamldoc.Text   `yaml:"notifier"`
	Fallback []yamldoc.Text `yaml:"fallback"`
}

// target reads an entry of notify: the name of a notifier, or a mapping with its name and message options. It returns
// nil for an entry that names no usable notifier.
func (p *ruleParser) target(n *yaml.Node) *rules.Target {
	if n == nil {
		return nil
	}
	var spec targetSpec
	var entries []yamldoc.Entry
	if n.Kind == yaml.MappingNode {
		entries = p.d.Fill(p.d.Entries(n, yamldoc.ItemName("notify")), &spec, yamldoc.ItemName("notify"))
		if !spec.Notifier.Given() && !yamldoc.HasKey(n, "notifier") {
			p.missingNotifier(n, entries)
			return nil
		}
	} else {
		p.d.Decode(n, &spec.Notifier, yamldoc.ItemName("notify"))
	}
	info := p.notifiers.find(p.d, spec.Notifier)
	if info == nil {
		return nil
	}
	to := spec.Notifier.S
	options := p.options(n, to, info, entries)
	var own *fallback
	if yamldoc.HasKey(n, "fallback") {
		own = &fallback{p.d, spec.Fallback}
	}
	return target.New(to, info.complete(options), p.notifiers.fallbacks(to, own)...)
}

// missingNotifier reports an entry of notify that names no notifier.
func (p *ruleParser) missingNotifier(n *yaml.Node, entries []yamldoc.Entry) {
	if key := p.notifiers.nameInEntry(entries); key != nil {
		inside := strings.Trim(yamldoc.Written(yamldoc.ValueOf(n, key.Value)), "{}")
		p.d.Report(key, diag.Error, fmt.Sprintf("unknown key %q in an entry of notify", key.Value),
			"write {notifier: "+key.Value+", "+inside+"}")
		return
	}
	if !p.d.FoundMisspelt(entries, "notifier", "an entry of notify") {
		p.d.Report(n, diag.Error, "an entry of notify needs a notifier", p.notifiers.entryHint(n))
	}
}

// options reads the message options of an entry of notify, and reports a message that can never be delivered.
func (p *ruleParser) options(n *yaml.Node, to string, info *notifierInfo, entries []yamldoc.Entry) []target.Option {
	before, unset := p.d.Reported(), p.d.Unset
	fields := yamldoc.FieldsOf(reflect.TypeOf(info.kind.Options))
	var options []target.Option
	keys := append(fields.Keys(), "notifier", "fallback")
	if info.hasPeople(fields) {
		keys = append(keys, target.Except)
	}
	p.contentType = contentTypeOf(entries, info.contentType)
	for _, e := range entries {
		field, known := fields[e.Key.Value]
		if e.Key.Value == target.Except && slices.Contains(keys, target.Except) {
			options = append(options, p.except(p.d, e, info))
			continue
		}
		if !known {
			p.d.UnknownKey(e.Key, "a message to "+to, keys)
			continue
		}
		options = append(options, p.option(p.d, e, field, info))
	}
	p.checkExcept(entries, options, info)
	if p.d.Reported() > before || p.d.Unset > unset || info.unsure || info.kind.Missing == nil {
		return options
	}
	given := maps.Clone(info.given)
	for _, o := range options {
		given[o.Key] = !o.IsEmpty()
	}
	if what, hint := info.kind.Missing(info.config, given); what != "" {
		p.d.Report(n, diag.Error, "the notifier "+to+" "+what, hint)
	}
	return options
}
