package judge

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/value"
)

// maxWorlds is the number of combinations of values beyond which nothing is known about a part.
const maxWorlds = 600

// outcome is the set of answers that a part of a condition may give.
type outcome uint8

const (
	isTrue outcome = 1 << iota
	isFalse
	undecided = isTrue | isFalse
)

func certain(answer bool) outcome {
	if answer {
		return isTrue
	}
	return isFalse
}

func (o outcome) not() outcome { return o>>1&isTrue | o<<1&isFalse }

func (o outcome) and(other outcome) outcome {
	return o&other&isTrue | (o|other)&isFalse
}

// kindOfValue is what a value of an event is, as far as comparisons tell values apart.
type kindOfValue uint8

const (
	missing kindOfValue = iota
	ofNumber
	ofText
	ofTruth
	anything // a list or an object
	opaque   // a time and the like
)

// class is a set of values between which the comparisons of a part cannot tell: one constant, or the values between two
// neighboring ones.
type class struct {
	kind  kindOfValue
	place int // 2i+1 is the i-th constant of its kind, 2i the values below it
	exact string
	whole bool // all of them are whole numbers
}

func (c class) isExact() bool { return c.kind == ofTruth || c.place%2 == 1 }

// world is a combination of values: the class of each subject by its text.
type world map[string]class

// possibilities finds the answers that a part of a condition can give for some event, by trying each combination of
// classes of its subjects.
type possibilities struct {
	*judge
	numbers []float64 // the constants of the part, in order
	texts   []string
	domains map[string][]class
	counts  map[string]int // how often a subject occurs; nil before count
}

// newPossibilities returns the possibilities of a part.
func (j *judge) newPossibilities(part ast.Node) *possibilities {
	silent := *j
	silent.report = func(verdict) {}
	p := &possibilities{judge: &silent, domains: map[string][]class{}}
	names := map[ast.Node]bool{} // the names of fields
	ast.Walk(ptr(part), syntax.Visitor(func(n ast.Node) {
		if member, isMember := n.(*ast.MemberNode); isMember {
			names[member.Property] = true
		}
	}))
	ast.Walk(ptr(part), syntax.Visitor(func(n ast.Node) {
		if unary, isUnary := n.(*ast.UnaryNode); isUnary && syntax.IsNumber(unary) {
			n = &ast.FloatNode{Value: -numberOf(unary.Node)}
		}
		switch literal := syntax.Literal(n).(type) {
		case string:
			if !names[n] {
				p.addConstant(literal)
			}
		case int, float64:
			p.addConstant(value.PlainText(literal))
		}
	}))
	slices.Sort(p.numbers)
	slices.Sort(p.texts)
	p.numbers, p.texts = slices.Compact(p.numbers), slices.Compact(p.texts)
	return p
}

func numberOf(n ast.Node) float64 {
	x, _ := value.Float(syntax.Literal(n))
	return x
}

// addConstant adds a constant, whose text and number are equal for conditions.
func (p *possibilities) addConstant(text string) {
	p.texts = append(p.texts, text)
	if n, isNumber := value.ParseNumber(text); isNumber {
		x, _ := value.Float(n)
		p.numbers = append(p.numbers, x)
	}
}

// constant returns the class of a literal.
func (p *possibilities) constant(literal any) (class, bool) {
	switch v := literal.(type) {
	case string:
		i, found := slices.BinarySearch(p.texts, v)
		return class{kind: ofText, place: 2*i + 1, exact: v}, found
	case bool:
		return class{kind: ofTruth, exact: value.PlainText(v)}, true
	case int, float64:
		x, _ := value.Float(v)
		i, found := slices.BinarySearch(p.numbers, x)
		return class{kind: ofNumber, place: 2*i + 1, exact: value.PlainText(v)}, found
	}
	return class{}, false
}

// of returns the answers of n over all combinations of the subjects that occur in it more than once, or all of them if
// there are too many.
func (p *possibilities) of(n ast.Node) outcome {
	worlds := p.worlds(p.repeated(n))
	if len(worlds) > maxWorlds {
		return undecided
	}
	var all outcome
	for _, w := range worlds {
		if all |= p.answer(n, w); all == undecided {
			break
		}
	}
	return all
}

// count gathers the subjects of n.
func (p *possibilities) count(n ast.Node) {
	if p.counts == nil {
		p.counts = map[string]int{}
		p.answer(n, nil)
	}
}

// repeated returns the subjects that occur more than once, or have a link to another.
func (p *possibilities) repeated(n ast.Node) (subjects []string) {
	p.count(n)
	for _, subject := range slices.Sorted(maps.Keys(p.counts)) {
		if p.counts[subject] > 1 || p.isLinked(subject) {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}

// answer returns the answers that n can give in a world. In no world it counts the subjects.
func (p *possibilities) answer(n ast.Node, w world) outcome {
	if v, decided := p.facts.Value(n); decided {
		return certain(v == true)
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return p.answer(n.Node, w).not()
		}
	case *ast.ConditionalNode:
		cond, yes, no := p.answer(n.Cond, w), p.answer(n.Exp1, w), p.answer(n.Exp2, w)
		return cond.and(yes) | cond.not().and(no)
	case *ast.BinaryNode:
		return p.binary(n, w)
	case *ast.BoolNode:
		return certain(n.Value)
	}
	return p.overClasses(n, w, func(c class) outcome {
		switch c.kind {
		case ofTruth:
			return certain(c.exact == "true")
		case missing:
			return isFalse
		}
		return undecided // or it fails
	})
}

func (p *possibilities) binary(n *ast.BinaryNode, w world) outcome {
	switch n.Operator {
	case "and", "&&":
		return p.answer(n.Left, w).and(p.answer(n.Right, w))
	case "or", "||":
		return p.answer(n.Left, w).not().and(p.answer(n.Right, w).not()).not()
	case "!=":
		return p.compare(&ast.BinaryNode{Operator: "==", Left: n.Left, Right: n.Right}, w).not()
	case "==", "<", "<=", ">", ">=":
		return p.compare(n, w)
	case "in":
		return p.in(n, w)
	case "contains", "startsWith", "endsWith", "matches":
		return p.search(n, w)
	}
	return p.atom(n.String(), w)
}

// answerOf begins the text of a subject that is the answer of a part, so that it is not taken for a field.
const answerOf = "answer of "

// atom returns the answers of a part that is not looked into, whose answer is the same wherever it stands.
func (p *possibilities) atom(text string, w world) outcome {
	text = answerOf + text
	if w == nil {
		p.counts[text]++
		p.domains[text] = []class{{kind: ofTruth, exact: "true"}, {kind: ofTruth, exact: "false"}}
		return undecided
	}
	if c, known := w[text]; known {
		return certain(c.exact == "true")
	}
	return undecided
}

// overClasses returns the answers of test for the class of a subject in a world, or for all its classes.
func (p *possibilities) overClasses(n ast.Node, w world, test func(class) outcome) outcome {
	if c, isConstant := p.constant(literalOf(n)); isConstant {
		return test(c)
	}
	if _, isNil := n.(*ast.NilNode); isNil {
		return test(class{kind: missing})
	}
	if b, isBinary := n.(*ast.BinaryNode); isBinary && b.Operator == "??" {
		if w == nil {
			p.overClasses(b.Right, w, test)
		}
		return p.overClasses(b.Left, w, func(c class) outcome {
			if c.kind == missing {
				return p.overClasses(b.Right, w, test)
			}
			return test(c)
		})
	}
	text := n.String()
	if w == nil {
		p.counts[text]++
		p.domain(n, text)
		return test(class{kind: opaque})
	}
	if c, known := w[text]; known {
		return test(c)
	}
	var all outcome
	for _, c := range p.domain(n, text) {
		all |= test(c)
	}
	return all
}

// literalOf returns the value of a literal, which may be a negative number.
func literalOf(n ast.Node) any {
	if unary, isUnary := n.(*ast.UnaryNode); isUnary && syntax.IsNumber(unary) {
		return -numberOf(unary.Node)
	}
	if _, isList := n.(*ast.ArrayNode); isList {
		return nil
	}
	return syntax.Literal(n)
}

// compare returns the answers of ==, or of an order.
func (p *possibilities) compare(n *ast.BinaryNode, w world) outcome {
	_, leftNil := n.Left.(*ast.NilNode)
	_, rightNil := n.Right.(*ast.NilNode)
	return p.overClasses(n.Left, w, func(a class) outcome {
		return p.overClasses(n.Right, w, func(b class) outcome {
			switch {
			case n.Operator == "==" && (leftNil || rightNil):
				return certain(a.kind == missing && b.kind == missing)
			case a.kind == missing || b.kind == missing:
				return isFalse
			case a.kind == opaque || b.kind == opaque || a.kind == anything && b.kind == anything:
				return p.atom(n.String(), w)
			case a.kind != b.kind:
				return p.compareKinds(n, a, b, w)
			case !a.isExact() && a.place == b.place:
				return p.atom(n.String(), w)
			case a.kind == ofTruth:
				return certain(a.exact == b.exact && n.Operator == "==")
			}
			return certain(holds(n.Operator, a.place, b.place))
		})
	})
}

// compareKinds returns the answers of a comparison of two kinds: values that are written alike are equal, and a text is
// in order with numbers if it is one.
func (p *possibilities) compareKinds(n *ast.BinaryNode, a, b class, w world) outcome {
	if n.Operator == "==" {
		return certain(a.isExact() && b.isExact() && a.kind != anything && b.kind != anything && a.exact == b.exact)
	}
	a, b = p.asNumber(a), p.asNumber(b)
	if isTimeText(a) || isTimeText(b) {
		return p.atom(n.String(), w)
	}
	return certain(a.kind == ofNumber && b.kind == ofNumber && holds(n.Operator, a.place, b.place))
}

// isTimeText reports whether a constant text is a date or a duration, which is in order with numbers.
func isTimeText(c class) bool {
	if c.kind != ofText || !c.isExact() {
		return false
	}
	_, isDate := value.TimeIn(c.exact, time.UTC)
	_, err := value.ParseDuration(c.exact)
	return isDate || err == nil
}

// asNumber returns a constant text that is a number as that number.
func (p *possibilities) asNumber(c class) class {
	n, isNumber := value.ParseNumber(c.exact)
	if c.kind != ofText || !c.isExact() || !isNumber {
		return c
	}
	x, _ := value.Float(n)
	i, _ := slices.BinarySearch(p.numbers, x)
	return class{kind: ofNumber, place: 2*i + 1, exact: c.exact}
}

// holds reports whether an operator is true for two places.
func holds(operator string, a, b int) bool {
	switch operator {
	case "==":
		return a == b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// in returns the answers of x in [a, b] and x in 1..5.
func (p *possibilities) in(n *ast.BinaryNode, w world) outcome {
	switch right := n.Right.(type) {
	case *ast.ArrayNode:
		if w == nil {
			p.overClasses(n.Left, w, func(class) outcome { return undecided })
		}
		found := isFalse
		for _, item := range right.Nodes {
			if w == nil {
				p.overClasses(item, w, func(class) outcome { return undecided })
				continue
			}
			same := p.compare(&ast.BinaryNode{Operator: "==", Left: n.Left, Right: item}, w)
			found = found.not().and(same.not()).not()
		}
		return found | p.overClasses(n.Left, w, ofList)
	case *ast.BinaryNode:
		from, ok1 := p.constant(syntax.Literal(right.Left))
		to, ok2 := p.constant(syntax.Literal(right.Right))
		if right.Operator != ".." || !ok1 || !ok2 {
			break
		}
		return p.overClasses(n.Left, w, func(c class) outcome {
			switch {
			case c.kind == missing || c.kind == ofNumber && (c.place < from.place || c.place > to.place):
				return isFalse
			case c.kind == ofNumber && (c.whole || c.isExact() && !strings.Contains(c.exact, ".")):
				return isTrue
			}
			return p.atom(n.String(), w)
		})
	}
	return p.atom(n.String(), w)
}

// ofList returns the answers of in for a value that may be a list, of which one item is enough.
func ofList(c class) outcome {
	if c.kind == anything {
		return undecided
	}
	return 0
}

// search returns the answers of contains and the like with a constant.
func (p *possibilities) search(n *ast.BinaryNode, w world) outcome {
	needle, isText := syntax.Literal(n.Right).(string)
	if !isText {
		return p.atom(n.String(), w)
	}
	return p.overClasses(n.Left, w, func(c class) outcome {
		switch {
		case c.kind == missing:
			return isFalse
		case c.kind == ofText && c.isExact():
			if found, valid := contains(n.Operator, c.exact, needle); valid {
				return certain(found)
			}
		}
		return p.atom(n.String(), w)
	})
}

func contains(operator, text, needle string) (found, valid bool) {
	switch operator {
	case "contains":
		return strings.Contains(text, needle), true
	case "startsWith":
		return strings.HasPrefix(text, needle), true
	case "endsWith":
		return strings.HasSuffix(text, needle), true
	}
	pattern, err := regexp.Compile(needle)
	return err == nil && pattern.MatchString(text), err == nil
}
