package template

import (
	"slices"
	"text/template/parse"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/message"
)

// VariableNames returns the names that a template finds in its dot.
func VariableNames() []string {
	return slices.Concat(catalog.VariableNames(), message.Variables(), TimingNames())
}

// TimingNames returns the names that messages of rules with keys of time find in their dot beside those of the event:
// how many were held back before, the members of a digest, and the wait.
func TimingNames() []string {
	return []string{"suppressed", "events", "count", "more", "since", "until", "waited", "reminder"}
}

// Members is the name of the list of the members of a digest, each with variables of its own.
const Members = "events"

// FieldUse is one read of a field in a template.
type FieldUse struct {
	Path    []string      // from a variable down, such as payload, failed
	At      diag.Position // in the text of the template; of the call, for a read in a partial
	Partial string        // the partial that reads the field, or ""
	Guarded bool          // within if, with, default and the like, where a missing field is expected
}

// Fields returns the reads of fields in a template, in order. objects are the variables whose fields are followed
// through template variables, with and range. A text that cannot be parsed has none.
func (s *Set) Fields(text string, objects []string) []FieldUse {
	w := &fieldWalker{Set: s, text: text, objects: objects, uses: new([]FieldUse)}
	w.template(text, origin{isDot: true})
	return *w.uses
}

// origin is the place that a value in a template comes from. The zero value is any other place.
type origin struct {
	isDot bool     // the dot of the whole message
	path  []string // a variable and the fields below it
	item  bool     // the value is an item of a list, or within one
}

// elements returns the origin of the elements of a value in range. Fields are looked up in a list as in its elements.
func (o origin) elements() origin {
	if len(o.path) < 2 && !slices.Equal(o.path, []string{Members}) {
		return origin{}
	}
	o.item = true
	return o
}

// fieldWalker gathers the field uses of one template and the partials that it calls.
type fieldWalker struct {
	*Set
	text    string // of the outermost template
	objects []string
	vars    map[string]origin
	guarded bool
	partial string     // being walked, or ""
	call    parse.Node // the action of the outermost template that leads to partial
	chain   []string   // partials that lead here
	uses    *[]FieldUse
}

// template walks a template whose dot has the given origin.
func (w *fieldWalker) template(text string, dot origin) {
	tree, err := w.parse("", text)
	if err != nil || tree == nil {
		return // Compile reports it
	}
	w.vars = map[string]origin{"$": dot}
	w.list(tree.Root, dot)
}

func (w *fieldWalker) list(list *parse.ListNode, dot origin) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			w.assign(n.Pipe, w.pipe(n.Pipe, dot))
		case *parse.IfNode:
			w.branch(&n.BranchNode, dot, func(origin) origin { return dot })
		case *parse.WithNode:
			w.branch(&n.BranchNode, dot, func(o origin) origin { return o })
		case *parse.RangeNode:
			w.loop(n, dot)
		case *parse.TemplateNode:
			w.partialCall(n, dot)
		}
	}
}

func (w *fieldWalker) branch(n *parse.BranchNode, dot origin, inside func(origin) origin) {
	o := w.tested(n.Pipe, dot)
	w.assign(n.Pipe, o)
	w.list(n.List, inside(o))
	w.list(n.ElseList, dot)
}

// loop walks a range.
func (w *fieldWalker) loop(n *parse.RangeNode, dot origin) {
	o := w.tested(n.Pipe, dot).elements()
	w.visit(n.Pipe, o)
	w.list(n.List, o)
	w.list(n.ElseList, dot)
}

// visit assigns the elements of a range to its last variable. A variable before that is their number.
func (w *fieldWalker) visit(p *parse.PipeNode, elements origin) {
	for i, v := range p.Decl {
		w.vars[v.Ident[0]] = origin{}
		if i == len(p.Decl)-1 {
			w.vars[v.Ident[0]] = elements
		}
	}
}

// tested walks the pipeline of a branch, which may find nothing.
func (w *fieldWalker) tested(p *parse.PipeNode, dot origin) origin {
	outer := w.guarded
	w.guarded = true
	o := w.pipe(p, dot)
	w.guarded = outer
	return o
}

func (w *fieldWalker) assign(p *parse.PipeNode, o origin) {
	for _, v := range p.Decl {
		w.vars[v.Ident[0]] = o
	}
}

// partialCall walks the partial with the dot of this call. Its uses are reported at the call, since they may be right
// in other calls.
func (w *fieldWalker) partialCall(n *parse.TemplateNode, dot origin) {
	var arg origin
	if n.Pipe != nil {
		arg = w.pipe(n.Pipe, dot)
	}
	text, known := w.partials[n.Name]
	if !known || slices.Contains(w.chain, n.Name) {
		return
	}
	inner := *w
	inner.partial, inner.chain = n.Name, append(slices.Clip(w.chain), n.Name)
	if inner.call == nil {
		inner.call = n
	}
	inner.template(text, arg)
}

func (w *fieldWalker) pipe(p *parse.PipeNode, dot origin) origin {
	var o origin
	outer := w.guarded
	for _, c := range p.Cmds {
		if id, ok := c.Args[0].(*parse.IdentifierNode); ok && slices.Contains(guards, id.Ident) {
			w.guarded = true
		}
	}
	for i, c := range p.Cmds {
		before := o
		if o = w.command(c, dot); i > 0 {
			o = picked(c, before)
		}
	}
	w.guarded = outer
	return o
}

// picked returns the origin of what a function takes out of a list, or any other place.
func picked(c *parse.CommandNode, list origin) origin {
	id, _ := c.Args[0].(*parse.IdentifierNode)
	switch {
	case id == nil:
	case slices.Contains([]string{"first", "last"}, id.Ident):
		return list.elements()
	case slices.Contains([]string{"rest", "initial", "reverse", "slice"}, id.Ident):
		return list
	}
	return origin{}
}

// guards are the functions that deal with missing values.
var guards = []string{
	"default", "coalesce", "empty", "hasKey", "ternary", "kindIs", "kindOf", "eq", "ne", "and", "or", "not", "index",
}

func (w *fieldWalker) command(c *parse.CommandNode, dot origin) origin {
	var origins []origin
	for _, arg := range c.Args {
		origins = append(origins, w.operand(arg, dot))
	}
	if len(c.Args) == 1 {
		return origins[0]
	}
	if id, ok := c.Args[0].(*parse.IdentifierNode); ok && slices.Contains([]string{"index", "get", "hasKey"}, id.Ident) {
		return w.index(c, origins[1])
	}
	return picked(c, origins[1])
}

// index returns the origin of index X "a" "b" and index X 0 "b", and of get X "a" and hasKey X "a", which read the same.
func (w *fieldWalker) index(c *parse.CommandNode, o origin) origin {
	var names []string
	for _, arg := range c.Args[2:] {
		switch arg := arg.(type) {
		case *parse.StringNode:
			names = append(names, arg.Text)
		case *parse.NumberNode: // fields are looked up in a list as in its elements
			o, names = w.read(c, o, names).elements(), nil
		default:
			return origin{}
		}
	}
	return w.read(c, o, names)
}

func (w *fieldWalker) operand(n parse.Node, dot origin) origin {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return w.read(n, dot, n.Ident)
	case *parse.VariableNode:
		return w.read(n, w.vars[n.Ident[0]], n.Ident[1:])
	case *parse.PipeNode:
		return w.pipe(n, dot)
	case *parse.ChainNode:
		return w.read(n, w.operand(n.Node, dot), n.Field)
	}
	return origin{}
}

// read notes that the named fields of a value are read, and returns the origin of the result.
func (w *fieldWalker) read(n parse.Node, o origin, names []string) origin {
	if len(names) == 0 || !o.isDot && o.path == nil {
		return o
	}
	path := append(slices.Clip(o.path), names...)
	at := n
	if w.call != nil {
		at = w.call
	}
	use := FieldUse{Path: path, At: positionOf(w.text, int(at.Position())), Partial: w.partial, Guarded: w.guarded}
	*w.uses = append(*w.uses, use)
	if !slices.Contains(w.objects, path[0]) {
		return origin{}
	}
	return origin{path: path, item: o.item}
}
