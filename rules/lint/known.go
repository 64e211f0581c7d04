package lint

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
)

// checkParts reports a known value that is looked for as a part of a field, if it is a part of other known values too.
func checkParts(c *condition.Condition, events []*catalog.Schema) (found []diag.Finding) {
	tree := c.Tree()
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		b, isBinary := n.(*ast.BinaryNode)
		if !isBinary || !slices.Contains(syntax.TextOperators, b.Operator) {
			return
		}
		literal, isText := b.Right.(*ast.StringNode)
		field, isField := condition.FieldOf(b.Left, condition.Field{})
		if !isText || !isField || field.Root != "payload" && field.Root != "entity" {
			return
		}
		if other := containing(field, b.Operator, literal.Value, events); other != "" {
			found = append(found, diag.Finding{At: c.Locate(literal),
				Message: fmt.Sprintf("%s %s %q is true for %q too", b.Left, b.Operator, literal.Value, other),
				Hint:    fmt.Sprintf("write %s == %q", b.Left, literal.Value)})
		}
	}))
	return found
}

// containing returns another known value of a field that a test of a part takes for the value, or "".
func containing(f condition.Field, operator, literal string, events []*catalog.Schema) string {
	test := condition.VariableTest{Operator: operator, Text: literal}
	for _, e := range events {
		known, _ := e.Has(f.Path)
		if !slices.Contains(known.Values, literal) {
			continue
		}
		for _, v := range known.Values {
			if v != literal && test.Accepts(v) {
				return v
			}
		}
	}
	return ""
}
