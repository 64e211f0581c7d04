package template

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"qaserelay/rules/budget"
	"qaserelay/rules/diag"
	"qaserelay/rules/template/funcs"
)

// body is a compiled template or partial.
type body struct {
	steps []step
	slots int // variables that it needs

	reads []string // the names behind the dot that it reads; see Template.Reads
}

// step executes one node of a template, which may write output.
type step func(*Renderer) error

// operand computes a value.
type operand func(*Renderer) (any, error)

// compiler compiles one parsed text to closures. In a URL or in JSON the form of a value depends on the literal text
// before it; the compiler assumes that the branches of an if end in the state in which they began.
type compiler struct {
	*Set
	source
	tree    *parse.Tree
	literal string   // the literal text so far; an x replaces each value
	next    string   // the literal text behind the node that is being compiled, if any
	scope   []string // the names of the variables in scope, by slot
	slots   int      // the largest number of variables in scope so far
	faults  []diag.Finding
	broken  bool            // a partial has faults, which Check reports
	quoted  map[string]bool // the texts in quotes, in FormPeople

	reads []string // names behind the dot, each once
}

// compileTree compiles the whole tree.
func (c *compiler) compileTree() (*body, []diag.Finding) {
	c.declare("$")
	steps := c.list(c.tree.Root)
	if c.broken || len(c.faults) > 0 {
		return nil, c.faults
	}
	return &body{steps, c.slots, c.reads}, nil
}

// fail notes a fault of a node.
func (c *compiler) fail(n parse.Node, message, hint string) {
	if len(c.faults) < diag.MaxFindings {
		at := positionOf(c.text, int(n.Position()))
		c.faults = append(c.faults, diag.Finding{At: at, Message: message, Hint: hint})
	}
}

// declare returns the slot of a new variable. The slots of variables that went out of scope are reused.
func (c *compiler) declare(name string) int {
	c.scope = append(c.scope, name)
	c.slots = max(c.slots, len(c.scope))
	return len(c.scope) - 1
}

// lookUp returns the slot of a variable in scope.
func (c *compiler) lookUp(n parse.Node, name string) int {
	for slot := len(c.scope) - 1; slot >= 0; slot-- {
		if c.scope[slot] == name {
			return slot
		}
	}
	c.fail(n, "no variable "+name, "")
	return 0
}

// leave ends the scope of the variables from slot on.
func (c *compiler) leave(slot int) { c.scope = c.scope[:slot] }

// scopedList compiles a list whose variables are out of scope behind it, such as in else.
func (c *compiler) scopedList(l *parse.ListNode) []step {
	defer c.leave(len(c.scope))
	return c.list(l)
}

func (c *compiler) list(l *parse.ListNode) []step {
	if l == nil {
		return nil
	}
	var steps []step
	outer := c.next
	defer func() { c.next = outer }()
	for i, n := range l.Nodes {
		if c.next = outer; i+1 < len(l.Nodes) {
			c.next = literalOf(l.Nodes[i+1])
		}
		if s := c.node(n); s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

// literalOf returns the text of a node that is only text.
func literalOf(n parse.Node) string {
	if t, isText := n.(*parse.TextNode); isText {
		return string(t.Text)
	}
	return ""
}

func (c *compiler) node(n parse.Node) step {
	switch n := n.(type) {
	case *parse.TextNode:
		return c.printed(string(n.Text))
	case *parse.ActionNode:
		return c.action(n)
	case *parse.IfNode:
		return c.branch(&n.BranchNode, false)
	case *parse.WithNode:
		return c.branch(&n.BranchNode, true)
	case *parse.RangeNode:
		return c.loop(n)
	case *parse.TemplateNode:
		return c.call(n)
	case *parse.BreakNode:
		return func(*Renderer) error { return errBreak }
	case *parse.ContinueNode:
		return func(*Renderer) error { return errContinue }
	case *parse.CommentNode:
		return nil
	}
	c.fail(n, "this is not available here: "+n.String(), "")
	return nil
}

// printed prints literal text. In Markdown and in Slack's markup it may begin or end with marks of emphasis.
func (c *compiler) printed(text string) step {
	closes := c.hasMarks() && strings.TrimLeft(text, marks) != text
	c.literal += text
	opens := c.behindMark()
	if !closes && !opens {
		return func(r *Renderer) error { return r.write(text) }
	}
	return func(r *Renderer) (err error) {
		left := text
		if closes {
			if left, err = r.closeMarks(text); err != nil {
				return err
			}
		}
		if err = r.write(left); opens && left != "" {
			r.openedAt = r.out.Len()
		}
		return err
	}
}

// hasMarks reports whether marks of emphasis are markup at this place.
func (c *compiler) hasMarks() bool {
	return slices.Contains([]Form{FormMarkdown, formSituated, FormMrkdwn}, c.form) && codeForm(c.literal) == FormMrkdwn
}

// behindMark reports whether the text so far ends with marks of emphasis.
func (c *compiler) behindMark() bool {
	return strings.TrimRight(c.literal, marks) != c.literal && c.hasMarks()
}

// noting returns a step that also notes if it prints nothing behind marks.
func noting(behindMark bool, s step) step {
	if !behindMark {
		return s
	}
	return func(r *Renderer) error {
		before := r.out.Len()
		err := s(r)
		if r.out.Len() == before {
			r.emptyAt = before
		}
		return err
	}
}

// action prints the value of a pipeline, or assigns it to a variable.
func (c *compiler) action(n *parse.ActionNode) step {
	value := c.pipe(n.Pipe)
	if len(n.Pipe.Decl) > 0 {
		slot := c.assigned(n.Pipe)[0]
		return func(r *Renderer) error {
			v, err := value(r)
			if err == nil {
				r.vars[slot] = v
			}
			return err
		}
	}
	write, behindMark := c.writer(n.Pipe), c.behindMark()
	c.literal += "x"
	return noting(behindMark, func(r *Renderer) error {
		v, err := value(r)
		if err == nil {
			err = r.call.Spend(v)
		}
		if err != nil {
			return err
		}
		return write(r, v)
	})
}

// writer returns the function that prints the value of a pipeline at this place.
func (c *compiler) writer(p *parse.PipeNode) func(*Renderer, any) error {
	form := formAfter(c.literal, c.form)
	escape := c.escaper(form)
	if c.form == FormPeople {
		escape = c.peopleEscaper(p, escape)
	}
	besideMark := strings.TrimRight(c.literal, marks) != c.literal || strings.TrimLeft(c.next, marks) != c.next
	switch {
	case form == formSituated:
		return func(r *Renderer, v any) error { return r.hold(held{v, besideMark}) }
	case form == FormMarkdown && besideMark:
		return func(r *Renderer, v any) error { return r.write(strings.TrimSpace(escape(v))) }
	}
	return func(r *Renderer, v any) error { return r.write(escape(v)) }
}

// assigned returns the slots of the variables that a pipeline assigns.
func (c *compiler) assigned(p *parse.PipeNode) []int {
	var slots []int
	for _, v := range p.Decl {
		if p.IsAssign {
			slots = append(slots, c.lookUp(v, v.Ident[0]))
		} else {
			slots = append(slots, c.declare(v.Ident[0]))
		}
	}
	return slots
}

// branch compiles if and with.
func (c *compiler) branch(n *parse.BranchNode, with bool) step {
	defer c.leave(len(c.scope))
	value, behindMark := c.pipe(n.Pipe), c.behindMark()
	slots := c.assigned(n.Pipe)
	then, otherwise := c.scopedList(n.List), c.list(n.ElseList)
	return noting(behindMark, func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		for _, slot := range slots {
			r.vars[slot] = v
		}
		if !funcs.Truth(v) {
			return r.steps(otherwise)
		}
		if with {
			outer := r.dot
			r.dot = v
			defer func() { r.dot = outer }()
		}
		return r.steps(then)
	})
}

// loop compiles range.
func (c *compiler) loop(n *parse.RangeNode) step {
	defer c.leave(len(c.scope))
	value, behindMark := c.pipe(n.Pipe), c.behindMark()
	slots := c.assigned(n.Pipe)
	each, otherwise := c.scopedList(n.List), c.list(n.ElseList)
	return noting(behindMark, func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		return r.loop(v, &loop{slots, each, otherwise})
	})
}

// call compiles the call of a partial.
func (c *compiler) call(n *parse.TemplateNode) step {
	value := null
	if n.Pipe != nil {
		value = c.pipe(n.Pipe)
	}
	partial, fault := c.partial(n.Name, formAfter(c.literal, c.form), c.chain)
	if _, known := c.partials[n.Name]; fault != nil && (!known || len(c.chain) > 0) {
		c.fail(n, fault.Message, fault.Hint)
	}
	if partial == nil {
		c.broken = true
		return nil
	}
	c.note(partial.reads...)
	return func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		return r.run(partial, v)
	}
}

// pipe compiles a pipeline: each command gets the value of the command before it as its last argument.
func (c *compiler) pipe(p *parse.PipeNode) operand {
	var value operand
	for _, cmd := range p.Cmds {
		value = c.command(cmd, value)
	}
	return value
}

// command compiles one command of a pipeline: a value, or a function or method with its arguments. piped is nil for the
// first command.
func (c *compiler) command(n *parse.CommandNode, piped operand) operand {
	first := n.Args[0]
	var args []operand
	for i, arg := range n.Args[1:] {
		if pattern := c.pattern(n, i); pattern != nil {
			args = append(args, pattern)
		} else {
			args = append(args, c.operand(arg))
		}
	}
	if piped != nil {
		args = append(args, piped)
	}
	if id, ok := first.(*parse.IdentifierNode); ok {
		return c.function(n, id.Ident, args)
	}
	if len(args) == 0 {
		return c.operand(first)
	}
	if base, path := c.path(first); len(path) > 0 {
		return c.method(n, readPath(base, path[:len(path)-1]), path[len(path)-1], args)
	}
	c.fail(n, "arguments after a value that is not a function: "+n.String(), "")
	return null
}

// pattern compiles the argument i of a command, if it is a regular expression that is written in the template.
func (c *compiler) pattern(n *parse.CommandNode, i int) operand {
	id, isFunction := n.Args[0].(*parse.IdentifierNode)
	text, isText := n.Args[i+1].(*parse.StringNode)
	if i > 0 || !isFunction || !isText || !funcs.TakesPattern(id.Ident) {
		return nil
	}
	p, err := budget.Compile(text.Text)
	if err != nil {
		c.fail(text, id.Ident+": "+err.Error(), "")
		return null
	}
	return constant(p)
}

// function compiles a call of a function.
func (c *compiler) function(n *parse.CommandNode, name string, args []operand) operand {
	if name == "and" || name == "or" {
		return shortCircuit(name == "or", args)
	}
	fn, known := c.funcs[name]
	if !known {
		c.fail(n.Args[0], fmt.Sprintf("no template function %q", name), c.unknownFunctionHint(name))
	}
	if c.form == FormPeople {
		fn = c.peopleFunction(name, fn)
	}
	return func(r *Renderer) (any, error) {
		values, err := r.evaluate(args)
		if err != nil {
			return nil, err
		}
		defer r.release(len(values))
		v, err := fn(&r.call, values)
		return v, c.locate(n, err)
	}
}

// shortCircuit compiles and and or, which evaluate no argument behind the one that decides.
func shortCircuit(until bool, args []operand) operand {
	return func(r *Renderer) (v any, err error) {
		for _, arg := range args {
			if v, err = arg(r); err != nil || funcs.Truth(v) == until {
				return v, err
			}
		}
		return v, nil
	}
}

// method compiles a call of a method with arguments.
func (c *compiler) method(n *parse.CommandNode, receiver operand, name string, args []operand) operand {
	return func(r *Renderer) (any, error) {
		on, err := receiver(r)
		if err != nil {
			return nil, c.locate(n, err)
		}
		values, err := r.evaluate(args)
		if err != nil {
			return nil, err
		}
		defer r.release(len(values))
		for _, v := range values {
			if err := r.call.Spend(v); err != nil {
				return nil, c.locate(n, err)
			}
		}
		v, err := funcs.Method(on, name, values...)
		return v, c.locate(n, err)
	}
}

// operand compiles a single value.
func (c *compiler) operand(n parse.Node) operand {
	switch n := n.(type) {
	case *parse.DotNode:
		return readDot
	case *parse.NilNode:
		return null
	case *parse.BoolNode:
		return constant(n.True)
	case *parse.StringNode:
		if c.quoted != nil {
			c.quoted[n.Text] = true
		}
		if n.Text == "failures" || n.Text == "trend" { // as in index . "failures"
			c.note(n.Text)
		}
		return constant(n.Text)
	case *parse.NumberNode:
		return c.number(n)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			c.fail(n, "variables cannot be set here", "")
		}
		return c.pipe(n)
	case *parse.IdentifierNode:
		command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{n}}
		return c.function(command, n.Ident, nil)
	}
	base, path := c.path(n)
	if base == nil {
		c.fail(n, "this is not available here: "+n.String(), "")
		return null
	}
	if len(path) == 0 {
		return base
	}
	read := readPath(base, path)
	return func(r *Renderer) (any, error) {
		v, err := read(r)
		return v, c.locate(n, err)
	}
}

func readDot(r *Renderer) (any, error) { return r.dot, nil }

func null(*Renderer) (any, error) { return nil, nil }

func constant(v any) operand { return func(*Renderer) (any, error) { return v, nil } }

func (c *compiler) number(n *parse.NumberNode) operand {
	switch {
	case n.IsInt:
		return constant(int(n.Int64))
	case n.IsFloat:
		return constant(n.Float64)
	}
	c.fail(n, "this number cannot be used here: "+n.Text, "")
	return null
}

// path splits .a.b, $x.a.b and (…).a.b into the value before the first field and the names of the fields.
func (c *compiler) path(n parse.Node) (base operand, path []string) {
	switch n := n.(type) {
	case *parse.FieldNode:
		c.note(n.Ident[0])
		return readDot, n.Ident
	case *parse.VariableNode:
		slot := c.lookUp(n, n.Ident[0])
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			c.note(n.Ident[1])
		}
		return func(r *Renderer) (any, error) { return r.vars[slot], nil }, n.Ident[1:]
	case *parse.ChainNode:
		return c.operand(n.Node), n.Field
	}
	return nil, nil
}

// note notes names that are read behind the dot.
func (c *compiler) note(names ...string) {
	for _, name := range names {
		if !slices.Contains(c.reads, name) {
			c.reads = append(c.reads, name)
		}
	}
}

// readPath reads fields one below the other.
func readPath(base operand, path []string) operand {
	return func(r *Renderer) (any, error) {
		v, err := base(r)
		for _, name := range path {
			if m, ok := v.(map[string]any); ok && err == nil {
				v = m[name]
				continue
			}
			if err == nil {
				v, err = funcs.Field(v, name)
			}
		}
		return v, err
	}
}

// locate adds the line and text of a node to an error.
func (c *compiler) locate(n parse.Node, err error) error {
	if err == nil {
		return nil
	}
	place, text := c.tree.ErrorContext(n)
	line := 0
	if m := lineOfContext.FindStringSubmatch(place); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	return fmt.Errorf("line %d at {{ %s }}: %w", line, text, err)
}

// lineOfContext matches the line in the first result of parse.Tree.ErrorContext.
var lineOfContext = regexp.MustCompile(`:(\d+):\d+$`)

// errBreak and errContinue end an iteration of a loop on the way up to it.
var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)
