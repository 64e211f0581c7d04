package rules

import "gopkg.in/yaml.v3"

// lintItem is a template to be held against the catalogue, once all is read.
type lintItem struct {
	file *openFile
	text text
	as   form
	c    *compiled // nil for a faulty one, whose fields can be judged all the same
	rule *rule     // nil for templates of notifiers
}

// lint advises on everything that could be compiled.
func (b *builder) lint(config *Config) {
	set := config.Rules
	matching := map[*rule][]*eventSchema{}
	for _, c := range b.conditions {
		findings, events := lintCondition(c.rule.when, config.Sources)
		matching[c.rule] = events
		c.file.advise(c.text.node, findings)
	}
	b.overlaps(config, matching)
	examples := map[string]map[string]any{}
	for _, item := range b.lintItems {
		events, ofRule := matching[item.rule], item.rule != nil
		if !ofRule {
			events = knownSchemas().events
		}
		findings := b.templates.lintTemplate(item.text.s, events)
		if len(findings) == 0 && item.c != nil {
			findings = set.rehearse(item, events, examples)
		}
		item.file.advise(item.text.node, findings)
	}
}

// advise reports findings as warnings at their places.
func (f *openFile) advise(n *yaml.Node, findings []finding) {
	for _, one := range findings {
		if one.at.line == 0 {
			f.report(n, Warning, one.message, one.hint)
			continue
		}
		f.reportInside(n, Warning, one)
	}
}

// lintLater keeps a template for lint.
func (b *builder) lintLater(item lintItem) {
	if item.c == nil || item.c.body != nil {
		item.rule = b.current
		b.lintItems = append(b.lintItems, item)
	}
}
