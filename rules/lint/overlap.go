package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Limits of the search for duplicate notifications; beyond them it reports nothing more.
const (
	maxOverlaps   = 100       // warnings
	maxClaimPairs = 1_000_000 // pairs of alternatives
)

// checkOverlaps warns of notifiers that get the same message of one event twice, from one rule or from two.
func (c *checker) checkOverlaps() {
	f := &overlapFinder{checker: c, defaults: map[string]json.RawMessage{}, earlier: map[string][]*ruleMatch{},
		stopped: map[string]bool{}}
	for _, n := range c.file.Notifiers {
		f.defaults[n.Name] = n.Defaults
	}
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		incomplete := slices.ContainsFunc(r.Targets, func(t rulefile.TargetSource) bool { return t.Target == nil })
		if r.Rule.Condition != nil && !incomplete {
			f.add(r, c.matching[r.Rule])
		}
	}
}

// overlapFinder finds pairs of rules that may notify the same notifier of the same event. It takes the rules in file
// order.
type overlapFinder struct {
	*checker
	defaults map[string]json.RawMessage // the options of notifiers, by name
	earlier  map[string][]*ruleMatch    // the rules so far, by recipient and event
	stopped  map[string]bool            // events that a rule so far keeps from later ones
	found    int                        // warnings
	tried    int                        // pairs of alternatives

	candidates int // events made for pairs of rules
}

// ruleMatch is a rule and one event that it can match.
type ruleMatch struct {
	*rulefile.RuleSource
	event  string
	claims func() [][]condition.Claim // of the condition for the event, computed once

	matched func() []bool // for each trial of the event whether it matches, computed once
}

// recipient is a notifier with the options of a message to it.
type recipient struct {
	notifier string
	key      string // equal for two that get the same message
	at       yamldoc.Place
}

// add compares a rule with itself and with the rules before it.
func (f *overlapFinder) add(r *rulefile.RuleSource, events []*catalog.Schema) {
	recipients := f.recipients(r)
	if !r.Enabled {
		return
	}
	f.compare(r, recipients, events)
	for _, e := range events {
		_, decided := r.Rule.Condition.Decided(condition.KnownFacts(e.Name))
		f.stopped[e.Name] = f.stopped[e.Name] || r.Stop && decided
	}
}

// recipients returns the recipients of a rule, each once. A second entry for one is reported.
func (f *overlapFinder) recipients(r *rulefile.RuleSource) []recipient {
	seen := map[string]bool{}
	var all []recipient
	for _, t := range r.Targets {
		if t.Wrong { // an option may be missing
			continue
		}
		to := recipient{t.Notifier, f.key(t), t.At}
		if seen[to.key] {
			f.warn(to.at, diag.Finding{Message: "this rule notifies " + t.Notifier + " twice",
				Hint: "remove one, or give them different options"})
			continue
		}
		seen[to.key] = true
		all = append(all, to)
	}
	return all
}

// key is equal for two targets with the same effective options. Templates are compared as they are written.
func (f *overlapFinder) key(t rulefile.TargetSource) string {
	static, ok := t.Static()
	if !ok {
		return t.Notifier + "\x00" + t.At.Canonical()
	}
	options := map[string]any{}
	for _, layer := range []json.RawMessage{f.defaults[t.Notifier], static} {
		if len(layer) > 0 && json.Unmarshal(layer, &options) != nil {
			return t.Notifier + "\x00" + t.At.Canonical()
		}
	}
	return t.Notifier + "\x00" + value.JSONText(options)
}

// isWide reports whether a rule is for nearly everything. It is meant to overlap with other rules, but not with those that
// other keys make: a source that falls silent has its own recipients.
func isWide(events []*catalog.Schema) bool { return len(events)*2 > len(catalog.Schemas().Events) }

// compare looks for earlier rules that notify the same recipient of the same event, and adds the rule to them. It
// reports each pair of rules once, and each recipient once.
func (f *overlapFinder) compare(r *rulefile.RuleSource, recipients []recipient, events []*catalog.Schema) {
	reported, done, wide := map[*rules.Rule]bool{}, map[string]bool{}, isWide(events)
	for _, e := range events {
		if f.stopped[e.Name] {
			continue
		}
		claims := func() [][]condition.Claim { return r.Rule.Condition.Claims(condition.KnownFacts(e.Name)) }
		matched := func() []bool { return f.matchedTrials(r.Rule, e.Name) }
		own := &ruleMatch{RuleSource: r, event: e.Name, claims: sync.OnceValue(claims),
			matched: sync.OnceValue(matched)}
		for _, to := range recipients {
			key := to.key + "\x00" + e.Name
			earlier := f.earlier[key]
			if wide {
				earlier = slices.DeleteFunc(slices.Clone(earlier), func(one *ruleMatch) bool { return !one.Implicit })
			}
			before := f.overlapping(earlier, own)
			if before != nil && !reported[before.Rule] && !done[to.key] {
				reported[before.Rule], done[to.key] = true, true
				f.report(before, own, to)
			}
			if !r.Stop && !wide {
				f.earlier[key] = append(f.earlier[key], own)
			}
		}
	}
}

// overlapping returns the first of the earlier rules that matches an event together with m, or nil.
func (f *overlapFinder) overlapping(earlier []*ruleMatch, m *ruleMatch) *ruleMatch {
	if f.found >= maxOverlaps {
		return nil
	}
	for _, before := range earlier {
		if f.tried >= maxClaimPairs {
			break
		}
		f.tried += 1 + len(before.claims())*len(m.claims())
		if satisfiable(before.claims(), m.claims()) && f.canMatch(before.RuleSource) && f.canMatch(m.RuleSource) &&
			f.haveWitness(before, m) {
			return before
		}
	}
	return nil
}

// satisfiable reports whether an event may satisfy both alternatives of claims.
func satisfiable(a, b [][]condition.Claim) bool {
	for _, x := range a {
		for _, y := range b {
			if !slices.ContainsFunc(x, func(c condition.Claim) bool { return slices.ContainsFunc(y, c.Excludes) }) {
				return true
			}
		}
	}
	return false
}

func (f *overlapFinder) report(before, m *ruleMatch, to recipient) {
	f.found++
	hint := fmt.Sprintf("narrow one of them, or add stop: true to %q", before.Name)
	if before.Implicit {
		hint = `add && event_type != "relay" to the condition of this rule, or remove one entry of notify`
	}
	f.warn(to.at, diag.Finding{
		Message: fmt.Sprintf("Both this rule and %q (%s) can send %s to %s, so people may get two messages", before.Name,
			whereIs(before.RuleSource, m.RuleSource), m.event, to.notifier),
		Hint: hint,
	})
}
