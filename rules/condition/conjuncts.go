package condition

import (
	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/syntax"
)

// Conjuncts returns the parts of the condition that are joined by "and", each as a condition of its own. A condition
// that cannot be taken apart, such as one that begins with let, is its only part.
func (c *Condition) Conjuncts() []*Condition {
	text := syntax.NewText(c.Source)
	var all []*Condition
	whole := true
	var add func(n ast.Node)
	add = func(n ast.Node) {
		if b, is := n.(*ast.BinaryNode); is && (b.Operator == "and" || b.Operator == "&&") {
			add(b.Left)
			add(b.Right)
			return
		}
		source, _, _ := text.Of(n)
		part, findings := Compile(source)
		whole = whole && findings == nil
		all = append(all, part)
	}
	if add(c.tree); !whole {
		return []*Condition{c}
	}
	return all
}
