package lint

import (
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/template"
)

// shape is where a value in a template comes from: the message's own dot, or a path within payload, entity and the like. The zero
// shape is anything else.
type shape struct {
	root string // "." for the message's own dot, else one of roots
	path []string
}

// items is the shape of what range gives of a value: the items of a list are where the list is.
func (s shape) items() shape {
	if len(s.path) == 0 {
		return shape{}
	}
	return s
}

// templateLint gathers the findings about one template.
type templateLint struct {
	*template.Templates
	text     string
	events   []*catalog.EventSchema // known events that it is rendered for
	vars     map[string]shape
	guarded  bool       // within if, with, default and the like, where a missing field is expected
	within   string     // the partial that is looked at, or ""
	call     parse.Node // where the partial is called
	chain    []string   // partials on the way
	findings *[]diag.Finding
}

// run looks at a template whose dot has the given shape.
func (l *templateLint) run(text string, dot shape) {
	tree, err := l.Tree("", text)
	if err != nil || tree == nil {
		return // reported by compile
	}
	l.vars = map[string]shape{"$": dot}
	l.list(tree.Root, dot)
}

func (l *templateLint) list(list *parse.ListNode, dot shape) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			l.assign(n.Pipe, l.pipe(n.Pipe, dot))
		case *parse.IfNode:
			l.branch(&n.BranchNode, dot, func(shape) shape { return dot })
		case *parse.WithNode:
			l.branch(&n.BranchNode, dot, func(s shape) shape { return s })
		case *parse.RangeNode:
			l.branch(&n.BranchNode, dot, shape.items)
		case *parse.TemplateNode:
			l.partialCall(n, dot)
		}
	}
}

func (l *templateLint) branch(n *parse.BranchNode, dot shape, inside func(shape) shape) {
	outer := l.guarded
	l.guarded = true
	s := l.pipe(n.Pipe, dot)
	l.guarded = outer
	l.assign(n.Pipe, s)
	l.list(n.List, inside(s))
	l.list(n.ElseList, dot)
}

func (l *templateLint) assign(p *parse.PipeNode, s shape) {
	for i, v := range p.Decl {
		if len(p.Decl) == 2 && i == 0 {
			s = shape{}
		}
		l.vars[v.Ident[0]] = s
	}
}

// partialCall looks at the partial as it is called here. What it finds is reported here, since elsewhere it may be right.
func (l *templateLint) partialCall(n *parse.TemplateNode, dot shape) {
	var arg shape
	if n.Pipe != nil {
		arg = l.pipe(n.Pipe, dot)
	}
	text, known := l.Partials[n.Name]
	if !known || slices.Contains(l.chain, n.Name) {
		return
	}
	inner := *l
	inner.within, inner.chain = n.Name, append(slices.Clip(l.chain), n.Name)
	if inner.call == nil {
		inner.call = n
	}
	inner.run(text, arg)
}

func (l *templateLint) pipe(p *parse.PipeNode, dot shape) shape {
	var s shape
	outer := l.guarded
	for _, c := range p.Cmds {
		if id, ok := c.Args[0].(*parse.IdentifierNode); ok && slices.Contains(guards, id.Ident) {
			l.guarded = true
		}
	}
	for _, c := range p.Cmds {
		s = l.command(c, dot)
	}
	l.guarded = outer
	if len(p.Cmds) > 1 {
		return shape{}
	}
	return s
}

// guards are functions that are there to deal with what may be missing.
var guards = []string{"default", "coalesce", "empty", "hasKey", "ternary", "kindIs", "kindOf", "eq", "ne", "and", "or", "not", "index"}

func (l *templateLint) command(c *parse.CommandNode, dot shape) shape {
	var shapes []shape
	for _, arg := range c.Args {
		shapes = append(shapes, l.operand(arg, dot))
	}
	if len(c.Args) == 1 {
		return shapes[0]
	}
	if id, ok := c.Args[0].(*parse.IdentifierNode); ok && id.Ident == "index" {
		return l.indexed(c, shapes[1])
	}
	return shape{}
}

// indexed is the shape of index X "a" "b".
func (l *templateLint) indexed(c *parse.CommandNode, s shape) shape {
	var names []string
	for _, arg := range c.Args[2:] {
		text, ok := arg.(*parse.StringNode)
		if !ok {
			return shape{}
		}
		names = append(names, text.Text)
	}
	return l.read(c, s, names)
}

func (l *templateLint) operand(n parse.Node, dot shape) shape {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return l.read(n, dot, n.Ident)
	case *parse.VariableNode:
		return l.read(n, l.vars[n.Ident[0]], n.Ident[1:])
	case *parse.PipeNode:
		return l.pipe(n, dot)
	case *parse.ChainNode:
		return l.read(n, l.operand(n.Node, dot), n.Field)
	}
	return shape{}
}

// read judges the reading of s.a.b and returns its shape.
func (l *templateLint) read(n parse.Node, s shape, names []string) shape {
	switch {
	case s.root == "" || len(names) == 0:
		return s
	case s.root == ".":
		return l.readTop(n, names)
	}
	full := shape{s.root, append(slices.Clip(s.path), names...)}
	l.judge(n, full)
	return full
}

func (l *templateLint) readTop(n parse.Node, names_ []string) shape {
	first, rest := names_[0], names_[1:]
	known := append(catalog.KeysOf(catalog.Names()), template.DotNames...)
	if !slices.Contains(known, first) {
		l.add(n, "there is no ."+first, catalog.DidYouMean(first, known))
		return shape{}
	}
	if !slices.Contains(condition.Roots, first) {
		if len(rest) > 0 && first != "time" {
			l.add(n, "there is no ."+strings.Join(names_, "."), "."+first+" has no fields")
		}
		return shape{}
	}
	s := shape{first, rest}
	if len(rest) > 0 {
		l.judge(n, s)
	}
	return s
}

func (l *templateLint) judge(n parse.Node, s shape) {
	if len(l.events) == 0 {
		return
	}
	message, hint := judgePath(condition.Spot{Root: s.root, Path: s.path}, l.events)
	if message == "" || l.guarded && s.root == "payload" && l.someHas(s) {
		return
	}
	l.add(n, strings.Replace(message, s.root+".", "."+s.root+".", 1), strings.Replace(hint, "entity.", ".entity.", 1))
}

// someHas reports whether any of the events has the field.
func (l *templateLint) someHas(s shape) bool {
	return slices.ContainsFunc(l.events, func(e *catalog.EventSchema) bool { _, ok := e.Has(s.path); return ok })
}

func (l *templateLint) add(n parse.Node, message, hint string) {
	if l.call != nil {
		n, message = l.call, fmt.Sprintf("in the template %q: %s", l.within, message)
	}
	at := min(int(n.Position()), len(l.text))
	line := strings.Count(l.text[:at], "\n") + 1
	start := strings.LastIndexByte(l.text[:at], '\n') + 1
	*l.findings = append(*l.findings, diag.Finding{At: diag.Offset{Line: line, Col: diag.Column(l.text[start:], at-start)}, Message: message, Hint: hint})
}
