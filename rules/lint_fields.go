package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// use is one reading of a field in a condition, with the known events that it is left to be read for.
type use struct {
	node   ast.Node
	events []*eventSchema
	// against is what the field is compared with by operator, if that is a constant.
	operator string
	against  ast.Node
	truth    bool // the field stands where true or false is needed
	spot
}

// spot is where a value is: the name at its beginning and the path from there.
type spot struct {
	root string // payload, entity, actor or previous; "" for anywhere else
	path []string
	item bool // it is an item of the list there
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
		c.collect(l.tree, true)
	}
	wrong := map[string]bool{}
	for _, u := range order {
		message, hint := u.judge()
		// What is wrong with a list is not told of its items again.
		if list := u.root + "." + strings.Join(u.path[:len(u.path)-1], "."); message != "" && !wrong[list] {
			wrong[u.String()] = true
			l.add(u.node, message, hint)
		}
	}
}

// useCollector finds the fields that are read when the facts hold: it does not look where the facts have decided.
type useCollector struct {
	folder
	found func(use)
	item  spot // of the items that the predicate around looks at
}

// collect looks at n, which stands where true or false is needed if truth says so.
func (c *useCollector) collect(n ast.Node, truth bool) {
	if c.fold(n).known {
		return
	}
	if p, ok := spotOf(n, c.item); ok && len(p.path) > 0 {
		c.found(use{node: n, spot: p, truth: truth})
		return
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		c.operands(n, truth)
	case *ast.UnaryNode:
		c.collect(n.Node, n.Operator == "not" || n.Operator == "!")
	case *ast.ConditionalNode:
		c.branches(n, truth)
	case *ast.VariableDeclaratorNode:
		c.collect(n.Value, false)
		c.collect(n.Expr, truth)
	case *ast.BuiltinNode:
		c.builtin(n)
	case *ast.CallNode:
		c.all(n.Arguments)
	case *ast.ChainNode:
		c.collect(n.Node, false)
	case *ast.MemberNode:
		c.collect(n.Node, false)
	case *ast.ArrayNode:
		c.all(n.Nodes)
	}
}

func (c *useCollector) all(nodes []ast.Node) {
	for _, n := range nodes {
		c.collect(n, false)
	}
}

// deciders are the functions whose predicate gives true or false.
var deciders = []string{"all", "none", "any", "one", "filter", "find", "findIndex", "findLast", "findLastIndex", "count"}

// builtin looks at the arguments of a function, and within a predicate at the fields of the items.
func (c *useCollector) builtin(n *ast.BuiltinNode) {
	for _, arg := range n.Arguments {
		predicate, isPredicate := arg.(*ast.PredicateNode)
		if !isPredicate {
			c.collect(arg, false)
			continue
		}
		outer := c.item
		c.item = c.listOf(n.Arguments[0])
		c.collect(predicate.Node, slices.Contains(deciders, n.Name))
		c.item = outer
	}
}

// keepers are the functions that give some items of their list, unchanged.
var keepers = []string{"filter", "sort", "sortBy", "reverse", "uniq", "take"}

// listOf is where the items of a list are.
func (c *useCollector) listOf(n ast.Node) spot {
	for {
		call, isCall := n.(*ast.BuiltinNode)
		if !isCall || !slices.Contains(keepers, call.Name) {
			break
		}
		n = call.Arguments[0]
	}
	p, ok := spotOf(n, c.item)
	if !ok || len(p.path) == 0 {
		return spot{}
	}
	return p
}

// operands notes what a field is compared with.
func (c *useCollector) operands(n *ast.BinaryNode, truth bool) {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if p, ok := spotOf(side[0], c.item); ok && len(p.path) > 0 && isConstant(side[1]) {
			c.found(use{node: side[0], spot: p, operator: n.Operator, against: side[1]})
			return
		}
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		truth = true
	case "??":
	default:
		truth = false
	}
	c.collect(n.Left, truth)
	c.collect(n.Right, truth)
}

func (c *useCollector) branches(n *ast.ConditionalNode, truth bool) {
	cond := c.fold(n.Cond)
	if !cond.known {
		c.collect(n.Cond, true)
	}
	if !cond.known || cond.value == true {
		c.collect(n.Exp1, truth)
	}
	if !cond.known || cond.value != true {
		c.collect(n.Exp2, truth)
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

// roots are the names whose fields are known.
var roots = []string{"payload", "entity", "actor", "previous"}

// fieldOf reads payload.a.b, entity.a.b and the like. Indexes of arrays are passed over.
func fieldOf(n ast.Node) (root string, path []string, ok bool) {
	p, ok := spotOf(n, spot{})
	return p.root, p.path, ok && len(p.path) > 0
}

// spotOf reads payload.a.b and, within a predicate about the items of a list, .b and #.b.
func spotOf(n ast.Node, item spot) (spot, bool) {
	var p spot
	for {
		switch x := n.(type) {
		case *ast.ChainNode:
			n = x.Node
		case *ast.MemberNode:
			property, isName := x.Property.(*ast.StringNode)
			switch {
			case isName:
				p.path = append(p.path, property.Value)
			case !isNumber(x.Property):
				return spot{}, false
			default:
				p.item = p.item || len(p.path) == 0
			}
			n = x.Node
		case *ast.BuiltinNode:
			if x.Name != "first" && x.Name != "last" || len(x.Arguments) != 1 {
				return spot{}, false
			}
			p.item = p.item || len(p.path) == 0
			n = x.Arguments[0]
		case *ast.PointerNode:
			if x.Name != "" || item.root == "" || len(p.path) == 0 {
				return spot{}, false
			}
			slices.Reverse(p.path)
			return spot{item.root, append(slices.Clip(item.path), p.path...), p.item}, true
		case *ast.IdentifierNode:
			slices.Reverse(p.path)
			p.root = x.Value
			return p, slices.Contains(roots, x.Value)
		default:
			return spot{}, false
		}
	}
}
