package lint

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
)

// checkGrouping reports A && B || C without parentheses, where A tests which events are meant and C does not, so that C
// counts for any event.
func checkGrouping(c *condition.Condition) []diag.Finding {
	if !c.Compiled() {
		return nil
	}
	text := syntax.NewText(c.Source)
	for or, isOr := isLogic(c.Tree(), "or"); isOr; or, isOr = isLogic(or.Left, "or") {
		before := or.Left
		if inner, isInner := isLogic(before, "or"); isInner {
			before = inner.Right
		}
		both, isAnd := isLogic(before, "and")
		if !isAnd || !narrows(both, or.Right) || inParentheses(c.Source, text, both, or) {
			continue
		}
		other, _, _ := text.Of(or.Right)
		return []diag.Finding{{At: c.Locate(or),
			Message: fmt.Sprintf("%s binds stronger than %s, so %s alone is enough, for any event", both.Operator,
				or.Operator, other),
			Hint: groupingHint(text, both, or)}}
	}
	return nil
}

func isLogic(n ast.Node, word string) (*ast.BinaryNode, bool) {
	b, isBinary := n.(*ast.BinaryNode)
	return b, isBinary && syntax.Logic(b.Operator) == word
}

// narrows reports whether the first part of a chain of and that tests the event, or the project, tests what the part
// behind the or does not.
func narrows(n, other ast.Node) bool {
	if b, isAnd := isLogic(n, "and"); isAnd {
		if event, project := testsOf(b.Left); event || project {
			return narrows(b.Left, other)
		}
		return narrows(b.Right, other)
	}
	event, project := testsOf(n)
	otherEvent, otherProject := testsOf(other)
	return event && !otherEvent || !event && project && !otherEvent && !otherProject
}

// testsOf reports which variables a part reads that say which events are meant.
func testsOf(n ast.Node) (event, project bool) {
	ast.Walk(&n, syntax.Visitor(func(n ast.Node) {
		name, isName := n.(*ast.IdentifierNode)
		if isName {
			event = event || strings.HasPrefix(name.Value, "event_")
			project = project || name.Value == "project_code"
		}
	}))
	return event, project
}

// quoted matches the texts of a condition, whose parentheses do not count.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`")

// inParentheses reports whether the left side of an operator is in parentheses of its own.
func inParentheses(source string, text *syntax.Text, left ast.Node, around *ast.BinaryNode) bool {
	_, from, _ := text.Of(left)
	runes, to := []rune(source), around.Location().From
	if from >= to || to > len(runes) {
		return true
	}
	depth := 0
	for _, r := range quoted.ReplaceAllString(string(runes[from:to]), "") {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// groupingHint shows the parentheses that are probably meant.
func groupingHint(text *syntax.Text, both, or *ast.BinaryNode) string {
	first := both
	for inner, isAnd := isLogic(first.Left, "and"); isAnd; inner, isAnd = isLogic(first.Left, "and") {
		first = inner
	}
	whole, start, _ := text.Of(both)
	if event, project := testsOf(first.Left); !event && !project {
		return "put parentheses around " + whole + " if that is meant"
	}
	_, from, _ := text.Of(first.Right)
	head, _, _ := text.Of(first.Left)
	rest := string([]rune(whole)[min(from-start, len([]rune(whole))):])
	other, _, _ := text.Of(or.Right)
	return fmt.Sprintf("write %s %s (%s %s %s), or parentheses around %s if that is meant", head, first.Operator, rest,
		or.Operator, other, whole)
}
