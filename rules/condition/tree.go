package condition

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
)

// Parse returns a source for analysis that need not compile, or nil if it is not an expression at all. The condition
// cannot be evaluated.
func Parse(source string) *Condition {
	if len(source) > maxBytes {
		return nil
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil
	}
	return &Condition{Source: source, tree: tree.Node}
}

// Compiled reports whether the condition can be evaluated.
func (c *Condition) Compiled() bool { return c.program != nil }

// Tree returns the expression as it is written. The caller must not change it.
func (c *Condition) Tree() ast.Node { return c.tree }

// Locate returns the position of a node of the tree: of an operator, of the last name of a field, or of a literal.
func (c *Condition) Locate(n ast.Node) diag.Position { return diag.Locate(c.Source, n.Location().From) }

// FieldOf returns the field that n reads. Its path is empty for payload itself. list is the list whose items the
// surrounding predicate visits, or the zero Field.
func FieldOf(n ast.Node, list Field) (Field, bool) { return fieldOf(n, list) }

// Value returns the value of a node that the facts decide, and whether they do.
func (f Facts) Value(n ast.Node) (value any, decided bool) {
	v := (&folder{facts: f}).fold(n)
	return v.value, v.known
}

// NeverTrue returns the smallest part of n whose halves exclude each other, though each may be true, and the two claims
// that do. It returns nil if there is none.
func (f Facts) NeverTrue(n ast.Node) (part *ast.BinaryNode, a, b Claim) {
	return f.contradiction(n, true)
}

// AlwaysTrue is NeverTrue for a part that is always true, since no value makes both halves false.
func (f Facts) AlwaysTrue(n ast.Node) (part *ast.BinaryNode, a, b Claim) {
	return f.contradiction(n, false)
}

// contradiction looks for the smallest and (want is true) or or (want is false) that can never be want.
func (f Facts) contradiction(n ast.Node, want bool) (part *ast.BinaryNode, a, b Claim) {
	if u, isUnary := n.(*ast.UnaryNode); isUnary {
		return f.contradiction(u.Node, want)
	}
	node, isBinary := n.(*ast.BinaryNode)
	if !isBinary || !syntax.IsLogic(node.Operator) {
		return nil, a, b
	}
	for _, side := range []ast.Node{node.Left, node.Right} {
		if part, a, b = f.contradiction(side, want); part != nil {
			return part, a, b
		}
	}
	joins := map[bool]string{true: "and", false: "or"}[want]
	if _, decided := f.Value(node); decided || syntax.Logic(node.Operator) != joins {
		return nil, a, b
	}
	for _, claims := range (&folder{facts: f}).claims(node, want) {
		if !want {
			claims = complements(claims)
		}
		x, y, found := excluding(claims)
		if !found {
			return nil, a, b
		}
		a, b = x, y
	}
	if a.subject == "" {
		return nil, a, b
	}
	return node, a, b
}

// complements replaces the negations of orders by the opposite orders: nothing else is left of a value that is there.
func complements(claims []Claim) []Claim {
	opposite := map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
	all := slices.Clone(claims)
	for i, c := range all {
		if c.negated && opposite[c.operator] != "" {
			all[i].operator, all[i].negated = opposite[c.operator], false
		}
	}
	return all
}

// excluding returns two of the claims that exclude each other.
func excluding(claims []Claim) (a, b Claim, found bool) {
	for i, a := range claims {
		for _, b := range claims[i+1:] {
			if a.Excludes(b) {
				return a, b, true
			}
		}
	}
	return Claim{}, Claim{}, false
}

// Subject returns the part of the condition that the claim is about, as it is written.
func (c Claim) Subject() string { return c.subject }

// Equals returns the value that the subject has to be, and whether it has to be a certain one.
func (c Claim) Equals() (value any, isCertain bool) { return c.value, c.operator == "==" && !c.negated }

// Refuses reports whether the subject has to differ from a value, which it returns.
func (c Claim) Refuses() (value any, isCertain bool) { return c.value, c.operator == "==" && c.negated }

// Bounds reports whether the claim limits its subject to numbers above or below one.
func (c Claim) Bounds() (above, below bool) {
	return c.operator[0] == '>', c.operator[0] == '<'
}

// String returns the claim as a condition would say it.
func (c Claim) String() string {
	if c.denied {
		return "not (" + c.text + ")"
	}
	return c.text
}

// Refutations is Claims for the opposite: the condition is not true only if all claims of one of the lists hold.
func (c *Condition) Refutations(f Facts) [][]Claim { return (&folder{facts: f}).claims(c.tree, false) }

// Exclude reports whether no event can satisfy an alternative of each.
func Exclude(a, b [][]Claim) bool {
	for _, x := range a {
		for _, y := range b {
			if _, _, excluded := excluding(slices.Concat(x, y)); !excluded {
				return false
			}
		}
	}
	return true
}
