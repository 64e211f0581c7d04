package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
)

// judge says what is wrong with the use of a field, or "".
func (u *use) judge() (message, hint string) {
	if message, hint = u.judgePath(u.events); message != "" || u.item || u.against == nil && !u.truth {
		return message, hint
	}
	schemas := u.schemas()
	var wrong *eventSchema
	for _, s := range schemas {
		f, ok := s.has(u.path)
		switch typed := ok && f.Type != "" && f.Type != typeTime; {
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
	f, _ := wrong.has(u.path)
	where := u.String() + " is " + withArticle(f.Type)
	if u.root == "payload" {
		where += " in " + wrong.name
	}
	if u.truth {
		return where + ", not true or false", truthHint(u.node.String(), f.Type)
	}
	return fmt.Sprintf("%s, but it is compared with %s", where, u.against), typeHint(f)
}

func (s spot) String() string { return s.root + "." + strings.Join(s.path, ".") }

// judgePath says whether what is read can be there in the given events.
func (s spot) judgePath(events []*eventSchema) (message, hint string) {
	switch s.root {
	case "payload":
		return judgePayload(s.path, events)
	case "entity":
		return judgeEntity(s.path, events)
	case "actor":
		return judgeFixed(s.path, knownSchemas().actor)
	case "previous":
		if len(events) > 0 && !slices.ContainsFunc(events, (*eventSchema).isRun) {
			return s.String() + " is only there in events of runs", "previous is the finished run before this one"
		}
		return judgeFixed(s.path, knownSchemas().previous)
	}
	return "", ""
}

func (e *eventSchema) isRun() bool { return e.kind() == "run" }

// kind is the type of the thing that e is about.
func (e *eventSchema) kind() string {
	kind, _, _ := strings.Cut(e.name, ".")
	return kind
}

// schemas are what the type of the field is looked up in.
func (u *use) schemas() []*eventSchema {
	switch u.root {
	case "actor":
		return []*eventSchema{knownSchemas().actor}
	case "previous":
		return []*eventSchema{knownSchemas().previous}
	case "entity":
		return entitiesOf(u.events)
	}
	return documented(u.events)
}

// documented returns the events whose payload is documented, or all if there are none.
func documented(events []*eventSchema) []*eventSchema {
	var kept []*eventSchema
	for _, e := range events {
		if e.documented {
			kept = append(kept, e)
		}
	}
	if len(kept) == 0 {
		return events
	}
	return kept
}

// entitiesOf returns what is known of the things that the events are about, each once.
func entitiesOf(events []*eventSchema) []*eventSchema {
	var kinds []*eventSchema
	for _, e := range documented(events) {
		if s := knownSchemas().entities[e.kind()]; s != nil && !slices.Contains(kinds, s) {
			kinds = append(kinds, s)
		}
	}
	return kinds
}

// maxNamed is how many events a rule may match and still be taken to mean each of them.
const maxNamed = 3

// judgePayload says which of the events do not have a field, if that is worth saying: none has it, or the events are few. In events
// whose payload is not documented anything may be, so they only count where there are no others.
func judgePayload(path []string, all []*eventSchema) (message, hint string) {
	events := documented(all)
	var lacking []*eventSchema
	for _, e := range events {
		if _, ok := e.has(path); !ok {
			lacking = append(lacking, e)
		}
	}
	full := "payload." + strings.Join(path, ".")
	switch {
	case len(lacking) == 0, len(lacking) < len(events) && len(all) > maxNamed:
		return "", ""
	case len(all) == len(knownSchemas().events):
		return "no event has " + full, fieldHint(path, events)
	case len(events) > maxNamed:
		return "no event that gets here has " + full, fieldHint(path, events)
	}
	names := make([]string, len(lacking))
	for i, e := range lacking {
		names[i] = e.name
	}
	return full + " is not in " + strings.Join(names, ", "), fieldHint(path, lacking)
}

// fieldHint says what may have been meant by a field that is not there: another field, or that of an earlier event.
func fieldHint(path []string, events []*eventSchema) string {
	var near []string
	for _, e := range events {
		near = append(near, e.siblings(path)...)
	}
	slices.Sort(near)
	near = slices.Compact(near)
	last := path[len(path)-1]
	if best := catalog.Nearest(last, near); best != "" {
		return didYouMean(last, near)
	}
	full := strings.Join(path, ".")
	if own := knownSchemas().entities[events[0].kind()]; own != nil && own.lists(full) {
		return "entity." + full + " has it, from an earlier event"
	}
	return didYouMean(last, near)
}

// lists reports whether the schema names a path.
func (e *eventSchema) lists(path string) bool { _, ok := e.fields[path]; return ok }

// judgeEntity says whether a field of the entity can come from any event of the things that the events are about.
func judgeEntity(path []string, events []*eventSchema) (message, hint string) {
	var near []string
	kinds := entitiesOf(events)
	for _, e := range kinds {
		if _, ok := e.has(path); ok {
			return "", ""
		}
		near = append(near, e.siblings(path)...)
	}
	if len(kinds) == 0 {
		return "", ""
	}
	slices.Sort(near)
	return "entity." + strings.Join(path, ".") + " is in no event of this kind", didYouMean(path[len(path)-1], slices.Compact(near))
}

// judgeFixed says whether something that the relay makes up itself has a field.
func judgeFixed(path []string, s *eventSchema) (message, hint string) {
	if _, ok := s.has(path); ok {
		return "", ""
	}
	return "there is no " + s.name + "." + strings.Join(path, "."), didYouMean(path[len(path)-1], s.siblings(path))
}

// fits reports whether a field of the given type makes sense where it is used.
func (u *use) fits(kind string) bool {
	list, isList := u.against.(*ast.ArrayNode)
	switch {
	case u.truth:
		return kind == "boolean"
	case !isList:
		return fits(kind, u.operator, u.against)
	}
	return !slices.ContainsFunc(list.Nodes, func(n ast.Node) bool { return !fits(kind, u.operator, n) })
}

// fits reports whether comparing a field of the given type with a constant makes sense.
func fits(kind, operator string, against ast.Node) bool {
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
	switch n := against.(type) {
	case *ast.StringNode:
		return kind == "string"
	case *ast.IntegerNode:
		return kind == "integer"
	case *ast.FloatNode:
		ordered := strings.ContainsAny(operator, "<>")
		return kind == "integer" && (ordered || n.Value == math.Trunc(n.Value))
	case *ast.BoolNode:
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

// truthHint says how to make true or false of a field.
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
