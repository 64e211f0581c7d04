package condition

import (
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"qaserelay/rules/event"
)

// Facts are names whose values are fixed before an event is looked at: event_name and what follows from it,
// project_code, source. A name that is not there may have any value.
type Facts map[string]any

// FactsOf returns what follows from the name of an event.
func FactsOf(eventName string) Facts {
	ev := event.Event{Name: eventName}
	return Facts{"event_name": ev.Name, "event_type": ev.Type(), "event_action": ev.Action()}
}

// Folder evaluates as much of an expression as the facts decide, in the semantics of nilSafe. What it takes for known holds
// for every event that agrees with the facts, or evaluating it fails for that event.
type Folder struct {
	Facts Facts
	vars  map[string]folded
}

// folded is the value of a node, if it is known.
type folded struct {
	Value any
	Known bool
}

func known(v any) folded { return folded{v, true} }

// CanMatch reports whether a condition can be true for an event that agrees with the facts.
func CanMatch(tree ast.Node, f Facts) bool {
	v := (&Folder{Facts: f}).Fold(tree)
	return !v.Known || v.Value == true
}

func (f *Folder) Fold(n ast.Node) folded {
	switch n := n.(type) {
	case *ast.BoolNode:
		return known(n.Value)
	case *ast.IntegerNode:
		return known(n.Value)
	case *ast.FloatNode:
		return known(n.Value)
	case *ast.StringNode:
		return known(n.Value)
	case *ast.NilNode:
		return known(nil)
	case *ast.IdentifierNode:
		return f.name(n.Value)
	case *ast.UnaryNode:
		return f.unary(n)
	case *ast.BinaryNode:
		return f.binary(n)
	case *ast.ConditionalNode:
		return f.choice(n)
	case *ast.VariableDeclaratorNode:
		return f.let(n)
	case *ast.ArrayNode:
		return f.list(n)
	case *ast.BuiltinNode:
		return f.builtin(n)
	}
	return folded{}
}

func (f *Folder) name(name string) folded {
	if v, bound := f.vars[name]; bound {
		return v
	}
	v, fixed := f.Facts[name]
	return folded{v, fixed}
}

func (f *Folder) unary(n *ast.UnaryNode) folded {
	v := f.Fold(n.Node)
	if (n.Operator == "not" || n.Operator == "!") && v.Known {
		return known(v.Value == false || v.Value == nil)
	}
	return folded{}
}

func (f *Folder) choice(n *ast.ConditionalNode) folded {
	switch cond := f.Fold(n.Cond); {
	case !cond.Known:
		return folded{}
	case cond.Value == true:
		return f.Fold(n.Exp1)
	}
	return f.Fold(n.Exp2)
}

func (f *Folder) let(n *ast.VariableDeclaratorNode) folded {
	inner := &Folder{Facts: f.Facts, vars: map[string]folded{n.Name: f.Fold(n.Value)}}
	for name, v := range f.vars {
		if name != n.Name {
			inner.vars[name] = v
		}
	}
	return inner.Fold(n.Expr)
}

func (f *Folder) list(n *ast.ArrayNode) folded {
	list := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		v := f.Fold(item)
		if !v.Known {
			return folded{}
		}
		list[i] = v.Value
	}
	return known(list)
}

func (f *Folder) builtin(n *ast.BuiltinNode) folded {
	if len(n.Arguments) != 1 {
		return folded{}
	}
	text, isText := f.Fold(n.Arguments[0]).Value.(string)
	switch {
	case isText && n.Name == "lower":
		return known(strings.ToLower(text))
	case isText && n.Name == "upper":
		return known(strings.ToUpper(text))
	}
	return folded{}
}

func (f *Folder) binary(n *ast.BinaryNode) folded {
	left := f.Fold(n.Left)
	switch n.Operator {
	case "and", "&&":
		return f.both(left, n.Right, false)
	case "or", "||":
		return f.both(left, n.Right, true)
	case "??":
		if left.Known && left.Value == nil {
			return f.Fold(n.Right)
		}
		return left
	case "in":
		return f.in(left, n.Right)
	}
	right := f.Fold(n.Right)
	if !left.Known || !right.Known {
		return folded{}
	}
	return CompareKnown(n.Operator, left.Value, right.Value)
}

// both folds and (deciding is false) and or (deciding is true): one side that decides is enough.
func (f *Folder) both(left folded, rightNode ast.Node, deciding bool) folded {
	decides := func(v folded) bool { return v.Known && (v.Value == true) == deciding }
	right := f.Fold(rightNode)
	switch {
	case decides(left), decides(right):
		return known(deciding)
	case left.Known && right.Known:
		return known(!deciding)
	}
	return folded{}
}

// in folds x in [a, b, …], where one element that equals x is enough.
func (f *Folder) in(left folded, list ast.Node) folded {
	array, isArray := list.(*ast.ArrayNode)
	if !isArray || !left.Known {
		return folded{}
	}
	all := true
	for _, item := range array.Nodes {
		v := f.Fold(item)
		if v.Known && runtime.Equal(left.Value, v.Value) {
			return known(true)
		}
		all = all && v.Known
	}
	if all {
		return known(false)
	}
	return folded{}
}

func CompareKnown(operator string, left, right any) folded {
	switch operator {
	case "==":
		return known(runtime.Equal(left, right))
	case "!=":
		return known(!runtime.Equal(left, right))
	}
	a, ok1 := left.(string)
	b, ok2 := right.(string)
	if !ok1 || !ok2 {
		return folded{}
	}
	switch operator {
	case "contains":
		return known(strings.Contains(a, b))
	case "startsWith":
		return known(strings.HasPrefix(a, b))
	case "endsWith":
		return known(strings.HasSuffix(a, b))
	case "matches":
		if re, err := regexp.Compile(b); err == nil {
			return known(re.MatchString(a))
		}
	}
	return folded{}
}
