package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint/judge"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

// lintTemplate returns the findings about a template that is rendered for the given events. Templates that come with the
// program, such as failures, have names of their own.
func (c *checker) lintTemplate(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	var findings []diag.Finding
	for _, use := range c.file.Source.Templates.Fields(t.Text, append([]string{template.Members}, condition.Roots...)) {
		if use.Partial != "" && !c.definesTemplate(use.Partial) {
			continue
		}
		if t.OfOption && slices.Contains(message.MessageVariables(), use.Path[0]) {
			continue
		}
		said, hint := checkField(use, events)
		if said == "" {
			continue
		}
		if use.Partial != "" {
			said = fmt.Sprintf("in the template %q: %s", use.Partial, said)
		}
		findings = append(findings, diag.Finding{At: use.At, Message: said, Hint: hint})
	}
	return findings
}

// definesTemplate reports whether the rules file has a template of this name.
func (c *checker) definesTemplate(name string) bool {
	return slices.ContainsFunc(c.file.Source.Partials, func(p rulefile.TextSource) bool { return p.Key == name })
}

// otherRoots are names that people give to what a template sees, in lower case.
var otherRoots = map[string]string{"event": ".event_name, or .payload for its fields", "run": ".entity", "defect": ".entity",
	"review": ".entity", "project": ".project_code", "user": ".actor.name", "author": ".actor.name", "name": ".entity.title",
	"environment": ".entity.environment", "plan": ".entity.plan.title", "data": ".payload", "date": ".time", "now": ".time",
	"team": ".actor.team", "link": ".entity.url", "message": ".entity.title"}

// checkField returns the fault of a field that a template reads, or "" if it has none.
func checkField(use template.FieldUse, events []*catalog.Schema) (message, hint string) {
	root, path := use.Path[0], use.Path[1:]
	variables := template.VariableNames()
	switch {
	case !slices.Contains(variables, root):
		if meant := otherRoots[strings.ToLower(root)]; meant != "" {
			return "there is no ." + root, "write " + meant
		}
		if slices.Contains(catalog.PayloadFields(), root) {
			return "there is no ." + root, "write " + fieldOf(root, events)
		}
		return "there is no ." + root, catalog.DidYouMean(root, variables)
	case len(path) == 0 || root == "time":
		return "", ""
	case root == template.Members:
		return checkMember(use, events)
	case !slices.Contains(condition.Roots, root):
		return "there is no ." + strings.Join(use.Path, "."), "." + root + " has no fields"
	case len(events) == 0:
		return "", ""
	}
	message, hint = judge.CheckPath(condition.Field{Root: root, Path: path}, events)
	if i := slices.IndexFunc(path, isVariable); message != "" && i >= 0 {
		return strings.Replace(message, root+".", "."+root+".", 1),
			"within range and with the dot is their value: write $." + strings.Join(path[i:], ".")
	}
	if function := properties[strings.ToLower(path[len(path)-1])]; message != "" && function != "" && len(path) > 1 {
		hint = "write " + function + " " + strings.Join(use.Path[:len(use.Path)-1], ".")
		if root != "entity" { // which gets its dot below
			hint = strings.Replace(hint, root+".", "."+root+".", 1)
		}
	}
	if use.Guarded && root == "payload" && anyHas(events, path) {
		return "", ""
	}
	return strings.Replace(message, root+".", "."+root+".", 1), strings.Replace(hint, "entity.", ".entity.", 1)
}

// isVariable reports whether a key is the name of a variable that has fields, or of the event.
func isVariable(key string) bool {
	return slices.Contains(condition.Roots, key) || slices.Contains([]string{"project_code", "event_name", "event_type"}, key)
}

// fieldOf returns where the events have a field: in the payload, or in what is known of the entity, as a title is.
func fieldOf(name string, events []*catalog.Schema) string {
	missing, _ := catalog.CheckEntity([]string{name}, events)
	inAll := !slices.ContainsFunc(events, func(e *catalog.Schema) bool { return !anyHas([]*catalog.Schema{e}, []string{name}) })
	if name == "title" || missing == "" && !inAll {
		return ".entity." + name
	}
	return ".payload." + name
}

// properties are the properties of texts and lists in other languages, and the functions for them.
var properties = map[string]string{"length": "len", "size": "len", "count": "len", "touppercase": "upper", "upper": "upper",
	"tolowercase": "lower", "lower": "lower", "trim": "trim", "first": "first", "last": "last"}

// anyHas reports whether any of the events has the field.
func anyHas(events []*catalog.Schema, path []string) bool {
	return slices.ContainsFunc(events, func(e *catalog.Schema) bool { _, ok := e.Has(path); return ok })
}
