package template

import (
	"fmt"
	"strconv"
	"text/template/parse"

	"qaserelay/rules/diag"
)

// The parser of text/template gives the tree of a template; the translator turns it into closures. This keeps the language of Go's
// templates, but for what it is used for here: reading through null gives null, every printed value is escaped for
// the template's form, work is counted, and nothing goes through reflection that need not.

// body is a translated template or partial.
type body struct {
	steps []step
	slots int // variables that a run of it needs
}

// step writes a part of the output.
type step func(*Renderer) error

// operand computes a value.
type operand func(*Renderer) (any, error)

// function is something that templates can call. It must not keep args.
type function func(r *Renderer, args []any) (any, error)

// translator translates one tree. For URLs and JSON the right way to escape depends on the literal text before a
// value; the branches of an if are taken to end as they began.
type compiler struct {
	*Set
	source
	tree    *parse.Tree
	literal string   // the literal text so far
	scope   []string // names of the variables that can be seen, by slot; "" where one has gone
	visible int      // slots in scope
	slots   int
	faults  []diag.Finding
	broken  bool // a partial cannot be used, which is told elsewhere
}

func (t *compiler) compileTree() (*body, []diag.Finding) {
	t.declare("$")
	steps := t.list(t.tree.Root)
	if t.broken || len(t.faults) > 0 {
		return nil, t.faults
	}
	return &body{steps, t.slots}, nil
}

// fail notes something that cannot be translated.
func (t *compiler) fail(n parse.Node, message, hint string) {
	if len(t.faults) < diag.MaxFindings {
		t.faults = append(t.faults, diag.Finding{At: positionOf(t.text, int(n.Position())), Message: message, Hint: hint})
	}
}

// place returns the line of n, from 1, and its text.
func (t *compiler) place(n parse.Node) (int, string) {
	location, text := t.tree.ErrorContext(n)
	m := parsePlace.FindStringSubmatch(location)
	if m == nil {
		return 0, text
	}
	line, _ := strconv.Atoi(m[1])
	return line, text
}

// declare gives a variable a slot. Slots of variables that are out of scope are used again.
func (t *compiler) declare(name string) int {
	t.scope = append(t.scope[:t.visible], name)
	t.visible++
	t.slots = max(t.slots, t.visible)
	return t.visible - 1
}

func (t *compiler) lookUp(n parse.Node, name string) int {
	for slot := t.visible - 1; slot >= 0; slot-- {
		if t.scope[slot] == name {
			return slot
		}
	}
	t.fail(n, "no variable "+name, "")
	return 0
}

func (t *compiler) list(l *parse.ListNode) []step {
	if l == nil {
		return nil
	}
	var steps []step
	for _, n := range l.Nodes {
		if s := t.node(n); s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

func (t *compiler) node(n parse.Node) step {
	switch n := n.(type) {
	case *parse.TextNode:
		text := string(n.Text)
		t.literal += text
		return func(r *Renderer) error { return r.write(text) }
	case *parse.ActionNode:
		return t.action(n)
	case *parse.IfNode:
		return t.branch(&n.BranchNode, false)
	case *parse.WithNode:
		return t.branch(&n.BranchNode, true)
	case *parse.RangeNode:
		return t.loop(n)
	case *parse.TemplateNode:
		return t.call(n)
	case *parse.BreakNode:
		return func(*Renderer) error { return errBreak }
	case *parse.ContinueNode:
		return func(*Renderer) error { return errContinue }
	case *parse.CommentNode:
		return nil
	}
	t.fail(n, "this is not available here: "+n.String(), "")
	return nil
}

// action prints the value of a pipe, or sets a variable.
func (t *compiler) action(n *parse.ActionNode) step {
	value := t.pipe(n.Pipe)
	if len(n.Pipe.Decl) > 0 {
		set := t.assign(n.Pipe)
		return func(r *Renderer) error {
			v, err := value(r)
			if err == nil {
				set(r, v)
			}
			return err
		}
	}
	escape := t.escaper(formAfter(t.literal, t.form))
	t.literal += "x"
	return func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		return r.write(escape(v))
	}
}

// assign returns what sets the first variable of a pipe.
func (t *compiler) assign(p *parse.PipeNode) func(*Renderer, any) {
	name := p.Decl[0].Ident[0]
	var slot int
	if p.IsAssign {
		slot = t.lookUp(p.Decl[0], name)
	} else {
		slot = t.declare(name)
	}
	return func(r *Renderer, v any) { r.vars[slot] = v }
}

// branch translates if and with.
func (t *compiler) branch(n *parse.BranchNode, with bool) step {
	before := t.visible
	defer func() { t.visible = before }()
	value := t.pipe(n.Pipe)
	set := func(*Renderer, any) {}
	if len(n.Pipe.Decl) > 0 {
		set = t.assign(n.Pipe)
	}
	then, otherwise := t.list(n.List), t.list(n.ElseList)
	return func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		set(r, v)
		if !truth(v) {
			return r.steps(otherwise)
		}
		if with {
			outer := r.dot
			r.dot = v
			defer func() { r.dot = outer }()
		}
		return r.steps(then)
	}
}

// loop translates range.
func (t *compiler) loop(n *parse.RangeNode) step {
	before := t.visible
	defer func() { t.visible = before }()
	value := t.pipe(n.Pipe)
	var slots []int
	for _, v := range n.Pipe.Decl {
		if n.Pipe.IsAssign {
			slots = append(slots, t.lookUp(v, v.Ident[0]))
		} else {
			slots = append(slots, t.declare(v.Ident[0]))
		}
	}
	turn, otherwise := t.list(n.List), t.list(n.ElseList)
	return func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		return r.loop(v, &loop{slots, turn, otherwise})
	}
}

// call translates template.
func (t *compiler) call(n *parse.TemplateNode) step {
	value := func(*Renderer) (any, error) { return nil, nil }
	if n.Pipe != nil {
		value = t.pipe(n.Pipe)
	}
	partial, fault := t.partial(n.Name, formAfter(t.literal, t.form), t.chain)
	if _, known := t.partials[n.Name]; fault != nil && (!known || len(t.chain) > 0) {
		t.fail(n, fault.Message, fault.Hint)
	}
	if partial == nil {
		t.broken = true
		return nil
	}
	return func(r *Renderer) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		return r.call(partial, v)
	}
}

// pipe translates a chain of commands, each of which gets the value of the one before as its last argument.
func (t *compiler) pipe(p *parse.PipeNode) operand {
	var value operand
	for _, c := range p.Cmds {
		value = t.command(c, value)
	}
	return value
}

func (t *compiler) fault(n parse.Node, err error) error {
	line, text := t.place(n)
	return fmt.Errorf("line %d at {{ %s }}: %w", line, text, err)
}
