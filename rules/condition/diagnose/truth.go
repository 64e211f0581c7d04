package diagnose

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
)

// TruthPredicates are the functions whose predicate gives true or false.
var TruthPredicates = []string{"all", "none", "any", "one", "filter", "find", "findIndex", "findLast", "findLastIndex",
	"count"}

// results are what functions return whose result the compiler does not know, since their argument may be missing.
var results = map[string][]string{
	"a number": {"int", "float", "abs", "ceil", "floor", "round", "max", "min", "sum", "mean", "median", "len", "count",
		"indexOf", "lastIndexOf", "findIndex", "findLastIndex"},
	"text": {"lower", "upper", "trim", "trimPrefix", "trimSuffix", "replace", "join", "string", "toJSON", "type"},
	"a list": {"filter", "map", "split", "splitAfter", "sort", "sortBy", "reverse", "uniq", "take", "keys", "values",
		"toPairs", "flatten", "concat"},
	"a time":     {"date"},
	"a duration": {"duration"},
}

// Truth explains each part of a compiled condition that has to be true or false, and never is.
func Truth(tree ast.Node, source string) []diag.Finding {
	var all []diag.Finding
	check := func(n ast.Node) {
		for _, part := range leaves(n) {
			kind := resultOf(part)
			at := diag.Locate(source, part.Location().From)
			if kind == "" || slices.ContainsFunc(all, func(f diag.Finding) bool { return f.At == at }) {
				continue
			}
			all = append(all, diag.Finding{At: at, Message: part.String() + " is " + kind + ", not true or false",
				Hint: truthHint(part, kind)})
		}
	}
	check(tree)
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.UnaryNode:
			if n.Operator == "not" || n.Operator == "!" {
				check(n.Node)
			}
		case *ast.BinaryNode:
			if syntax.IsLogic(n.Operator) {
				check(n)
			}
		case *ast.ConditionalNode:
			check(n.Cond)
		case *ast.BuiltinNode:
			for _, arg := range n.Arguments {
				predicate, isPredicate := arg.(*ast.PredicateNode)
				if isPredicate && slices.Contains(TruthPredicates, n.Name) {
					check(predicate.Node)
				}
			}
		}
	}))
	return all
}

// leaves returns the parts of n that are its value: both results of a choice, and both halves of and, or.
func leaves(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.BinaryNode:
		if syntax.IsLogic(n.Operator) {
			return append(leaves(n.Left), leaves(n.Right)...)
		}
	case *ast.ConditionalNode:
		return append(leaves(n.Exp1), leaves(n.Exp2)...)
	case *ast.VariableDeclaratorNode:
		return leaves(n.Expr)
	}
	return []ast.Node{n}
}

// resultOf names the type of a value that is never true or false, or returns "".
func resultOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.NilNode:
		return "nil"
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return "a number"
		}
	case *ast.BinaryNode:
		return calculation(n)
	case *ast.BuiltinNode:
		for kind, names := range results {
			if slices.Contains(names, n.Name) {
				return kind
			}
		}
	}
	return ""
}

// calculation names the result of a calculation, or returns "" for another operator.
func calculation(n *ast.BinaryNode) string {
	if !slices.Contains([]string{"+", "-", "*", "/", "%", "**", "^"}, n.Operator) {
		return ""
	}
	isTime := false
	var whole ast.Node = n
	ast.Walk(&whole, syntax.Visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.IdentifierNode:
			isTime = isTime || n.Value == "now" || n.Value == "time"
		case *ast.BuiltinNode:
			isTime = isTime || slices.Contains([]string{"now", "date", "duration"}, n.Name)
		}
	}))
	switch {
	case isTime && n.Operator == "-":
		return "a duration"
	case isTime:
		return "a time"
	case n.Operator == "+" && (isText(n.Left) || isText(n.Right)):
		return "text"
	case n.Operator == "+" && !syntax.IsNumber(n.Left) && !syntax.IsNumber(n.Right):
		return "a number or text"
	}
	return "a number"
}

// isText reports whether n is known to be text.
func isText(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode:
		return true
	case *ast.BinaryNode:
		return n.Operator == "+" && (isText(n.Left) || isText(n.Right))
	}
	return isTextVariable(n) || resultOf(n) == "text"
}

func truthHint(n ast.Node, kind string) string {
	switch kind {
	case "nil":
		return "write false"
	case "a number":
		if call, isCall := n.(*ast.BuiltinNode); isCall && strings.Contains(strings.ToLower(call.Name), "index") {
			return "write " + n.String() + " >= 0"
		}
		return "write " + n.String() + " > 0"
	case "text":
		return "write " + n.String() + ` != ""`
	case "a list":
		return "write len(" + n.String() + ") > 0"
	case "a duration":
		return "write " + n.String() + ` > duration("1h")`
	}
	if kind == "a time" {
		return "write " + n.String() + " < now()"
	}
	return compareHint
}
