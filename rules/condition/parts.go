package condition

import "github.com/expr-lang/expr/ast"

// operandsOf returns what the value of n is made of, in the order in which it is looked at. Long chains of and, or of or, are one list.
func operandsOf(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.BinaryNode:
		if isChain(n.Operator) {
			return chain(n, logic(n.Operator))
		}
		return []ast.Node{n.Left, n.Right}
	case *ast.UnaryNode:
		if inner, isBinary := n.Node.(*ast.BinaryNode); isBinary && inner.Location() == n.Location() {
			return operandsOf(inner) // x not in y
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
		return operandsOf(n.Node)
	case *ast.MemberNode:
		return append(baseOf(n.Node), n.Property)
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.SequenceNode:
		return n.Nodes
	}
	return nil
}

// baseOf returns what a field is read from, unless that is a variable or a field of one.
func baseOf(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.IdentifierNode, *ast.PointerNode:
		return nil
	case *ast.ChainNode:
		return baseOf(n.Node)
	case *ast.MemberNode:
		return operandsOf(n)
	}
	return []ast.Node{n}
}

// logic returns and or or for an operator that is spelled either way, and "" for others.
func logic(operator string) string {
	switch operator {
	case "and", "&&":
		return "and"
	case "or", "||":
		return "or"
	}
	return ""
}

func isChain(operator string) bool { return logic(operator) != "" }

// chain returns the operands of a and b and c.
func chain(n ast.Node, word string) []ast.Node {
	b, isBinary := n.(*ast.BinaryNode)
	if !isBinary || logic(b.Operator) != word {
		return []ast.Node{n}
	}
	return append(chain(b.Left, word), chain(b.Right, word)...)
}

// IsFixed reports whether n has the same value for all events, or is what a function does with each element.
func IsFixed(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.BytesNode, *ast.ConstantNode, *ast.PredicateNode:
		return true
	case *ast.UnaryNode:
		return IsFixed(n.Node)
	case *ast.BinaryNode:
		return IsFixed(n.Left) && IsFixed(n.Right)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			if !IsFixed(item) {
				return false
			}
		}
		return true
	}
	return false
}

// isEquality reports whether n compares something with a constant by ==.
func isEquality(n ast.Node) bool {
	b, isBinary := n.(*ast.BinaryNode)
	return isBinary && b.Operator == "==" && (IsFixed(b.Left) || IsFixed(b.Right))
}
