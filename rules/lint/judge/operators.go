package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

func (j *judge) unary(n *ast.UnaryNode) shape {
	if n.Operator == "not" || n.Operator == "!" {
		if in, isIn := n.Node.(*ast.BinaryNode); isIn && in.Operator == "in" && in.Location() == n.Location() {
			j.in(in, true)
		} else {
			j.truth(n.Node)
		}
		return shape{sort: boolean}
	}
	s := j.shapeOf(n.Node)
	if literal, isInt := s.literal.(int); isInt && n.Operator == "-" {
		return shape{sort: integer, literal: -literal, isConst: true, low: float64(-literal), high: float64(-literal)}
	}
	if s.isNumber() && n.Operator == "-" {
		return numeric(s.sort, -s.high, -s.low)
	}
	j.calculate(n.Node, s, n.Operator)
	return anyNumber()
}

func (j *judge) binary(n *ast.BinaryNode) shape {
	if j.negated(n) {
		return shape{sort: boolean}
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		j.logic(n)
	case "==", "!=", "<", "<=", ">", ">=":
		j.compare(n)
	case "in":
		j.in(n, false)
	case "contains", "startsWith", "endsWith", "matches":
		j.search(n)
	case "??":
		return j.fallback(n)
	case "..":
		return shape{sort: list, element: &shape{sort: integer}}
	default:
		return j.arithmetic(n)
	}
	return shape{sort: boolean}
}

// negated reports a negation of the left side of an operator alone, which is not a condition, and returns whether there
// is one.
func (j *judge) negated(n *ast.BinaryNode) bool {
	message, hint := diagnose.Negated(n)
	if message == "" {
		return false
	}
	switch j.shapeOf(n.Left.(*ast.UnaryNode).Node).sort {
	case unknown, boolean, nothing:
		return false
	}
	j.shapeOf(n.Right)
	j.fault(n, message, hint)
	return true
}

// logic checks both halves of and, or. A half that the facts decide is not evaluated for this event, or says nothing.
func (j *judge) logic(n *ast.BinaryNode) {
	deciding := n.Operator == "or" || n.Operator == "||"
	if left, decided := j.facts.Value(n.Left); decided && (left == true) == deciding {
		return
	}
	j.truth(n.Left)
	j.truth(n.Right)
}

// fallback returns the shape of x ?? y, which is never nil if y is not.
func (j *judge) fallback(n *ast.BinaryNode) shape {
	left, right := j.shapeOf(n.Left), j.shapeOf(n.Right)
	if left.sort == right.sort && left.sort == text {
		return shape{sort: text, letters: left.letters}
	}
	return either(left, right)
}

// compare checks ==, != and the orders.
func (j *judge) compare(n *ast.BinaryNode) {
	left, right := j.shapeOf(n.Left), j.shapeOf(n.Right)
	if j.withItself(n, left) {
		return
	}
	subject, other, node, otherNode, operator := left, right, n.Left, n.Right, n.Operator
	if left.isConst || !left.isField() && right.isField() && !right.isConst || isCompound(right) && !isCompound(left) {
		subject, other, node, otherNode, operator = right, left, n.Right, n.Left, mirror(n.Operator)
	}
	c := &comparison{judge: j, node: n, at: node, otherNode: otherNode, subject: subject, other: other,
		operator: operator}
	c.check()
}

// withItself reports an operator whose operands are the same, and returns whether they are.
func (j *judge) withItself(n *ast.BinaryNode, left shape) bool {
	if left.isConst || left.sort == nothing || n.Left.String() != n.Right.String() {
		return false
	}
	hint := ""
	if n.Operator == "==" || n.Operator == "!=" {
		hint = fmt.Sprintf("write %s %s nil if it may be missing", left.source, mirrorEqual(n.Operator))
	}
	j.fault(n, left.source+" is compared with itself", hint)
	return true
}

// mirrorEqual returns the operator for the opposite of == and !=.
func mirrorEqual(operator string) string {
	return map[string]string{"==": "!=", "!=": "=="}[operator]
}

func isCompound(s shape) bool { return s.isField() && (s.sort == object || s.sort == list) }

// mirror returns the operator for exchanged operands.
func mirror(operator string) string {
	if other, ordered := map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}[operator]; ordered {
		return other
	}
	return operator
}

// comparison is a comparison of a part of a condition with another.
type comparison struct {
	*judge
	node           *ast.BinaryNode
	at             ast.Node // the subject
	otherNode      ast.Node
	subject, other shape
	operator       string
}

func (c *comparison) check() {
	a, b := c.subject, c.other
	switch {
	case a.sort == unknown || b.sort == unknown:
		c.report(verdict{Finding: diag.Finding{At: c.cond.Locate(c.node)}, about: fixed})
	case a.sort == nothing || b.sort == nothing:
		c.checkNil()
	case isPerson(a) && isPerson(b) && (a.source == "actor") != (b.source == "actor"):
		c.fault(c.node, fmt.Sprintf("%s and %s have different fields, so they are never equal", a.source, b.source),
			fmt.Sprintf("write %s.email %s %s.email", c.node.Left, c.node.Operator, c.node.Right))
	case !comparable(a, b, c.operator), isFraction(a, b, c.operator):
		c.mismatch()
	default:
		c.fine(c.place())
		c.checkValues()
	}
}

// place returns the node that a mismatch is reported at: a field, or the operator.
func (c *comparison) place() ast.Node {
	if c.subject.isField() {
		return c.at
	}
	return c.node
}

func isPerson(s shape) bool { return s.sort == object && s.has("email") && s.has("name") }

// comparable reports whether two values of these types can be equal or in order.
func comparable(a, b shape, operator string) bool {
	ordered := operator[0] == '<' || operator[0] == '>'
	switch {
	case a.isNumber() && b.isNumber(), readsAs(a, b), readsAs(b, a), asNumber(a, b, ordered), asNumber(b, a, ordered):
		return true
	case a.sort != b.sort:
		return false
	case a.sort == list && a.element != nil && b.element != nil && a.element.sort != unknown && b.element.sort != unknown:
		return comparable(*a.element, *b.element, "==")
	case a.sort == calendar, a.sort == moment, a.sort == span, a.sort == text:
		return true
	}
	return !ordered
}

// isFraction reports whether a whole number is compared for equality with a constant that is none.
func isFraction(a, b shape, operator string) bool {
	ordered := operator[0] == '<' || operator[0] == '>'
	return a.isField() && a.sort == integer && b.isConst && b.isNumber() && b.low != math.Trunc(b.low) && !ordered
}

// readsAs reports whether a condition reads a value as one of the type of the other: text as a date, a number as Unix
// seconds, and the milliseconds of Qase as a duration.
func readsAs(a, b shape) bool {
	switch {
	case b.sort == moment && a.sort == text:
		written, isConst := a.literal.(string)
		_, isTime := value.Time(written)
		return isDate(a) || isConst && isTime
	case b.sort == moment && a.isNumber(), isDate(b) && a.isNumber():
		return !a.isConst || a.low >= 1e9
	case b.sort == span && a.isNumber():
		return strings.HasSuffix(a.source, ".duration")
	case b.sort == span || strings.HasSuffix(b.source, ".duration") && b.isNumber():
		written, isConst := a.literal.(string)
		_, err := value.ParseDuration(strings.TrimPrefix(written, "-"))
		return isConst && err == nil && (b.sort != span || written != "")
	}
	return false
}

// asNumber reports whether a constant is text and the other value a number, or the other way around, and a condition
// takes the one for the other: both are equal if they are written alike, and a text is in order with numbers if
// it is one.
func asNumber(a, b shape, ordered bool) bool {
	written, isText := a.literal.(string)
	n, numeric := value.ParseNumber(strings.TrimSpace(written))
	switch {
	case b.isNumber() && isText && a.isConst:
		return numeric && (ordered || value.PlainText(n) == written)
	case b.sort == text && !b.isConst && a.isConst && a.isNumber():
		return !ordered
	}
	return false
}

func (c *comparison) mismatch() {
	a, b := c.subject, c.other
	message := fmt.Sprintf("%s, but it is compared with %s", a.is(), b.source)
	if !b.isConst {
		message = fmt.Sprintf("%s, but it is compared with %s, which is %s", a.is(), b.source, b.kindName())
	}
	c.fault(c.place(), message, c.hint())
}

// checkNil checks a comparison with nil.
func (c *comparison) checkNil() {
	s := c.subject
	if s.sort == nothing {
		s = c.other
	}
	if s.never == "" || c.operator != "==" && c.operator != "!=" {
		c.fine(c.node)
		return
	}
	message, hint := s.source+" is never nil", s.never
	if c.operator == "!=" {
		message = "this is always true: " + message
	}
	c.fault(c.node, message, hint)
}

// in checks x in y, or x not in y if negated.
func (j *judge) in(n *ast.BinaryNode, negated bool) {
	left, right := j.shapeOf(n.Left), j.shapeOf(n.Right)
	switch right.sort {
	case list:
		if right.isField() {
			j.inField(n, left, right, negated)
			return
		}
		if limits, isRange := n.Right.(*ast.BinaryNode); isRange && limits.Operator == ".." {
			j.inRange(n, left, limits)
			return
		}
		j.inList(n, left, right)
	case text:
		if literal, isText := right.literal.(string); isText {
			j.fault(n, "in looks for a part of the text "+right.source, "for one of several write "+diagnose.ListWords(literal))
		}
	case integer, number, boolean, moment, span:
		if right.isField() {
			j.fault(n.Right, right.is()+": in looks into a list", "write "+right.source+" == "+left.source)
		}
	}
}

// inRange checks x in 1..5.
func (j *judge) inRange(n *ast.BinaryNode, left shape, limits *ast.BinaryNode) {
	from, to := j.shapeOf(limits.Left), j.shapeOf(limits.Right)
	written := from.source + ".." + to.source
	outside := left.bounded() && (from.low < left.low || to.low > left.high) && !math.IsInf(left.high, 1)
	switch {
	case !from.isConst || !to.isConst:
	case left.isNumber() && from.low > to.low:
		j.fault(n, "the range "+written+" is empty: its first number is the larger one", rangeHint(left, from, to))
	case left.bounded() && (to.low < left.low || from.low > left.high):
		j.fault(n, left.source+" is never in "+written+": "+left.limits(), "")
	case outside && from.low <= left.low && to.low >= left.high:
		j.fault(n, left.source+" is always in "+written+": "+left.limits(), "")
	case outside && strings.HasSuffix(left.source, ".Hour()"):
		j.fault(n, left.limits(), rangeHint(left, from, shape{source: plainNumber(math.Mod(to.low, 24))}))
	case outside:
		j.fault(n, left.limits(), "")
	case left.sort != unknown:
		j.fine(n)
	}
}

// rangeHint says how to write a range that goes around its end, as the hours of a night do.
func rangeHint(s, from, to shape) string {
	method, _ := strings.CutSuffix(s.source[strings.LastIndex(s.source, ".")+1:], "()")
	if _, isPart := timeParts[method]; isPart {
		return fmt.Sprintf("write %[1]s >= %[2]s or %[1]s <= %[3]s", s.source, from.source, to.source)
	}
	return "write " + to.source + ".." + from.source
}

// inField checks x in a list of the event.
func (j *judge) inField(n *ast.BinaryNode, left, right shape, negated bool) {
	switch {
	case right.listOfObjects() && left.source == "actor":
		j.fault(n.Right, fmt.Sprintf("actor and the items of %s have different fields, so they are never equal", right.source),
			fmt.Sprintf("write any(%s, .email == actor.email)", right.source))
	case right.listOfObjects() && left.sort != object && left.sort != unknown:
		each := "any"
		if negated {
			each = "none"
		}
		j.fault(n.Right, right.source+" is a list of objects"+right.where+", and "+left.source+" is "+left.kindName(),
			fmt.Sprintf("write %s(%s, .%s == %s)", each, right.source, right.element.bestFor(left), left.source))
	case right.element != nil && left.sort != unknown && left.sort != nothing && !comparable(left, *right.element, "=="):
		j.fault(n.Right, fmt.Sprintf("%s is a list of text%s, and %s is %s", right.source, right.where, left.source,
			left.kindName()), "")
	default:
		j.fine(n.Right)
	}
}

// bestFor returns the field of an object that is compared with a value.
func (s shape) bestFor(v shape) string {
	if !v.isConst && len(v.field.Path) > 0 {
		if last := v.field.Path[len(v.field.Path)-1]; s.has(last) {
			return last
		}
	}
	if best := s.best(v.literal); best != "" {
		return best
	}
	return "title"
}

// inList checks x in [a, b], whose items are compared one by one.
func (j *judge) inList(n *ast.BinaryNode, left, right shape) {
	array, isArray := n.Right.(*ast.ArrayNode)
	if !isArray || left.sort == unknown {
		return
	}
	if left.sort == list && left.element != nil && left.element.sort == text && right.element.sort == text {
		j.fine(n.Left)
		return // one of the items in the list is enough
	}
	if left.sort == list || left.sort == object {
		c := &comparison{judge: j, node: n, at: n.Left, otherNode: n.Right, subject: left, other: right, operator: "in"}
		c.mismatch()
		return
	}
	for _, item := range array.Nodes {
		c := &comparison{judge: j, node: n, at: n.Left, otherNode: item, subject: left, other: j.shapeOf(item),
			operator: "in"}
		switch {
		case c.other.sort == nothing:
			j.fault(item, "a missing value is in no list", fmt.Sprintf("write %s == nil or %[1]s in …", left.source))
		case c.other.sort == unknown:
		case isRange(right):
			c.other = right
			c.mismatch()
			return
		case !comparable(left, c.other, "=="), isFraction(left, c.other, "in"):
			c.other = right
			c.mismatch()
			return
		default:
			c.checkValues()
		}
	}
	j.fine(n.Left)
}

// isNumeric reports whether a literal is text that is a number.
func isNumeric(literal any) bool {
	s, isText := literal.(string)
	return isText && s != "" && strings.Trim(s, "0123456789") == ""
}

// search checks contains, startsWith, endsWith and matches.
func (j *judge) search(n *ast.BinaryNode) {
	left, right := j.shapeOf(n.Left), j.shapeOf(n.Right)
	c := &comparison{judge: j, node: n, at: n.Left, otherNode: n.Right, subject: left, other: right,
		operator: n.Operator}
	switch {
	case j.withItself(n, left):
	case left.isConst && left.sort == text && right.isField() && !strings.ContainsAny(left.source, ",;|"):
		j.fault(n.Right, n.Operator+" has the text that it looks into on its left",
			fmt.Sprintf("write %s %s %s", right.source, n.Operator, left.source))
	case n.Operator == "matches" && right.isField():
		j.fault(n.Right, right.source+" is text of the event, which need not be a valid pattern",
			fmt.Sprintf("write %s contains %s", left.source, right.source))
	case left.sort == text:
		j.fine(c.place())
		c.checkValues()
	case left.sort == unknown || left.sort == nothing:
	default:
		message := fmt.Sprintf("%s, and %s is for text", left.is(), n.Operator)
		j.fault(c.place(), message, c.hint())
	}
}

// arithmetic checks +, -, *, / and the like.
func (j *judge) arithmetic(n *ast.BinaryNode) shape {
	left, right := j.shapeOf(n.Left), j.shapeOf(n.Right)
	switch {
	case left.sort == unknown || right.sort == unknown:
		return shape{}
	case n.Operator == "+" && (left.sort == text || right.sort == text):
		return shape{sort: text}
	case left.isNumber() && right.isNumber():
		j.fine(n.Left)
		j.fine(n.Right)
		return j.calculated(n, left, right)
	case isDate(left) && right.isNumber(), isDate(right) && left.isNumber():
		return anyNumber()
	case left.sort == moment || right.sort == moment || left.sort == span || right.sort == span:
		return j.timeArithmetic(n, left, right)
	}
	j.calculate(n.Left, left, n.Operator)
	j.calculate(n.Right, right, n.Operator)
	return shape{}
}

// calculate reports an operand that is not a number.
func (j *judge) calculate(n ast.Node, s shape, operator string) {
	if s.isNumber() || s.sort == unknown || s.sort == nothing || s.sort == span {
		return
	}
	hint := ""
	switch {
	case isDate(s):
		hint = "write date(" + s.source + ")"
	case s.sort == list:
		hint = "write len(" + s.source + ")"
	case s.sort == object && s.has("id"):
		hint = "write " + s.source + ".id"
	case s.sort == text:
		hint = "a text that is a number becomes one by int(…)"
	}
	j.fault(n, s.is()+", and "+operator+" takes numbers", hint)
}

// timeArithmetic returns the shape of a sum or difference of times and durations.
func (j *judge) timeArithmetic(n *ast.BinaryNode, left, right shape) shape {
	if isDate(left) {
		left.sort = moment
	}
	if isDate(right) {
		right.sort = moment
	}
	switch {
	case n.Operator == "-" && left.sort == moment && right.sort == moment:
		return shape{sort: span}
	case left.sort == moment && right.sort == span, left.sort == span && right.sort == moment && n.Operator == "+":
		return shape{sort: moment}
	case left.sort == span && (right.sort == span || right.isNumber()), right.sort == span && left.isNumber():
		return shape{sort: span}
	}
	hint := `a length of time is duration("24h")`
	if left.source == "timestamp" || right.source == "timestamp" {
		hint = "timestamp counts seconds: write time"
	}
	j.fault(n, fmt.Sprintf("%s is %s and %s is %s", left.source, left.kindName(), right.source, right.kindName()), hint)
	return shape{}
}

// calculated returns the shape of a calculation with numbers, with its limits.
func (j *judge) calculated(n *ast.BinaryNode, a, b shape) shape {
	s := anyNumber()
	switch n.Operator {
	case "+":
		s.low, s.high = a.low+b.low, a.high+b.high
		s.share = a.share.plus(b.share)
	case "-":
		s.low, s.high = a.low-b.high, a.high-b.low
		if isWithin(b, a) {
			s.low = 0
		}
	case "*":
		s.low, s.high = product(a, b)
		s.share = a.share.times(b).or(b.share.times(a))
		s.whole = a.whole.times(b).or(b.whole.times(a))
	case "/":
		s = quotient(a, b)
	case "%":
		if b.isConst && b.low > 0 {
			s.low, s.high = 1-b.low, b.low-1
		}
		if a.low >= 0 {
			s.low = 0
		}
	}
	return s
}

// quotient returns the shape of a division. A part of the test cases of a run, divided by their number, is 0 to 1.
func quotient(a, b shape) shape {
	s := anyNumber()
	switch {
	case a.share != nil && b.whole != nil && a.share.of == b.whole.of:
		s.low, s.high = 0, a.share.factor/b.whole.factor
	case b.isConst && b.low > 0:
		s.low, s.high = a.low/b.low, a.high/b.low
		s.share = a.share.times(shape{isConst: true, low: 1 / b.low})
		s.whole = a.whole.times(shape{isConst: true, low: 1 / b.low})
	case a.low >= 0 && b.low >= 0:
		s.low = 0
	}
	return s
}

// isWithin reports whether a number is a part of another, so that it is never above it.
func isWithin(part, whole shape) bool {
	return part.share != nil && whole.whole != nil && part.share.of == whole.whole.of &&
		part.share.factor <= whole.whole.factor
}

func product(a, b shape) (low, high float64) {
	if !(a.isConst && a.low >= 0 || b.isConst && b.low >= 0) {
		return math.Inf(-1), math.Inf(1)
	}
	ends := []float64{a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high}
	if slices.ContainsFunc(ends, math.IsNaN) {
		return math.Inf(-1), math.Inf(1)
	}
	return slices.Min(ends), slices.Max(ends)
}

func (s *share) plus(o *share) *share {
	if s == nil || o == nil || s.factor != o.factor || s.of != o.of ||
		slices.ContainsFunc(s.parts, func(p string) bool { return slices.Contains(o.parts, p) }) {
		return nil
	}
	return &share{s.of, slices.Concat(s.parts, o.parts), s.factor}
}

func (s *share) times(c shape) *share {
	if s == nil || !c.isConst || c.low <= 0 {
		return nil
	}
	return &share{s.of, s.parts, s.factor * c.low}
}

func (s *share) or(o *share) *share {
	if s == nil {
		return o
	}
	return s
}

// isDate reports whether a field is a date that Qase writes as text.
func isDate(s shape) bool {
	return s.sort == text && s.isField() &&
		slices.Contains([]string{"created", "updated"}, s.field.Path[len(s.field.Path)-1])
}

// spanText returns a length of time as duration takes it.
func spanText(seconds float64) string {
	switch whole := int(seconds); {
	case whole > 0 && whole%3600 == 0:
		return fmt.Sprintf("%dh", whole/3600)
	case whole > 0 && whole%60 == 0:
		return fmt.Sprintf("%dm", whole/60)
	default:
		return fmt.Sprintf("%ds", whole)
	}
}
