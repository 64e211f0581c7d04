package condition

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
	v.boundWork(n)
}

// boundWork refuses, while running, lists and texts that are too long for functions whose work is not counted element by element.
func (v *nilSafe) boundWork(n *ast.BuiltinNode) {
	first := &n.Arguments[0]
	switch n.Name {
	case "uniq":
		*first = v.boundList(*first, maxQuadratic)
	case "sort", "sortBy", "groupBy", "flatten", "concat", "mean", "median", "sum", "reduce", "min", "max":
		*first = v.boundList(*first, maxList)
	case "join", "replace":
		v.boundParts(n)
		*first = v.boundList(v.boundText(*first, maxText, 4), maxList)
	case "split", "splitAfter":
		*first = v.boundText(*first, maxPattern, 4)
	case "lower", "upper", "trim", "trimPrefix", "trimSuffix", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix", "fromJSON", "toBase64", "fromBase64":
		*first = v.boundText(*first, maxText, 16)
	}
}

// boundParts allows only short constants for what is put into a text many times.
func (v *nilSafe) boundParts(n *ast.BuiltinNode) {
	for _, arg := range n.Arguments[1:] {
		if s, constant := arg.(*ast.StringNode); !constant && n.Name != "replace" || constant && len(s.Value) > maxPart {
			v.refuse(n, fmt.Sprintf("%s needs a text in quotes of at most %d characters here", n.Name, maxPart), "")
		} else if _, number := arg.(*ast.IntegerNode); !constant && !number {
			v.refuse(n, fmt.Sprintf("%s needs a text in quotes of at most %d characters here", n.Name, maxPart), "")
		}
	}
}

// boundList makes a list that is too long fail. What is written in the condition is short enough, but not what it is made of.
func (v *nilSafe) boundList(list ast.Node, most int) ast.Node {
	switch n := list.(type) {
	case *ast.ArrayNode:
		for i := range n.Nodes {
			if v.kindOf(n.Nodes[i]) == maybeNil {
				n.Nodes[i] = v.boundList(n.Nodes[i], most)
			}
		}
		return list
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.MapNode:
		return list
	}
	return v.bounded(list, BoundFunction, most)
}

// boundText makes a text that is too long fail, and counts a step for every so many bytes of it. The names of
// an event are short enough.
func (v *nilSafe) boundText(s ast.Node, most, perStep int) ast.Node {
	switch s.(type) {
	case *ast.StringNode, *ast.IdentifierNode:
		if v.kindOf(s) != maybeNil {
			return s
		}
	}
	return v.bounded(s, TextFunction, most, perStep)
}

// bounded passes a value through one of our functions.
func (v *nilSafe) bounded(value ast.Node, function string, limits ...int) ast.Node {
	args := []ast.Node{value}
	for _, limit := range limits {
		args = append(args, at(value, &ast.IntegerNode{Value: limit}))
	}
	call := at(value, &ast.CallNode{Callee: at(value, &ast.IdentifierNode{Value: function}), Arguments: args})
	v.made[call] = v.kindOf(value)
	return call
}

// predicate counts each element that it looks at.
func (v *nilSafe) predicate(n *ast.PredicateNode) {
	counter, body := &nodeCounter{}, n.Node
	ast.Walk(&body, counter)
	step := at(n, &ast.CallNode{
		Callee:    at(n, &ast.IdentifierNode{Value: StepFunction}),
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
