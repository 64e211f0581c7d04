package condition

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
)

// Roots are the variables with fields.
var Roots = []string{"payload", "entity", "actor", "previous", "failures", "trend"}

// Field is a path below one of the Roots. Indexes of lists are not part of the path.
type Field struct {
	Root string
	Path []string
	Item bool // the value is an item of the list at Path
}

// String returns the field as it is written in a condition.
func (f Field) String() string { return f.Root + "." + strings.Join(f.Path, ".") }

// Constant is a literal of a condition.
type Constant struct {
	Value any    // a string, int, float64 or bool, or []any of them; nil for anything else
	Text  string // as it is written
}

// FieldUse is one reading of a field.
type FieldUse struct {
	Field
	At       diag.Position
	Text     string    // the field as it is written
	Operator string    // of the comparison with Constant
	Constant *Constant // nil if the field is not compared with a constant
	Truth    bool      // the field stands where true or false is needed
}

// Fields returns the readings of fields that the facts leave to be evaluated.
func (c *Condition) Fields(f Facts) []FieldUse {
	r := &fieldReader{folder: folder{facts: f}, source: c.Source}
	r.read(c.tree, true)
	return r.uses
}

// VariableTest is a comparison of a variable such as event_name with a text.
type VariableTest struct {
	Variable, Operator, Text string
	At                       diag.Position // of the text
}

// VariableTests returns the comparisons of variables with texts. A list of texts gives a test for each.
func (c *Condition) VariableTests() []VariableTest {
	var all []VariableTest
	tree := c.tree
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		b, isBinary := n.(*ast.BinaryNode)
		if !isBinary {
			return
		}
		name, isName := b.Left.(*ast.IdentifierNode)
		texts := b.Right
		if !isName && b.Operator != "in" && !slices.Contains(syntax.TextOperators, b.Operator) {
			name, isName = b.Right.(*ast.IdentifierNode)
			texts = b.Left
		}
		if !isName || !slices.Contains(append([]string{"==", "!=", "in"}, syntax.TextOperators...), b.Operator) {
			return
		}
		for _, text := range textsIn(texts) {
			all = append(all, VariableTest{name.Value, b.Operator, text.Value,
				diag.Locate(c.Source, text.Location().From)})
		}
	}))
	return all
}

// Accepts reports whether the test is true, or may be true, for a value of the variable.
func (t VariableTest) Accepts(v any) bool {
	result := compareKnown(t.Operator, v, t.Text)
	return !result.known || result.value == true
}

func textsIn(n ast.Node) []*ast.StringNode {
	switch n := n.(type) {
	case *ast.StringNode:
		return []*ast.StringNode{n}
	case *ast.ArrayNode:
		var all []*ast.StringNode
		for _, item := range n.Nodes {
			all = append(all, textsIn(item)...)
		}
		return all
	}
	return nil
}

// fieldReader collects the fields that are read if the facts hold. It skips parts that the facts decide.
type fieldReader struct {
	folder
	source string
	list   Field // the list whose items the surrounding predicate visits
	uses   []FieldUse
}

// read collects the fields of n. truth is true where n has to be true or false.
func (r *fieldReader) read(n ast.Node, truth bool) {
	if r.fold(n).known {
		return
	}
	if f, ok := fieldOf(n, r.list); ok && len(f.Path) > 0 {
		r.add(n, FieldUse{Field: f, Truth: truth})
		return
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		r.binary(n, truth)
	case *ast.UnaryNode:
		r.read(n.Node, n.Operator == "not" || n.Operator == "!")
	case *ast.ConditionalNode:
		r.conditional(n, truth)
	case *ast.VariableDeclaratorNode:
		r.read(n.Value, false)
		r.read(n.Expr, truth)
	case *ast.BuiltinNode:
		r.builtin(n)
	case *ast.CallNode:
		if method, isMember := n.Callee.(*ast.MemberNode); isMember {
			r.read(method.Node, false)
		}
		r.readAll(n.Arguments)
	case *ast.ChainNode:
		r.read(n.Node, false)
	case *ast.MemberNode:
		r.read(n.Node, false)
	case *ast.ArrayNode:
		r.readAll(n.Nodes)
	}
}

func (r *fieldReader) readAll(nodes []ast.Node) {
	for _, n := range nodes {
		r.read(n, false)
	}
}

func (r *fieldReader) add(n ast.Node, use FieldUse) {
	use.At, use.Text = diag.Locate(r.source, n.Location().From), n.String()
	r.uses = append(r.uses, use)
}

// binary records the constant that a field is compared with.
func (r *fieldReader) binary(n *ast.BinaryNode, truth bool) {
	key, isText := n.Left.(*ast.StringNode)
	if f, ok := fieldOf(n.Right, r.list); ok && isText && n.Operator == "in" && len(f.Path) == 0 {
		r.add(key, FieldUse{Field: Field{Root: f.Root, Path: []string{key.Value}}})
		return
	}
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if f, ok := fieldOf(side[0], r.list); ok && len(f.Path) > 0 && syntax.IsLiteral(side[1]) {
			constant := &Constant{syntax.Literal(side[1]), side[1].String()}
			r.add(side[0], FieldUse{Field: f, Operator: n.Operator, Constant: constant})
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
	r.read(n.Left, truth)
	r.read(n.Right, truth)
}

func (r *fieldReader) conditional(n *ast.ConditionalNode, truth bool) {
	cond := r.fold(n.Cond)
	if !cond.known {
		r.read(n.Cond, true)
	}
	if !cond.known || cond.value == true {
		r.read(n.Exp1, truth)
	}
	if !cond.known || cond.value != true {
		r.read(n.Exp2, truth)
	}
}

// sublists are the functions that return some items of a list, unchanged.
var sublists = []string{"filter", "sort", "sortBy", "reverse", "uniq", "take"}

// builtin reads the arguments of a function, and within a predicate the fields of the items.
func (r *fieldReader) builtin(n *ast.BuiltinNode) {
	for _, arg := range n.Arguments {
		predicate, isPredicate := arg.(*ast.PredicateNode)
		if !isPredicate {
			r.read(arg, false)
			continue
		}
		outer := r.list
		r.list = r.listOf(n.Arguments[0])
		r.read(predicate.Node, slices.Contains(diagnose.TruthPredicates, n.Name))
		r.list = outer
	}
}

// ElementsOf returns the field whose items a list has, or the zero Field. list is that of the surrounding predicate.
func ElementsOf(n ast.Node, list Field) Field { return (&fieldReader{list: list}).listOf(n) }

// listOf returns the field whose items n has, or the zero Field.
func (r *fieldReader) listOf(n ast.Node) Field {
	for {
		call, isCall := n.(*ast.BuiltinNode)
		if !isCall || !slices.Contains(sublists, call.Name) {
			break
		}
		n = call.Arguments[0]
	}
	f, ok := fieldOf(n, r.list)
	if !ok || len(f.Path) == 0 {
		return Field{}
	}
	return f
}

// fieldOf reads payload.a.b and, within a predicate about the items of a list, .b and #.b. Its path is empty for
// payload itself.
func fieldOf(n ast.Node, list Field) (Field, bool) {
	var f Field
	for {
		switch x := n.(type) {
		case *ast.ChainNode:
			n = x.Node
		case *ast.MemberNode:
			property, isName := x.Property.(*ast.StringNode)
			switch {
			case isName:
				f.Path = append(f.Path, property.Value)
			case !syntax.IsNumber(x.Property):
				return Field{}, false
			default:
				f.Item = f.Item || len(f.Path) == 0
			}
			n = x.Node
		case *ast.BuiltinNode:
			if x.Name != "first" && x.Name != "last" || len(x.Arguments) != 1 {
				return Field{}, false
			}
			f.Item = f.Item || len(f.Path) == 0
			n = x.Arguments[0]
		case *ast.PointerNode:
			if x.Name != "" || list.Root == "" || len(f.Path) == 0 {
				return Field{}, false
			}
			slices.Reverse(f.Path)
			return Field{list.Root, append(slices.Clip(list.Path), f.Path...), f.Item}, true
		case *ast.IdentifierNode:
			slices.Reverse(f.Path)
			f.Root = x.Value
			return f, slices.Contains(Roots, x.Value)
		default:
			return Field{}, false
		}
	}
}
