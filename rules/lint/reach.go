package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint/judge"
	"qaserelay/rules/rulefile"
)

// maxImplications is the number of pairs of alternatives that are compared; beyond it nothing more is reported.
const maxImplications = 2_000_000

// stopper is a rule with stop: true, and what has to hold for one event that it does not stop.
type stopper struct {
	*rulefile.RuleSource
	refutations [][]condition.Claim
}

// reachFinder finds rules that no event reaches, since earlier rules stop each one that they match. It takes the rules in
// file order.
type reachFinder struct {
	*checker
	stops map[string][]stopper // the rules so far that stop an event, by its name
	tried int
}

// checkReach warns of rules that are never reached.
func (c *checker) checkReach() {
	f := &reachFinder{checker: c, stops: map[string][]stopper{}}
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		if !r.Enabled || r.Parsed == nil || !r.Parsed.Compiled() {
			continue
		}
		names := namesOf(r, c.matching[r.Rule])
		if before := f.stoppedBy(r, names); len(before) > 0 {
			if c.canMatch(r) {
				c.warn(r.At, unreachable(r, before))
			}
		} else if r.Stop {
			for _, name := range names {
				refutations := r.Parsed.Refutations(condition.KnownFacts(name))
				f.stops[name] = append(f.stops[name], stopper{r, refutations})
			}
		}
	}
}

// stoppedBy returns the rules that stop all events of a rule, or nil if one may reach it.
func (f *reachFinder) stoppedBy(r *rulefile.RuleSource, events []string) (before []*rulefile.RuleSource) {
	for _, name := range events {
		if len(f.stops[name]) == 0 {
			return nil
		}
	}
	for _, name := range events {
		claims := r.Parsed.Claims(condition.KnownFacts(name))
		i := slices.IndexFunc(f.stops[name], func(s stopper) bool {
			f.tried += 1 + len(claims)*len(s.refutations)
			return f.tried < maxImplications && condition.Exclude(claims, s.refutations)
		})
		if i < 0 {
			return nil
		}
		if stop := f.stops[name][i].RuleSource; !slices.Contains(before, stop) {
			before = append(before, stop)
		}
	}
	return before
}

// namesOf returns the names of the events that a rule can match: the known ones, and one of each type that Qase may add.
func namesOf(r *rulefile.RuleSource, events []*catalog.Schema) []string {
	if len(events) == 0 {
		return nil
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Name)
	}
	for _, kind := range append(judge.PartsOf(0), "other") {
		if name := kind + ".other"; r.Parsed.CanMatch(condition.KnownFacts(name)) {
			names = append(names, name)
		}
	}
	return names
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
