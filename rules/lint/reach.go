package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
)

// maxStops is the number of rules with stop: true beyond which a rule is compared with none.
const maxStops = 200

// checkReach warns of rules that no event reaches, since earlier rules stop each one that they match.
func (c *checker) checkReach() {
	var stops []*rulefile.RuleSource
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		if !r.Enabled || r.Parsed == nil || !r.Parsed.Compiled() {
			continue
		}
		if before := stoppedBy(r, c.matching[r.Rule], stops); len(before) > 0 {
			c.warn(r.At, unreachable(r, before))
		} else if r.Stop && len(stops) < maxStops {
			stops = append(stops, r)
		}
	}
}

// stoppedBy returns the rules that stop all events of a rule, or nil if one may reach it.
func stoppedBy(r *rulefile.RuleSource, events []*catalog.Schema, stops []*rulefile.RuleSource) []*rulefile.RuleSource {
	if len(stops) == 0 || len(events) == 0 {
		return nil
	}
	var before []*rulefile.RuleSource
	for _, facts := range factsOf(r, events) {
		i := slices.IndexFunc(stops, func(s *rulefile.RuleSource) bool { return r.Parsed.Implies(s.Parsed, facts) })
		if i < 0 {
			return nil
		}
		if !slices.Contains(before, stops[i]) {
			before = append(before, stops[i])
		}
	}
	return before
}

// factsOf returns the facts of the events that a rule can match: the known ones, and those of each type that Qase may
// add.
func factsOf(r *rulefile.RuleSource, events []*catalog.Schema) []condition.Facts {
	var all []condition.Facts
	for _, e := range events {
		all = append(all, condition.FactsOf(e.Name))
	}
	for _, kind := range append(partsOf(0), "other") {
		if facts := condition.FactsOf(kind + ".other"); r.Parsed.CanMatch(facts) {
			all = append(all, facts)
		}
	}
	return all
}

func unreachable(r *rulefile.RuleSource, before []*rulefile.RuleSource) diag.Finding {
	names := make([]string, len(before))
	for i, b := range before {
		names[i] = fmt.Sprintf("%q (%s)", b.Name, whereIs(b, r))
	}
	rest := ""
	if len(names) > 3 {
		names, rest = names[:3], " and others"
	}
	stop, that := "stops", "that rule"
	if len(before) > 1 {
		stop, that = "stop", "them"
	}
	return diag.Finding{
		Message: fmt.Sprintf("the rule %q is never reached: %s%s %s all its events", r.Name, strings.Join(names, ", "),
			rest, stop),
		Hint: "move it before " + that + ", or remove stop: true there",
	}
}

// whereIs returns the line of a rule, with its file if it is another one than that of r.
func whereIs(rule, r *rulefile.RuleSource) string {
	where := fmt.Sprintf("line %d", rule.At.Line())
	if rule.At.File() != r.At.File() {
		where += " of " + rule.At.File()
	}
	return where
}
