package syntax

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// MaxNodes is the most parts of one condition.
const MaxNodes = 500

// TextOperators are the operators between two texts.
var TextOperators = []string{"contains", "startsWith", "endsWith", "matches"}

// Visitor is a function that implements ast.Visitor.
type Visitor func(ast.Node)

// Visit implements ast.Visitor.
func (v Visitor) Visit(n *ast.Node) { v(*n) }

// IsLiteral reports whether n is a literal, or a list that begins with one.
func IsLiteral(n ast.Node) bool {
	list, isList := n.(*ast.ArrayNode)
	if isList {
		return len(list.Nodes) > 0 && IsLiteral(list.Nodes[0])
	}
	return Literal(n) != nil
}

// Literal returns the value of a literal, or nil for any other node.
func Literal(n ast.Node) any {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.FloatNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.ArrayNode:
		list := make([]any, len(n.Nodes))
		for i, item := range n.Nodes {
			list[i] = Literal(item)
		}
		return list
	}
	return nil
}

// IsNil reports whether n is nil itself.
func IsNil(n ast.Node) bool { _, ok := n.(*ast.NilNode); return ok }

// IsNumber reports whether n is a number, which may be negative.
func IsNumber(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "-" && IsNumber(n.Node)
	}
	return false
}

// Operands returns the operands of n in the order of evaluation. A chain of and, or of or, is one list.
func Operands(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.BinaryNode:
		if word := Logic(n.Operator); word != "" {
			return chain(n, word)
		}
		return []ast.Node{n.Left, n.Right}
	case *ast.UnaryNode:
		if inner, isBinary := n.Node.(*ast.BinaryNode); isBinary && inner.Location() == n.Location() {
			return Operands(inner) // x not in y
		}
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		if n.Cond == n.Exp1 { // x ?: y
			return []ast.Node{n.Cond, n.Exp2}
		}
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.CallNode:
		return n.Arguments
	case *ast.ChainNode:
		return Operands(n.Node)
	case *ast.MemberNode:
		return append(baseOf(n.Node), n.Property)
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.SequenceNode:
		return n.Nodes
	}
	return nil
}

// baseOf returns the node that a field is read from, unless that is a variable or a field of one.
func baseOf(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.IdentifierNode, *ast.PointerNode:
		return nil
	case *ast.ChainNode:
		return baseOf(n.Node)
	case *ast.MemberNode:
		return Operands(n)
	}
	return []ast.Node{n}
}

// Logic returns "and" or "or" for either spelling of these operators, and "" for others.
func Logic(operator string) string {
	switch operator {
	case "and", "&&":
		return "and"
	case "or", "||":
		return "or"
	}
	return ""
}

// chain returns the operands of a and b and c.
func chain(n ast.Node, word string) []ast.Node {
	b, isBinary := n.(*ast.BinaryNode)
	if !isBinary || Logic(b.Operator) != word {
		return []ast.Node{n}
	}
	return append(chain(b.Left, word), chain(b.Right, word)...)
}

// IsConstant reports whether n has the same value for all events, or is a predicate.
func IsConstant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.BytesNode,
		*ast.ConstantNode, *ast.PredicateNode:
		return true
	case *ast.UnaryNode:
		return IsConstant(n.Node)
	case *ast.BinaryNode:
		return IsConstant(n.Left) && IsConstant(n.Right)
	case *ast.ArrayNode:
		return !slices.ContainsFunc(n.Nodes, func(item ast.Node) bool { return !IsConstant(item) })
	}
	return false
}

// IsLogic reports whether an operator joins two conditions.
func IsLogic(operator string) bool { return Logic(operator) != "" }
