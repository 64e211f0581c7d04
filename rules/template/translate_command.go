package template

import (
	"errors"
	"fmt"
	"text/template/parse"
)

// command translates one command of a pipe: a value, or a function with its arguments.
func (t *compiler) command(c *parse.CommandNode, piped operand) operand {
	first := c.Args[0]
	var args []operand
	for _, n := range c.Args[1:] {
		args = append(args, t.operand(n))
	}
	if piped != nil {
		args = append(args, piped)
	}
	if id, ok := first.(*parse.IdentifierNode); ok {
		return t.function(c, id.Ident, args)
	}
	if len(args) == 0 {
		return t.operand(first)
	}
	if base, path := t.path(first); len(path) > 0 {
		return t.method(c, readPath(base, path[:len(path)-1]), path[len(path)-1], args)
	}
	t.fail(c, "arguments behind something that is no function: "+c.String(), "")
	return nothing
}

// function translates a call. and and or look at no more than they need.
func (t *compiler) function(c *parse.CommandNode, name string, args []operand) operand {
	if name == "and" || name == "or" {
		return shortCircuit(name == "or", args)
	}
	fn, known := t.funcs[name]
	if !known {
		t.fail(c.Args[0], fmt.Sprintf("no template function %q", name), t.meantByFunction(name))
	}
	return func(r *Renderer) (any, error) {
		got, err := r.evaluate(args)
		if err != nil {
			return nil, err
		}
		defer r.release(len(got))
		v, err := fn(r, got)
		if err != nil {
			return nil, t.fault(c, err)
		}
		return v, nil
	}
}

func shortCircuit(until bool, args []operand) operand {
	return func(r *Renderer) (v any, err error) {
		for _, arg := range args {
			if v, err = arg(r); err != nil || truth(v) == until {
				return v, err
			}
		}
		return v, nil
	}
}

func (t *compiler) method(c *parse.CommandNode, receiver operand, name string, args []operand) operand {
	return func(r *Renderer) (any, error) {
		on, err := receiver(r)
		if err != nil {
			return nil, t.fault(c, err)
		}
		got, err := r.evaluate(args)
		if err != nil {
			return nil, err
		}
		defer r.release(len(got))
		v, err := callMethod(on, name, got...)
		if err != nil {
			return nil, t.fault(c, err)
		}
		return v, nil
	}
}

func nothing(*Renderer) (any, error) { return nil, nil }

// operand translates a single value.
func (t *compiler) operand(n parse.Node) operand {
	switch n := n.(type) {
	case *parse.DotNode:
		return func(r *Renderer) (any, error) { return r.dot, nil }
	case *parse.NilNode:
		return nothing
	case *parse.BoolNode:
		return constant(n.True)
	case *parse.StringNode:
		return constant(n.Text)
	case *parse.NumberNode:
		return t.number(n)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			t.fail(n, "variables cannot be set here", "")
		}
		return t.pipe(n)
	case *parse.IdentifierNode:
		return t.function(&parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{n}}, n.Ident, nil)
	}
	base, path := t.path(n)
	if base == nil {
		t.fail(n, "this is not available here: "+n.String(), "")
		return nothing
	}
	if len(path) == 0 {
		return base
	}
	read := readPath(base, path)
	return func(r *Renderer) (any, error) {
		v, err := read(r)
		if err != nil {
			return nil, t.fault(n, err)
		}
		return v, nil
	}
}

func constant(v any) operand { return func(*Renderer) (any, error) { return v, nil } }

func (t *compiler) number(n *parse.NumberNode) operand {
	switch {
	case n.IsInt:
		return constant(int(n.Int64))
	case n.IsFloat:
		return constant(n.Float64)
	}
	t.fail(n, "this is no number that can be used here: "+n.Text, "")
	return nothing
}

// path splits .a.b, $x.a.b and (…).a.b into what they begin with and the names that follow.
func (t *compiler) path(n parse.Node) (base operand, path []string) {
	switch n := n.(type) {
	case *parse.FieldNode:
		return func(r *Renderer) (any, error) { return r.dot, nil }, n.Ident
	case *parse.VariableNode:
		slot := t.lookUp(n, n.Ident[0])
		return func(r *Renderer) (any, error) { return r.vars[slot], nil }, n.Ident[1:]
	case *parse.ChainNode:
		return t.operand(n.Node), n.Field
	}
	return nil, nil
}

func readPath(base operand, path []string) operand {
	return func(r *Renderer) (any, error) {
		v, err := base(r)
		for _, name := range path {
			if m, ok := v.(map[string]any); ok && err == nil {
				v = m[name]
				continue
			}
			if err == nil {
				v, err = getField(v, name)
			}
		}
		return v, err
	}
}

// Breaking out of a loop travels as an error.
var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

// boundError says that a template did too much.
type boundError struct{ text string }

func (e *boundError) Error() string { return e.text }

func tooLong() error {
	return &boundError{fmt.Sprintf("the template prints more than %d bytes", maxOutputBytes)}
}
