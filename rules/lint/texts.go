package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint/calls"
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

// lintCalls returns the findings about the functions and partials that a text calls, for the given events.
func (c *checker) lintCalls(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	outline := c.file.Source.Templates.Outline(t.Text, condition.Roots)
	var all []diag.Finding
	for _, p := range outline.WithoutDot {
		all = append(all, diag.Finding{At: p.At,
			Message: fmt.Sprintf("the template %q reads fields, and gets none", p.Name),
			Hint:    fmt.Sprintf("write {{ template %q . }}", p.Name)})
	}
	level, _ := message.Lookup("level")
	w := calls.World{
		Type:   func(path []string) string { return typeOf(path, events) },
		Judge:  func(source string) []diag.Finding { return c.world.Comparison(source, events) },
		Values: map[string][]string{"level": level.Values, "rule": c.ruleNames},
		Field:  func(path []string) (message, hint string) { return checkField(template.FieldUse{Path: path}, events) },
		Person: c.explainPerson,
	}
	all = append(append(all, countedLists(outline.Calls)...), w.Ranges(outline.Ranges)...)
	all = append(append(all, lintSigns(t, outline.Calls)...), w.Check(outline.Calls)...)
	return append(all, c.lintPrints(t, outline.Prints, events)...)
}

// explainPerson returns a message about the name of a person in a template who is not known, and a hint, or "".
func (c *checker) explainPerson(name string) (message, hint string) {
	directory := people.New(c.file.Source.People)
	for _, one := range directory.Resolve(name) {
		if message, hint = directory.ExplainUnknown(one); message != "" {
			return message, hint
		}
	}
	return "", ""
}

// typeOf returns the type of a variable, or of a field in all events that have it, or "".
func typeOf(path []string, events []*catalog.Schema) string {
	switch root := path[0]; {
	case len(path) == 1:
		return typeOfVariable(root)
	case root == "payload":
		return commonType(path[1:], events)
	case root == "entity":
		return commonType(path[1:], catalog.Entities(events))
	case root == "actor":
		return commonType(path[1:], []*catalog.Schema{catalog.Schemas().Actor})
	case root == "failures":
		return commonType(path[1:], []*catalog.Schema{catalog.Schemas().Failures})
	case root == "trend":
		return commonType(path[1:], []*catalog.Schema{catalog.Schemas().Trend})
	case root == "previous":
		return commonType(path[1:], []*catalog.Schema{catalog.Schemas().Previous})
	}
	return ""
}

func typeOfVariable(name string) string {
	switch {
	case name == "time":
		return catalog.TypeTime
	case name == "timestamp" || name == "team_member_id":
		return "number"
	case slices.Contains(condition.Roots, name):
		return "object"
	case name == "fields":
		return "array"
	case slices.Contains(catalog.VariableNames(), name) || slices.Contains(message.MessageVariables(), name) ||
		slices.Contains(message.Variables(), name):
		return "string"
	}
	return ""
}

// commonType returns the type that a field has in all of the schemas that list it, or "".
func commonType(path []string, schemas []*catalog.Schema) (kind string) {
	for _, s := range schemas {
		f, listed := s.Fields[strings.Join(path, ".")]
		switch {
		case !listed:
		case f.Type == "" || kind != "" && kind != f.Type:
			return ""
		default:
			kind = f.Type
		}
	}
	return kind
}
