package condition

import (
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"qaserelay/rules/value"
)

// Visitor is a function as a visitor of nodes.
type Visitor func(ast.Node)

// Visit implements ast.Visitor.
func (v Visitor) Visit(n *ast.Node) { v(*n) }

// Spot is where a value is: the name at its beginning and the path from there.
type Spot struct {
	Root string // payload, entity, actor or previous; "" for anywhere else
	Path []string
	Item bool // it is an item of the list there
}

// Roots are the names whose fields are known.
var Roots = []string{"payload", "entity", "actor", "previous"}

// FieldOf reads payload.a.b, entity.a.b and the like. Indexes of arrays are passed over.
func FieldOf(n ast.Node) (root string, path []string, ok bool) {
	p, ok := SpotOf(n, Spot{})
	return p.Root, p.Path, ok && len(p.Path) > 0
}

// SpotOf reads payload.a.b and, within a predicate about the items of a list, .b and #.b.
func SpotOf(n ast.Node, item Spot) (Spot, bool) {
	var p Spot
	for {
		switch x := n.(type) {
		case *ast.ChainNode:
			n = x.Node
		case *ast.MemberNode:
			property, isName := x.Property.(*ast.StringNode)
			switch {
			case isName:
				p.Path = append(p.Path, property.Value)
			case !isNumber(x.Property):
				return Spot{}, false
			default:
				p.Item = p.Item || len(p.Path) == 0
			}
			n = x.Node
		case *ast.BuiltinNode:
			if x.Name != "first" && x.Name != "last" || len(x.Arguments) != 1 {
				return Spot{}, false
			}
			p.Item = p.Item || len(p.Path) == 0
			n = x.Arguments[0]
		case *ast.PointerNode:
			if x.Name != "" || item.Root == "" || len(p.Path) == 0 {
				return Spot{}, false
			}
			slices.Reverse(p.Path)
			return Spot{item.Root, append(slices.Clip(item.Path), p.Path...), p.Item}, true
		case *ast.IdentifierNode:
			slices.Reverse(p.Path)
			p.Root = x.Value
			return p, slices.Contains(Roots, x.Value)
		default:
			return Spot{}, false
		}
	}
}

func (s Spot) String() string { return s.Root + "." + strings.Join(s.Path, ".") }

// maxTerms is into how many terms a condition is taken apart; of one that has more nothing is known.
const maxTerms = 16

// Term is a list of claims that hold together. A condition is true where one of its terms is.
type Term []Claim

// Claim says that a part of a condition compares with a constant in this way, or does not.
type Claim struct {
	subject  string // as it is written
	operator string // ==, in, <, <=, >, >= or one for texts
	value    any
	negated  bool
}

// Terms takes apart when n is true, or when it is not.
func (f *Folder) Terms(n ast.Node, want bool) []Term {
	if v := f.Fold(n); v.Known {
		if (v.Value == true) == want {
			return []Term{nil}
		}
		return nil
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return f.Terms(n.Node, !want)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return f.join(n, want, want)
		case "or", "||":
			return f.join(n, want, !want)
		}
		return []Term{{f.claim(n, want)}}
	}
	return []Term{{{subject: n.String(), operator: "==", value: true, negated: !want}}}
}

// join puts the terms of both sides together: each with each where both sides are needed, else one list behind the other.
func (f *Folder) join(n *ast.BinaryNode, want, both bool) []Term {
	left, right := f.Terms(n.Left, want), f.Terms(n.Right, want)
	var all []Term
	if !both {
		all = slices.Concat(left, right)
	} else {
		for _, a := range left {
			for _, b := range right {
				all = append(all, slices.Concat(a, b))
			}
		}
	}
	if len(all) > maxTerms {
		return []Term{nil}
	}
	return all
}

// turned are the operators of comparisons that are written the other way round.
var turned = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (f *Folder) claim(n *ast.BinaryNode, want bool) Claim {
	subject, operator, value := n.Left, n.Operator, f.Fold(n.Right)
	if left := f.Fold(n.Left); left.Known && turned[operator] != "" {
		subject, operator, value = n.Right, turned[operator], left
	}
	switch {
	case !value.Known:
		return Claim{subject: n.String(), operator: "==", value: true, negated: !want}
	case operator == "!=":
		return Claim{subject.String(), "==", value.Value, want}
	}
	return Claim{subject.String(), operator, value.Value, !want}
}

// Excludes reports whether both claims can never hold of the same event.
func (c Claim) Excludes(d Claim) bool {
	switch {
	case c.subject != d.subject:
		return false
	case c.operator == d.operator && c.negated != d.negated && runtime.Equal(c.value, d.value):
		return true
	}
	return c.namesOnly(d.refuses) || d.namesOnly(c.refuses) || c.above(d) || d.above(c)
}

// namesOnly reports whether c leaves only some values, all of which are as asked.
func (c Claim) namesOnly(asked func(any) bool) bool {
	list, isList := c.value.([]any)
	switch {
	case c.negated:
	case c.operator == "==":
		return asked(c.value)
	case c.operator == "in" && isList:
		return !slices.ContainsFunc(list, func(v any) bool { return !asked(v) })
	}
	return false
}

// refuses reports whether c is known to be wrong for a value.
func (c Claim) refuses(v any) bool {
	var result folded
	switch x, y, numbers := twoNumbers(v, c.value); {
	case c.operator == "in":
		if list, isList := c.value.([]any); isList {
			result = known(slices.ContainsFunc(list, func(item any) bool { return runtime.Equal(v, item) }))
		}
	case c.operator[0] != '<' && c.operator[0] != '>':
		result = CompareKnown(c.operator, v, c.value)
	case numbers:
		result = known(x < y && c.operator[0] == '<' || x > y && c.operator[0] == '>' || x == y && len(c.operator) == 2)
	}
	return result.Known && (result.Value == true) == c.negated
}

// above reports whether c asks for numbers that are all above those that d asks for. The numbers in events are whole; what is
// calculated from them need not be.
func (c Claim) above(d Claim) bool {
	least, most, numbers := twoNumbers(c.value, d.value)
	switch {
	case !numbers, c.negated, d.negated, c.operator[0] != '>', d.operator[0] != '<':
		return false
	case strings.Contains(c.subject, " "):
		return least > most || least == most && len(c.operator)+len(d.operator) < 4
	}
	return firstWhole(least, c.operator == ">") > -firstWhole(-most, d.operator == "<")
}

// firstWhole returns the least whole number from x on, or above it.
func firstWhole(x float64, above bool) float64 {
	if above {
		return math.Floor(x) + 1
	}
	return math.Ceil(x)
}

func twoNumbers(a, b any) (x, y float64, ok bool) {
	x, ok1 := value.Float(a)
	y, ok2 := value.Float(b)
	return x, y, ok1 && ok2
}
