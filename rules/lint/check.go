package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// lint advises on everything that could be compiled.
func lint(b *rulefile.Builder, config *rulefile.Config) {
	set := config.Rules
	matching := map[*rules.Rule][]*catalog.Schema{}
	for _, c := range b.Conditions {
		findings, events := lintCondition(c.Rule.When, config.Sources)
		matching[c.Rule] = events
		c.File.Advise(c.Text.Node, findings)
	}
	overlaps(b, config, matching)
	examples := map[string]map[string]any{}
	for _, item := range b.LintItems {
		events, ofRule := matching[item.Rule], item.Rule != nil
		if !ofRule {
			events = catalog.Schemas().Events
		}
		findings := lintTemplate(b.Templates, item.Text.S, events)
		if len(findings) == 0 && item.C != nil {
			findings = rehearse(set, item, events, examples)
		}
		item.File.Advise(item.Text.Node, findings)
	}
}

// judgePath says whether what is read can be there in the given events.
func judgePath(s condition.Spot, events []*catalog.Schema) (message, hint string) {
	switch s.Root {
	case "payload":
		return judgePayload(s.Path, events)
	case "entity":
		return catalog.CheckEntity(s.Path, events)
	case "actor":
		return judgeFixed(s.Path, catalog.Schemas().Actor)
	case "previous":
		if len(events) > 0 && !slices.ContainsFunc(events, (*catalog.Schema).IsRun) {
			return s.String() + " is only there in events of runs", "previous is the finished run before this one"
		}
		return judgeFixed(s.Path, catalog.Schemas().Previous)
	}
	return "", ""
}

// overlaps reports notifiers that are told twice, by one rule or by two.
func overlaps(b *rulefile.Builder, config *rulefile.Config, matching map[*rules.Rule][]*catalog.Schema) {
	l := &overlapLint{
		Builder: b, defaults: map[string]json.RawMessage{}, told: map[string][]*teller{}, stopped: map[string]bool{}, faulty: map[string]bool{},
	}
	for _, p := range b.Problems {
		if p.Severity == diag.Error {
			l.faulty[fmt.Sprintf("%s:%d", p.File, p.Line)] = true
		}
	}
	for _, n := range config.Notifiers {
		l.defaults[n.Name] = n.Defaults
	}
	n := 0
	for _, f := range b.Files {
		for i := range f.Spec.Rules {
			spec := &f.Spec.Rules[i]
			if !spec.At.IsMapping() {
				continue
			}
			r := config.Rules.All[n]
			n++
			if r.When != nil && len(r.Targets) == len(spec.Notify) {
				l.rule(f, spec, r, matching[r])
			}
		}
	}
}

// rehearse renders a template for the example of each event, and returns the first thing that fails. examples keeps the dots from
// one call to the next.
func rehearse(s *rules.Set, item rulefile.LintItem, events []*catalog.Schema, examples map[string]map[string]any) []diag.Finding {
	for _, e := range events {
		if examples[e.Name] == nil {
			examples[e.Name] = example(s, e.Name)
		}
		text, err := item.C.Render(examples[e.Name])
		switch {
		case err != nil:
			return []diag.Finding{{
				Message: fmt.Sprintf("this fails for the example of %s: %v", e.Name, err), Hint: "the default would be sent instead",
			}}
		case item.As == template.FormJSON && template.BrokenJSON(text):
			return []diag.Finding{{
				Message: fmt.Sprintf("for the example of %s this gives no valid JSON: %s", e.Name, value.Shorten(value.OneLine(text), 120)),
				Hint:    `values outside of quotes bring their own: {"title": {{ .entity.title }}}`,
			}}
		}
	}
	return nil
}

// example returns the dot of the catalogue's example of an event.
func example(s *rules.Set, name string) map[string]any {
	e, _ := catalog.Lookup(name)
	now := time.Unix(1650600000, 0).UTC()
	ev, err := event.Parse("qase", e.Example, now)
	if err != nil {
		return map[string]any{}
	}
	dot := s.View(ev, rules.State{Now: now}).Dot
	dot["rule"], dot["level"] = "example", rules.LevelInfo
	return dot
}
