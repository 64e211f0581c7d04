package diagnose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// All explains all type errors of a source, the first of which is err. The compiler stops at the first: each time its
// part of the condition is taken for true.
func All(source string, err error, compile func(source string) error) []diag.Finding {
	all := []diag.Finding{First(source, err)}
	for len(all) < diag.MaxFindings {
		next, ok := withoutPart(source, err)
		if !ok {
			break
		}
		source = next
		if err = compile(source); err == nil {
			break
		}
		f := First(source, err)
		if slices.ContainsFunc(all, func(other diag.Finding) bool { return other.At == f.At }) {
			break
		}
		all = append(all, f)
	}
	return all
}

// withoutPart returns a source with true in place of the smallest operand of and, or that an error concerns. ok is
// false if the error is not one of types, or concerns the whole.
func withoutPart(source string, err error) (rest string, ok bool) {
	tree, syntaxErr := parser.Parse(source)
	at, positioned := positionOf(err)
	if syntaxErr != nil || !positioned {
		return "", false
	}
	text, from, to := syntax.NewText(source), 0, 0
	for n := tree.Node; ; {
		b, isBinary := n.(*ast.BinaryNode)
		if !isBinary || !syntax.IsLogic(b.Operator) {
			break
		}
		n = nil
		for _, side := range []ast.Node{b.Left, b.Right} {
			if _, start, end := text.Of(side); start <= at && at < end {
				n, from, to = side, start, end
			}
		}
		if n == nil {
			break
		}
	}
	if to-from < len("true") {
		return "", false
	}
	runes := []rune(source)
	return string(runes[:from]) + "true" + strings.Repeat(" ", to-from-len("true")) + string(runes[to:]), true
}

// positionOf returns where an error of the compiler is, in characters.
func positionOf(err error) (at int, ok bool) {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return 0, false
	}
	return fe.From, true
}

// innerCondition returns the condition within a source that is only a text, as quotes within quotes make it.
func innerCondition(source string) (inner string, quoted bool) {
	tree, err := parser.Parse(source)
	if err != nil {
		return "", false
	}
	text, isText := tree.Node.(*ast.StringNode)
	if !isText {
		return "", false
	}
	within, err := parser.Parse(text.Value)
	if err != nil {
		return "", false
	}
	_, isBinary := within.Node.(*ast.BinaryNode)
	return text.Value, isBinary
}

// noField explains a field or method that a value does not have.
func (e *typeError) noField(what, name string) (message, hint string) {
	base, args := e.memberBase()
	switch {
	case what == "a time":
		return fmt.Sprintf("a time has no field %q", name), timeHint(base, name)
	case what == "a function":
		return fmt.Sprintf("%s is a function", base), timeHint(base+"()", name)
	case what == "text":
		return fmt.Sprintf("text has no methods such as %s", name), MethodHint(base, name, args)
	}
	return fmt.Sprintf("%s has no field %q", what, name), MethodHint(base, name, args)
}

// memberBase returns what the member at the error belongs to, and the arguments of its call.
func (e *typeError) memberBase() (base string, args []string) {
	e.walk(func(n ast.Node) {
		if m, isMember := n.(*ast.MemberNode); isMember && m.Location().From == e.at {
			base = m.Node.String()
		}
		call, isCall := n.(*ast.CallNode)
		if !isCall {
			return
		}
		if m, isMember := call.Callee.(*ast.MemberNode); isMember && m.Location().From == e.at {
			args = nil
			for _, a := range call.Arguments {
				args = append(args, a.String())
			}
		}
	})
	return base, args
}

// negated explains a comparison at the error whose left side is negated alone, which is hardly ever meant.
func (e *typeError) negated() (message, hint string) {
	e.walk(func(n ast.Node) {
		b, isBinary := n.(*ast.BinaryNode)
		if !isBinary || b.Location().From != e.at && b.Left.Location().From != e.at {
			return
		}
		if m, h := Negated(b); m != "" {
			message, hint = m, h
			e.at = b.Location().From
		}
	})
	return message, hint
}

// Negated explains an operator whose left side is negated alone, or returns "" for any other.
func Negated(b *ast.BinaryNode) (message, hint string) {
	u, isUnary := b.Left.(*ast.UnaryNode)
	if !isUnary || u.Operator != "not" && u.Operator != "!" || syntax.IsLogic(b.Operator) || b.Operator == "??" ||
		u.Location() == u.Node.Location() { // x not in y
		return "", ""
	}
	return fmt.Sprintf("%s comes before %s: it negates %s alone", u.Operator, b.Operator, u.Node),
		fmt.Sprintf("write not (%s %s %s)", u.Node, b.Operator, b.Right)
}

// binaryAt returns the operator at the error, or nil, and the one around it.
func (e *typeError) binaryAt() (at, around *ast.BinaryNode) {
	e.walk(func(n ast.Node) {
		b, isBinary := n.(*ast.BinaryNode)
		switch {
		case !isBinary:
		case b.Location().From == e.at:
			at = b
		case at != nil && around == nil && (b.Left == ast.Node(at) || b.Right == ast.Node(at)):
			around = b
		}
	})
	return at, around
}

// mismatch explains two operands of types that the operator does not take.
func (e *typeError) mismatch(operator, leftType, rightType string) (message, hint string) {
	b, around := e.binaryAt()
	if b == nil {
		return fmt.Sprintf("%s takes no %s and %s", operator, TypeName(leftType), TypeName(rightType)), ""
	}
	m := &mismatchedSides{typeError: e, node: b, around: around, left: side{b.Left, TypeName(leftType)},
		right: side{b.Right, TypeName(rightType)}}
	switch {
	case syntax.IsLogic(operator):
		return m.halves(leftType)
	case isCalendar(m.left.kind):
		return fmt.Sprintf("%s is %s", m.left, m.left.kind), m.calendarHint()
	case slices.Contains(syntax.TextOperators, operator) && m.right.kind == "a list":
		return fmt.Sprintf("%s takes one text, and %s is a list", operator, m.right), m.alternatives()
	case operator == "in":
		return fmt.Sprintf("in looks into a list, and %s is %s", m.right, m.right.kind), m.listHint()
	}
	return fmt.Sprintf("%s is %s, %s is %s", m.left, m.left.kind, m.right, m.right.kind), m.hint()
}

// mismatchedSides is an operator between two operands that do not fit.
type mismatchedSides struct {
	*typeError
	node, around *ast.BinaryNode
	left, right  side
}

// side is an operand and its type in plain words.
type side struct {
	ast.Node
	kind string
}

// String returns the operand as it is written, shortened.
func (s side) String() string { return value.Shorten(s.Node.String(), 60) }

// literal returns the text of a text in quotes.
func (s side) literal() (string, bool) {
	n, isText := s.Node.(*ast.StringNode)
	if !isText {
		return "", false
	}
	return n.Value, true
}

// halves explains a half of and, or that is neither true nor false.
func (m *mismatchedSides) halves(leftType string) (message, hint string) {
	s := m.left
	if leftType == "bool" || leftType == "unknown" {
		s = m.right
	}
	m.at = s.Location().From
	return fmt.Sprintf("%s is %s, not true or false", s, s.kind), m.halfHint(s)
}

func (m *mismatchedSides) halfHint(s side) string {
	left, right := m.node.Left, m.node.Right
	switch s.kind {
	case "a list":
		return "write len(" + s.String() + ") > 0"
	case "a number":
		return "write " + s.String() + " > 0"
	}
	if _, isText := s.literal(); !isText {
		return "compare it with something, such as " + s.String() + " == …"
	}
	_, bothText := left.(*ast.StringNode)
	if bothText && m.around != nil && m.around.Left != ast.Node(m.node) {
		return fmt.Sprintf("write %s in [%s, %s]", m.around.Left, left, right)
	}
	if compared := lastComparison(left); compared != nil {
		return fmt.Sprintf("write %s %s %s %s %s", left, m.node.Operator, compared.Left, compared.Operator, right)
	}
	return "compare it with something, such as event_name == " + s.String()
}

// lastComparison returns the comparison at the right end of and, or.
func lastComparison(n ast.Node) *ast.BinaryNode {
	b, isBinary := n.(*ast.BinaryNode)
	switch {
	case !isBinary:
		return nil
	case syntax.IsLogic(b.Operator):
		return lastComparison(b.Right)
	case b.Operator == "==" || b.Operator == "!=":
		return b
	}
	return nil
}

func isCalendar(kind string) bool { return kind == "a weekday" || kind == "a month" }

// calendarHint says how to compare a weekday or month, which are compared by name.
func (m *mismatchedSides) calendarHint() string {
	names := Weekdays()
	if m.left.kind == "a month" {
		names = append([]string{""}, Months()...)
	}
	nameOf := func(n ast.Node) string {
		switch n := n.(type) {
		case *ast.StringNode:
			return fullName(n.Value, names)
		case *ast.IntegerNode:
			if m.left.kind == "a weekday" {
				return names[((n.Value%7)+7)%7]
			}
			return names[min(max(n.Value, 1), 12)]
		}
		return names[len(names)-1]
	}
	subject := m.node.Left.String() + ".String()"
	switch n := m.node.Right.(type) {
	case *ast.ArrayNode:
		return fmt.Sprintf("write %s in %s", subject, namesIn(n, nameOf, names))
	case *ast.BinaryNode:
		from, isFrom := n.Left.(*ast.IntegerNode)
		to, isTo := n.Right.(*ast.IntegerNode)
		if n.Operator == ".." && isFrom && isTo && to.Value-from.Value < 12 {
			list := &ast.ArrayNode{}
			for i := from.Value; i <= to.Value; i++ {
				list.Nodes = append(list.Nodes, &ast.IntegerNode{Value: i})
			}
			return fmt.Sprintf("write %s in %s", subject, namesIn(list, nameOf, names))
		}
	case *ast.IntegerNode:
		if op := m.node.Operator; op[0] == '<' || op[0] == '>' {
			return fmt.Sprintf("write %s in [%q, %q, …]", subject, names[1], names[2])
		}
	}
	return fmt.Sprintf("write %s %s %q", subject, m.node.Operator, nameOf(m.node.Right))
}

// fullName returns the name of a day or month that begins like a text, or else the text.
func fullName(text string, names []string) string {
	for _, name := range names {
		if len(text) > 1 && strings.HasPrefix(strings.ToLower(name), strings.ToLower(text)) {
			return name
		}
	}
	return text
}

// namesIn returns the list of the names of days or months. The weekend is written from Saturday.
func namesIn(list *ast.ArrayNode, nameOf func(ast.Node) string, names []string) string {
	var all []string
	for _, item := range list.Nodes {
		if name := nameOf(item); slices.Contains(names, name) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if len(all) == 2 && slices.Contains(all, "Saturday") && slices.Contains(all, "Sunday") {
		all = []string{"Saturday", "Sunday"}
	}
	quoted := make([]string, len(all))
	for i, name := range all {
		quoted[i] = strconv.Quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// listHint says how to write the list behind in.
func (m *mismatchedSides) listHint() string {
	text, isText := m.right.literal()
	if part, isPart := m.left.literal(); isPart && !isText && m.right.kind == "text" {
		return fmt.Sprintf("write %s contains %q", m.right, part)
	}
	if !isText {
		return `write a list, such as ["a", "b"], or contains for a part of a text`
	}
	return "write " + ListWords(text)
}

// ListWords returns the list that a text with commas or bars means.
func ListWords(text string) string {
	parts := regexp.MustCompile(`\s*[,|;]\s*|\s+or\s+|\s+and\s+`).Split(strings.TrimSpace(text), -1)
	for i, p := range parts {
		parts[i] = strconv.Quote(p)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// alternatives says how to look for one of several texts.
func (m *mismatchedSides) alternatives() string {
	list, isArray := m.right.Node.(*ast.ArrayNode)
	if !isArray {
		return ""
	}
	var parts []string
	for _, item := range list.Nodes {
		if text, isText := (side{Node: item}).literal(); isText {
			parts = append(parts, regexp.QuoteMeta(text))
		}
	}
	pattern := strings.Join(parts, "|")
	if m.node.Operator == "startsWith" {
		pattern = "^(" + pattern + ")"
	}
	return fmt.Sprintf("write %s matches %q", m.left, pattern)
}

// hint says how to write a comparison of two types.
func (m *mismatchedSides) hint() string {
	kinds := []string{m.left.kind, m.right.kind}
	switch {
	case slices.Contains(kinds, "a function"):
		return m.functionHint()
	case slices.Contains([]string{m.left.String(), m.right.String()}, "timestamp"):
		return m.timestampHint()
	case slices.Contains(kinds, "a time"), slices.Contains(kinds, "a duration"):
		return m.timeHint()
	case m.right.kind == "a list":
		return fmt.Sprintf("write %s %s %s", m.left, map[bool]string{true: "not in", false: "in"}[m.node.Operator == "!="],
			m.right)
	case m.left.kind == "an object":
		return m.objectHint()
	}
	for _, sides := range [][2]side{{m.left, m.right}, {m.right, m.left}} {
		if hint := literalHint(m.node.Operator, sides[0], sides[1]); hint != "" {
			return hint
		}
	}
	return "both sides must be of the same type"
}

// timestampHint says how to compare timestamp, which is a number.
func (m *mismatchedSides) timestampHint() string {
	for _, s := range []side{m.left, m.right} {
		text, isText := s.literal()
		switch _, isDate := value.TimeIn(text, time.UTC); {
		case isDate:
			return fmt.Sprintf("timestamp counts seconds; write time %s date(%s)", m.node.Operator, s)
		case isText:
			return `timestamp counts seconds; write time > date("2026-01-31") for a date`
		}
	}
	return "timestamp counts seconds since 1970, and time is the same as a time"
}

// timeHint says how to compare a time or a duration.
func (m *mismatchedSides) timeHint() string {
	other, text, isText := m.left, "", false
	if text, isText = m.right.literal(); !isText {
		other = m.right
		text, isText = m.left.literal()
	}
	length, isLength := strings.CutPrefix(durationHint(text), "write ")
	isLength = isLength && !strings.Contains(length, "like")
	switch {
	case other.kind == "a time" && isText && isLength && !timeOfDay.MatchString(text):
		return fmt.Sprintf("write now() - %s > duration(%s) for its age", other, length)
	case other.kind == "a time" && isText:
		return DateWords(text)
	case other.kind == "a duration" && isText:
		return LengthWords(text)
	case slices.Contains([]string{m.left.kind, m.right.kind}, "a duration"):
		return `write duration("24h") for a length of time`
	}
	return `write date("2026-01-31") for a date`
}

func (m *mismatchedSides) functionHint() string {
	s := m.left
	if m.right.kind == "a function" {
		s = m.right
	}
	return "a function needs parentheses: write " + s.String() + "()"
}

// objectHint says which field of an object such as actor is probably meant.
func (m *mismatchedSides) objectHint() string {
	text, isText := m.right.literal()
	field := "name"
	switch {
	case !isText:
		field = "id"
	case strings.Contains(text, "@"):
		field = "email"
	case m.left.String() != "actor":
		field = "title"
	}
	return fmt.Sprintf("write %s.%s %s %s", m.left, field, m.node.Operator, m.right)
}

// literalHint says how to write a constant so that it has the type of the other side, or "".
func literalHint(operator string, constant, other side) string {
	text, isText := constant.literal()
	switch {
	case isText && other.kind == "a number" && isWholeNumber(text):
		return "write " + text + " without quotes"
	case isText && other.kind == "true or false":
		return fmt.Sprintf("leave out %s %s", operator, constant)
	case syntax.IsNumber(constant.Node) && other.kind == "text":
		return `put it in quotes: "` + constant.String() + `"`
	}
	return ""
}

func isWholeNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
