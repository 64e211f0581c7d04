package condition

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/event"
)

// Facts are variables whose values are known before an event is read, such as event_name and source. A variable that is
// missing here may have any value.
type Facts map[string]any

// FactsOf returns the facts that follow from the name of an event.
func FactsOf(eventName string) Facts {
	ev := event.Event{Name: eventName}
	return Facts{"event_name": ev.Name, "event_type": ev.Type(), "event_action": ev.Action()}
}

// KnownFacts returns FactsOf, the same for all callers if the catalog has the event. They must not be changed.
func KnownFacts(eventName string) Facts {
	if f, known := factsOfCatalog()[eventName]; known {
		return f
	}
	return FactsOf(eventName)
}

var factsOfCatalog = sync.OnceValue(func() map[string]Facts {
	all := map[string]Facts{}
	for _, e := range catalog.All() {
		all[e.Name] = FactsOf(e.Name)
	}
	return all
})

// Decided reports whether the facts alone decide the condition, and its result. One that could not be read, which is nil,
// is undecided.
func (c *Condition) Decided(f Facts) (result, decided bool) {
	if c == nil {
		return false, false
	}
	v := (&folder{facts: f}).fold(c.tree)
	return v.value == true, v.known
}

// CanMatch reports whether the condition can be true for an event with these facts.
func (c *Condition) CanMatch(f Facts) bool {
	result, decided := c.Decided(f)
	return result || !decided
}

// CanMatchUnknown reports whether the condition can be true for an event that the catalog does not know. It tries the
// names that follow from the texts of the condition. A condition on a part of a name may match some name.
func (c *Condition) CanMatchUnknown() bool {
	types, actions, partial := []string{"other"}, []string{"other"}, false
	tree := c.tree
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.StringNode:
			kind, action, _ := strings.Cut(n.Value, ".")
			types, actions = append(types, kind), append(actions, kind, action)
		case *ast.BinaryNode:
			partial = partial || slices.Contains(syntax.TextOperators, n.Operator)
		}
	}))
	if partial && c.CanMatch(Facts{}) || len(types) > 100 {
		return true
	}
	for _, kind := range types {
		for _, action := range actions {
			if c.CanMatch(FactsOf(kind + "." + action)) {
				return true
			}
		}
	}
	return false
}

// folder evaluates as much of an expression as the facts decide, with the semantics of nilSafe. A value that it knows
// holds for every event with these facts, unless the evaluation for that event fails.
type folder struct {
	facts Facts
	vars  map[string]folded
}

// folded is the value of a node, if it is known.
type folded struct {
	value any
	known bool
}

func known(v any) folded { return folded{v, true} }

func (f *folder) fold(n ast.Node) folded {
	switch n := n.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return known(syntax.Literal(n))
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

func (f *folder) name(name string) folded {
	if v, bound := f.vars[name]; bound {
		return v
	}
	v, fixed := f.facts[name]
	return folded{v, fixed}
}

func (f *folder) unary(n *ast.UnaryNode) folded {
	v := f.fold(n.Node)
	if (n.Operator == "not" || n.Operator == "!") && v.known {
		return known(v.value == false || v.value == nil)
	}
	return folded{}
}

func (f *folder) choice(n *ast.ConditionalNode) folded {
	switch cond := f.fold(n.Cond); {
	case !cond.known:
		return folded{}
	case cond.value == true:
		return f.fold(n.Exp1)
	}
	return f.fold(n.Exp2)
}

func (f *folder) let(n *ast.VariableDeclaratorNode) folded {
	vars := map[string]folded{}
	maps.Copy(vars, f.vars)
	vars[n.Name] = f.fold(n.Value)
	return (&folder{f.facts, vars}).fold(n.Expr)
}

func (f *folder) list(n *ast.ArrayNode) folded {
	list := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		v := f.fold(item)
		if !v.known {
			return folded{}
		}
		list[i] = v.value
	}
	return known(list)
}

func (f *folder) builtin(n *ast.BuiltinNode) folded {
	if len(n.Arguments) != 1 {
		return folded{}
	}
	text, isText := f.fold(n.Arguments[0]).value.(string)
	switch {
	case isText && n.Name == "lower":
		return known(strings.ToLower(text))
	case isText && n.Name == "upper":
		return known(strings.ToUpper(text))
	}
	return folded{}
}

func (f *folder) binary(n *ast.BinaryNode) folded {
	left := f.fold(n.Left)
	switch n.Operator {
	case "and", "&&":
		return f.both(left, n.Right, false)
	case "or", "||":
		return f.both(left, n.Right, true)
	case "??":
		if left.known && left.value == nil {
			return f.fold(n.Right)
		}
		return left
	case "in":
		return f.in(left, n.Right)
	}
	right := f.fold(n.Right)
	if !left.known || !right.known {
		return folded{}
	}
	return compareKnown(n.Operator, left.value, right.value)
}

// both folds and (deciding is false) and or (deciding is true): one side can decide the result.
func (f *folder) both(left folded, rightNode ast.Node, deciding bool) folded {
	decides := func(v folded) bool { return v.known && (v.value == true) == deciding }
	right := f.fold(rightNode)
	switch {
	case decides(left), decides(right):
		return known(deciding)
	case left.known && right.known:
		return known(!deciding)
	}
	return folded{}
}

// in folds x in [a, b, …]: one item that equals x decides the result.
func (f *folder) in(left folded, list ast.Node) folded {
	array, isArray := list.(*ast.ArrayNode)
	if !isArray || !left.known {
		return folded{}
	}
	all := true
	for _, item := range array.Nodes {
		v := f.fold(item)
		if v.known && runtime.Equal(left.value, v.value) {
			return known(true)
		}
		all = all && v.known
	}
	if all {
		return known(false)
	}
	return folded{}
}

// compareKnown applies a comparison to two known values.
func compareKnown(operator string, left, right any) folded {
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
