package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// builtin guards the first argument of a function against nil, by what the function works on.
func (v *nilSafe) builtin(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	switch n.Name {
	case "all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast", "findLastIndex",
		"groupBy", "sortBy", "reduce", "first", "last", "take", "reverse", "uniq", "concat", "flatten", "sort", "join", "len", "mean", "median":
		n.Arguments[0] = v.or(n.Arguments[0], []any{}, neverNil)
	case "keys", "values", "toPairs":
		n.Arguments[0] = v.or(n.Arguments[0], map[string]any{}, neverNil)
	case "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "splitAfter", "replace", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix":
		n.Arguments[0] = v.or(n.Arguments[0], "", neverNil)
	case "repeat":
		v.refuse(n, "repeat is not available in conditions", "")
	case "min", "max":
		operands := make([]*ast.Node, len(n.Arguments))
		for i := range n.Arguments {
			operands[i] = &n.Arguments[i]
		}
		v.guard(node, operands, nil)
	case "int", "float", "abs", "ceil", "floor", "round", "date", "duration":
		v.guard(node, []*ast.Node{&n.Arguments[0]}, nil)
	}
	v.boundLists(n)
}

// boundLists refuses, while running, lists that are too long for functions whose work is not counted element by element.
func (v *nilSafe) boundLists(n *ast.BuiltinNode) {
	most := maxList
	switch n.Name {
	case "uniq":
		most = maxQuadratic
	case "sort", "sortBy", "groupBy", "flatten", "concat", "mean", "median", "sum", "reduce", "join":
	default:
		return
	}
	list := n.Arguments[0]
	n.Arguments[0] = at(list, &ast.CallNode{
		Callee:    at(list, &ast.IdentifierNode{Value: boundFunction}),
		Arguments: []ast.Node{list, at(list, &ast.IntegerNode{Value: most})},
	})
}

// predicate counts each element that it looks at.
func (v *nilSafe) predicate(n *ast.PredicateNode) {
	counter, body := &nodeCounter{}, n.Node
	ast.Walk(&body, counter)
	step := at(n, &ast.CallNode{
		Callee:    at(n, &ast.IdentifierNode{Value: stepFunction}),
		Arguments: []ast.Node{at(n, &ast.IntegerNode{Value: counter.nodes + 1})},
	})
	n.Node = at(n, &ast.SequenceNode{Nodes: []ast.Node{step, n.Node}})
}

// boundRange allows a range only between two constants that are not far apart.
func (v *nilSafe) boundRange(n *ast.BinaryNode) {
	from, ok1 := n.Left.(*ast.IntegerNode)
	to, ok2 := n.Right.(*ast.IntegerNode)
	if !ok1 || !ok2 || to.Value-from.Value > maxRange {
		v.refuse(n, fmt.Sprintf("a range must have two whole numbers at most %d apart", maxRange), "compare with >= and <= instead")
	}
}

// nodeCounter counts the nodes that it visits.
type nodeCounter struct{ nodes int }

// Visit implements ast.Visitor.
func (c *nodeCounter) Visit(*ast.Node) { c.nodes++ }
