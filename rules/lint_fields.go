package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
)

// use is one reading of a field in a condition, with the known events that it is left to be read for.
type use struct {
	node   ast.Node
	root   string // payload or entity
	path   []string
	events []*eventSchema
	// against is what the field is compared with by operator, if that is a constant.
	operator string
	against  ast.Node
}

// fields checks each field that the condition reads, in each event where what the name of the event decides leaves it to be read.
func (l *conditionLint) fields() {
	uses := map[ast.Node]*use{}
	var order []*use
	for _, e := range l.matching {
		c := &useCollector{folder: folder{facts: factsOf(e.name)}, found: func(u use) {
			known := uses[u.node]
			if known == nil {
				known = &u
				uses[u.node] = known
				order = append(order, known)
			}
			known.events = append(known.events, e.eventSchema)
		}}
		c.collect(l.tree)
	}
	for _, u := range order {
		message, hint := u.judge()
		if message != "" {
			l.add(u.node, message, hint)
		}
	}
}

// useCollector finds the fields that are read when the facts hold: it does not look where the facts have decided.
type useCollector struct {
	folder
	found func(use)
}

func (c *useCollector) collect(n ast.Node) {
	if c.fold(n).known {
		return
	}
	if root, path, ok := fieldOf(n); ok {
		c.found(use{node: n, root: root, path: path})
		return
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		c.operands(n)
	case *ast.UnaryNode:
		c.collect(n.Node)
	case *ast.ConditionalNode:
		c.branches(n)
	case *ast.VariableDeclaratorNode:
		c.collect(n.Value)
		c.collect(n.Expr)
	case *ast.BuiltinNode:
		for _, arg := range n.Arguments {
			c.collect(arg)
		}
	case *ast.CallNode:
		for _, arg := range n.Arguments {
			c.collect(arg)
		}
	case *ast.PredicateNode:
		c.collect(n.Node)
	case *ast.ChainNode:
		c.collect(n.Node)
	case *ast.MemberNode:
		c.collect(n.Node)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			c.collect(item)
		}
	}
}

// operands notes what a field is compared with.
func (c *useCollector) operands(n *ast.BinaryNode) {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if root, path, ok := fieldOf(side[0]); ok && isConstant(side[1]) {
			c.found(use{node: side[0], root: root, path: path, operator: n.Operator, against: side[1]})
			return
		}
	}
	c.collect(n.Left)
	c.collect(n.Right)
}

func (c *useCollector) branches(n *ast.ConditionalNode) {
	cond := c.fold(n.Cond)
	switch {
	case !cond.known:
		c.collect(n.Cond)
		c.collect(n.Exp1)
		c.collect(n.Exp2)
	case cond.value == true:
		c.collect(n.Exp1)
	default:
		c.collect(n.Exp2)
	}
}

func isConstant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	case *ast.ArrayNode:
		return len(n.Nodes) > 0 && isConstant(n.Nodes[0])
	}
	return false
}

// fieldOf reads payload.a.b and entity.a.b. Indexes of arrays are passed over.
func fieldOf(n ast.Node) (root string, path []string, ok bool) {
	for {
		switch x := n.(type) {
		case *ast.ChainNode:
			n = x.Node
		case *ast.MemberNode:
			switch property := x.Property.(type) {
			case *ast.StringNode:
				path = append(path, property.Value)
			case *ast.IntegerNode:
			default:
				return "", nil, false
			}
			n = x.Node
		case *ast.IdentifierNode:
			slices.Reverse(path)
			return x.Value, path, len(path) > 0 && (x.Value == "payload" || x.Value == "entity")
		default:
			return "", nil, false
		}
	}
}

// judge says what is wrong with the use of a field, or "".
func (u *use) judge() (message, hint string) {
	if u.root == "entity" {
		return judgeEntity(u.path, u.events)
	}
	if message, hint = judgePayload(u.path, u.events); message != "" || u.against == nil {
		return message, hint
	}
	for _, e := range u.events {
		if f, _ := e.has(u.path); f.Type != "" && !fits(f.Type, u.operator, u.against) {
			return fmt.Sprintf("payload.%s is %s in %s, but it is compared with %s", strings.Join(u.path, "."), withArticle(f.Type), e.name, u.against), typeHint(f)
		}
	}
	return "", ""
}

// maxNamed is how many events a rule may match and still be taken to mean each of them.
const maxNamed = 3

// judgePayload says which of the events do not have a field, if that is worth saying: none has it, or the events are few.
func judgePayload(path []string, events []*eventSchema) (message, hint string) {
	var lacking, having []*eventSchema
	for _, e := range events {
		if _, ok := e.has(path); ok {
			having = append(having, e)
		} else {
			lacking = append(lacking, e)
		}
	}
	full := "payload." + strings.Join(path, ".")
	switch {
	case len(lacking) == 0, len(having) > 0 && len(events) > maxNamed:
		return "", ""
	case len(having) == 0 && len(events) > maxNamed:
		return "no event that gets here has " + full, fieldHint(path, events)
	}
	names := make([]string, len(lacking))
	for i, e := range lacking {
		names[i] = e.name
	}
	return full + " is not in " + strings.Join(names, ", "), fieldHint(path, lacking)
}

// fieldHint says what may have been meant by a field that is not there: another field, or that of an earlier event.
func fieldHint(path []string, events []*eventSchema) string {
	var near []string
	for _, e := range events {
		near = append(near, e.siblings(path)...)
	}
	slices.Sort(near)
	near = slices.Compact(near)
	last := path[len(path)-1]
	if best := catalog.Nearest(last, near); best != "" {
		return didYouMean(last, near)
	}
	kind, _, _ := strings.Cut(events[0].name, ".")
	if full := strings.Join(path, "."); knownSchemas().entities[kind][full] {
		return "entity." + full + " has it, from an earlier event"
	}
	return didYouMean(last, near)
}

// judgeEntity says whether a field of the entity can come from any event of the things that the events are about.
func judgeEntity(path []string, events []*eventSchema) (message, hint string) {
	var candidates []string
	for _, e := range events {
		kind, _, _ := strings.Cut(e.name, ".")
		known := knownSchemas().entities[kind]
		if !e.documented || known[strings.Join(path, ".")] || len(path) > 1 {
			return "", ""
		}
		for name := range known {
			if !strings.Contains(name, ".") {
				candidates = append(candidates, name)
			}
		}
	}
	if len(candidates) == 0 {
		return "", ""
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	return "entity." + strings.Join(path, ".") + " is in no event of this kind", didYouMean(path[len(path)-1], candidates)
}

// fits reports whether comparing a field of the given type with a constant makes sense.
func fits(kind, operator string, against ast.Node) bool {
	if list, isList := against.(*ast.ArrayNode); isList {
		against = list.Nodes[0]
	}
	switch operator {
	case "==", "!=", "in", "<", "<=", ">", ">=":
	case "contains", "startsWith", "endsWith", "matches":
		return kind == "string"
	default:
		return true
	}
	if operator == "in" && (kind == "array" || kind == "object") {
		return true
	}
	switch against.(type) {
	case *ast.StringNode:
		return kind == "string"
	case *ast.IntegerNode, *ast.FloatNode:
		return kind == "integer"
	case *ast.BoolNode:
		return kind == "boolean"
	}
	return true
}

func withArticle(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

func typeHint(f catalog.Field) string {
	switch f.Type {
	case "object":
		return "compare one of its fields"
	case "array":
		return "use len(…) or any(…, …)"
	}
	return "compare it with " + withArticle(f.Type)
}
