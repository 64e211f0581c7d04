package rules

import (
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
)

// rewriter changes the tree of a template so that reading through null is null, every printed value is escaped for
// the template's form, and every turn of a loop is counted.
//
// For URLs and JSON the right way to escape depends on what stands before the value. The rewriter keeps the text
// before it, as html/template does, but takes the branches of an if to end as they began.
type rewriter struct {
	form  form
	adder *treeAdder
	text  string // the literal text so far
	err   *templateError
}

func (w *rewriter) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		w.node(n)
	}
}

func (w *rewriter) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.TextNode:
		w.text += string(n.Text)
	case *parse.ActionNode:
		w.pipe(n.Pipe)
		if len(n.Pipe.Decl) == 0 {
			w.escape(n.Pipe)
		}
	case *parse.IfNode:
		w.branch(&n.BranchNode)
	case *parse.WithNode:
		w.branch(&n.BranchNode)
	case *parse.RangeNode:
		w.branch(&n.BranchNode)
		w.count(n.List)
	case *parse.TemplateNode:
		w.call(n)
	}
}

func (w *rewriter) branch(n *parse.BranchNode) {
	w.pipe(n.Pipe)
	w.list(n.List)
	w.list(n.ElseList)
}

// count makes a loop write at each turn, if only nothing: that is where the writer can stop it.
func (w *rewriter) count(l *parse.ListNode) {
	l.Nodes = append([]parse.Node{&parse.TextNode{NodeType: parse.NodeText, Pos: l.Pos}}, l.Nodes...)
}

// call points a {{ template }} to the partial in the form that is needed here.
func (w *rewriter) call(n *parse.TemplateNode) {
	w.pipe(n.Pipe)
	as := w.form
	switch {
	case as == formJSON && w.inString():
		as = formJSONString
	case as == formURL && urlHost.MatchString(w.text):
		as = formURLRest
	}
	name, err := w.adder.partial(n.Name, as, n.Line)
	if err != nil && w.err == nil {
		w.err = err
	}
	n.Name = name
}

// pipe makes all fields in it safe to read.
func (w *rewriter) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		w.command(c)
	}
}

func (w *rewriter) command(c *parse.CommandNode) {
	if id, ok := c.Args[0].(*parse.IdentifierNode); ok && id.Ident == "ago" {
		root := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: c.Pos, Ident: []string{"$"}}
		c.Args = append([]parse.Node{function("_ago", c.Pos), root}, c.Args[1:]...)
	}
	for i, arg := range c.Args {
		if p, nested := arg.(*parse.PipeNode); nested {
			w.pipe(p)
			continue
		}
		base, path := fieldPath(arg)
		if len(path) == 0 {
			continue
		}
		if chain, ok := arg.(*parse.ChainNode); ok {
			if p, nested := chain.Node.(*parse.PipeNode); nested {
				w.pipe(p)
			}
		}
		get := readField(base, path, c.Pos)
		switch {
		case len(c.Args) == 1:
			c.Args = get.Args
			return
		case i == 0: // a method with arguments, such as .time.Format "15:04"
			last := len(path) - 1
			method := &parse.StringNode{NodeType: parse.NodeString, Pos: c.Pos, Quoted: strconv.Quote(path[last]), Text: path[last]}
			receiver := parenthesised(readField(base, path[:last], c.Pos))
			c.Args = append([]parse.Node{function("_call", c.Pos), receiver, method}, c.Args[1:]...)
			w.rest(c, 3)
			return
		}
		c.Args[i] = parenthesised(get)
	}
}

// rest makes the arguments from the i-th on safe to read.
func (w *rewriter) rest(c *parse.CommandNode, i int) {
	tail := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: c.Pos, Args: append([]parse.Node{function("_get", c.Pos)}, c.Args[i:]...)}
	w.command(tail)
	c.Args = append(c.Args[:i], tail.Args[1:]...)
}

// fieldPath splits .a.b, $x.a.b and (…).a.b into what they begin with and the names that follow.
func fieldPath(n parse.Node) (base parse.Node, path []string) {
	switch n := n.(type) {
	case *parse.FieldNode:
		return &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, n.Ident
	case *parse.VariableNode:
		return &parse.VariableNode{NodeType: parse.NodeVariable, Pos: n.Pos, Ident: n.Ident[:1]}, n.Ident[1:]
	case *parse.ChainNode:
		return n.Node, n.Field
	}
	return nil, nil
}

func readField(base parse.Node, path []string, pos parse.Pos) *parse.CommandNode {
	args := []parse.Node{function("_get", pos), base}
	for _, name := range path {
		args = append(args, &parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: strconv.Quote(name), Text: name})
	}
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: args}
}

func parenthesised(c *parse.CommandNode) *parse.PipeNode {
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: c.Pos, Cmds: []*parse.CommandNode{c}}
}

func function(name string, pos parse.Pos) *parse.IdentifierNode {
	return parse.NewIdentifier(name).SetPos(pos)
}

// escape appends to a pipe the function that escapes its value for this place.
func (w *rewriter) escape(p *parse.PipeNode) {
	as := w.form
	switch {
	case as == formURL && urlHost.MatchString(w.text):
		as = formURLRest
	case as == formJSON && w.inString():
		as = formJSONString
	}
	name := "_" + string(as)
	p.Cmds = append(p.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: p.Pos, Args: []parse.Node{function(name, p.Pos)}})
	w.text += "x"
}

// urlHost matches the beginning of a URL that has its whole host.
var urlHost = regexp.MustCompile(`^\s*https?://[^/?#\s]+[/?#]`)

// inString reports whether the literal text so far ends within a JSON string.
func (w *rewriter) inString() bool {
	quoted := false
	for i := 0; i < len(w.text); i++ {
		switch {
		case quoted && w.text[i] == '\\':
			i++
		case w.text[i] == '"':
			quoted = !quoted
		}
	}
	return quoted
}

// hostIsTemplated reports whether the host of a URL template is not wholly literal text.
func hostIsTemplated(text string) bool {
	before, _, _ := strings.Cut(text, "{{")
	return isTemplate(text) && !urlHost.MatchString(before)
}
