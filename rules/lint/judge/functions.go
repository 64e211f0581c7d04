package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition"
	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/lint/layout"
)

// takes lists the functions by what their first argument has to be.
var takes = map[string][]string{
	"text": {"lower", "upper", "trim", "trimPrefix", "trimSuffix", "split", "splitAfter", "replace", "indexOf",
		"lastIndexOf", "hasPrefix", "hasSuffix", "fromJSON"},
	"a list": {"all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast",
		"findLastIndex", "groupBy", "sortBy", "reduce", "first", "last", "take", "reverse", "uniq", "flatten", "sort",
		"join"},
	"a number":                    {"abs", "ceil", "floor", "round"},
	"an object":                   {"keys", "values", "toPairs"},
	"text, a list or an object":   {"len"},
	"text such as \"2026-01-31\"": {"date"},
	"text such as \"20m\"":        {"duration"},
}

// taken returns what the first argument of a function has to be, or "".
func taken(function string) string {
	for what, names := range takes {
		if slices.Contains(names, function) {
			return what
		}
	}
	return ""
}

// accepts reports whether a function that takes something takes a value of a sort.
func accepts(what string, s shape) bool {
	switch {
	case s.sort == unknown || s.sort == nothing:
		return true
	case what == "a list":
		return s.sort == list
	case what == "a number":
		return s.isNumber() || s.sort == span
	case what == "an object":
		return s.sort == object
	case what == "text, a list or an object":
		return s.sort == text || s.sort == list || s.sort == object
	case strings.HasPrefix(what, "text"):
		return s.sort == text || what == taken("duration") && s.sort == span || what == taken("date") && (s.sort == moment || s.isNumber() && !s.isField())
	}
	return true
}

// builtin returns the shape of the result of a function.
func (j *judge) builtin(n *ast.BuiltinNode) shape {
	if len(n.Arguments) == 0 {
		return map[bool]shape{true: {sort: moment}}[n.Name == "now"]
	}
	if n.Name == "max" || n.Name == "min" {
		return j.extreme(n)
	}
	first := j.shapeOf(n.Arguments[0])
	for _, arg := range n.Arguments[1:] {
		if predicate, isPredicate := arg.(*ast.PredicateNode); isPredicate {
			j.predicate(n.Name, predicate, first, n.Arguments[0])
		} else {
			j.shapeOf(arg)
		}
	}
	if n.Name == "count" && len(n.Arguments) == 1 && first.element != nil && first.element.sort != boolean {
		j.fault(n, "count counts what a condition is true for, and there is none",
			"for all items write "+Length(first.source))
		return numeric(integer, 0, math.Inf(1))
	}
	if j.swapped(n, first) {
		return result(n, first)
	}
	if n.Name == "date" && len(n.Arguments) > 1 && first.literal == nil {
		j.layout(n.Arguments[1])
	}
	if what := taken(n.Name); what != "" && !accepts(what, first) {
		j.fault(n.Arguments[0], fmt.Sprintf("%s, and %s takes %s", first.is(), n.Name, what), j.argumentHint(n, first))
		return shape{}
	} else if first.sort != unknown {
		j.fine(n.Arguments[0])
	}
	return result(n, first)
}

// textFirst are the functions that look for, or change, a part of their first argument.
var textFirst = []string{"split", "splitAfter", "hasPrefix", "hasSuffix", "indexOf", "lastIndexOf", "trimPrefix",
	"trimSuffix"}

// swapped reports a constant where a function takes the text of the event, and returns whether there is one.
func (j *judge) swapped(n *ast.BuiltinNode, first shape) bool {
	literal, isText := first.literal.(string)
	switch {
	case !isText:
		return false
	case slices.Contains(textFirst, n.Name) && len(n.Arguments) == 2 && !syntax.IsLiteral(n.Arguments[1]):
		j.fault(n, n.Name+" takes the text first, then the part of it",
			fmt.Sprintf("write %s(%s, %s)", n.Name, n.Arguments[1], n.Arguments[0]))
	case n.Name == "lower" || n.Name == "upper":
		plain := map[bool]string{true: strings.ToLower(literal), false: strings.ToUpper(literal)}[n.Name == "lower"]
		j.fault(n, fmt.Sprintf("%s(%s) is always %q", n.Name, first.source, plain),
			n.Name+" belongs to the other side: "+n.Name+`(entity.title) == "`+plain+`"`)
	default:
		return false
	}
	return true
}

// extreme returns the shape of the largest or smallest of some numbers.
func (j *judge) extreme(n *ast.BuiltinNode) shape {
	s := shape{}
	for i, arg := range n.Arguments {
		one := j.shapeOf(arg)
		switch {
		case one.sort == list && len(n.Arguments) == 1, one.sort == unknown:
			return shape{}
		case !one.isNumber():
			j.fault(arg, one.is()+", and "+n.Name+" takes numbers", "")
			return shape{}
		case i == 0:
			s = numeric(one.sort, one.low, one.high)
			continue
		case one.sort != integer:
			s.sort = number
		}
		if n.Name == "max" {
			s.low, s.high = math.Max(s.low, one.low), math.Max(s.high, one.high)
		} else {
			s.low, s.high = math.Min(s.low, one.low), math.Min(s.high, one.high)
		}
	}
	return s
}

// predicate judges the predicate of any, filter and the like, whose items are those of the list.
func (j *judge) predicate(function string, n *ast.PredicateNode, items shape, listNode ast.Node) {
	outer, outerItem := j.list, j.item
	defer func() { j.list, j.item = outer, outerItem }()
	j.list, j.item = condition.ElementsOf(listNode, outer), items.element
	if slices.Contains(diagnose.TruthPredicates, function) {
		j.truth(n.Node)
	} else {
		j.shapeOf(n.Node)
	}
}

// argumentHint says what to write in place of an argument that does not fit.
func (j *judge) argumentHint(n *ast.BuiltinNode, arg shape) string {
	switch {
	case n.Name == "len" && arg.isNumber():
		return "write " + arg.source + " > 0"
	case n.Name == "date" && arg.source == "timestamp":
		return "the time of an event is time: write time.Year(), time.Hour() and the like"
	case n.Name == "duration" && arg.isNumber():
		return millisecondsHint(arg)
	case arg.sort == text && taken(n.Name) == "a list" && len(n.Arguments) == 2:
		return "write " + arg.source + ` contains "x"`
	case arg.isNumber() && taken(n.Name) == "text":
		return "write " + n.Name + "(string(" + arg.source + "))"
	case arg.sort == object && taken(n.Name) == "text" && arg.best("") != "":
		return "write " + n.Name + "(" + arg.source + "." + arg.best("") + ")"
	}
	return ""
}

// result returns the shape of what a function returns.
func result(n *ast.BuiltinNode, first shape) shape {
	switch n.Name {
	case "lower", "upper":
		return shape{sort: text, letters: n.Name, trimmed: first.trimmed}
	case "trim":
		return shape{sort: text, letters: first.letters, trimmed: len(n.Arguments) == 1}
	case "trimPrefix", "trimSuffix", "replace", "string", "toJSON", "type", "join":
		return shape{sort: text, letters: first.letters}
	case "any", "all", "none", "one", "hasPrefix", "hasSuffix":
		return shape{sort: boolean}
	case "len":
		if first.never != "" && first.sort == text {
			return numeric(integer, 1, math.Inf(1))
		}
		return numeric(integer, 0, math.Inf(1))
	case "count":
		return numeric(integer, 0, math.Inf(1))
	case "indexOf", "lastIndexOf":
		return numeric(integer, -1, math.Inf(1))
	case "abs":
		if first.low >= 0 && first.isNumber() {
			return numeric(first.sort, first.low, first.high)
		}
		return numeric(number, 0, math.Inf(1))
	case "sum", "int", "float", "ceil", "floor", "round", "mean", "median":
		return anyNumber()
	case "split", "splitAfter":
		return shape{sort: list, element: &shape{sort: text}}
	case "filter", "sort", "sortBy", "reverse", "uniq", "take":
		return shape{sort: list, element: first.element}
	case "first", "last", "find", "findLast":
		if first.element != nil {
			return *first.element
		}
	case "date":
		return shape{sort: moment}
	case "duration":
		return shape{sort: span}
	case "keys", "values", "toPairs", "map", "flatten", "concat":
		return shape{sort: list}
	}
	return shape{}
}

// call returns the shape of the result of now() or of a method, such as time.Hour().
func (j *judge) call(n *ast.CallNode) shape {
	for _, arg := range n.Arguments {
		j.shapeOf(arg)
	}
	if name, isName := n.Callee.(*ast.IdentifierNode); isName {
		if name.Value == "now" {
			return shape{sort: moment}
		}
		return shape{}
	}
	member, isMember := n.Callee.(*ast.MemberNode)
	if !isMember {
		return shape{}
	}
	property, named := member.Property.(*ast.StringNode)
	if !named {
		return shape{}
	}
	base := j.shapeOf(member.Node)
	switch base.sort {
	case moment:
		if property.Value == "Format" && len(n.Arguments) == 1 {
			j.layout(n.Arguments[0])
		}
		return methodOfTime(property.Value)
	case span:
		return anyNumber()
	case calendar:
		if property.Value == "String" {
			return shape{sort: text, values: base.values, names: base.names}
		}
	case text, list, integer, number, boolean, object:
		j.method(n, member, base, property.Value)
	}
	return shape{}
}

// layout checks a constant layout of a date.
func (j *judge) layout(n ast.Node) {
	text, isText := n.(*ast.StringNode)
	if !isText {
		return
	}
	if message, hint := layout.Explain(text.Value); message != "" {
		j.fault(n, message, hint)
	}
}

// method reports a method that values of events do not have.
func (j *judge) method(n *ast.CallNode, member *ast.MemberNode, base shape, name string) {
	hint := ""
	words, ok := j.inOurWords(n)
	switch {
	case base.sort == list && len(n.Arguments) == 1 && strings.Contains(words, " contains "):
		hint = (&comparison{subject: base, other: j.shapeOf(n.Arguments[0]), operator: "contains"}).listHint()
	case ok:
		hint = "write " + j.whole(n, words)
	}
	j.fault(member, fmt.Sprintf("%s, which has no method %s", base.is(), name), hint)
}

// timeParts are the limits of the numbers that the methods of a time return.
var timeParts = map[string][2]float64{"Hour": {0, 23}, "Minute": {0, 59}, "Second": {0, 59}, "Day": {1, 31},
	"YearDay": {1, 366}, "Year": {2000, math.Inf(1)}, "Nanosecond": {0, 999_999_999}, "Unix": {0, math.Inf(1)}}

func methodOfTime(name string) shape {
	if limits, isPart := timeParts[name]; isPart {
		return numeric(integer, limits[0], limits[1])
	}
	switch name {
	case "Weekday":
		return shape{sort: calendar, values: diagnose.Weekdays(), names: `"Monday" to "Sunday"`}
	case "Month":
		return shape{sort: calendar, values: diagnose.Months(), names: `"January" to "December"`}
	case "Sub":
		return shape{sort: span}
	case "Add", "AddDate", "UTC", "Truncate", "Round":
		return shape{sort: moment}
	case "After", "Before", "Equal", "IsZero":
		return shape{sort: boolean}
	case "Format", "String":
		return shape{sort: text}
	}
	return shape{}
}

// property reports a property of text such as length.
func (j *judge) property(n *ast.MemberNode, base shape, name string) shape {
	j.fault(n, fmt.Sprintf("%s has no field %q", base.source, name), diagnose.MethodHint(base.source, name, nil))
	return shape{}
}

// inOurWords returns a chain of method calls as this language writes it.
func (j *judge) inOurWords(n ast.Node) (string, bool) {
	call, isCall := n.(*ast.CallNode)
	if !isCall {
		return n.String(), true
	}
	member, isMember := call.Callee.(*ast.MemberNode)
	if !isMember {
		return n.String(), true
	}
	name, named := member.Property.(*ast.StringNode)
	if !named {
		return "", false
	}
	base, ok := j.inOurWords(member.Node)
	if !ok {
		return "", false
	}
	args := make([]string, len(call.Arguments))
	for i, a := range call.Arguments {
		args[i] = a.String()
	}
	out := diagnose.InOurWords(base, name.Value, args)
	return out, out != ""
}

// whole returns text, or the words for the chain of method calls around n if it is part of one.
func (j *judge) whole(n ast.Node, text string) string {
	outermost := n
	ast.Walk(ptr(j.cond.Tree()), syntax.Visitor(func(around ast.Node) {
		if call, isCall := around.(*ast.CallNode); isCall {
			if member, isMember := call.Callee.(*ast.MemberNode); isMember && member.Node == outermost {
				outermost = call
			}
		}
	}))
	if words, ok := j.inOurWords(outermost); ok {
		return words
	}
	return text
}

func ptr(n ast.Node) *ast.Node { return &n }
