package condition

import (
	"fmt"
	"math"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
)

// nilSafe rewrites an expression so that a missing or null field never makes it fail: reading through nil gives nil, a
// comparison with nil is false (!= is true), arithmetic with nil gives nil, nil counts as false, and a function takes
// nil for an empty list or text. This costs one or two instructions where a value may be nil, and nothing elsewhere.
// It also inserts calls that count and limit the work, and refuses expressions without a limit.
//
// The visitor sees children before their parents, and not the nodes that it puts in itself.
type nilSafe struct {
	inserted  map[ast.Node]kind // the kinds of the nodes that it puts in
	variables int               // the number of variables that guard puts in
	refused   *fault            // the first part that is not allowed
}

// kind is the knowledge of a value before it is evaluated.
type kind int

const (
	maybeNil kind = iota
	neverNil
	boolean // never nil, and true or false
)

// Visit implements ast.Visitor.
func (v *nilSafe) Visit(node *ast.Node) {
	if v.inserted == nil {
		v.inserted = map[ast.Node]kind{}
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.refuseName(n)
	case *ast.MemberNode:
		v.member(node, n)
	case *ast.UnaryNode:
		v.unary(node, n)
	case *ast.BinaryNode:
		v.binary(node, n)
	case *ast.ConditionalNode:
		n.Cond = v.truth(n.Cond)
	case *ast.BuiltinNode:
		v.builtin(node, n)
	case *ast.PredicateNode:
		v.predicate(n)
	}
}

func (v *nilSafe) refuse(n ast.Node, message, hint string) {
	if v.refused == nil {
		v.refused = &fault{n.Location().From, message, hint}
	}
}

func (v *nilSafe) refuseName(n *ast.IdentifierNode) {
	if n.Value == "$env" || strings.HasPrefix(n.Value, "__") {
		v.refuse(n, fmt.Sprintf("no variable or function %q", n.Value),
			"use the names directly, such as payload.failed")
	}
}

// kindOf returns the kind of the value of n.
func (v *nilSafe) kindOf(n ast.Node) kind {
	if k, known := v.inserted[n]; known {
		return k
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return boolean
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.ArrayNode, *ast.MapNode:
		return neverNil
	case *ast.ConstantNode:
		if n.Value != nil {
			return neverNil
		}
	case *ast.IdentifierNode:
		if known, ok := catalog.Variables()[n.Value]; ok && known != nil {
			return neverNil
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return boolean
		}
		return v.kindOf(n.Node)
	case *ast.BinaryNode:
		return v.kindOfBinary(n)
	case *ast.ConditionalNode:
		return min(v.kindOf(n.Exp1), v.kindOf(n.Exp2))
	case *ast.VariableDeclaratorNode:
		return v.kindOf(n.Expr)
	case *ast.BuiltinNode:
		return kindOfBuiltin(n.Name)
	case *ast.CallNode:
		return neverNil
	}
	return maybeNil
}

func (v *nilSafe) kindOfBinary(n *ast.BinaryNode) kind {
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=", "and", "&&", "or", "||", "in", "contains", "startsWith", "endsWith",
		"matches":
		return boolean
	case "??":
		return v.kindOf(n.Right)
	}
	return neverNil
}

func kindOfBuiltin(name string) kind {
	switch name {
	case "any", "all", "none", "one", "hasPrefix", "hasSuffix":
		return boolean
	case "first", "last", "find", "findLast", "get", "reduce", "fromJSON", "min", "max", "findIndex", "findLastIndex":
		return maybeNil
	}
	return neverNil
}

// put replaces *node by n, at the same position in the source, and records the kind of n.
func (v *nilSafe) put(node *ast.Node, n ast.Node, k kind) {
	n.SetLocation((*node).Location())
	v.inserted[n] = k
	*node = n
}

// or returns n with a default in place of nil.
func (v *nilSafe) or(n ast.Node, fallback any, k kind) ast.Node {
	if v.kindOf(n) != maybeNil {
		return n
	}
	var out ast.Node = n
	v.put(&out, &ast.BinaryNode{Operator: "??", Left: n, Right: &ast.ConstantNode{Value: fallback}}, k)
	return out
}

// truth returns n with false in place of nil, for operands that must be true or false.
func (v *nilSafe) truth(n ast.Node) ast.Node { return v.or(n, false, boolean) }

// member makes reading through nil give nil.
func (v *nilSafe) member(node *ast.Node, n *ast.MemberNode) {
	if _, fixed := n.Property.(*ast.StringNode); !fixed {
		v.put(node, &ast.BuiltinNode{Name: "get", Arguments: []ast.Node{n.Node, n.Property}}, maybeNil)
		return
	}
	if v.kindOf(n.Node) == neverNil || n.Optional {
		return
	}
	n.Optional = true
	v.put(node, &ast.ChainNode{Node: n}, maybeNil)
}

func (v *nilSafe) unary(node *ast.Node, n *ast.UnaryNode) {
	switch n.Operator {
	case "not", "!":
		n.Node = v.truth(n.Node)
	case "-", "+":
		v.guard(node, []*ast.Node{&n.Node}, nil)
	}
}

func (v *nilSafe) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		n.Left, n.Right = v.truth(n.Left), v.truth(n.Right)
	case "<", "<=", ">", ">=":
		v.compare(node, n)
	case "==":
		v.equal(node, n, false)
	case "!=":
		v.equal(node, n, true)
	case "contains", "startsWith", "endsWith":
		n.Left = v.boundText(n.Left, maxTextBytes, 64)
	case "matches":
		n.Left = v.boundText(n.Left, maxMatchBytes, 4)
	case "in":
		n.Right = v.boundList(n.Right, maxItems)
		v.guard(node, []*ast.Node{&n.Left}, false)
	case "+", "-", "*", "/", "%", "**", "^":
		v.guard(node, []*ast.Node{&n.Left, &n.Right}, nil)
	case "..":
		v.boundRange(n)
	}
}

// compare makes an order comparison with nil false. Next to a number, nil becomes NaN, which compares false and is the
// cheapest way.
func (v *nilSafe) compare(node *ast.Node, n *ast.BinaryNode) {
	switch {
	case isNumber(n.Right):
		n.Left = v.or(n.Left, math.NaN(), neverNil)
	case isNumber(n.Left):
		n.Right = v.or(n.Right, math.NaN(), neverNil)
	default:
		v.guard(node, []*ast.Node{&n.Left, &n.Right}, false)
	}
}

// equal makes two missing fields differ. A comparison with a literal nil keeps its meaning.
func (v *nilSafe) equal(node *ast.Node, n *ast.BinaryNode, result bool) {
	if v.kindOf(n.Left) != maybeNil || v.kindOf(n.Right) != maybeNil || isNil(n.Left) || isNil(n.Right) {
		return
	}
	v.guard(node, []*ast.Node{&n.Left}, result)
}

func isNil(n ast.Node) bool { _, ok := n.(*ast.NilNode); return ok }

func isNumber(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "-" && isNumber(n.Node)
	}
	return false
}

// guard evaluates the operands that may be nil once, and the node only if none of them is nil. Otherwise the result is
// fallback:
//
//	let t = OPERAND; t == nil ? FALLBACK : NODE(t)
func (v *nilSafe) guard(node *ast.Node, operands []*ast.Node, fallback any) {
	k := maybeNil
	if _, isBool := fallback.(bool); isBool {
		k = boolean
	}
	for _, operand := range operands {
		if v.kindOf(*operand) != maybeNil {
			continue
		}
		v.variables++
		name := fmt.Sprintf("__t%d", v.variables)
		value := *operand
		*operand = at(value, &ast.IdentifierNode{Value: name})
		v.inserted[*operand] = neverNil
		isNil := at(value, &ast.BinaryNode{Operator: "==", Left: at(value, &ast.IdentifierNode{Value: name}),
			Right: at(value, &ast.NilNode{})})
		other := at(value, &ast.ConstantNode{Value: fallback})
		if fallback == nil {
			other = at(value, &ast.NilNode{})
		}
		choice := at(value, &ast.ConditionalNode{Ternary: true, Cond: isNil, Exp1: other, Exp2: *node})
		v.put(node, &ast.VariableDeclaratorNode{Name: name, Value: value, Expr: choice}, k)
	}
}

// at gives n the position of another node.
func at(other, n ast.Node) ast.Node {
	n.SetLocation(other.Location())
	return n
}

// builtin guards the first argument of a function against nil, by the type that the function takes.
func (v *nilSafe) builtin(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	switch n.Name {
	case "all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast", "findLastIndex",
		"groupBy", "sortBy", "reduce", "first", "last", "take", "reverse", "uniq", "concat", "flatten", "sort", "join",
		"len", "mean", "median":
		n.Arguments[0] = v.or(n.Arguments[0], []any{}, neverNil)
	case "keys", "values", "toPairs":
		n.Arguments[0] = v.or(n.Arguments[0], map[string]any{}, neverNil)
	case "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "splitAfter", "replace", "indexOf",
		"lastIndexOf", "hasPrefix", "hasSuffix":
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

// boundWork makes a list or text that is too long fail at run time, for functions whose work is not counted by item.
func (v *nilSafe) boundWork(n *ast.BuiltinNode) {
	first := &n.Arguments[0]
	switch n.Name {
	case "uniq":
		*first = v.boundList(*first, maxUniqueItems)
	case "sort", "sortBy", "groupBy", "flatten", "concat", "mean", "median", "sum", "reduce", "min", "max":
		*first = v.boundList(*first, maxItems)
	case "join", "replace":
		v.boundParts(n)
		*first = v.boundList(v.boundText(*first, maxTextBytes, 4), maxItems)
	case "split", "splitAfter":
		*first = v.boundText(*first, maxMatchBytes, 4)
	case "lower", "upper", "trim", "trimPrefix", "trimSuffix", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix",
		"fromJSON", "toBase64", "fromBase64":
		*first = v.boundText(*first, maxTextBytes, 16)
	}
}

// boundParts allows only short constants as texts that are inserted into another many times.
func (v *nilSafe) boundParts(n *ast.BuiltinNode) {
	for _, arg := range n.Arguments[1:] {
		text, isText := arg.(*ast.StringNode)
		_, isNumber := arg.(*ast.IntegerNode) // replace takes a number of replacements
		if isText && len(text.Value) <= maxInsertBytes || isNumber && n.Name == "replace" {
			continue
		}
		v.refuse(n, fmt.Sprintf("%s needs a text in quotes of at most %d characters here", n.Name, maxInsertBytes), "")
	}
}

// boundList makes a list that is too long fail at run time. A list that is written in the condition is short, but its
// items need not be.
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
	return v.bounded(list, listFunction, most)
}

// boundText makes a text that is too long fail at run time, and counts a step for each perStep bytes of it. Variables
// such as event_name are short enough.
func (v *nilSafe) boundText(s ast.Node, most, perStep int) ast.Node {
	switch s.(type) {
	case *ast.StringNode, *ast.IdentifierNode:
		if v.kindOf(s) != maybeNil {
			return s
		}
	}
	return v.bounded(s, textFunction, most, perStep)
}

// bounded passes a value through one of the functions of Env.
func (v *nilSafe) bounded(value ast.Node, function string, limits ...int) ast.Node {
	args := []ast.Node{value}
	for _, limit := range limits {
		args = append(args, at(value, &ast.IntegerNode{Value: limit}))
	}
	call := at(value, &ast.CallNode{Callee: at(value, &ast.IdentifierNode{Value: function}), Arguments: args})
	v.inserted[call] = v.kindOf(value)
	return call
}

// predicate counts each item that a predicate visits.
func (v *nilSafe) predicate(n *ast.PredicateNode) {
	size, body := 1, n.Node
	ast.Walk(&body, visitor(func(ast.Node) { size++ }))
	step := at(n, &ast.CallNode{
		Callee:    at(n, &ast.IdentifierNode{Value: stepFunction}),
		Arguments: []ast.Node{at(n, &ast.IntegerNode{Value: size})},
	})
	n.Node = at(n, &ast.SequenceNode{Nodes: []ast.Node{step, n.Node}})
}

// boundRange allows only a short range between two constants.
func (v *nilSafe) boundRange(n *ast.BinaryNode) {
	from, ok1 := n.Left.(*ast.IntegerNode)
	to, ok2 := n.Right.(*ast.IntegerNode)
	if !ok1 || !ok2 || to.Value-from.Value > maxRange {
		v.refuse(n, fmt.Sprintf("a range must have two whole numbers at most %d apart", maxRange),
			"compare with >= and <= instead")
	}
}
