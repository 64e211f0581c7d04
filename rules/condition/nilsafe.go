package condition

import (
	"fmt"
	"math"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
)

// Functions that nilSafe puts into expressions; users cannot name them.
const (
	StepFunction  = "__step"  // counts the elements that predicates look at
	BoundFunction = "__bound" // refuses lists that are too long
	TextFunction  = "__text"  // counts the work on texts, and refuses those that are too long
)

// nilSafe rewrites an expression so that a missing or null field never breaks it: reading through nil gives nil, a
// comparison with nil is false (!= is true), arithmetic with nil gives nil, nil counts as false, and the lists and
// texts given to functions are empty where they are nil. It costs one or two instructions where a value may be nil,
// and nothing elsewhere. It also refuses what could run away.
//
// The visitor sees children before their parents, and not the nodes that it puts in itself.
type nilSafe struct {
	made  map[ast.Node]kind // what is known of the nodes put in
	temps int
	err   *diag.Finding // the first part that is refused
	from  int           // where it begins, in characters
}

// kind says what is known of a value.
type kind int

const (
	maybeNil kind = iota
	neverNil
	boolean // never nil, and true or false
)

// Visit implements ast.Visitor.
func (v *nilSafe) Visit(node *ast.Node) {
	if v.made == nil {
		v.made = map[ast.Node]kind{}
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
	if v.err == nil {
		v.err, v.from = &diag.Finding{Message: message, Hint: hint}, n.Location().From
	}
}

func (v *nilSafe) refuseName(n *ast.IdentifierNode) {
	if n.Value == "$env" || strings.HasPrefix(n.Value, "__") {
		v.refuse(n, fmt.Sprintf("no variable or function %q", n.Value), "use the names directly, such as payload.failed")
	}
}

// kindOf says what is known of the value of n.
func (v *nilSafe) kindOf(n ast.Node) kind {
	if k, known := v.made[n]; known {
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
	case "==", "!=", "<", "<=", ">", ">=", "and", "&&", "or", "||", "in", "contains", "startsWith", "endsWith", "matches":
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

// put replaces *node by n, at the same place of the source, and notes what is known of it.
func (v *nilSafe) put(node *ast.Node, n ast.Node, k kind) {
	n.SetLocation((*node).Location())
	v.made[n] = k
	*node = n
}

// or returns n with a value in place of nil.
func (v *nilSafe) or(n ast.Node, instead any, k kind) ast.Node {
	if v.kindOf(n) != maybeNil {
		return n
	}
	var out ast.Node = n
	v.put(&out, &ast.BinaryNode{Operator: "??", Left: n, Right: &ast.ConstantNode{Value: instead}}, k)
	return out
}

// truth returns n with false in place of nil, for places that need true or false.
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
		n.Left = v.boundText(n.Left, maxText, 64)
	case "matches":
		n.Left = v.boundText(n.Left, maxPattern, 4)
	case "in":
		n.Right = v.boundList(n.Right, maxList)
		v.guard(node, []*ast.Node{&n.Left}, false)
	case "+", "-", "*", "/", "%", "**", "^":
		v.guard(node, []*ast.Node{&n.Left, &n.Right}, nil)
	case "..":
		v.boundRange(n)
	}
}

// compare makes an order comparison with nil false. Next to a number, nil becomes NaN, which compares false and costs least.
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

// equal makes two missing fields differ. A comparison with nil as it is written stays what it says.
func (v *nilSafe) equal(node *ast.Node, n *ast.BinaryNode, result bool) {
	if v.kindOf(n.Left) != maybeNil || v.kindOf(n.Right) != maybeNil || IsNilLiteral(n.Left) || IsNilLiteral(n.Right) {
		return
	}
	v.guard(node, []*ast.Node{&n.Left}, result)
}

func IsNilLiteral(n ast.Node) bool { _, ok := n.(*ast.NilNode); return ok }

func isNumber(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "-" && isNumber(n.Node)
	}
	return false
}

// guard evaluates the operands that may be nil once, and the node only if none is; otherwise the result is instead:
//
//	let t = OPERAND; t == nil ? INSTEAD : NODE(t)
func (v *nilSafe) guard(node *ast.Node, operands []*ast.Node, instead any) {
	k := maybeNil
	if _, isBool := instead.(bool); isBool {
		k = boolean
	}
	for _, operand := range operands {
		if v.kindOf(*operand) != maybeNil {
			continue
		}
		v.temps++
		name := fmt.Sprintf("__t%d", v.temps)
		value := *operand
		*operand = at(value, &ast.IdentifierNode{Value: name})
		v.made[*operand] = neverNil
		isNil := at(value, &ast.BinaryNode{Operator: "==", Left: at(value, &ast.IdentifierNode{Value: name}), Right: at(value, &ast.NilNode{})})
		other := at(value, &ast.ConstantNode{Value: instead})
		if instead == nil {
			other = at(value, &ast.NilNode{})
		}
		choice := at(value, &ast.ConditionalNode{Ternary: true, Cond: isNil, Exp1: other, Exp2: *node})
		v.put(node, &ast.VariableDeclaratorNode{Name: name, Value: value, Expr: choice}, k)
	}
}

// at gives n the place of another node.
func at(place, n ast.Node) ast.Node {
	n.SetLocation(place.Location())
	return n
}
