package judge

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// maxWorlds is the number of combinations of values beyond which nothing is known about a part.
const maxWorlds = 2000

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
	ast.Walk(ptr(part), syntax.Visitor(func(n ast.Node) {
		if unary, isUnary := n.(*ast.UnaryNode); isUnary && syntax.IsNumber(unary) {
			n = &ast.FloatNode{Value: -numberOf(unary.Node)}
		}
		switch literal := syntax.Literal(n).(type) {
		case string:
			p.addConstant(literal)
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

// worlds returns the combinations of the classes of some subjects.
func (p *possibilities) worlds(subjects []string) []world {
	all := []world{{}}
	persons, ofPerson := p.persons(subjects)
	if ofPerson {
		all = persons
		subjects = slices.DeleteFunc(subjects, isOfActor)
	}
	for _, subject := range subjects {
		var next []world
		for _, w := range all {
			for _, c := range p.domains[subject] {
				more := maps.Clone(w)
				more[subject] = c
				next = append(next, more)
			}
			if len(next) > maxWorlds {
				return next
			}
		}
		all = next
	}
	return slices.DeleteFunc(all, impossible)
}

// isLinked reports whether a subject is a field of another subject, or has one, or is one of several of the actor.
func (p *possibilities) isLinked(subject string) bool {
	for other := range p.counts {
		if other != subject && (isFieldWithin(other, subject) || isFieldWithin(subject, other) ||
			isOfActor(subject) && isOfActor(other)) {
			return true
		}
	}
	return false
}

// memberID is the variable that has the member id of the actor too.
const memberID = "team_member_id"

// isOfActor reports whether a subject is one of the fields by which a person is known.
func isOfActor(subject string) bool {
	field, ofActor := strings.CutPrefix(subject, "actor.")
	return subject == memberID || ofActor && slices.Contains([]string{"name", "email", "member_id", "team", "automation"}, field)
}

func isFieldWithin(subject, object string) bool {
	return strings.HasPrefix(subject, object+".") || strings.HasPrefix(subject, object+"?.")
}

// impossible reports whether a world has a field of an object that is missing.
func impossible(w world) bool {
	for subject, c := range w {
		if c.kind != missing {
			continue
		}
		for other, oc := range w {
			if oc.kind != missing && isFieldWithin(other, subject) {
				return true
			}
		}
	}
	return false
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
		return p.atom(n.String(), w)
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

// atom returns the answers of a part that is not looked into, whose answer is the same wherever it stands.
func (p *possibilities) atom(text string, w world) outcome {
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

// compareKinds returns the answers of a comparison of two kinds: values that are written alike are equal, and a text is in
// order with numbers if it is one.
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
		return found
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

// domain returns the classes that a subject can have.
func (p *possibilities) domain(n ast.Node, subject string) []class {
	if known, ok := p.domains[subject]; ok {
		return known
	}
	s := p.shapeOf(n)
	var all []class
	if p.canBeMissing(n, s) {
		all = append(all, class{kind: missing})
	}
	switch {
	case p.lacks(s.field):
	case s.isNumber():
		all = append(all, p.numbersOf(s)...)
	case s.sort == text:
		all = append(all, p.textsOf(s)...)
	case s.sort == boolean:
		all = append(all, class{kind: ofTruth, exact: "true"}, class{kind: ofTruth, exact: "false"})
	case s.sort == unknown:
		whole := numeric(number, math.Inf(-1), math.Inf(1))
		if s.isField() || isPlainField(n) {
			whole.sort = integer
		}
		all = append(append(all, p.numbersOf(whole)...), p.textsOf(shape{})...)
		all = append(all, class{kind: ofTruth, exact: "true"}, class{kind: ofTruth, exact: "false"}, class{kind: anything})
	default:
		all = append(all, class{kind: opaque})
	}
	p.domains[subject] = all
	return all
}

// isPlainField reports whether n is a field, which is not calculated.
func isPlainField(n ast.Node) bool {
	switch n.(type) {
	case *ast.MemberNode, *ast.ChainNode, *ast.PointerNode:
		return true
	}
	return false
}

// canBeMissing reports whether a subject may be nil.
func (p *possibilities) canBeMissing(n ast.Node, s shape) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return s.sort == unknown || n.Value == "previous"
	case *ast.CallNode:
		return false
	case *ast.BuiltinNode:
		return n.Name != "len" && n.Name != "count" && n.Name != "lower" && n.Name != "upper" && n.Name != "trim"
	}
	f := s.field
	switch {
	case s.never != "":
		return false
	case f.Root == "actor" && len(f.Path) == 1:
		return f.Path[0] != "automation" && f.Path[0] != "member_id"
	case f.Root != "payload" || p.event == nil || !p.event.Documented || len(f.Path) == 0 || f.Item:
		return true
	}
	for i := range f.Path {
		known, listed := p.event.Fields[strings.Join(f.Path[:i+1], ".")]
		if !listed || known.Nullable {
			return true
		}
	}
	return false
}

// lacks reports whether the event is documented without a field.
func (p *possibilities) lacks(f condition.Field) bool {
	if f.Root != "payload" || p.event == nil || !p.event.Documented {
		return false
	}
	_, there := p.event.Has(f.Path)
	return !there
}

// numbersOf returns the classes of the numbers of a shape.
func (p *possibilities) numbersOf(s shape) (all []class) {
	for place := 0; place <= 2*len(p.numbers); place++ {
		low, high := math.Inf(-1), math.Inf(1)
		if place%2 == 1 {
			x := p.numbers[place/2]
			if x >= s.low && x <= s.high && (s.sort != integer || x == math.Trunc(x)) {
				all = append(all, class{kind: ofNumber, place: place, exact: value.PlainText(plainInt(x)), whole: s.sort == integer})
			}
			continue
		}
		if place > 0 {
			low = p.numbers[place/2-1]
		}
		if place/2 < len(p.numbers) {
			high = p.numbers[place/2]
		}
		if s.sort == integer {
			if first := math.Floor(low) + 1; math.Max(first, math.Ceil(s.low)) > math.Min(math.Ceil(high)-1, math.Floor(s.high)) {
				continue
			}
		}
		if high > s.low && low < s.high {
			all = append(all, class{kind: ofNumber, place: place, whole: s.sort == integer})
		}
	}
	return all
}

// plainInt returns a whole number as one.
func plainInt(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return int(x)
	}
	return x
}

// textsOf returns the classes of the texts of a shape.
func (p *possibilities) textsOf(s shape) (all []class) {
	if s.values != nil {
		for _, v := range s.values {
			i, found := slices.BinarySearch(p.texts, v)
			c := class{kind: ofText, place: 2 * i}
			if found {
				c = class{kind: ofText, place: 2*i + 1, exact: v}
			}
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
		return all
	}
	for place := 0; place <= 2*len(p.texts); place++ {
		c := class{kind: ofText, place: place}
		if place%2 == 1 {
			c.exact = p.texts[place/2]
		}
		all = append(all, c)
	}
	return all
}

// persons returns the worlds of the fields of the actor among the subjects: each person of the directory, automation, and
// others. ok is false if there are fewer than two.
func (p *possibilities) persons(subjects []string) (all []world, ok bool) {
	var fields []string
	for _, s := range subjects {
		if isOfActor(s) {
			fields = append(fields, s)
		}
	}
	if len(fields) < 2 || len(p.People) > maxWorlds/10 {
		return nil, false
	}
	for _, one := range p.People {
		all = append(all, p.personWorlds(fields, one)...)
	}
	all = append(all, p.personWorlds(fields, people.Person{Name: "automation", MemberID: -1})...)
	return append(all, p.personWorlds(fields, people.Person{})...), true
}

// personWorlds returns the worlds of one person: of automation for the member -1, and of anyone else for no name.
func (p *possibilities) personWorlds(fields []string, one people.Person) []world {
	all := []world{{}}
	for _, field := range fields {
		var choices []class
		known := ""
		switch strings.TrimPrefix(field, "actor.") {
		case "automation":
			choices = []class{{kind: ofTruth, exact: value.PlainText(one.MemberID == -1)}}
		case "name":
			known = one.Name
		case "email":
			known = one.Email
		case "member_id", memberID:
			if known = value.PlainText(max(one.MemberID, 0)); one.MemberID == 0 {
				known = ""
			}
		case "team":
			if known = one.Team; known == "" {
				choices = []class{{kind: missing}}
			}
		}
		switch {
		case known != "":
			choices = p.classesOf(field, known)
		case field == "actor.email" && one.MemberID == -1:
			choices = []class{{kind: missing}}
		case choices == nil:
			choices = p.unlisted(field)
		}
		var next []world
		for _, w := range all {
			for _, c := range choices {
				more := maps.Clone(w)
				more[field] = c
				next = append(next, more)
			}
		}
		all = next
	}
	return all
}

// classesOf returns the classes of a known value of a person. A person who is known by the email address may have another
// member id.
func (p *possibilities) classesOf(field, known string) []class {
	if field != "actor.member_id" && field != memberID {
		return p.textsOf(shape{values: []string{known}})
	}
	x, _ := value.Float(value.Number(known))
	i, found := slices.BinarySearch(p.numbers, x)
	own := class{kind: ofNumber, place: 2 * i}
	if found {
		own = class{kind: ofNumber, place: 2*i + 1, exact: known}
	}
	if known == "0" {
		return []class{own}
	}
	return append(p.unlisted(field), own)
}

// unlisted returns the classes of a field of people who are not in the directory, or of whom it does not say the field.
func (p *possibilities) unlisted(field string) []class {
	return slices.DeleteFunc(slices.Clone(p.domains[field]), func(c class) bool {
		return slices.ContainsFunc(p.People, func(one people.Person) bool {
			id := value.PlainText(one.MemberID)
			known := map[string]string{"actor.email": one.Email, "actor.member_id": id, memberID: id}[field]
			return known != "" && known != "0" && c.exact == known
		})
	})
}

// contradictionFinder looks for the smallest parts of a condition that are never true, or always.
type contradictionFinder struct {
	*conditionLint
	*judge
	events []*judge // for which the condition is judged: of an event that nothing is known of, and of each it can match
}

// contradictions reports parts with and, or that are never true since their halves exclude each other, or always since
// they leave nothing over.
func (w *World) contradictions(l *conditionLint) {
	silent := func(verdict) {}
	unknownEvent := &judge{World: w, cond: l.Condition, facts: condition.Facts{}, report: silent}
	f := &contradictionFinder{l, unknownEvent, nil}
	for _, m := range l.matching {
		f.events = append(f.events, &judge{World: w, cond: l.Condition, event: m.Schema,
			facts: condition.FactsOf(m.name), report: silent})
	}
	f.visit(l.Tree())
}

// visit looks into n, and reports whether it or a part of it was reported.
func (f *contradictionFinder) visit(n ast.Node) (found bool) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return f.visit(n.Node)
	case *ast.ConditionalNode:
		return f.visitAll(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		return f.visitAll(n.Value, n.Expr)
	case *ast.BuiltinNode:
		return f.builtin(n)
	case *ast.BinaryNode:
		found = f.visitAll(n.Left, n.Right)
		if syntax.IsLogic(n.Operator) && !found {
			return f.check(n)
		}
	}
	return found
}

func (f *contradictionFinder) visitAll(nodes ...ast.Node) (found bool) {
	for _, n := range nodes {
		found = f.visit(n) || found
	}
	return found
}

// builtin looks into the predicates of a function.
func (f *contradictionFinder) builtin(n *ast.BuiltinNode) (found bool) {
	for _, arg := range n.Arguments {
		predicate, isPredicate := arg.(*ast.PredicateNode)
		if !isPredicate {
			found = f.visit(arg) || found
			continue
		}
		all := append([]*judge{f.judge}, f.events...)
		outer := make([]judge, len(all))
		for i, j := range all {
			outer[i] = *j
			items := j.shapeOf(n.Arguments[0])
			j.list, j.item = condition.ElementsOf(n.Arguments[0], j.list), items.element
		}
		found = f.visit(predicate.Node) || found
		for i, j := range all {
			*j = outer[i]
		}
	}
	return found
}

// check reports a part with and, or whose answer is fixed although none of its halves alone has one.
func (f *contradictionFinder) check(n *ast.BinaryNode) bool {
	subjects := f.judge.newPossibilities(n).repeated(n)
	if len(subjects) == 0 {
		return false
	}
	answers, ofBoth := f.judge.answers(n)
	if answers == undecided {
		answers, ofBoth = f.answersOfEvents(n)
	}
	if !ofBoth || answers != isTrue && answers != isFalse {
		return false
	}
	none, message := condition.Facts{}, "this can never be true"
	part, a, b := none.NeverTrue(n)
	if answers == isTrue {
		message = "this is always true"
		part, a, b = none.AlwaysTrue(n)
	}
	hint := conflictHint(subjects)
	if part == n {
		hint = contradictionHint(a, b, answers == isTrue)
	}
	f.add(f.Locate(n), message, hint)
	return true
}

// answersOfEvents returns the answers of a part for all events, and whether its halves have to do with it in any.
func (f *contradictionFinder) answersOfEvents(n *ast.BinaryNode) (all outcome, ofBoth bool) {
	for _, j := range f.events {
		if _, decided := j.facts.Value(n); decided {
			continue
		}
		answers, both := j.answers(n)
		all, ofBoth = all|answers, ofBoth || both
		if all == undecided {
			break
		}
	}
	return all, ofBoth
}

// answers returns the answers that a part can give, and whether that takes both halves: a half that decides it alone has a
// fault of its own.
func (j *judge) answers(n *ast.BinaryNode) (all outcome, ofBoth bool) {
	all = j.newPossibilities(n).of(n)
	deciding := isFalse
	if syntax.Logic(n.Operator) == "or" {
		deciding = isTrue
	}
	if all != deciding {
		return all, false
	}
	for _, side := range []ast.Node{n.Left, n.Right} {
		if j.newPossibilities(side).of(side) == deciding {
			return all, false
		}
	}
	return all, true
}

// conflictHint names what the halves of a part disagree about.
func conflictHint(subjects []string) string {
	all := strings.Join(subjects, " and ")
	if len(subjects) > 1 && isOfActor(subjects[0]) && isOfActor(subjects[1]) {
		return "no entry of people: has both values"
	}
	return "the answer is the same for each value of " + all
}

// CanMatch reports whether a condition may be true for an event of the catalog.
func (w *World) CanMatch(c *condition.Condition, events []*catalog.Schema) bool {
	for _, e := range events {
		j := &judge{World: w, cond: c, event: e, facts: condition.FactsOf(e.Name), report: func(verdict) {}}
		if j.newPossibilities(c.Tree()).of(c.Tree())&isTrue != 0 {
			return true
		}
	}
	return len(events) == 0
}
