package condition

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// wording puts what expr's type checker says of the node at a character into words for people who do not know it.
type wording struct {
	tree ast.Node
	at   int
}

var (
	mismatchTwo = regexp.MustCompile(`^invalid operation: (.+) \(mismatched types (.+) and (.+)\)$`)
	mismatchOne = regexp.MustCompile(`^invalid operation: (.+) \(mismatched type (.+)\)$`)
	noMember    = regexp.MustCompile(`^type (.+) has no (?:method|field) (\w+)$`)
)

func (w *wording) explain(message string) (text, hint string) {
	if name, unknown := strings.CutPrefix(message, "unknown name "); unknown {
		return fmt.Sprintf("no variable or function %q", name), w.unknown(name)
	}
	if m := mismatchTwo.FindStringSubmatch(message); m != nil {
		return w.mismatch(m[1], m[2], m[3])
	}
	if m := mismatchOne.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s needs true or false, and not %s", m[1], typeInWords(m[2])), "compare it with something, such as payload.failed > 0"
	}
	if m := noMember.FindStringSubmatch(message); m != nil {
		if slices.Contains([]string{"contains", "startsWith", "endsWith", "matches"}, m[2]) {
			return m[2] + " is no function: it stands between two texts", "write event_name " + m[2] + ` "x"`
		}
		return fmt.Sprintf("%s has no part %q", typeInWords(m[1]), m[2]), ""
	}
	if strings.Contains(message, "exceeds maximum allowed nodes") {
		return fmt.Sprintf("the condition has more than %d parts", maxConditionNodes), "split the rule"
	}
	if strings.HasPrefix(message, "cannot use pointer accessor outside predicate") {
		return "a name begins with a dot", "write it without: the dot is for templates"
	}
	return message, ""
}

// unknown says what may be meant by a name that there is not.
func (w *wording) unknown(name string) string {
	if value := w.meantAsText(name); value != "" {
		return `put it in quotes: "` + value + `"`
	}
	if w.isCall() {
		functions := append(slices.Clone(builtin.Names), "now")
		if best := catalog.Nearest(name, functions); best != "" {
			return `did you mean "` + best + `"?`
		}
		return "functions are lower, upper, trim, len, any, all, count, filter, map, first, last, now, date, duration and others of expr-lang.org"
	}
	fields := catalog.PayloadFields()
	if slices.Contains(fields, name) {
		return "fields of the event stand in payload: write payload." + name
	}
	best := catalog.Nearest(name, append(catalog.VariableNames(), fields...))
	if slices.Contains(fields, best) {
		return `did you mean "payload.` + best + `"?`
	}
	return catalog.DidYouMean(name, catalog.VariableNames())
}

// meantAsText returns the text that a name without quotes is meant to be: that of an event, or what a text is compared with.
func (w *wording) meantAsText(name string) string {
	value, near := "", catalog.Nearest(name, catalog.VariableNames()) != ""
	tree := w.tree
	ast.Walk(&tree, Visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.MemberNode:
			action, fixed := n.Property.(*ast.StringNode)
			if fixed && w.isHere(n.Node) && isEventType(name) {
				value = name + "." + action.Value
				value = cmp.Or(catalog.Suggest(value), value)
			}
		case *ast.BinaryNode:
			textSide := isTextName(n.Left) && w.isHere(n.Right) || isTextName(n.Right) && w.isHere(n.Left)
			if textSide && !near && value == "" {
				value = name
			}
		}
	}))
	return value
}

func (w *wording) isHere(n ast.Node) bool {
	_, isName := n.(*ast.IdentifierNode)
	return isName && n.Location().From == w.at
}

func isTextName(n ast.Node) bool {
	id, isName := n.(*ast.IdentifierNode)
	if !isName {
		return false
	}
	_, isText := catalog.Variables()[id.Value].(string)
	return isText
}

func isEventType(name string) bool {
	return slices.ContainsFunc(catalog.All(), func(e catalog.Event) bool { return strings.HasPrefix(e.Name, name+".") })
}

// isCall reports whether a function is called here.
func (w *wording) isCall() bool {
	found := false
	tree := w.tree
	ast.Walk(&tree, Visitor(func(n ast.Node) {
		_, isCall := n.(*ast.CallNode)
		found = found || isCall && n.Location().From == w.at
	}))
	return found
}

// operands returns the two sides of the operator here, as they are written.
func (w *wording) operands() (left, right string) {
	left, right = "the left side", "the right side"
	tree := w.tree
	ast.Walk(&tree, Visitor(func(n ast.Node) {
		if b, isBinary := n.(*ast.BinaryNode); isBinary && b.Location().From == w.at {
			left, right = value.Shorten(b.Left.String(), 40), value.Shorten(b.Right.String(), 40)
		}
	}))
	return left, right
}

func (w *wording) mismatch(operator, leftType, rightType string) (text, hint string) {
	left, right := w.operands()
	leftWord, rightWord := typeInWords(leftType), typeInWords(rightType)
	switch operator {
	case "and", "or", "&&", "||":
		side, word := left, leftWord
		if leftType == "bool" || leftType == "unknown" {
			side, word = right, rightWord
		}
		return fmt.Sprintf("%s is %s, not true or false", side, word), "compare it with something, such as " + side + " == …"
	case "in":
		return fmt.Sprintf("in looks into a list, and %s is %s", right, rightWord), `write a list, such as ["a", "b"], or contains for a part of a text`
	}
	return fmt.Sprintf("%s is %s, %s is %s", left, leftWord, right, rightWord), mismatchHint([2]string{left, right}, [2]string{leftWord, rightWord})
}

func mismatchHint(sides, words [2]string) string {
	switch {
	case slices.Contains(words[:], "a function"):
		return "a function needs parentheses, such as now()"
	case slices.Contains(sides[:], "timestamp") && slices.Contains(words[:], "text"):
		return `timestamp counts seconds; write time > date("2026-01-31") for a date`
	case slices.Contains(words[:], "a time"):
		return `write date("2026-01-31") for a date`
	case slices.Contains(words[:], "a duration"):
		return `write duration("24h") for a length of time`
	}
	for i, word := range words {
		if word == "a number" && words[1-i] == "text" {
			if strings.HasPrefix(sides[1-i], `"`) {
				return "write the number without quotes"
			}
			return `put it in quotes: "` + sides[i] + `"`
		}
	}
	return "both sides must be of the same kind"
}

// typeInWords names a type for people.
func typeInWords(name string) string {
	switch strings.TrimPrefix(name, "*") {
	case "string":
		return "text"
	case "int", "float64", "integer", "float":
		return "a number"
	case "bool":
		return "true or false"
	case "time.Time":
		return "a time"
	case "time.Duration":
		return "a duration"
	case "nil":
		return "nil"
	case "unknown", "any", "interface {}":
		return "anything"
	}
	for prefix, word := range map[string]string{"map": "a mapping", "[]": "a list", "array": "a list", "func": "a function"} {
		if strings.HasPrefix(name, prefix) {
			return word
		}
	}
	return name
}
