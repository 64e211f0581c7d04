package condition

import (
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"qaserelay/rules/value"
)

// maxAlternatives is the number of alternatives beyond which nothing is known about a condition.
const maxAlternatives = 16

// Claim is a comparison of a part of a condition with a constant, or its negation.
type Claim struct {
	subject  string // the part as it is written
	operator string // ==, in, <, <=, >, >= or an operator between two texts
	value    any
	negated  bool
	text     string // the comparison as it is written
	denied   bool   // it is not true
}

// Claims returns alternative lists of claims: for an event with these facts, the condition is true only if all claims
// of one of the lists hold.
func (c *Condition) Claims(f Facts) [][]Claim { return (&folder{facts: f}).claims(c.tree, true) }

// claims returns the alternatives in which n is true, or not true.
func (f *folder) claims(n ast.Node, want bool) [][]Claim {
	if v := f.fold(n); v.known {
		if (v.value == true) == want {
			return [][]Claim{nil}
		}
		return nil
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return f.claims(n.Node, !want)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return f.join(n, want, want)
		case "or", "||":
			return f.join(n, want, !want)
		}
		return [][]Claim{{f.claim(n, want)}}
	}
	return [][]Claim{{truthOf(n, want)}}
}

// truthOf returns the claim that n is true, or not true.
func truthOf(n ast.Node, want bool) Claim {
	return Claim{subject: n.String(), operator: "==", value: true, negated: !want, text: n.String(), denied: !want}
}

// join combines the alternatives of both sides: each with each if both sides have to hold, else as one list.
func (f *folder) join(n *ast.BinaryNode, want, both bool) [][]Claim {
	left, right := f.claims(n.Left, want), f.claims(n.Right, want)
	var all [][]Claim
	if !both {
		all = slices.Concat(left, right)
	} else {
		for _, a := range left {
			for _, b := range right {
				all = append(all, slices.Concat(a, b))
			}
		}
	}
	if len(all) > maxAlternatives {
		return [][]Claim{nil}
	}
	return all
}

// mirrored maps an operator to the operator for exchanged operands.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// claim returns n as a claim, or its negation.
func (f *folder) claim(n *ast.BinaryNode, want bool) Claim {
	subject, operator, value := n.Left, n.Operator, f.fold(n.Right)
	if left := f.fold(n.Left); left.known && mirrored[operator] != "" {
		subject, operator, value = n.Right, mirrored[operator], left
	}
	switch {
	case !value.known:
		return truthOf(n, want)
	case operator == "!=":
		return Claim{subject.String(), "==", value.value, want, n.String(), !want}
	}
	return Claim{subject.String(), operator, value.value, !want, n.String(), !want}
}

// Excludes reports whether no event can satisfy both claims.
func (c Claim) Excludes(d Claim) bool {
	switch {
	case c.subject != d.subject:
		return c.missing(d) || d.missing(c)
	case c.operator == d.operator && c.negated != d.negated && runtime.Equal(c.value, d.value):
		return true
	}
	return c.onlyAllows(d.refuses) || d.onlyAllows(c.refuses) || c.above(d) || d.above(c) ||
		c.implies(d) && d.negated || d.implies(c) && c.negated
}

// missing reports whether c says that there is no object, of which d needs a field.
func (c Claim) missing(d Claim) bool {
	within := strings.HasPrefix(d.subject, c.subject+".") || strings.HasPrefix(d.subject, c.subject+"?.")
	return within && c.operator == "==" && c.value == nil && !c.negated && !d.negated && d.value != nil
}

// onlyAllows reports whether c limits its subject to a list of values, all of which satisfy test.
func (c Claim) onlyAllows(test func(any) bool) bool {
	list, isList := c.value.([]any)
	switch {
	case c.negated:
	case c.operator == "==":
		return test(c.value)
	case c.operator == "in" && isList:
		return !slices.ContainsFunc(list, func(v any) bool { return !test(v) })
	}
	return false
}

// refuses reports whether c is known to be false for a value.
func (c Claim) refuses(v any) bool {
	var result folded
	switch x, y, numbers := twoNumbers(v, c.value); {
	case c.operator == "in":
		if list, isList := c.value.([]any); isList {
			result = known(slices.ContainsFunc(list, func(item any) bool { return runtime.Equal(v, item) }))
		}
	case c.operator[0] != '<' && c.operator[0] != '>':
		result = compareKnown(c.operator, v, c.value)
	case numbers:
		result = known(x < y && c.operator[0] == '<' || x > y && c.operator[0] == '>' || x == y && len(c.operator) == 2)
	}
	return result.known && (result.value == true) == c.negated
}

// above reports whether the numbers that satisfy c are all above those that satisfy d. The numbers in events are whole,
// but a calculated number need not be.
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

// implies reports whether all numbers that satisfy c, which is not negated, are on the side of d's limit that d's
// operator names.
func (c Claim) implies(d Claim) bool {
	x, y, numbers := twoNumbers(c.value, d.value)
	if !numbers || c.negated || c.operator[0] != d.operator[0] || !strings.ContainsAny(c.operator[:1], "<>") {
		return false
	}
	if c.operator[0] == '<' {
		x, y = -x, -y
	}
	return x > y || x == y && len(c.operator) <= len(d.operator)
}

// firstWhole returns the least whole number that is at least x, or above x.
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
