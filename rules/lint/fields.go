package lint

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
)

// use is one reading of a field in a condition, with the known events that it is left to be read for.
type use struct {
	node   ast.Node
	events []*catalog.Schema
	// against is what the field is compared with by operator, if that is a constant.
	operator string
	against  ast.Node
	truth    bool // the field stands where true or false is needed
	condition.Spot
}

// fields checks each field that the condition reads, in each event where what the name of the event decides leaves it to be read.
func (l *conditionLint) fields() {
	uses := map[ast.Node]*use{}
	var order []*use
	for _, e := range l.matching {
		c := &useCollector{Folder: condition.Folder{Facts: condition.FactsOf(e.name)}, found: func(u use) {
			known := uses[u.node]
			if known == nil {
				known = &u
				uses[u.node] = known
				order = append(order, known)
			}
			known.events = append(known.events, e.Schema)
		}}
		c.collect(l.tree, true)
	}
	wrong := map[string]bool{}
	for _, u := range order {
		message, hint := u.judge()
		// What is wrong with a list is not told of its items again.
		if list := u.Root + "." + strings.Join(u.Path[:len(u.Path)-1], "."); message != "" && !wrong[list] {
			wrong[u.String()] = true
			l.add(u.node, message, hint)
		}
	}
}

// useCollector finds the fields that are read when the facts hold: it does not look where the facts have decided.
type useCollector struct {
	condition.Folder
	found func(use)
	item  condition.Spot // of the items that the predicate around looks at
}

// collect looks at n, which stands where true or false is needed if truth says so.
func (c *useCollector) collect(n ast.Node, truth bool) {
	if c.Fold(n).Known {
		return
	}
	if p, ok := condition.SpotOf(n, c.item); ok && len(p.Path) > 0 {
		c.found(use{node: n, Spot: p, truth: truth})
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
func (c *useCollector) listOf(n ast.Node) condition.Spot {
	for {
		call, isCall := n.(*ast.BuiltinNode)
		if !isCall || !slices.Contains(keepers, call.Name) {
			break
		}
		n = call.Arguments[0]
	}
	p, ok := condition.SpotOf(n, c.item)
	if !ok || len(p.Path) == 0 {
		return condition.Spot{}
	}
	return p
}

// operands notes what a field is compared with.
func (c *useCollector) operands(n *ast.BinaryNode, truth bool) {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if p, ok := condition.SpotOf(side[0], c.item); ok && len(p.Path) > 0 && isConstant(side[1]) {
			c.found(use{node: side[0], Spot: p, operator: n.Operator, against: side[1]})
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
	cond := c.Fold(n.Cond)
	if !cond.Known {
		c.collect(n.Cond, true)
	}
	if !cond.Known || cond.Value == true {
		c.collect(n.Exp1, truth)
	}
	if !cond.Known || cond.Value != true {
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
