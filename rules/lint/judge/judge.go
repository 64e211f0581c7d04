package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
)

// judge evaluates a condition for one event of the catalog with shapes in place of values. It reports each part whose
// types do not fit, and each whose answer is the same for all events of this name.
type judge struct {
	*World
	cond   *condition.Condition
	event  *catalog.Schema
	facts  condition.Facts
	list   condition.Field  // the list whose items the surrounding predicate visits
	item   *shape           // of the items of that list
	vars   map[string]shape // of let
	report func(verdict)
}

// verdict is what a judge finds about a part of a condition for one event: a fault, or none.
type verdict struct {
	diag.Finding
	about question
	fault bool
}

// question is what a verdict is about. Each has its own at a place.
type question uint8

const (
	fits   question = iota // whether types and values fit
	truths                 // whether the part is true or false
	fixed                  // whether it is always true
)

// spot is a place and a question about it.
type spot struct {
	diag.Position
	question
}

// fault reports a fault of a node.
func (j *judge) fault(n ast.Node, message, hint string) {
	j.report(verdict{Finding: diag.Finding{At: j.cond.Locate(n), Message: message, Hint: hint}, fault: true})
}

// fine records that a node makes sense for this event, so that a fault in few of many events is not reported.
func (j *judge) fine(n ast.Node) { j.report(verdict{Finding: diag.Finding{At: j.cond.Locate(n)}}) }

// judgeAll judges a condition for all events that it can match.
func (w *World) judgeAll(c *condition.Condition, events []match) []diag.Finding {
	found := map[spot]*judgement{}
	for _, e := range events {
		j := &judge{World: w, cond: c, event: e.Schema, facts: condition.KnownFacts(e.name)}
		verdicts := map[spot]verdict{}
		j.report = func(v verdict) {
			if at := (spot{v.At, v.about}); !verdicts[at].fault {
				verdicts[at] = v
			}
		}
		j.truth(c.Tree())
		for at, v := range verdicts {
			g := found[at]
			if g == nil {
				g = &judgement{}
				found[at] = g
			}
			if v.fault {
				g.faults = append(g.faults, v.Finding)
			} else {
				g.fine++
			}
		}
	}
	var all []diag.Finding
	for _, g := range found {
		if len(g.faults) > 0 && (g.fine == 0 || len(events) <= maxNamed) {
			all = append(all, g.faults[0])
		}
	}
	return all
}

// judgement is the verdicts about one part for all events.
type judgement struct {
	faults []diag.Finding
	fine   int
}

// shapeOf returns the shape of a node, and reports its faults.
func (j *judge) shapeOf(n ast.Node) shape {
	s := j.shape(n)
	if s.source == "" {
		s.source = n.String()
	}
	return s
}

func (j *judge) shape(n ast.Node) shape {
	if f, isField := condition.FieldOf(n, j.list); isField && len(f.Path) > 0 {
		return j.field(n, f)
	}
	switch n := n.(type) {
	case *ast.IntegerNode:
		return shape{sort: integer, literal: n.Value, isConst: true, low: float64(n.Value), high: float64(n.Value)}
	case *ast.FloatNode:
		return shape{sort: number, literal: n.Value, isConst: true, low: n.Value, high: n.Value}
	case *ast.StringNode:
		return shape{sort: text, literal: n.Value, isConst: true}
	case *ast.BoolNode:
		return shape{sort: boolean, literal: n.Value, isConst: true}
	case *ast.NilNode:
		return shape{sort: nothing, isConst: true}
	case *ast.IdentifierNode:
		return j.variable(n)
	case *ast.PointerNode:
		return j.pointer(n)
	case *ast.ArrayNode:
		return j.array(n)
	case *ast.UnaryNode:
		return j.unary(n)
	case *ast.BinaryNode:
		return j.binary(n)
	case *ast.ConditionalNode:
		return j.choice(n)
	case *ast.VariableDeclaratorNode:
		return j.let(n)
	case *ast.ChainNode:
		return j.shape(n.Node)
	case *ast.MemberNode:
		return j.member(n)
	case *ast.BuiltinNode:
		return j.builtin(n)
	case *ast.CallNode:
		return j.call(n)
	}
	return shape{}
}

// variable returns the shape of a variable such as project_code.
func (j *judge) variable(n *ast.IdentifierNode) shape {
	if s, bound := j.vars[n.Value]; bound {
		return s
	}
	switch n.Value {
	case "event_name", "event_type", "event_action", "source":
		return shape{sort: text, never: "all events have one"}
	case "project_code":
		return shape{sort: text}
	case "timestamp", "team_member_id":
		return anyNumber()
	case "time":
		return shape{sort: moment, never: "all events have one"}
	case "payload", "entity":
		return shape{sort: object, never: "all events have one"}
	case "actor":
		return shape{sort: object, fields: catalog.Schemas().Actor.Siblings([]string{"x"}),
			never: "an event without a person has actor.automation"}
	case "failures":
		s := shape{sort: object}
		if j.endsRun() {
			s.never = "it has counts without names too: write failures.total > 0"
		}
		return s
	case "previous", "trend":
		return shape{sort: object}
	}
	return shape{}
}

// pointer returns the shape of an item of a list within a predicate.
func (j *judge) pointer(n *ast.PointerNode) shape {
	switch {
	case n.Name == "index":
		return numeric(integer, 0, math.Inf(1))
	case n.Name == "" && j.item != nil:
		return *j.item
	}
	return shape{}
}

func (j *judge) array(n *ast.ArrayNode) shape {
	s := shape{sort: list, isConst: true}
	values := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		one := j.shapeOf(item)
		if i == 0 {
			s.element = &one
		} else if s.element.sort != one.sort {
			s.element = &shape{}
		}
		values[i] = one.literal
		s.isConst = s.isConst && one.isConst && one.sort != nothing
	}
	s.literal = values
	return s
}

// choice returns the shape that both results of a choice have.
func (j *judge) choice(n *ast.ConditionalNode) shape {
	cond, decided := j.facts.Value(n.Cond)
	if !decided {
		j.truth(n.Cond)
	}
	switch {
	case decided && cond == true:
		return j.shapeOf(n.Exp1)
	case decided:
		return j.shapeOf(n.Exp2)
	}
	return either(j.shapeOf(n.Exp1), j.shapeOf(n.Exp2))
}

// either returns what is known of a value that is one of two.
func either(a, b shape) shape {
	switch {
	case a.isNumber() && b.isNumber():
		return numeric(number, math.Min(a.low, b.low), math.Max(a.high, b.high))
	case a.sort == b.sort:
		return shape{sort: a.sort}
	}
	return shape{}
}

func (j *judge) let(n *ast.VariableDeclaratorNode) shape {
	value := j.shapeOf(n.Value)
	outer := j.vars
	j.vars = map[string]shape{n.Name: value}
	for name, s := range outer {
		if name != n.Name {
			j.vars[name] = s
		}
	}
	defer func() { j.vars = outer }()
	return j.shapeOf(n.Expr)
}

// member returns the shape of a field or item that is none of the catalog's.
func (j *judge) member(n *ast.MemberNode) shape {
	base := j.shapeOf(n.Node)
	name, named := n.Property.(*ast.StringNode)
	switch {
	case named && base.sort == text:
		return j.property(n, base, name.Value)
	case named && base.sort == moment && j.cond.Compiled():
		j.fault(n, n.String()+" is a function", "write "+n.String()+"()")
	}
	return shape{}
}

// field returns the shape of a field by the catalog. A field that does not exist has no known shape.
func (j *judge) field(n ast.Node, f condition.Field) shape {
	s := shape{field: f, source: n.String()}
	if j.throughList(n) {
		return shape{source: s.source}
	}
	schema, inEvent := j.schema(f.Root)
	if schema == nil {
		return s
	}
	known, there := schema.Has(f.Path)
	if !there || known.Type == "" {
		return s
	}
	if inEvent {
		s.where = " in " + j.event.Name
	}
	path := strings.Join(f.Path, ".")
	s.sort = sort(known.Type)
	switch s.sort {
	case integer:
		s.low, s.high = boundsOf(f)
		s.share, s.whole = shareOf(f)
	case text:
		s.values = j.valuesOf(f, known)
		s.never = j.neverEmpty(f)
	case object:
		s.fields = schema.Siblings(append(slices.Clone(f.Path), "x"))
	case list:
		s.element, s.never = elementOf(schema, path), j.neverEmpty(f)
	}
	switch {
	case f.Item && s.sort == text:
		j.letter(n, s)
		return shape{source: s.source}
	case f.Item:
		return itemOf(s)
	}
	return s
}

// letter reports a letter of a text that is read like an item of a list.
func (j *judge) letter(n ast.Node, s shape) {
	if chain, isChain := n.(*ast.ChainNode); isChain {
		n = chain.Node
	}
	m, isMember := n.(*ast.MemberNode)
	if !isMember {
		return
	}
	index, isIndex := m.Property.(*ast.IntegerNode)
	if !isIndex {
		return
	}
	j.fault(n, fmt.Sprintf("%s is a string%s, and only a list has items", m.Node, s.where),
		fmt.Sprintf("for a letter write %s[%d:%d]", m.Node, index.Value, index.Value+1))
}

// throughList reports a field that is read from a list, which has none: only its items have.
func (j *judge) throughList(n ast.Node) bool {
	if chain, isChain := n.(*ast.ChainNode); isChain {
		n = chain.Node
	}
	m, isMember := n.(*ast.MemberNode)
	if !isMember {
		return false
	}
	name, named := m.Property.(*ast.StringNode)
	base, isField := condition.FieldOf(m.Node, j.list)
	if !named || !isField || len(base.Path) == 0 || base.Item {
		return false
	}
	schema, _ := j.schema(base.Root)
	if schema == nil || schema.Fields[strings.Join(base.Path, ".")].Type != "array" ||
		!schema.HasFieldsWithin(strings.Join(base.Path, ".")) || !slices.Contains(schema.Siblings(append(slices.Clone(base.Path), "x")), name.Value) {
		return false
	}
	j.fault(n, fmt.Sprintf("%s is a list, which has no field %s", m.Node, name.Value),
		fmt.Sprintf("for one of its items write any(%s, .%s == …)", m.Node, name.Value))
	return true
}

// itemOf returns the shape of an item of a list.
func itemOf(s shape) shape {
	if s.element == nil {
		return shape{source: s.source}
	}
	item := *s.element
	item.source, item.where, item.field = s.source, s.where, s.field
	return item
}

// schema returns the schema of the object behind a root, and whether it is that of the event itself.
func (j *judge) schema(root string) (s *catalog.Schema, inEvent bool) {
	switch root {
	case "payload":
		return j.event, true
	case "entity":
		if j.event == nil {
			return nil, false
		}
		if all := catalog.Entities([]*catalog.Schema{j.event}); len(all) > 0 {
			return all[0], false
		}
	case "actor":
		return catalog.Schemas().Actor, false
	case "previous":
		if j.event != nil && j.event.IsRun() {
			return catalog.Schemas().Previous, false
		}
	case "failures":
		return catalog.Schemas().Failures, false
	case "trend":
		return catalog.Schemas().Trend, false
	}
	return nil, false
}

// elementOf returns the shape of the items of a list by the fields that the catalog lists within it, or nil.
func elementOf(schema *catalog.Schema, path string) *shape {
	if schema.HasFieldsWithin(path) {
		return &shape{sort: object, fields: schema.Siblings(append(strings.Split(path, "."), "x"))}
	}
	switch path[strings.LastIndex(path, ".")+1:] {
	case "tags":
		return &shape{sort: text}
	case "rates": // of trend
		rate := numeric(integer, 0, 100)
		return &rate
	}
	return nil
}

// counts are the fields that count something, so that they are never negative. Those of the first list are parts of the
// test cases of a run.
var (
	partsOfRun = []string{"passed", "failed", "blocked", "untested", "skipped", "skiped"}
	counts     = append([]string{"cases", "cases_count", "cases_added", "duration"}, partsOfRun...)
	perTest    = []string{"red_runs", "attempts", "times"} // counts of a test that failed
)

func boundsOf(f condition.Field) (low, high float64) {
	last := f.Path[len(f.Path)-1]
	switch {
	case f.Root == "failures" && (strings.HasSuffix(last, "total") || slices.Contains(perTest, last)),
		len(f.Path) == 1 && slices.Contains(counts, last):
		return 0, math.Inf(1)
	}
	return math.Inf(-1), math.Inf(1)
}

// shareOf returns the share of a field that counts a part of the test cases of a run, or of their number itself.
func shareOf(f condition.Field) (part, whole *share) {
	if len(f.Path) != 1 || f.Root == "failures" {
		return nil, nil
	}
	one := &share{of: f.Root + ".cases", parts: []string{f.String()}, factor: 1}
	switch {
	case slices.Contains(partsOfRun, f.Path[0]):
		return one, nil
	case f.Path[0] == "cases":
		return nil, one
	}
	return nil, nil
}

// neverEmpty returns the reason why a text is never nil or empty, or "".
func (j *judge) neverEmpty(f condition.Field) string {
	switch name := f.String(); name {
	case "entity.title":
		return `it is "Run 7" when no title is known`
	case "entity.reviewers":
		return "it is an empty list when no reviewers are known: write len(entity.reviewers) == 0"
	case "failures.list", "failures.new", "failures.still", "failures.fixed", "failures.flaky", "failures.owners":
		if j.endsRun() {
			return "it is an empty list without any: write " + Length(name) + " == 0"
		}
	case "actor.name":
		return "an event without a person has actor.automation"
	}
	return ""
}

// endsRun reports whether the event is one that says which tests failed.
func (j *judge) endsRun() bool {
	return j.event != nil && (j.event.Name == "run.completed" || j.event.Name == "run.aborted")
}

// truth checks a node that has to be true or false. Both results of a choice have to be.
func (j *judge) truth(n ast.Node) {
	if _, decided := j.facts.Value(n); decided {
		return
	}
	if choice, isChoice := n.(*ast.ConditionalNode); isChoice {
		j.truth(choice.Cond)
		cond, decided := j.facts.Value(choice.Cond)
		if !decided || cond == true {
			j.truth(choice.Exp1)
		}
		if !decided || cond != true {
			j.truth(choice.Exp2)
		}
		return
	}
	s := j.shapeOf(n)
	switch s.sort {
	case unknown:
	case boolean, nothing:
		j.report(verdict{Finding: diag.Finding{At: j.cond.Locate(n)}, about: truths})
	default:
		j.report(verdict{Finding: diag.Finding{At: j.cond.Locate(n), Message: s.is() + ", not true or false",
			Hint: truthHint(s.source, s)}, about: truths, fault: true})
	}
}
