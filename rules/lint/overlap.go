package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/value"
)

// Bounds on the search for rules that tell the same twice; beyond them nothing more is said.
const (
	maxOverlaps   = 100       // warnings
	maxOverlapTry = 1_000_000 // pairs of terms
)

// overlapLint finds rules that may tell the same notifier of the same event, in the order in which events see them.
type overlapLint struct {
	*rulefile.Builder
	defaults map[string]json.RawMessage // the options that stand on a notifier, by its name
	told     map[string][]*teller       // by recipient and event: the rules so far
	stopped  map[string]bool            // events that a rule so far keeps from later ones
	faulty   map[string]bool            // FILE:LINE of errors, where an option may be missing
	found    int                        // warnings
	tried    int                        // pairs of terms
}

// teller is a rule that sends something on one event.
type teller struct {
	rule  *rules.Rule
	file  *rulefile.OpenFile
	line  int
	event string
	taken bool
	parts []condition.Term
}

// terms takes the condition apart, when it is needed first.
func (t *teller) terms() []condition.Term {
	if !t.taken {
		t.taken, t.parts = true, (&condition.Folder{Facts: condition.FactsOf(t.event)}).Terms(t.rule.When.Tree, true)
	}
	return t.parts
}

// recipient is a notifier with the options of a message to it.
type recipient struct {
	notifier string
	key      string // equal for two that get the same message
	node     *yaml.Node
}

// rule holds a rule against itself and the rules before it.
func (l *overlapLint) rule(f *rulefile.OpenFile, spec *rulefile.RuleSpec, r *rules.Rule, events []*catalog.Schema) {
	seen := map[string]bool{}
	var recipients []recipient
	for i, t := range r.Targets {
		if l.hasFaults(f, spec.Notify[i].Node) {
			continue
		}
		to := recipient{t.Notifier, l.key(t, spec.Notify[i].Node), spec.Notify[i].Node}
		if seen[to.key] {
			f.Report(to.node, diag.Warning, t.Notifier+" is told twice by this rule", "leave one out, or tell them apart by their options")
			continue
		}
		seen[to.key] = true
		recipients = append(recipients, to)
	}
	if !r.Enabled {
		return
	}
	if len(events)*2 <= len(catalog.Schemas().Events) { // a rule for nearly everything is meant to overlap
		l.compare(teller{rule: r, file: f, line: spec.At.Node.Line}, recipients, events)
	}
	for _, e := range events {
		v := (&condition.Folder{Facts: condition.FactsOf(e.Name)}).Fold(r.When.Tree)
		l.stopped[e.Name] = l.stopped[e.Name] || r.Stop && v.Known
	}
}

// hasFaults reports whether errors were found in an entry of notify.
func (l *overlapLint) hasFaults(f *rulefile.OpenFile, n *yaml.Node) bool {
	return len(l.faulty) > 0 && (l.faulty[fmt.Sprintf("%s:%d", f.Name, n.Line)] ||
		slices.ContainsFunc(n.Content, func(inner *yaml.Node) bool { return l.hasFaults(f, inner) }))
}

// key is equal for two targets where the same options hold. Templates are compared as they are written.
func (l *overlapLint) key(t *rules.Target, node *yaml.Node) string {
	if t.Static == nil && len(t.Options) > 0 {
		return t.Notifier + "\x00" + written(node)
	}
	options := map[string]any{}
	for _, layer := range []json.RawMessage{l.defaults[t.Notifier], t.Static} {
		if len(layer) > 0 && json.Unmarshal(layer, &options) != nil {
			return t.Notifier + "\x00" + written(node)
		}
	}
	return t.Notifier + "\x00" + value.JSONText(options)
}

// written is a text of a YAML value that does not depend on its style and the order of keys. Aliases are not followed, since they
// could multiply.
func written(n *yaml.Node) string {
	switch n.Kind {
	case yaml.AliasNode:
		return "*" + n.Value
	case yaml.ScalarNode:
		return value.JSONText(n.Value)
	}
	parts := make([]string, len(n.Content))
	for i, inner := range n.Content {
		parts[i] = written(inner)
	}
	if n.Kind != yaml.MappingNode {
		return "[" + strings.Join(parts, ",") + "]"
	}
	var pairs []string
	for pair := range slices.Chunk(parts, 2) {
		pairs = append(pairs, strings.Join(pair, ":"))
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ",") + "}"
}

// compare looks among the rules before for one that tells the same recipient of the same event, and adds the rule to them. A pair of
// rules is named once, and so is a recipient.
func (l *overlapLint) compare(t teller, recipients []recipient, events []*catalog.Schema) {
	named, done := map[*rules.Rule]bool{}, map[string]bool{}
	for _, e := range events {
		if l.stopped[e.Name] {
			continue
		}
		own := t
		own.event = e.Name
		for _, to := range recipients {
			key := to.key + "\x00" + e.Name
			before := l.earlier(l.told[key], &own)
			if before != nil && !named[before.rule] && !done[to.key] {
				named[before.rule], done[to.key] = true, true
				l.report(before, &own, to)
			}
			if !t.rule.Stop {
				l.told[key] = append(l.told[key], &own)
			}
		}
	}
}

// earlier returns the first of some rules that can match together with t, or nil.
func (l *overlapLint) earlier(told []*teller, t *teller) *teller {
	if l.found >= maxOverlaps {
		return nil
	}
	for _, before := range told {
		if l.tried >= maxOverlapTry {
			break
		}
		l.tried += 1 + len(before.terms())*len(t.terms())
		if meet(before.terms(), t.terms()) {
			return before
		}
	}
	return nil
}

func (l *overlapLint) report(before, t *teller, to recipient) {
	l.found++
	where := fmt.Sprintf("line %d", before.line)
	if before.file != t.file {
		where += " of " + before.file.Name
	}
	t.file.Report(to.node, diag.Warning, fmt.Sprintf("%s may be told to %s by the rule %q (%s) too", t.event, to.notifier, before.rule.Name, where),
		"tell the conditions apart, or let the first rule stop: true")
}
