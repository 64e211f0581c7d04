package lint

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
	if message, hint = judgePath(u.Spot, u.events); message != "" || u.Item || u.against == nil && !u.truth {
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
	if u.truth {
		return where + ", not true or false", truthHint(u.node.String(), f.Type)
	}
	return fmt.Sprintf("%s, but it is compared with %s", where, u.against), typeHint(f)
}

// schemas are what the type of the field is looked up in.
func (u *use) schemas() []*catalog.Schema {
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

// maxNamed is how many events a rule may match and still be taken to mean each of them.
const maxNamed = 3

// judgePayload says which of the events do not have a field, if that is worth saying: none has it, or the events are few. In events
// whose payload is not documented anything may be, so they only count where there are no others.
func judgePayload(path []string, all []*catalog.Schema) (message, hint string) {
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

// judgeFixed says whether something that the relay makes up itself has a field.
func judgeFixed(path []string, s *catalog.Schema) (message, hint string) {
	if _, ok := s.Has(path); ok {
		return "", ""
	}
	return "there is no " + s.Name + "." + strings.Join(path, "."), catalog.DidYouMean(path[len(path)-1], s.Siblings(path))
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
