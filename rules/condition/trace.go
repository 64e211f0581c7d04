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

	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/value"
)

// probeFunction passes the value of a part of a condition to the tracer. A condition cannot name it.
const probeFunction = "__probe"

// TraceState is the state of a part of a condition after the evaluation.
type TraceState string

// The states of a part.
const (
	Evaluated TraceState = "evaluated" // it has a value
	Skipped   TraceState = "skipped"   // it was not evaluated, since another part had decided, or one before it failed
	Broken    TraceState = "failed"    // it, or a part of it, could not be evaluated
)

// Trace is a part of a condition with its value and its own parts. Constants and the predicates of any, filter and the
// like are not parts.
type Trace struct {
	Text  string          `json:"text"` // as it is written
	State TraceState      `json:"state"`
	Value json.RawMessage `json:"value,omitempty"` // null for a missing value
	Error string          `json:"error,omitempty"` // the reason, if it failed
	Hint  string          `json:"hint,omitempty"`  // why the value may be a surprise
	Parts []*Trace        `json:"parts,omitempty"` // in the order of evaluation

	Raw        any       `json:"-"` // the value, if it was evaluated
	Field      Field     `json:"-"` // the field that the part reads, or one of Roots itself; else the zero Field
	HandlesNil bool      `json:"-"` // the part deals with a missing value: x == nil, x ?? y
	Equals     *Constant `json:"-"` // the constant that the part compares with by ==, or nil

	node     ast.Node
	from, to int // the part in the source, in characters
}

// tracer compiles a condition that reports the value of each part during the evaluation. It wraps each part into a call
// of probeFunction, so values, short-circuits and failures are those of a single evaluation.
type tracer struct {
	safe  nilSafe
	whole ast.Node
	text  *syntax.Text
	root  *Trace
	parts map[ast.Node]int // the number of the part, by its node
	all   []*Trace
}

// Trace evaluates the condition for the event of env, part by part. It is for people, and much slower than Match.
func (c *Condition) Trace(env *Env) *Trace {
	t := &tracer{safe: nilSafe{loose: true}, text: syntax.NewText(c.Source), parts: map[ast.Node]int{}}
	names := maps.Clone(variableTypes())
	names[probeFunction] = types.TypeOf(func(...any) any { return nil })
	program, err := compile(c.Source, t, expr.Env(names),
		expr.Patch(syntax.Visitor(func(n ast.Node) { t.whole = n }))) // the last node of a walk is the whole
	if err != nil { // only of the probes: the condition compiled without them
		return &Trace{Text: value.OneLine(c.Source), State: Broken, Error: messageOf(err)}
	}
	vars := maps.Clone(env.Vars)
	vars[probeFunction] = t.record
	env.steps = 0
	if _, err := expr.Run(program, vars); err != nil {
		t.locate(err)
	}
	for _, part := range t.all {
		part.describe()
		part.finish()
	}
	return t.root
}

// Visit implements ast.Visitor. The first call plans the parts, while the tree is still as it was written.
func (t *tracer) Visit(node *ast.Node) {
	if t.root == nil {
		t.root = t.plan(t.whole)
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

// plan makes parts of n and its operands.
func (t *tracer) plan(n ast.Node) *Trace {
	part := &Trace{State: Skipped, node: n}
	part.Text, part.from, part.to = t.text.Of(n)
	if _, known := t.parts[n]; !known { // the middle of 1 < x < 3 occurs twice
		t.parts[n] = len(t.all)
	}
	t.all = append(t.all, part)
	for _, operand := range syntax.Operands(n) {
		if !syntax.IsConstant(operand) {
			part.Parts = append(part.Parts, t.plan(operand))
		}
	}
	if let, isLet := n.(*ast.VariableDeclaratorNode); isLet && !syntax.IsConstant(let.Value) {
		part.Parts[0].Text = let.Name + " = " + part.Parts[0].Text
	}
	return part
}

// describe records the properties of a part that a hint about its value depends on.
func (p *Trace) describe() {
	if f, ok := fieldOf(p.node, Field{}); ok {
		p.Field = f
	}
	b, isBinary := p.node.(*ast.BinaryNode)
	if !isBinary {
		return
	}
	p.HandlesNil = b.Operator == "??" || syntax.IsNil(b.Left) || syntax.IsNil(b.Right)
	if b.Operator == "==" && (syntax.IsConstant(b.Left) || syntax.IsConstant(b.Right)) {
		literal := b.Right
		if syntax.IsConstant(b.Left) {
			literal = b.Left
		}
		p.Equals = &Constant{syntax.Literal(literal), literal.String()}
	}
}

// record is called as probeFunction with the number of a part and its value, and returns the value.
func (t *tracer) record(args ...any) any {
	number, _ := args[0].(int)
	node := t.all[number].node
	for _, part := range t.all[number:] {
		if part.node == node {
			part.State, part.Raw = Evaluated, args[1]
		}
	}
	return args[1]
}

// locate finds the smallest part without a value at the position of err, and marks it and the parts around it as
// failed.
func (t *tracer) locate(err error) {
	at := 0
	var fe *file.Error
	if errors.As(err, &fe) {
		at = fe.From
	}
	broken := t.root
	for _, part := range t.all { // a part comes behind the parts around it
		if part.State != Evaluated && part.from <= at && at < part.to {
			part.State, broken = Broken, part
		}
	}
	broken.State, broken.Error = Broken, messageOf(err)
}

// messageOf is runError without the position, which the tree shows.
func messageOf(err error) string {
	var fe *file.Error
	if errors.As(err, &fe) {
		return describeFailure(fe.Message)
	}
	return runError(err).Error()
}

// finish encodes the value. The part around a part is finished first.
func (p *Trace) finish() {
	if p.State == Skipped {
		for _, part := range p.Parts { // the middle of 1 < x < 3 has a value by its other occurrence
			part.State = Skipped
		}
	}
	if p.State != Evaluated {
		return
	}
	text := value.JSONText(p.Raw)
	if text == "null" && p.Raw != nil { // such as the result of groupBy, or infinity
		text = value.JSONText(value.Shorten(fmt.Sprint(p.Raw), 1000))
	}
	p.Value = json.RawMessage(text)
	if p.Raw == true && p.Equals != nil && len(p.Parts) == 1 && len(p.Parts[0].Parts) == 0 {
		p.Parts = nil // its value is the constant
	}
}
