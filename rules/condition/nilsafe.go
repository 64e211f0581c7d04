package condition

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"golang.org/x/text/unicode/norm"

	"qaserelay/rules/budget"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/value"
)

// nilSafe rewrites an expression so that a missing or null field never makes it fail: reading through nil gives nil, a
// comparison with nil is false (!= is true), arithmetic with nil gives nil, nil counts as false, and a function takes
// nil for an empty list or text. This costs one or two instructions where a value may be nil, and nothing elsewhere.
// It also inserts calls that count and limit the work, and refuses expressions without a limit.
//
// The visitor sees children before their parents, and not the nodes that it puts in itself.
type nilSafe struct {
	inserted  map[ast.Node]kind // the kinds of the nodes that it puts in
	typed     map[ast.Node]bool // those among them whose type is known
	variables int               // the number of variables that guard puts in
	loose     bool              // an order comparison takes values of all types; this is slower
	refused   *refusal          // the first part that is not allowed
}

// refusal is a part that is not allowed, at an offset in characters.
type refusal struct {
	at            int
	message, hint string
}

// kind is the knowledge of a value before it is evaluated.
type kind int

const (
	maybeNil kind = iota
	neverNil
	boolean // never nil, and true or false
)

// Visit implements ast.Visitor.
func (v *nilSafe) Visit(node *ast.Node) {
	if v.inserted == nil {
		v.inserted = map[ast.Node]kind{}
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.refuseName(n)
	case *ast.StringNode:
		n.Value = norm.NFC.String(n.Value) // as the texts of events
	case *ast.MemberNode:
		v.member(node, n)
	case *ast.UnaryNode:
		v.unary(node, n)
	case *ast.BinaryNode:
		v.binary(node, n)
	case *ast.ConditionalNode:
		n.Cond = v.truth(n.Cond)
	case *ast.BuiltinNode:
		v.builtin(node, n)
	case *ast.PredicateNode:
		v.predicate(n)
	}
}

func (v *nilSafe) refuse(n ast.Node, message, hint string) {
	if v.refused == nil {
		v.refused = &refusal{n.Location().From, message, hint}
	}
}

func (v *nilSafe) refuseName(n *ast.IdentifierNode) {
	if _, ours := v.inserted[n]; ours { // the middle of 1 < x < 3 is visited twice
		return
	}
	if n.Value == "$env" || strings.HasPrefix(n.Value, "__") {
		v.refuse(n, fmt.Sprintf("no variable or function %q", n.Value),
			"use the names directly, such as payload.failed")
	}
}

// kindOf returns the kind of the value of n.
func (v *nilSafe) kindOf(n ast.Node) kind {
	if k, known := v.inserted[n]; known {
		return k
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return boolean
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.ArrayNode, *ast.MapNode:
		return neverNil
	case *ast.ConstantNode:
		if n.Value != nil {
			return neverNil
		}
	case *ast.IdentifierNode:
		if known, ok := catalog.Variables()[n.Value]; ok && known != nil {
			return neverNil
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return boolean
		}
		return v.kindOf(n.Node)
	case *ast.BinaryNode:
		return v.kindOfBinary(n)
	case *ast.ConditionalNode:
		return min(v.kindOf(n.Exp1), v.kindOf(n.Exp2))
	case *ast.VariableDeclaratorNode:
		return v.kindOf(n.Expr)
	case *ast.BuiltinNode:
		return kindOfBuiltin(n.Name)
	case *ast.CallNode:
		return neverNil
	}
	return maybeNil
}

func (v *nilSafe) kindOfBinary(n *ast.BinaryNode) kind {
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=", "and", "&&", "or", "||", "in", "contains", "startsWith", "endsWith",
		"matches":
		return boolean
	case "??":
		return v.kindOf(n.Right)
	}
	return neverNil
}

func kindOfBuiltin(name string) kind {
	switch name {
	case "any", "all", "none", "one", "hasPrefix", "hasSuffix":
		return boolean
	case "first", "last", "find", "findLast", "get", "reduce", "fromJSON", "min", "max", "findIndex", "findLastIndex":
		return maybeNil
	}
	return neverNil
}

// put replaces *node by n, at the same position in the source, and records the kind of n.
func (v *nilSafe) put(node *ast.Node, n ast.Node, k kind) {
	n.SetLocation((*node).Location())
	v.inserted[n] = k
	*node = n
}

// or returns n with a default in place of nil.
func (v *nilSafe) or(n ast.Node, fallback any, k kind) ast.Node {
	if v.kindOf(n) != maybeNil {
		return n
	}
	var out ast.Node = n
	v.put(&out, &ast.BinaryNode{Operator: "??", Left: n, Right: &ast.ConstantNode{Value: fallback}}, k)
	return out
}

// truth returns n with false in place of nil, for operands that must be true or false.
func (v *nilSafe) truth(n ast.Node) ast.Node { return v.or(n, false, boolean) }

// member makes reading through nil give nil.
func (v *nilSafe) member(node *ast.Node, n *ast.MemberNode) {
	if _, fixed := n.Property.(*ast.StringNode); !fixed {
		v.put(node, &ast.BuiltinNode{Name: "get", Arguments: []ast.Node{n.Node, n.Property}}, maybeNil)
		return
	}
	if v.kindOf(n.Node) == neverNil || n.Optional {
		return
	}
	n.Optional = true
	v.put(node, &ast.ChainNode{Node: n}, maybeNil)
}

func (v *nilSafe) unary(node *ast.Node, n *ast.UnaryNode) {
	switch n.Operator {
	case "not", "!":
		n.Node = v.truth(n.Node)
	case "-", "+":
		v.guard(node, []*ast.Node{&n.Node}, nil)
	}
}

func (v *nilSafe) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		n.Left, n.Right = v.truth(n.Left), v.truth(n.Right)
	case "<", "<=", ">", ">=":
		v.compare(node, n)
	case "==":
		v.equal(node, n, false)
	case "!=":
		v.equal(node, n, true)
	case "contains", "startsWith", "endsWith":
		n.Left = v.boundText(n.Left, maxTextBytes, 64)
	case "matches":
		v.matches(node, n)
	case "in":
		v.in(node, n)
	case "+", "-", "*", "/", "%", "**", "^":
		v.arithmetic(node, n)
	case "..":
		v.boundRange(n)
	}
}

// compare makes an order comparison with nil false. Next to a number, nil becomes NaN, which compares false and is the
// cheapest way.
func (v *nilSafe) compare(node *ast.Node, n *ast.BinaryNode) {
	v.readNumbers(&n.Left, &n.Right)
	v.readTexts(n)
	switch {
	case isFunction(n.Left), isFunction(n.Right), v.isTyped(n.Left) && v.isTyped(n.Right):
	case syntax.IsNumber(n.Right) && !v.loose:
		n.Left = v.or(n.Left, math.NaN(), neverNil)
	case syntax.IsNumber(n.Left) && !v.loose:
		n.Right = v.or(n.Right, math.NaN(), neverNil)
	default:
		v.call(node, boolean, orderFunction, text(n.Operator), n.Left, n.Right)
	}
}

// equal makes two missing fields differ, and a text with a number equal to that number. A comparison with a literal nil
// keeps its meaning.
func (v *nilSafe) equal(node *ast.Node, n *ast.BinaryNode, negated bool) {
	v.readNumbers(&n.Left, &n.Right)
	left, right := v.isTyped(n.Left), v.isTyped(n.Right)
	plain := syntax.IsLiteral(n.Left) && !isNumeric(n.Left) || syntax.IsLiteral(n.Right) && !isNumeric(n.Right)
	switch {
	case left && right, syntax.IsNil(n.Left), syntax.IsNil(n.Right):
		return
	case plain:
		v.equalText(node, n)
		return
	}
	v.call(node, boolean, sameFunction, n.Left, n.Right)
	if negated {
		v.put(node, &ast.UnaryNode{Operator: "not", Node: *node}, boolean)
	}
}

// equalText makes the comparison of a field with a whole number true for the text of that number too:
// x == 3 or x == "3".
func (v *nilSafe) equalText(node *ast.Node, n *ast.BinaryNode) {
	number, isWhole := n.Right.(*ast.IntegerNode)
	switch n.Left.(type) {
	case *ast.MemberNode, *ast.ChainNode, *ast.PointerNode:
	default:
		return
	}
	if !isWhole {
		return
	}
	also := at(n, &ast.BinaryNode{Operator: n.Operator, Left: n.Left,
		Right: at(number, text(strconv.Itoa(number.Value)))})
	join := "or"
	if n.Operator == "!=" {
		join = "and"
	}
	v.inserted[also] = boolean
	v.put(node, &ast.BinaryNode{Operator: join, Left: n, Right: also}, boolean)
}

// readNumbers makes a text that is a number that number beside one of the variables that are numbers.
func (v *nilSafe) readNumbers(a, b *ast.Node) {
	for _, sides := range [][2]*ast.Node{{a, b}, {b, a}} {
		written, isText := (*sides[0]).(*ast.StringNode)
		variable, isName := (*sides[1]).(*ast.IdentifierNode)
		if !isText || !isName || !v.isTyped(variable) || variable.Type().Kind() != reflect.Int {
			continue
		}
		if n, isWhole := value.Number(written.Value).(int); isWhole && value.PlainText(n) == written.Value {
			*sides[0] = at(written, &ast.IntegerNode{Value: n})
		}
	}
}

// isNumeric reports whether n is a text that a number can equal.
func isNumeric(n ast.Node) bool {
	text, isText := n.(*ast.StringNode)
	if !isText {
		return false
	}
	_, isNumber := value.ParseNumber(text.Value)
	return isNumber
}

// in takes values of all types on both sides.
func (v *nilSafe) in(node *ast.Node, n *ast.BinaryNode) {
	list, isArray := n.Right.(*ast.ArrayNode)
	for i := 0; isArray && i < len(list.Nodes); i++ {
		v.readNumbers(&n.Left, &list.Nodes[i])
	}
	if v.isTyped(n.Left) && (isArray || v.isTyped(n.Right)) {
		return
	}
	right := v.boundList(n.Right, maxItems)
	if isArray && syntax.IsConstant(list) {
		right = at(list, &ast.ConstantNode{Value: newConstants(syntax.Literal(list).([]any))})
	}
	v.call(node, boolean, inFunction, n.Left, right)
}

// arithmetic gives nil if an operand is nil, and text if one is text and the other is added.
func (v *nilSafe) arithmetic(node *ast.Node, n *ast.BinaryNode) {
	left, right := v.isTyped(n.Left), v.isTyped(n.Right)
	joins := n.Operator == "+" && (isText(n.Left) || isText(n.Right))
	if !joins {
		v.readTexts(n)
		left, right = v.isTyped(n.Left), v.isTyped(n.Right)
	}
	if left && right && !joins || isFunction(n.Left) || isFunction(n.Right) {
		return // to the compiler
	}
	v.call(node, maybeNil, arithmeticFunction, text(n.Operator), n.Left, n.Right)
}

// matches bounds the work of a pattern. The size of one that the event brings is bounded too.
func (v *nilSafe) matches(node *ast.Node, n *ast.BinaryNode) {
	pattern, fixed := n.Right.(*ast.StringNode)
	if !fixed {
		v.call(node, boolean, matchFunction, v.boundText(n.Left, maxMatchBytes, 4), n.Right)
		return
	}
	compiled, err := budget.Compile(pattern.Value)
	if err != nil {
		if _, invalid := regexp.Compile(pattern.Value); invalid == nil { // else the compiler reports it
			v.refuse(pattern, err.Error(), "")
		}
		return
	}
	n.Left = v.weighed(v.boundText(n.Left, maxMatchBytes, 4), compiled.Cost(0))
}

// weighed charges the size of a value so many times.
func (v *nilSafe) weighed(n ast.Node, times int) ast.Node {
	if id, isName := n.(*ast.IdentifierNode); isName && v.kindOf(id) != maybeNil {
		return n // such as event_name, which is short
	}
	var out = n
	v.call(&out, v.kindOf(n), weighFunction, n, &ast.IntegerNode{Value: times})
	return out
}

// call replaces *node by a call of one of the functions of Env.
func (v *nilSafe) call(node *ast.Node, k kind, function string, args ...ast.Node) {
	args = append([]ast.Node{&ast.IdentifierNode{Value: envVariable}}, args...)
	for _, arg := range args {
		if arg.Location() == (file.Location{}) {
			at(*node, arg)
		}
	}
	callee := at(*node, &ast.IdentifierNode{Value: function})
	v.inserted[args[0]], v.inserted[callee] = neverNil, neverNil
	v.put(node, &ast.CallNode{Callee: callee, Arguments: args}, k)
}

func text(s string) ast.Node { return &ast.StringNode{Value: s} }

// isTyped reports whether the type of a value is known before it is evaluated, so that the compiler checks it.
func (v *nilSafe) isTyped(n ast.Node) bool {
	if _, inserted := v.inserted[n]; inserted {
		return v.typed[n]
	}
	t := n.Type()
	return syntax.IsLiteral(n) || t != nil && t.Kind() != reflect.Interface
}

// isFunction reports whether n is a function that is not called.
func isFunction(n ast.Node) bool { return n.Type() != nil && n.Type().Kind() == reflect.Func }

// isText reports whether n is known to be text.
func isText(n ast.Node) bool { return n.Type() != nil && n.Type().Kind() == reflect.String }

// guard evaluates the operands that may be nil once, and the node only if none of them is nil. Otherwise the result is
// fallback:
//
//	let t = OPERAND; t == nil ? FALLBACK : NODE(t)
func (v *nilSafe) guard(node *ast.Node, operands []*ast.Node, fallback any) {
	k := maybeNil
	if _, isBool := fallback.(bool); isBool {
		k = boolean
	}
	for _, operand := range operands {
		if v.kindOf(*operand) != maybeNil {
			continue
		}
		v.variables++
		name := fmt.Sprintf("__t%d", v.variables)
		value := *operand
		*operand = at(value, &ast.IdentifierNode{Value: name})
		again := at(value, &ast.IdentifierNode{Value: name})
		v.inserted[*operand], v.inserted[again] = neverNil, neverNil
		isNil := at(value, &ast.BinaryNode{Operator: "==", Left: again, Right: at(value, &ast.NilNode{})})
		other := at(value, &ast.ConstantNode{Value: fallback})
		if fallback == nil {
			other = at(value, &ast.NilNode{})
		}
		choice := at(value, &ast.ConditionalNode{Ternary: true, Cond: isNil, Exp1: other, Exp2: *node})
		v.put(node, &ast.VariableDeclaratorNode{Name: name, Value: value, Expr: choice}, k)
	}
}

// at gives n the position of another node.
func at(other, n ast.Node) ast.Node {
	n.SetLocation(other.Location())
	return n
}

// builtin guards the first argument of a function against nil, by the type that the function takes.
func (v *nilSafe) builtin(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	switch n.Name {
	case "all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast", "findLastIndex",
		"groupBy", "sortBy", "reduce", "first", "last", "take", "reverse", "uniq", "concat", "flatten", "sort", "join",
		"len", "mean", "median":
		n.Arguments[0] = v.or(n.Arguments[0], []any{}, neverNil)
	case "keys", "values", "toPairs":
		n.Arguments[0] = v.or(n.Arguments[0], map[string]any{}, neverNil)
	case "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "splitAfter", "replace", "indexOf",
		"lastIndexOf", "hasPrefix", "hasSuffix":
		n.Arguments[0] = v.or(n.Arguments[0], "", neverNil)
	case "repeat":
		v.refuse(n, "repeat is not available in conditions", "")
	case "timezone":
		if !syntax.IsLiteral(n.Arguments[0]) {
			v.refuse(n, "timezone needs a name in quotes, such as \"Europe/Berlin\"", "")
		}
	case "min", "max":
		operands := make([]*ast.Node, len(n.Arguments))
		for i := range n.Arguments {
			operands[i] = &n.Arguments[i]
		}
		v.guard(node, operands, nil)
	case "int", "float", "abs", "ceil", "floor", "round":
		v.guard(node, []*ast.Node{&n.Arguments[0]}, nil)
	case "date":
		v.date(node, n)
	case "duration":
		v.duration(node, n)
	}
	v.boundWork(node, n)
}

// boundWork makes a list or text that is too long fail at run time, for functions whose work is not counted by item.
func (v *nilSafe) boundWork(node *ast.Node, n *ast.BuiltinNode) {
	first := &n.Arguments[0]
	switch n.Name {
	case "uniq":
		v.call(node, neverNil, uniqFunction, v.boundList(*first, maxItems))
	case "sort", "sortBy", "groupBy":
		*first = v.weighed(v.boundList(*first, maxItems), 16)
	case "flatten", "mean", "median", "sum", "reduce", "min", "max":
		*first = v.weighed(v.boundList(*first, maxItems), 1)
	case "concat":
		for i := range n.Arguments {
			n.Arguments[i] = v.boundList(n.Arguments[i], maxItems)
		}
	case "join":
		v.boundParts(n)
		*first = v.weighed(v.boundList(*first, maxItems), 2)
	case "replace":
		v.boundParts(n)
		*first = v.weighed(v.boundText(*first, maxTextBytes, 4), growth(n))
	case "split", "splitAfter":
		*first = v.weighed(v.boundText(*first, maxMatchBytes, 4), budget.Step)
	case "lower", "upper", "trim", "trimPrefix", "trimSuffix", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix",
		"toBase64", "fromBase64":
		*first = v.boundText(*first, maxTextBytes, 16)
	case "len":
		*first = v.bounded(*first, lengthFunction)
	case "fromJSON":
		*first = v.weighed(v.boundText(*first, maxTextBytes, 16), 2*budget.Step)
	case "string", "toJSON", "keys", "values", "toPairs", "fromPairs", "reverse", "take":
		*first = v.weighed(*first, 2)
	}
}

// growth returns how many times as long as its text the result of replace can be.
func growth(n *ast.BuiltinNode) int {
	if len(n.Arguments) < 3 {
		return 1
	}
	from, ok1 := n.Arguments[1].(*ast.StringNode)
	to, ok2 := n.Arguments[2].(*ast.StringNode)
	if !ok1 || !ok2 {
		return 1
	}
	return 1 + len(to.Value)/max(1, len(from.Value))
}

// boundParts allows only short constants as texts that are inserted into another many times.
func (v *nilSafe) boundParts(n *ast.BuiltinNode) {
	for _, arg := range n.Arguments[1:] {
		text, isText := arg.(*ast.StringNode)
		_, isNumber := arg.(*ast.IntegerNode) // replace takes a number of replacements
		if isText && len(text.Value) <= maxInsertBytes || isNumber && n.Name == "replace" {
			continue
		}
		hint := ""
		if first := n.Arguments[0]; syntax.IsLiteral(first) && len(n.Arguments) == 3 && n.Name == "replace" {
			hint = fmt.Sprintf("the text stands first: write replace(%s, %s, %s)", n.Arguments[2], first, n.Arguments[1])
		}
		v.refuse(n, fmt.Sprintf("%s needs a text in quotes of at most %d characters here", n.Name, maxInsertBytes), hint)
	}
}

// boundList makes a list that is too long fail at run time. A list that is written in the condition is short, but its
// items need not be.
func (v *nilSafe) boundList(list ast.Node, most int) ast.Node {
	switch n := list.(type) {
	case *ast.ArrayNode:
		for i := range n.Nodes {
			if v.kindOf(n.Nodes[i]) == maybeNil {
				n.Nodes[i] = v.boundList(n.Nodes[i], most)
			}
		}
		return list
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.MapNode:
		return list
	}
	return v.bounded(list, listFunction, most)
}

// boundText makes a text that is too long fail at run time, and counts a step for each perStep bytes of it. Variables
// such as event_name are short enough.
func (v *nilSafe) boundText(s ast.Node, most, perStep int) ast.Node {
	switch s.(type) {
	case *ast.StringNode, *ast.IdentifierNode:
		if v.kindOf(s) != maybeNil {
			return s
		}
	}
	return v.bounded(s, textFunction, most, perStep)
}

// bounded passes a value through one of the functions of Env.
func (v *nilSafe) bounded(value ast.Node, function string, limits ...int) ast.Node {
	args := []ast.Node{value}
	for _, limit := range limits {
		args = append(args, &ast.IntegerNode{Value: limit})
	}
	call := value
	v.call(&call, v.kindOf(value), function, args...)
	return call
}

// predicate counts each item that a predicate visits.
func (v *nilSafe) predicate(n *ast.PredicateNode) {
	size, body := 1, n.Node
	ast.Walk(&body, syntax.Visitor(func(ast.Node) { size++ }))
	var step ast.Node = at(n, &ast.NilNode{})
	v.call(&step, neverNil, stepFunction, &ast.IntegerNode{Value: size})
	n.Node = at(n, &ast.SequenceNode{Nodes: []ast.Node{step, n.Node}})
}

// boundRange allows only a short range between two constants.
func (v *nilSafe) boundRange(n *ast.BinaryNode) {
	from, ok1 := n.Left.(*ast.IntegerNode)
	to, ok2 := n.Right.(*ast.IntegerNode)
	if !ok1 || !ok2 || to.Value-from.Value > maxRange {
		v.refuse(n, fmt.Sprintf("a range must have two whole numbers at most %d apart", maxRange),
			"compare with >= and <= instead")
	}
}
