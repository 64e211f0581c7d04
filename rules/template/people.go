package template

import (
	"slices"
	"text/template/parse"

	"qaserelay/rules/template/funcs"
	"qaserelay/rules/value"
)

// peopleEscaper returns the escaper of a value in FormPeople. A text in quotes in the template is a text of the rule, as
// if it stood outside of the action, and so are the values that no text of an event can be.
func (c *compiler) peopleEscaper(p *parse.PipeNode, escape func(any) string) func(any) string {
	safe := isRuleValue(p)
	return func(v any) string {
		if text, isText := v.(string); isText && (safe || c.quoted[text]) {
			return value.OneLine(text)
		}
		return escape(v)
	}
}

// isRuleValue reports whether a pipeline reads a team of the directory, the code of a project or the name of a source.
func isRuleValue(p *parse.PipeNode) bool {
	if len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return false
	}
	var path []string
	switch n := p.Cmds[0].Args[0].(type) {
	case *parse.FieldNode:
		path = n.Ident
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			path = n.Ident[1:]
		}
	}
	return slices.Equal(path, []string{"actor", "team"}) || slices.Equal(path, []string{"project_code"}) ||
		slices.Equal(path, []string{"source"})
}

// peopleFunction returns a function as it works in FormPeople: one that makes a text of a person or a list of people
// keeps them, since their addresses are needed.
func (c *compiler) peopleFunction(name string, fn funcs.Func) funcs.Func {
	keeps := 1
	switch name {
	case "join":
		keeps = 2
	case "person", "mention", "json", "toJson", "toString", "toStrings", "print", "println", "quote", "squote", "trim",
		"sortAlpha":
	case "printf":
		return func(call *funcs.Context, args []any) (any, error) { return fn(call, c.plainPeople(args)) }
	default:
		return fn
	}
	return func(call *funcs.Context, args []any) (any, error) {
		if len(args) == keeps && holdsObjects(args[keeps-1]) {
			return args[keeps-1], nil
		}
		return fn(call, args)
	}
}

func holdsObjects(v any) bool {
	switch v := v.(type) {
	case map[string]any, value.Mention:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsObjects)
	}
	return false
}

// plainPeople replaces the people among the arguments of a function by their addresses or names.
func (c *compiler) plainPeople(args []any) []any {
	args = slices.Clone(args)
	for i, arg := range args {
		if user, isObject := arg.(map[string]any); isObject {
			if args[i] = user["email"]; args[i] == nil {
				args[i] = c.people.NameOf(user)
			}
		}
	}
	return args
}
