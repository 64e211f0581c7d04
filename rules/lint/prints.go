package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// objectMakers are the functions whose result is an object.
var objectMakers = []string{"split", "splitn", "dict", "pick", "omit"}

// lintPrints warns of objects and lists of objects that are printed for people and have no name to print.
func (c *checker) lintPrints(t rulefile.TextSource, printed []template.Arg, events []*catalog.Schema) (all []diag.Finding) {
	if t.Key == "blocks" {
		all = bodyInBlocks(printed)
	}
	forPeople := []template.Form{template.FormText, template.FormMarkdown, template.FormMrkdwn, template.FormLink}
	if !slices.Contains(forPeople, t.Form) || t.Compiled == nil { // the dot of a partial may be any value
		return all
	}
	for _, a := range printed {
		path := strings.Join(a.Path, ".")
		switch {
		case a.IsDot:
			all = append(all, diag.Finding{At: a.At, Message: a.Source + " prints all fields of the event",
				Hint: "name one of them, such as .entity.title"})
		case a.Call != nil && slices.Contains(objectMakers, a.Call.Name):
			all = append(all, diag.Finding{At: a.At, Message: a.Call.Name + " gives an object, whose fields are printed",
				Hint: c.makerHint(a)})
		case a.Call == nil && len(a.Path) > 0 && !a.Item:
			if field := c.unreadable(path, events); field != "" {
				all = append(all, diag.Finding{At: a.At, Message: a.Source + " is " + field + " without a name, whose fields are printed",
					Hint: c.fieldsHint(a, field, events)})
			}
		}
	}
	return all
}

// bodyInBlocks warns of the Markdown of the message in texts that Slack does not read as Markdown, or that are escaped.
func bodyInBlocks(printed []template.Arg) (all []diag.Finding) {
	for _, a := range printed {
		if a.Call == nil && strings.Join(a.Path, ".") == "body" {
			all = append(all, diag.Finding{At: a.At, Message: ".body is Markdown, whose signs would be shown here",
				Hint: "write .text, its plain text"})
		}
	}
	return all
}

// unreadable returns the kind of the value at a path, an object or a list of objects, if it has no name to print.
func (c *checker) unreadable(path string, events []*catalog.Schema) string {
	if path == "previous" {
		return "an object"
	}
	for _, e := range events {
		trials := c.trials(e.Name)
		if len(trials) == 0 {
			continue
		}
		v := trials[0].valueAt(path)
		if value.IsReadable(v) {
			continue
		}
		if _, isList := v.([]any); isList {
			return "a list of objects"
		}
		return "an object"
	}
	return ""
}

// fieldsHint says how to print a field of an object.
func (c *checker) fieldsHint(a template.Arg, kind string, events []*catalog.Schema) string {
	field := "title"
	var names []string
	for _, e := range events {
		names = append(names, e.Siblings(append(slices.Clone(a.Path[1:]), "x"))...)
	}
	for _, best := range []string{"failed", "title", "name", "action", "id"} {
		if slices.Contains(names, best) {
			field = best
			break
		}
	}
	if best := map[string]string{"previous": "failed", "failures": "total", "trend": "line"}[a.Path[0]]; best != "" && len(a.Path) == 1 {
		field = best
	}
	if kind == "a list of objects" {
		return fmt.Sprintf("for each item write {{ range %s }}{{ .%s }} {{ end }}", a.Source, field)
	}
	return fmt.Sprintf("name one of its fields, such as %s.%s", a.Source, field)
}

// makerHint says how to print a part of what a function makes.
func (c *checker) makerHint(a template.Arg) string {
	if strings.HasPrefix(a.Call.Name, "split") {
		return fmt.Sprintf("write (%s)._0 for its first part", a.Source)
	}
	return "name one of its fields, or write json"
}
