package lint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
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
		message, hint := u.check()
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
		for _, f := range l.Fields(condition.FactsOf(e.name)) {
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

// check returns a message if the field does not exist, or if its type does not fit its use.
func (u *fieldUse) check() (message, hint string) {
	if message, hint = checkPath(u.Field, u.events); message != "" || u.Item || u.Constant == nil && !u.Truth {
		return message, hint
	}
	schemas := u.schemas()
	var wrong *catalog.Schema
	for _, s := range schemas {
		f, ok := s.Has(u.Path)
		switch typed := ok && f.Type != "" && f.Type != catalog.TypeTime; {
		case typed && !u.fits(f.Type):
			if wrong == nil {
				wrong = s
			}
		case ok && len(schemas) > maxNamed:
			return "", ""
		}
	}
	if wrong == nil {
		return "", ""
	}
	f, _ := wrong.Has(u.Path)
	where := u.String() + " is " + withArticle(f.Type)
	if u.Root == "payload" {
		where += " in " + wrong.Name
	}
	if u.Truth {
		return where + ", not true or false", truthHint(u.Text, f.Type)
	}
	return fmt.Sprintf("%s, but it is compared with %s", where, u.Constant.Text), typeHint(f)
}

// schemas returns the schemas that have the type of the field.
func (u *fieldUse) schemas() []*catalog.Schema {
	switch u.Root {
	case "actor":
		return []*catalog.Schema{catalog.Schemas().Actor}
	case "previous":
		return []*catalog.Schema{catalog.Schemas().Previous}
	case "entity":
		return catalog.Entities(u.events)
	}
	return catalog.Documented(u.events)
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
	case len(all) == len(catalog.Schemas().Events):
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
	return "there is no " + s.Name + "." + strings.Join(path, "."),
		catalog.DidYouMean(path[len(path)-1], s.Siblings(path))
}

// fits reports whether a field of the given type makes sense where it is used.
func (u *fieldUse) fits(kind string) bool {
	if u.Truth {
		return kind == "boolean"
	}
	list, isList := u.Constant.Value.([]any)
	if !isList {
		list = []any{u.Constant.Value}
	}
	return !slices.ContainsFunc(list, func(v any) bool { return !fits(kind, u.Operator, v) })
}

// fits reports whether comparing a field of the given type with a constant makes sense.
func fits(kind, operator string, constant any) bool {
	switch operator {
	case "==", "!=", "in", "<", "<=", ">", ">=":
	case "contains", "startsWith", "endsWith", "matches":
		return kind == "string"
	default:
		return true
	}
	if operator == "in" && (kind == "array" || kind == "object") {
		return true
	}
	switch v := constant.(type) {
	case string:
		return kind == "string"
	case int:
		return kind == "integer"
	case float64:
		ordered := strings.ContainsAny(operator, "<>")
		return kind == "integer" && (ordered || v == math.Trunc(v))
	case bool:
		return kind == "boolean"
	}
	return true
}

func withArticle(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

func typeHint(f catalog.Field) string {
	switch f.Type {
	case "object":
		return "compare one of its fields"
	case "array":
		return "use len(…) or any(…, …)"
	}
	return "compare it with " + withArticle(f.Type)
}

// truthHint returns a hint at an expression that is true or false.
func truthHint(field, kind string) string {
	switch kind {
	case "integer":
		return "write " + field + " > 0"
	case "string":
		return "write " + field + ` != ""`
	case "array":
		return "write len(" + field + ") > 0"
	}
	return "write " + field + " != nil"
}
