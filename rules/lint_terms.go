package rules

import (
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// maxTerms is into how many terms a condition is taken apart; of one that has more nothing is known.
const maxTerms = 16

// term is a list of claims that hold together. A condition is true where one of its terms is.
type term []claim

// claim says that a part of a condition compares with a constant in this way, or does not.
type claim struct {
	subject  string // as it is written
	operator string // ==, in, <, <=, >, >= or one for texts
	value    any
	negated  bool
}

// terms takes apart when n is true, or when it is not.
func (f *folder) terms(n ast.Node, want bool) []term {
	if v := f.fold(n); v.known {
		if (v.value == true) == want {
			return []term{nil}
		}
		return nil
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return f.terms(n.Node, !want)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return f.join(n, want, want)
		case "or", "||":
			return f.join(n, want, !want)
		}
		return []term{{f.claim(n, want)}}
	}
	return []term{{{subject: n.String(), operator: "==", value: true, negated: !want}}}
}

// join puts the terms of both sides together: each with each where both sides are needed, else one list behind the other.
func (f *folder) join(n *ast.BinaryNode, want, both bool) []term {
	left, right := f.terms(n.Left, want), f.terms(n.Right, want)
	var all []term
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
		return []term{nil}
	}
	return all
}

// turned are the operators of comparisons that are written the other way round.
var turned = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (f *folder) claim(n *ast.BinaryNode, want bool) claim {
	subject, operator, value := n.Left, n.Operator, f.fold(n.Right)
	if left := f.fold(n.Left); left.known && turned[operator] != "" {
		subject, operator, value = n.Right, turned[operator], left
	}
	switch {
	case !value.known:
		return claim{subject: n.String(), operator: "==", value: true, negated: !want}
	case operator == "!=":
		return claim{subject.String(), "==", value.value, want}
	}
	return claim{subject.String(), operator, value.value, !want}
}

// meet reports whether some event could make both conditions true, given their terms. It says yes where it does not know.
func meet(a, b []term) bool {
	for _, x := range a {
		for _, y := range b {
			if !slices.ContainsFunc(x, func(c claim) bool { return slices.ContainsFunc(y, c.excludes) }) {
				return true
			}
		}
	}
	return false
}

// excludes reports whether both claims can never hold of the same event.
func (c claim) excludes(d claim) bool {
	switch {
	case c.subject != d.subject:
		return false
	case c.operator == d.operator && c.negated != d.negated && runtime.Equal(c.value, d.value):
		return true
	}
	return c.namesOnly(d.refuses) || d.namesOnly(c.refuses) || c.above(d) || d.above(c)
}

// namesOnly reports whether c leaves only some values, all of which are as asked.
func (c claim) namesOnly(asked func(any) bool) bool {
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
func (c claim) refuses(v any) bool {
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

// above reports whether c asks for numbers that are all above those that d asks for. The numbers in events are whole; what is
// calculated from them need not be.
func (c claim) above(d claim) bool {
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
	x, ok1 := toFloat(a)
	y, ok2 := toFloat(b)
	return x, y, ok1 && ok2
}
