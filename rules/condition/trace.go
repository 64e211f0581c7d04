package condition

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"

	"qaserelay/rules/value"
)

// probeFunction tells a tracer the value of a part of a condition; users cannot name it.
const probeFunction = "__probe"

// TraceState says what became of a part of a condition.
type TraceState string

// The states of a part. Each begins as skipped.
const (
	Evaluated TraceState = "evaluated" // it has a value
	Skipped   TraceState = "skipped"   // it was not looked at, since another part had decided, or one before it failed
	Broken    TraceState = "failed"    // it, or a part of it, could not be evaluated
)

// Trace is a part of a condition with its value and the parts that it is made of. Constants are no parts, and what any, filter and
// the like do with each element is not taken apart.
type Trace struct {
	Text  string          `json:"text"` // as it is written
	State TraceState      `json:"state"`
	Value json.RawMessage `json:"value,omitempty"` // null for what is missing
	Error string          `json:"error,omitempty"` // why it failed, where it did
	Hint  string          `json:"hint,omitempty"`  // why the value may surprise
	Parts []*Trace        `json:"parts,omitempty"` // in the order in which they are looked at

	Node ast.Node `json:"-"`
	Raw  any      `json:"-"`
	from int      // its place in the text, in characters
	to   int
}

// tracer compiles a condition so that it tells the value of each part while it is evaluated. It wraps each part into a call of
// probeFunction, so values, short-circuits and failures are those of the very evaluation and not of a second one.
type tracer struct {
	safe  nilSafe
	whole lastVisited
	text  *conditionText
	root  *Trace
	parts map[ast.Node]int // number of the part that a node as written is
	all   []*Trace
}

// lastVisited ends with the root of a tree, which is visited last.
type lastVisited struct{ node ast.Node }

// Visit implements ast.Visitor.
func (l *lastVisited) Visit(n *ast.Node) { l.node = *n }

// Trace evaluates c with the variables of one event, part by part.
func (c *Condition) Trace(vars map[string]any, count *Steps) *Trace {
	t := &tracer{text: newConditionText(c.Source), parts: map[ast.Node]int{}}
	env := environment()
	env[probeFunction] = types.TypeOf(func(...any) any { return nil })
	program, err := expr.Compile(c.Source, expr.Env(env), expr.AsBool(), expr.MaxNodes(maxConditionNodes), expr.Patch(&t.whole), expr.Patch(t))
	if err != nil { // which the condition itself did not, so there is only the whole of it to show
		return &Trace{Text: value.OneLine(c.Source), State: Broken, Error: explainCompileError(err).Message}
	}
	values := maps.Clone(vars)
	values[probeFunction] = t.record
	count.Done = 0
	if _, err := expr.Run(program, values); err != nil {
		t.blame(err)
	}
	for _, part := range t.all {
		part.finish()
	}
	return t.root
}

// Visit implements ast.Visitor. The first call plans the parts, since the tree is still as it was written then.
func (t *tracer) Visit(node *ast.Node) {
	if t.root == nil {
		t.root = t.plan(t.whole.node)
	}
	number, isPart := t.parts[*node]
	t.safe.Visit(node)
	if !isPart {
		return
	}
	known := t.safe.kindOf(*node)
	probe := at(*node, &ast.CallNode{
		Callee:    at(*node, &ast.IdentifierNode{Value: probeFunction}),
		Arguments: []ast.Node{at(*node, &ast.IntegerNode{Value: number}), *node},
	})
	t.safe.put(node, probe, known)
}

// plan makes n and all that it is made of parts.
func (t *tracer) plan(n ast.Node) *Trace {
	part := &Trace{State: Skipped, Node: n}
	part.Text, part.from, part.to = t.text.of(n)
	if _, known := t.parts[n]; !known { // the middle of 1 < x < 3 stands in two places
		t.parts[n] = len(t.all)
	}
	t.all = append(t.all, part)
	for _, operand := range operandsOf(n) {
		if !IsFixed(operand) {
			part.Parts = append(part.Parts, t.plan(operand))
		}
	}
	if let, isLet := n.(*ast.VariableDeclaratorNode); isLet && !IsFixed(let.Value) {
		part.Parts[0].Text = let.Name + " = " + part.Parts[0].Text
	}
	return part
}

// record is called as probeFunction with the number of a part and its value, and returns the value.
func (t *tracer) record(args ...any) any {
	number, _ := args[0].(int)
	node := t.all[number].Node
	for _, part := range t.all[number:] {
		if part.Node == node {
			part.State, part.Raw = Evaluated, args[1]
		}
	}
	return args[1]
}

// blame finds the smallest part that has no value at the place of err, and marks it and all around it.
func (t *tracer) blame(err error) {
	at := 0
	var fe *file.Error
	if errors.As(err, &fe) {
		at = fe.From
	}
	broken := t.root
	for _, part := range t.all { // those around a part come before it
		if part.State != Evaluated && part.from <= at && at < part.to {
			part.State, broken = Broken, part
		}
	}
	broken.State, broken.Error = Broken, messageOf(err)
}

// messageOf is runError without the place, which the tree shows.
func messageOf(err error) string {
	var fe *file.Error
	if errors.As(err, &fe) {
		return describeFailure(fe.Message)
	}
	return runError(err).Error()
}

// finish writes the value down for people and programs. Parts are finished after those that they belong to.
func (p *Trace) finish() {
	if p.State == Skipped {
		for _, part := range p.Parts { // the middle of 1 < x < 3 has a value by its other place
			part.State = Skipped
		}
	}
	if p.State != Evaluated {
		return
	}
	text := value.JSONText(p.Raw)
	if text == "null" && p.Raw != nil { // such as what groupBy gives, or the infinite
		text = value.JSONText(value.Shorten(fmt.Sprint(p.Raw), 1000))
	}
	p.Value = json.RawMessage(text)
	if p.Raw == true && isEquality(p.Node) && len(p.Parts) == 1 && len(p.Parts[0].Parts) == 0 {
		p.Parts = nil // what equals a constant has its value
	}
}
