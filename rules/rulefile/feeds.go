package rulefile

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// expectSpec is the value of expect_every in its long form.
type expectSpec struct {
	At       yamldoc.Raw    `yaml:"-"`
	Every    time.Duration  `yaml:"every"`
	In       yamldoc.Text   `yaml:"in"`
	Events   []yamldoc.Text `yaml:"events"`
	Projects []yamldoc.Text `yaml:"projects"`
	Repeat   time.Duration  `yaml:"repeat"`
	Notify   []yamldoc.Raw  `yaml:"notify"`
}

// parseFeeds reads expect_every of the sources. The rules are those that its notify makes.
func parseFeeds(documents []*document, notifiers notifierTable, c *compiler) (feeds []flow.Expected, all []RuleSource) {
	for _, d := range documents {
		for i := range d.spec.Sources {
			spec := &d.spec.Sources[i]
			if spec.Expect.Node == nil || !spec.At.IsMapping() {
				continue
			}
			p := &ruleParser{d: d, notifiers: notifiers, compiler: c}
			f, rule := p.feed(spec)
			feeds = append(feeds, f)
			if rule != nil {
				all = append(all, *rule)
			}
		}
	}
	return feeds, all
}

// feed reads expect_every of a source, and the rule of its notify, or nil.
func (p *ruleParser) feed(source *sourceSpec) (f flow.Expected, rule *RuleSource) {
	spec := expectSpec{At: source.Expect}
	n := source.Expect.Node
	if n.Kind == yaml.MappingNode {
		p.d.Decode(n, &spec, "expect_every")
		p.needsTime(keyAt{n, "expect_every", "every"}, spec.Every, "write expect_every: {every: 26h}")
	} else {
		p.d.Decode(n, &spec.Every, "expect_every")
		p.needsTime(keyAt{source.At.Node, "the source", "expect_every"}, spec.Every, "")
	}
	f = flow.Expected{Source: source.Name.S, Every: spec.Every, Repeat: spec.Repeat}
	if yamldoc.HasKey(n, "repeat") {
		p.needsTime(keyAt{n, "expect_every", "repeat"}, spec.Repeat, "")
	}
	if spec.In.Given() {
		f.In = p.windows.find(p.d, spec.In, "expect_every.in")
	}
	f.Events = p.feedEvents(spec.Events)
	taken := yamldoc.Texts(source.Projects)
	f.Projects, f.Only = taken, len(taken) > 0
	for _, t := range spec.Projects {
		p.d.checkProjectCode(t)
		if len(taken) > 0 && !slices.Contains(taken, t.S) {
			p.d.Report(t.Node, diag.Error, fmt.Sprintf("expect_every.projects: the source does not accept the project %q", t.S),
				catalog.DidYouMean(t.S, taken))
		}
	}
	if len(spec.Projects) > 0 {
		f.Projects, f.Only = yamldoc.Texts(spec.Projects), true
	}
	if yamldoc.HasKey(n, "notify") {
		rule = p.feedRule(source, &spec)
	}
	return f, rule
}

// feedEvents reads the names of the events that count as signs of life.
func (p *ruleParser) feedEvents(names []yamldoc.Text) (events []string) {
	for _, t := range names {
		if _, known := catalog.Lookup(t.S); !known {
			p.d.Report(t.Node, diag.Warning, fmt.Sprintf("expect_every.events: Qase has no event %q", t.S), catalog.Hint(t.S))
		}
		events = append(events, t.S)
	}
	return events
}

// feedRule returns the rule that notify of expect_every makes.
func (p *ruleParser) feedRule(source *sourceSpec, spec *expectSpec) *RuleSource {
	when := fmt.Sprintf("event_name in [%q, %q] && source == %s", rules.SilentEvent, rules.ResumedEvent,
		strconv.Quote(source.Name.S))
	return p.implicit(source.Expect.Node, rules.RuleInfo{Name: source.Name.S + "-is-silent", When: when,
		Description: "notify of expect_every of the source " + source.Name.S}, spec.Notify)
}

// warnOfFeeds warns of sources whose silence no rule notifies of.
func warnOfFeeds(documents []*document, set *rules.Set, feeds []flow.Expected, all []*rules.Rule) {
	for _, d := range documents {
		for i := range d.spec.Sources {
			spec := &d.spec.Sources[i]
			j := slices.IndexFunc(feeds, func(f flow.Expected) bool { return f.Source == spec.Name.S })
			if spec.Expect.Node == nil || j < 0 || yamldoc.HasKey(spec.Expect.Node, "notify") || isTold(set, &feeds[j], all) {
				continue
			}
			d.Report(spec.Expect.Node, diag.Warning, "expect_every: no rule matches relay.silent, so nothing is sent",
				"add notify: [NOTIFIER] to it, or a rule: {name: silent, when: event_type == \"relay\", notify: [NOTIFIER]}")
		}
	}
}

// isTold reports whether a rule matches the silence of a feed.
func isTold(set *rules.Set, f *flow.Expected, all []*rules.Rule) bool {
	for _, project := range append(slices.Clip(f.Projects), "WEB") {
		envelope := event.Sample(rules.SilentEvent)
		envelope["project_code"] = project
		ev, err := event.Parse(f.Source, []byte(value.JSONText(envelope)), testfile.Start())
		if err != nil {
			return true
		}
		trial := set.Try(ev, testfile.Start(), nil)
		for _, r := range all {
			if r.Condition != nil && (len(r.Targets) > 0) && trial.Matches(r) {
				return true
			}
		}
	}
	return false
}
