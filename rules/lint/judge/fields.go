package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/diag"
)

// fieldUse is one reading of a field in a condition, and the known events for which it is evaluated.
type fieldUse struct {
	condition.FieldUse
	events []*catalog.Schema
}

// fields checks each field that the condition reads, in each event for which it is evaluated.
func (l *conditionLint) fields() {
	wrong := map[string]bool{}
	for _, u := range l.fieldUses() {
		message, hint := CheckPath(u.Field, u.events)
		if message != "" {
			hint = cmp.Or(u.ownHint(), hint)
		}
		// A finding about a list is not repeated for its items.
		if list := u.Root + "." + strings.Join(u.Path[:len(u.Path)-1], "."); message != "" && !wrong[list] {
			wrong[u.String()] = true
			l.add(u.At, message, hint)
		}
	}
}

func (l *conditionLint) fieldUses() []*fieldUse {
	byPlace := map[diag.Position]*fieldUse{}
	var all []*fieldUse
	for _, e := range l.matching {
		for _, f := range l.Fields(condition.KnownFacts(e.name)) {
			u := byPlace[f.At]
			if u == nil {
				u = &fieldUse{FieldUse: f}
				byPlace[f.At] = u
				all = append(all, u)
			}
			u.events = append(u.events, e.Schema)
		}
	}
	return all
}

// maxNamed is the number of events up to which a rule is taken to mean each of them.
const maxNamed = 3

// checkPayload returns a message if none of the events has a field, or if the events are few and some do not have it.
// An undocumented payload may have any field, so such events count only if there are no others.
func checkPayload(path []string, all []*catalog.Schema) (message, hint string) {
	events := catalog.Documented(all)
	var lacking []*catalog.Schema
	for _, e := range events {
		if _, ok := e.Has(path); !ok {
			lacking = append(lacking, e)
		}
	}
	full := "payload." + strings.Join(path, ".")
	switch {
	case len(lacking) == 0, len(lacking) < len(events) && len(all) > maxNamed:
		return "", ""
	case len(all) >= len(catalog.Schemas().ForRules):
		return "no event has " + full, catalog.FieldHint(path, events)
	case len(events) > maxNamed:
		return "no event that gets here has " + full, catalog.FieldHint(path, events)
	}
	names := make([]string, len(lacking))
	for i, e := range lacking {
		names[i] = e.Name
	}
	return full + " is not in " + strings.Join(names, ", "), catalog.FieldHint(path, lacking)
}

// checkFixed returns a message if an object that the relay makes does not have a field.
func checkFixed(path []string, s *catalog.Schema) (message, hint string) {
	if _, ok := s.Has(path); ok {
		return "", ""
	}
	if s == catalog.Schemas().Failures && path[0] == "shown" {
		return "failures.shown is for the default message", `for its list write {{ template "failures" . }} in a body`
	}
	return "there is no " + s.Name + "." + strings.Join(path, "."),
		catalog.DidYouMean(path[len(path)-1], s.Siblings(path))
}

// ownHint returns a hint for a field that does not exist and is meant in a way that the catalog does not know, or "".
func (u *fieldUse) ownHint() string {
	if words := lengthHint(u.Field, u.events); words != "" {
		return words
	}
	n := len(u.Path) - 1
	switch last := u.Path[n]; {
	case n > 0 && u.Path[n-1] == "custom_fields" && !strings.HasPrefix(u.Text, "."):
		return fmt.Sprintf("write any(%s.custom_fields, .title == %q && .value == …)", u.Root, last)
	case n > 0 && u.Path[n-1] == "environment":
		return u.Root + ".environment is the title itself"
	case n == 0 && slices.Contains([]string{"status", "result", "state"}, last) &&
		!slices.ContainsFunc(u.events, func(e *catalog.Schema) bool { return !e.IsRun() }):
		return "a failed run has payload.failed > 0"
	}
	return ""
}

// lengthHint returns a hint at len(…) for a property such as length, or "".
func lengthHint(f condition.Field, events []*catalog.Schema) string {
	n := len(f.Path) - 1
	base := condition.Field{Root: f.Root, Path: f.Path[:n]}
	words := diagnose.InOurWords(base.String(), f.Path[n], nil)
	if n == 0 || !strings.HasPrefix(words, "len(") {
		return ""
	}
	if message, _ := CheckPath(base, events); message != "" {
		return ""
	}
	return "write " + words
}

// CheckPath returns a message if a path cannot be read in the given events, or "".
func CheckPath(s condition.Field, events []*catalog.Schema) (message, hint string) {
	switch s.Root {
	case "payload":
		return checkPayload(s.Path, events)
	case "entity":
		message, fields := catalog.CheckEntity(s.Path, events)
		if strings.HasSuffix(message, catalog.OnlyReviews) {
			return message, "entity.created_by is the person who made it, actor the one who acted"
		}
		return message, catalog.DidYouMean(s.Path[len(s.Path)-1], fields)
	case "actor":
		return checkFixed(s.Path, catalog.Schemas().Actor)
	case "failures", "trend":
		if len(events) > 0 && !slices.ContainsFunc(events, (*catalog.Schema).IsRun) {
			return s.String() + " is only there in events of runs", "the tests that failed are known when a run ends: run.completed"
		}
		if s.Root == "trend" {
			return checkFixed(s.Path, catalog.Schemas().Trend)
		}
		return checkFixed(s.Path, catalog.Schemas().Failures)
	case "previous":
		if len(events) > 0 && !slices.ContainsFunc(events, (*catalog.Schema).IsRun) {
			return s.String() + " is only there in events of runs", "previous is the finished run before this one"
		}
		return checkFixed(s.Path, catalog.Schemas().Previous)
	}
	return "", ""
}
