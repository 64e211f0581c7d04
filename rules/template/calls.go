package template

import (
	"slices"
	"strings"
	"text/template/parse"

	"qaserelay/rules/diag"
)

// Call is a call of a function in a template.
type Call struct {
	Name string
	At   diag.Position // of the name
	Args []Arg         // with the value that comes by a pipe as the last one
}

// Arg is an argument of a call.
type Arg struct {
	Source  string        // as it is written
	At      diag.Position // of the value
	Literal any           // of a constant: text, a number, true or false
	Text    string        // of a text in quotes
	IsText  bool
	Path    []string // of a field: a variable and the fields below it
	Item    bool     // the field is read from an item of a list
	IsDot   bool     // the dot of the whole message
	Call    *Call    // of the result of a function
	Piped   bool     // it is the result of the command in front of a pipe
}

// PartialCall is a call of a partial without a value for its dot.
type PartialCall struct {
	Name string
	At   diag.Position
}

// Outline is what a template does, in order. What partials do is not in it.
type Outline struct {
	Calls      []Call        // of functions
	WithoutDot []PartialCall // of partials that read fields and get none
	Prints     []Arg         // the values that are printed
	Ranges     []Range
}

// Range is a block that visits the items of a value.
type Range struct {
	Arg
	Pairs bool // it has a variable for the key of each item
	Reads bool // its body has actions
}

// Outline returns what a template does. objects are the variables whose fields are followed. That of a text that cannot
// be parsed is empty.
func (s *Set) Outline(text string, objects []string) Outline {
	w := &callWalker{fieldWalker: fieldWalker{Set: s, text: text, objects: objects, uses: new([]FieldUse)}}
	w.template(text, origin{isDot: true})
	for _, n := range w.bare {
		if len(s.Fields(s.partials[n.Name], nil)) > 0 {
			w.withoutDot = append(w.withoutDot, PartialCall{n.Name, positionOf(text, int(n.Position()))})
		}
	}
	return Outline{w.calls, w.withoutDot, w.prints, w.ranges}
}

// callWalker gathers the calls of one template.
type callWalker struct {
	fieldWalker
	calls      []Call
	withoutDot []PartialCall
	prints     []Arg
	ranges     []Range
	bare       []*parse.TemplateNode
}

// template walks the tree of the template. Only the origin of arguments is that of fieldWalker.
func (w *callWalker) template(text string, dot origin) {
	tree, err := w.parse("", text)
	if err != nil || tree == nil {
		return
	}
	w.vars = map[string]origin{"$": dot}
	w.walk(tree.Root, dot)
}

func (w *callWalker) walk(list *parse.ListNode, dot origin) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			if printed := w.pipeline(n.Pipe, dot); len(n.Pipe.Decl) == 0 {
				w.prints = append(w.prints, printed)
			}
			w.assign(n.Pipe, w.pipe(n.Pipe, dot))
		case *parse.IfNode:
			w.assign(n.Pipe, w.pipe(n.Pipe, dot))
			w.block(&n.BranchNode, dot, dot)
		case *parse.WithNode:
			w.assign(n.Pipe, w.pipe(n.Pipe, dot))
			w.block(&n.BranchNode, dot, w.pipe(n.Pipe, dot))
		case *parse.RangeNode:
			elements := w.pipe(n.Pipe, dot).elements()
			w.visit(n.Pipe, elements)
			visited := w.block(&n.BranchNode, dot, elements)
			w.ranges = append(w.ranges, Range{visited, len(n.Pipe.Decl) == 2, hasActions(n.List)})
		case *parse.TemplateNode:
			if n.Pipe == nil {
				w.bare = append(w.bare, n)
			} else {
				w.pipeline(n.Pipe, dot)
			}
		}
	}
}

// block walks a block whose body has the dot inside, and returns the value of its pipeline.
func (w *callWalker) block(n *parse.BranchNode, dot, inside origin) Arg {
	value := w.pipeline(n.Pipe, dot)
	w.walk(n.List, inside)
	w.walk(n.ElseList, dot)
	return value
}

// hasActions reports whether a list of nodes has more than text.
func hasActions(list *parse.ListNode) bool {
	return slices.ContainsFunc(list.Nodes, func(n parse.Node) bool { return n.Type() != parse.NodeText })
}

// pipeline notes the calls of a pipeline, and returns its value.
func (w *callWalker) pipeline(p *parse.PipeNode, dot origin) Arg {
	value, source := Arg{}, ""
	for i, c := range p.Cmds {
		if i > 0 {
			source += " | "
		}
		source += c.String()
		var piped *Arg
		if i > 0 {
			before := value
			before.Piped = true
			piped = &before
		}
		value = w.command(c, piped, dot)
		value.Source = source
	}
	return value
}

// command notes the calls of a command, and returns its value.
func (w *callWalker) command(c *parse.CommandNode, piped *Arg, dot origin) Arg {
	if format, at := formatMethod(c); format {
		w.calls = append(w.calls, Call{Name: "Format", At: positionOf(w.text, at), Args: []Arg{w.arg(c.Args[1], dot)}})
	}
	name, isCall := c.Args[0].(*parse.IdentifierNode)
	if !isCall {
		args := make([]Arg, len(c.Args))
		for i, a := range c.Args {
			args[i] = w.arg(a, dot)
		}
		if len(args) == 1 {
			return args[0]
		}
		return Arg{At: args[0].At}
	}
	call := &Call{Name: name.Ident, At: positionOf(w.text, int(name.Position()))}
	for _, a := range c.Args[1:] {
		call.Args = append(call.Args, w.arg(a, dot))
	}
	if piped != nil {
		call.Args = append(call.Args, *piped)
	}
	w.calls = append(w.calls, *call)
	value := Arg{At: call.At, Call: call}
	if name.Ident == "index" {
		o := w.fieldWalker.command(c, dot)
		value.Path, value.Item = o.path, o.item
	}
	return value
}

// formatMethod reports whether a command is .time.Format LAYOUT, and returns its place.
func formatMethod(c *parse.CommandNode) (is bool, at int) {
	field, isField := c.Args[0].(*parse.FieldNode)
	return isField && len(c.Args) == 2 && field.Ident[len(field.Ident)-1] == "Format", int(c.Args[0].Position())
}

// arg notes the calls of an argument, and returns it.
func (w *callWalker) arg(n parse.Node, dot origin) Arg {
	a := Arg{Source: n.String(), At: positionOf(w.text, int(n.Position()))}
	switch n := n.(type) {
	case *parse.StringNode:
		a.Text, a.IsText, a.Literal = n.Text, true, n.Text
		return a
	case *parse.NumberNode:
		a.Literal = numberOf(n)
		return a
	case *parse.BoolNode:
		a.Literal = n.True
		return a
	case *parse.PipeNode:
		inner := w.pipeline(n, dot)
		inner.Source, inner.At = a.Source, a.At
		return inner
	case *parse.IdentifierNode:
		a.Call = &Call{Name: n.Ident, At: a.At}
		if !isOperator(n.Ident) { // or it is a part of its surroundings, as in eq .a 1 or eq .b 2
			w.calls = append(w.calls, *a.Call)
		}
		return a
	case *parse.ChainNode:
		w.arg(n.Node, dot)
	}
	o := w.operand(n, dot)
	if a.Path, a.Item, a.IsDot = o.path, o.item, o.isDot; a.Path == nil && !a.IsDot {
		a.Path = w.plainPath(n, dot)
	}
	return a
}

func isOperator(name string) bool {
	return slices.Contains([]string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge"}, name)
}

// plainPath returns the path of a variable whose fields are not followed, such as event_name, or nil.
func (w *callWalker) plainPath(n parse.Node, dot origin) []string {
	switch n := n.(type) {
	case *parse.FieldNode:
		if dot.isDot {
			return n.Ident
		}
	case *parse.VariableNode:
		if w.vars[n.Ident[0]].isDot {
			return n.Ident[1:]
		}
	}
	return nil
}

func numberOf(n *parse.NumberNode) any {
	if n.IsInt {
		return int(n.Int64)
	}
	return n.Float64
}

// Literal returns the text of a template with a NUL in place of each byte of its actions.
func Literal(text string) string {
	actions, _ := splitActions(text)
	var out strings.Builder
	at := 0
	for _, a := range actions {
		out.WriteString(text[at:a.from])
		out.WriteString(strings.Repeat("\x00", a.to-a.from))
		at = a.to
	}
	out.WriteString(text[at:])
	return out.String()
}

// PositionOf returns the position of an offset in bytes of a text.
func PositionOf(text string, at int) diag.Position { return positionOf(text, at) }
