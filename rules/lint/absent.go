package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
)

// checkAbsent warns of a part of a condition, such as payload.severity != "low", that is true for most events of the
// rule only because they do not have the field.
func (c *checker) checkAbsent(r *rulefile.RuleSource) []diag.Finding {
	events := c.matching[r.Rule]
	if r.Parsed == nil || r.Rule.Condition == nil || strings.Contains(r.Parsed.Source, "nil") ||
		strings.Contains(r.Parsed.Source, "??") { // which handle it
		return nil
	}
	seen := map[string]bool{}
	for _, u := range payloadUses(r.Rule, events) {
		if seen[u.String()] {
			continue
		}
		seen[u.String()] = true
		if found := c.absent(r.Rule, u, events); found != nil {
			return found
		}
	}
	return nil
}

// payloadUses returns the readings of the payload in a condition, for any of the events.
func payloadUses(r *rules.Rule, events []*catalog.Schema) (all []condition.FieldUse) {
	for _, e := range events {
		for _, u := range r.Condition.Fields(condition.KnownFacts(e.Name)) {
			if u.Root == "payload" && !slices.ContainsFunc(all, func(other condition.FieldUse) bool { return other.At == u.At }) {
				all = append(all, u)
			}
		}
	}
	return all
}

// absent returns the finding about a field that most of the events lack, if the rule matches those for that reason.
func (c *checker) absent(r *rules.Rule, u condition.FieldUse, events []*catalog.Schema) []diag.Finding {
	var lacking, having []string
	for _, e := range catalog.Documented(events) {
		switch _, has := e.Has(u.Path); {
		case has:
			having = append(having, e.Name)
		case c.matchesWithout(r, u, e):
			lacking = append(lacking, e.Name)
		}
	}
	if len(having) == 0 || len(lacking) < len(having) {
		return nil
	}
	return []diag.Finding{{At: u.At,
		Message: fmt.Sprintf("%s is missing in %s; this is true there, so the rule matches them too", u.String(), listed(lacking)),
		Hint:    presentHint(u, having)}}
}

// matchesWithout reports whether a rule matches the example of an event that lacks a field, and would not with a value.
func (c *checker) matchesWithout(r *rules.Rule, u condition.FieldUse, e *catalog.Schema) bool {
	trials := c.trials(e.Name)
	if c.left <= 0 || len(trials) == 0 || !trials[0].Matches(r) {
		return false
	}
	var variants []variant
	for _, value := range valuesNear(r, u, e) {
		variants = append(variants, variant{name: e.Name, change: func(envelope map[string]any) bool {
			payload, isObject := envelope["payload"].(map[string]any)
			for _, key := range u.Path[:len(u.Path)-1] {
				inner := map[string]any{}
				payload[key], payload = inner, inner
			}
			payload[u.Path[len(u.Path)-1]] = value
			return isObject
		}})
	}
	made := c.makeTrials(e.Name, variants)
	c.left -= len(made)
	return slices.ContainsFunc(made, func(t trial) bool { return !t.Matches(r) })
}

// valuesNear returns values of a field around those that a condition compares it with.
func valuesNear(r *rules.Rule, u condition.FieldUse, e *catalog.Schema) []any {
	all := []any{true}
	for _, other := range r.Condition.Fields(condition.KnownFacts(e.Name)) {
		if other.String() != u.String() || other.Constant == nil {
			continue
		}
		switch v := other.Constant.Value.(type) {
		case int:
			all = append(all, v, v+1, v-1)
		case float64:
			all = append(all, v, v+1, v-1)
		case []any:
			all = append(all, v...)
		default:
			all = append(all, v)
		}
	}
	return all
}

// presentHint says how to leave out the events that lack a field.
func presentHint(u condition.FieldUse, having []string) string {
	hint := fmt.Sprintf("add event_name == %q", having[0])
	if len(having) > 1 {
		hint = `add event_name in ["` + strings.Join(having, `", "`) + `"]`
	}
	if len(having) > 3 {
		hint = "name the events in the condition"
	}
	if len(having) == 1 {
		hint += ", or write entity." + strings.Join(u.Path, ".") + ", which is known from earlier events"
	}
	return hint
}

// listed joins names, up to three.
func listed(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:2], ", ") + fmt.Sprintf(" and %d more", len(names)-2)
	}
	return strings.Join(names, ", ")
}
