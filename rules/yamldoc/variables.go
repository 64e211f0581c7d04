package yamldoc

import (
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// maxDefaults is how deep the defaults of variables can be within each other.
const maxDefaults = 20

// expand replaces ${VAR} and ${VAR:-default} in the text of a scalar; $${ stands for ${ itself. The default is used
// when the variable is unset or empty, and may hold variables itself.
func (d *Document) expand(n *yaml.Node) string { return d.expandText(n, n.Value, 0) }

func (d *Document) expandText(n *yaml.Node, text string, depth int) string {
	if !strings.Contains(text, "${") {
		return text
	}
	if depth > maxDefaults {
		d.Report(n, diag.Error, "the defaults of variables are too deep within each other", "write fewer")
		return ""
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			out.WriteString(text)
			return out.String()
		}
		if strings.HasSuffix(before, "$") {
			out.WriteString(before + "{")
			text = rest
			continue
		}
		out.WriteString(before)
		inner, after, closed := cutVariable(rest)
		if !closed {
			d.Report(n, diag.Error, "${ without a closing }",
				"write ${NAME} or ${NAME:-default}; $${ stands for ${ itself")
			return ""
		}
		out.WriteString(d.variable(n, inner, depth))
		text = after
	}
}

// cutVariable cuts text behind a ${ at the bracket that closes it.
func cutVariable(text string) (inner, after string, closed bool) {
	open := 1
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			open++
		case text[i] == '}':
			if open--; open == 0 {
				return text[:i], text[i+1:], true
			}
		}
	}
	return text, "", false
}

// variable returns the value of ${inner}.
func (d *Document) variable(n *yaml.Node, inner string, depth int) string {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !isVariable(name) {
		d.Report(n, diag.Error, "${"+value.Shorten(inner, 40)+"} is not an environment variable", valueHint(inner))
		return ""
	}
	value, set := "", false
	if d.reader.LookupEnv != nil {
		value, set = d.reader.LookupEnv(name)
		value = strings.TrimRight(value, "\r\n") // as a command such as echo leaves behind
	}
	switch {
	case set && (value != "" || !hasFallback):
		return value
	case hasFallback:
		return d.expandText(n, fallback, depth+1)
	}
	d.Unset++
	hint := "set it, or give a default: ${" + name + ":-…}"
	if d.secret != "" {
		hint = "set it, or read the secret from a file: " + d.secret + "_file: NAME"
	}
	d.ReportUnset(n, "the environment variable "+name+" is not set", hint)
	return ""
}

// valueHint returns a hint for ${inner} that names no variable: a template, if it names a value of an event.
func valueHint(inner string) string {
	name := strings.Trim(inner, "{}. ")
	if root, _, _ := strings.Cut(name, "."); catalog.Variables()[root] != nil {
		return "write {{ ." + name + " }}, for a value of the event"
	}
	return "write ${NAME} or ${NAME:-default}; $${ stands for ${ itself"
}

// isVariable reports whether name can be the name of an environment variable.
func isVariable(name string) bool {
	for i, c := range name {
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
