package calls

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"qaserelay/rules/diag"
	"qaserelay/rules/lint/layout"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// operators are the functions that compare, as conditions write them. The arguments of those that end in a space are
// exchanged.
var operators = map[string]string{"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
	"contains": "contains ", "hasPrefix": "startsWith ", "hasSuffix": "endsWith ", "regexMatch": "matches ", "has": "in"}

// comparison judges a comparison as conditions do.
func (w *World) comparison(call template.Call) diag.Finding {
	operator, compares := operators[call.Name]
	if !compares || len(call.Args) < 2 {
		return diag.Finding{}
	}
	if f := piped(call); f.Message != "" {
		return f
	}
	if f := orderOfText(call); f.Message != "" {
		return f
	}
	if f := calendar(call); f.Message != "" {
		return f
	}
	if f := w.variable(call); f.Message != "" {
		return f
	}
	source, ok := condition(call, operator)
	if !ok {
		return diag.Finding{}
	}
	found := w.Judge(source)
	if len(found) == 0 {
		return diag.Finding{}
	}
	hint := w.hint(call, found[0].Hint)
	if call.Name == "has" && hint == "" {
		hint = fmt.Sprintf("write {{ range %s }}{{ if eq .email %s }} … {{ end }}{{ end }}", call.Args[1].Source,
			call.Args[0].Source)
	}
	return diag.Finding{At: literalPlace(call), Message: message(found[0].Message), Hint: hint}
}

// piped reports an order whose first value is piped, since it is the last argument: .payload.failed | gt 5 is
// 5 > .payload.failed.
func piped(call template.Call) diag.Finding {
	order := map[string]string{"lt": "<", "le": "<=", "gt": ">", "ge": ">="}[call.Name]
	last := call.Args[len(call.Args)-1]
	if order == "" || !last.Piped || call.Args[0].Literal == nil {
		return diag.Finding{}
	}
	return diag.Finding{At: call.At,
		Message: fmt.Sprintf("the value before | is the last one, so this is %s %s %s", call.Args[0].Source, order, last.Source),
		Hint:    "write " + call.Name + " " + unpiped(last).Source + " " + call.Args[0].Source}
}

// orderOfText reports an order of a text that a function makes of a number, such as "9%", and a constant text: "9%" is
// behind "10".
func orderOfText(call template.Call) diag.Finding {
	isText := func(a template.Arg) bool { return a.IsText }
	if !slices.Contains([]string{"lt", "le", "gt", "ge"}, call.Name) || !slices.ContainsFunc(call.Args, isText) {
		return diag.Finding{}
	}
	for _, a := range call.Args {
		hint := ""
		switch inner := a.Call; {
		case inner == nil:
		case inner.Name == "percent" && len(inner.Args) == 2:
			hint = fmt.Sprintf("compare div (mul %s 100) %s with a number", inner.Args[0].Source, inner.Args[1].Source)
		case inner.Name == "duration" && len(inner.Args) == 1:
			hint = fmt.Sprintf("compare the seconds: %s", inner.Args[0].Source)
		}
		if hint != "" {
			return diag.Finding{At: a.At, Message: a.Call.Name + " gives text, which " + call.Name + " compares letter by letter",
				Hint: hint}
		}
	}
	return diag.Finding{}
}

// unpiped returns an argument as it stands within a call.
func unpiped(a template.Arg) template.Arg {
	if a.Call != nil && len(a.Call.Args) > 0 && !strings.HasPrefix(a.Source, "(") {
		a.Source = "(" + a.Source + ")"
	}
	a.Piped = false
	return a
}

// calendar reports the text of a date, or the name of a weekday or month, that is never printed so.
func calendar(call template.Call) diag.Finding {
	if call.Name != "eq" && call.Name != "ne" {
		return diag.Finding{}
	}
	for _, a := range call.Args {
		pattern := map[string]string{"time.Weekday": "Monday", "time.Month": "January"}[strings.Join(a.Path, ".")]
		if a.Call != nil && a.Call.Name == "date" && len(a.Call.Args) == 2 {
			pattern = a.Call.Args[0].Text
		}
		for _, b := range call.Args {
			if _, notNumber := strconv.Atoi(b.Text); pattern == "" || !b.IsText || len(a.Path) > 0 && notNumber == nil {
				continue
			}
			if example := layout.Differs(pattern, b.Text); example != "" {
				return diag.Finding{At: b.At, Message: fmt.Sprintf("%s is never %q", a.Source, b.Text),
					Hint: "it is written like " + strconv.Quote(example)}
			}
		}
	}
	return diag.Finding{}
}

// variable reports a constant that a variable, which conditions do not see, never is.
func (w *World) variable(call template.Call) diag.Finding {
	if call.Name != "eq" && call.Name != "ne" {
		return diag.Finding{}
	}
	for _, a := range call.Args {
		values, known := w.Values[strings.Join(a.Path, ".")]
		if !known || len(a.Path) == 0 {
			continue
		}
		for _, b := range call.Args {
			if b.Literal == nil || slices.Contains(values, value.PlainText(b.Literal)) {
				continue
			}
			return diag.Finding{At: b.At, Message: fmt.Sprintf("%s is never %s", a.Source, b.Source),
				Hint: "available: " + strings.Join(values, ", ")}
		}
	}
	return diag.Finding{}
}

// condition returns a comparison as a condition. ok is false for one that conditions cannot write.
func condition(call template.Call, operator string) (source string, ok bool) {
	var parts []string
	for _, a := range call.Args {
		part, ok := operand(a)
		if !ok {
			return "", false
		}
		parts = append(parts, part)
	}
	swapped := strings.TrimSuffix(operator, " ")
	switch {
	case len(parts) > 2 && operator == "==":
		return fmt.Sprintf("%s in [%s]", parts[0], strings.Join(parts[1:], ", ")), true
	case len(parts) > 2:
		return "", false
	case swapped != operator:
		return parts[1] + " " + swapped + " " + parts[0], true
	}
	return parts[0] + " " + operator + " " + parts[1], true
}

// operand returns an argument as conditions write it.
func operand(a template.Arg) (source string, ok bool) {
	switch {
	case a.Literal != nil:
		return value.JSONText(a.Literal), true
	case len(a.Path) > 0 && !a.Item:
		path := strings.Join(a.Path, ".")
		if partOfTime.MatchString(path) {
			return path + "()", true
		}
		return path, conditionField.MatchString(path)
	case a.Call != nil && len(a.Call.Args) == 1 && slices.Contains([]string{"lower", "upper", "trim", "len"}, a.Call.Name):
		inner, ok := operand(a.Call.Args[0])
		return a.Call.Name + "(" + inner + ")", ok
	}
	return "", false
}

// conditionField matches the fields and variables that conditions have too.
var conditionField = regexp.MustCompile(`^(?:(?:payload|entity|actor|previous|failures|trend)(?:\.\w+)*|event_name|event_type|` +
	`event_action|project_code|source|team_member_id|timestamp|time)$`)

// partOfTime matches the numbers that are parts of a time.
var partOfTime = regexp.MustCompile(`^time\.(?:Hour|Minute|Second|Day|YearDay|Year)$`)

// literalPlace returns the place of the constant in a comparison, or else that of the call.
func literalPlace(call template.Call) diag.Position {
	for _, a := range call.Args {
		if a.Literal != nil && !a.Piped {
			return a.At
		}
	}
	return call.At
}

// roots matches the variables of conditions that templates write with a dot.
var roots = regexp.MustCompile(`(^|[^\w."])((?:payload|entity|actor|previous|failures|trend)\.[a-z_]|(?:event_name|event_type|` +
	`event_action|project_code|source|team_member_id|timestamp|time)\b)`)

// hint returns a hint about the condition of a call as one for the call.
func (w *World) hint(call template.Call, hint string) string {
	if m := part.FindStringSubmatch(hint); m != nil {
		return "write " + names[m[1]] + " " + m[2] + " " + subject(call)
	}
	if strings.HasSuffix(hint, "without quotes") && operators[call.Name] != "==" && !isOrder(call.Name) {
		return ""
	}
	return templateHint(hint)
}

// subject returns the first argument that is not a constant.
func subject(call template.Call) string {
	for _, a := range call.Args {
		if a.Literal == nil {
			return unpiped(a).Source
		}
	}
	return ""
}

func isOrder(name string) bool { return slices.Contains([]string{"ne", "lt", "le", "gt", "ge"}, name) }

// part matches a hint that looks for a part of a text.
var part = regexp.MustCompile(`^write (contains|startsWith|endsWith|matches) (".*")$`)

// names are the functions for operators of conditions that are words.
var names = map[string]string{"contains": "contains", "startsWith": "hasPrefix", "endsWith": "hasSuffix",
	"matches": "regexMatch"}

// message returns a message about a condition as one about a template.
func message(text string) string {
	for operator, name := range map[string]string{"== ": "eq ", "in ": "eq ", "!= ": "ne ", "startsWith ": "hasPrefix ",
		"endsWith ": "hasSuffix ", "matches ": "regexMatch "} {
		if rest, begins := strings.CutPrefix(text, operator); begins {
			text = name + rest
			break
		}
	}
	return strings.ReplaceAll(strings.Replace(dotted(text), "no .source", "no source", 1), "()", "")
}

// dotted returns a message with the dots that templates have before variables.
func dotted(message string) string { return roots.ReplaceAllString(message, "$1.$2") }

// templateHint returns a hint for a condition as one for a template, or "" if it cannot be one.
func templateHint(hint string) string {
	source, writes := strings.CutPrefix(hint, "write ")
	if !writes || strings.HasPrefix(source, `"`) || strings.HasSuffix(source, "without quotes") {
		return dotted(hint)
	}
	source, _, _ = strings.Cut(source, ", or ")
	tree, err := parser.Parse(source)
	if err != nil {
		return ""
	}
	text, ok := action(tree.Node)
	if !ok {
		return ""
	}
	return "write " + strings.TrimSuffix(strings.TrimPrefix(text, "("), ")")
}

// action returns a node of a condition as templates write it.
func action(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode:
		return n.String(), true
	case *ast.IdentifierNode:
		return "." + n.Value, true
	case *ast.ChainNode:
		return action(n.Node)
	case *ast.MemberNode:
		base, ok := action(n.Node)
		name, named := n.Property.(*ast.StringNode)
		if !ok || !named || strings.HasPrefix(base, "(") {
			return "", false
		}
		return base + "." + name.Value, true
	case *ast.BuiltinNode:
		if len(n.Arguments) == 1 && slices.Contains([]string{"len", "lower", "upper", "trim"}, n.Name) {
			inner, ok := action(n.Arguments[0])
			return "(" + n.Name + " " + inner + ")", ok
		}
	case *ast.BinaryNode:
		return comparisonAction(n)
	}
	return "", false
}

func comparisonAction(n *ast.BinaryNode) (text string, ok bool) {
	left, ok := action(n.Left)
	if !ok {
		return "", false
	}
	if list, isList := n.Right.(*ast.ArrayNode); isList && n.Operator == "in" {
		parts := []string{"(eq", left}
		for _, item := range list.Nodes {
			part, ok := action(item)
			if !ok {
				return "", false
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, " ") + ")", true
	}
	right, ok := action(n.Right)
	if !ok {
		return "", false
	}
	for name, operator := range operators {
		switch n.Operator {
		case operator:
			return "(" + name + " " + left + " " + right + ")", true
		case strings.TrimSuffix(operator, " "):
			return "(" + name + " " + right + " " + left + ")", true
		}
	}
	return "", false
}
