package diagnose

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/syntax"
)

// otherNames are names of other tools for variables, in lower case.
var otherNames = map[string]string{
	"event": "event_name", "eventname": "event_name", "event_type_name": "event_name", "name": "event_name or entity.title",
	"type": "event_type", "action": "event_action", "project": "project_code", "projectcode": "project_code",
	"code": "project_code", "member": "team_member_id", "member_id": "actor.member_id", "user": "actor.name",
	"author": "actor.email", "team": "actor.team", "env": "entity.environment", "environment": "entity.environment",
	"plan": "entity.plan.title", "run": "entity", "defect": "entity", "review": "entity", "last": "previous",
	"prev": "previous", "data": "payload", "body": "payload", "hour": "time.Hour()", "weekday": "time.Weekday().String()",
	"today": "now()", "status": "payload.failed > 0 for a failed run, or payload.status of a review",
}

// otherFunctions are names of other tools for functions, in lower case and without "_", with what stands here for a call
// with one or two arguments: $1 and $2 are those.
var otherFunctions = map[string]string{
	"hour": "$1.Hour()", "minute": "$1.Minute()", "weekday": "$1.Weekday().String()", "dayofweek": "$1.Weekday().String()",
	"month": "$1.Month().String()", "year": "$1.Year()", "day": "$1.Day()",
	"regexmatch": "$2 matches $1", "match": "$2 matches $1", "regex": "$2 matches $1", "regexp": "$2 matches $1",
	"matchregex": "$2 matches $1", "test": "$2 matches $1", "search": "$2 matches $1",
	"size": "len($1)", "length": "len($1)", "strlen": "len($1)", "exists": "$1 != nil", "defined": "$1 != nil",
	"isset": "$1 != nil", "isnull": "$1 == nil", "isnil": "$1 == nil", "isempty": "len($1) == 0", "empty": "len($1) == 0",
	"tolower": "lower($1)", "lowercase": "lower($1)", "toupper": "upper($1)", "strip": "trim($1)",
	"equals": "$1 == $2", "eq": "$1 == $2", "ne": "$1 != $2", "gt": "$1 > $2", "lt": "$1 < $2", "ge": "$1 >= $2",
	"le": "$1 <= $2", "includes": "$1 contains $2", "has": "$2 in $1", "coalesce": "$1 ?? $2", "default": "$2 ?? $1",
	"some": "any($1, $2)", "every": "all($1, $2)", "int64": "int($1)", "number": "int($1)", "str": "string($1)",
	"parsedate": "date($1)", "todate": "date($1)",
}

// functionWords returns what stands here for the call of an unknown function at the error, or "".
func (e *typeError) functionWords(name string) string {
	words := otherFunctions[plainWord(name)]
	e.walk(func(n ast.Node) {
		call, isCall := n.(*ast.CallNode)
		if !isCall || call.Location().From != e.at {
			return
		}
		for i, a := range call.Arguments {
			words = strings.ReplaceAll(words, fmt.Sprintf("$%d", i+1), a.String())
		}
	})
	if words == "" || strings.Contains(words, "$") {
		return ""
	}
	return "write " + words
}

// isInPredicate reports whether the name at the error stands in the predicate of any, filter and the like.
func (e *typeError) isInPredicate() bool {
	within := false
	e.walk(func(n ast.Node) {
		predicate, isPredicate := n.(*ast.PredicateNode)
		if !isPredicate {
			return
		}
		inner := predicate.Node
		ast.Walk(&inner, syntax.Visitor(func(n ast.Node) { within = within || e.isNameHere(n) }))
	})
	return within
}

// unexpected are what stands at and around a token that the parser does not expect, and a hint at each.
var unexpected = []struct {
	before, at *regexp.Regexp
	hint       string
}{
	{regexp.MustCompile(`\bin\s*[({][^()\[\]{}]*$`), regexp.MustCompile(`^,`),
		`a list stands in square brackets: ["a", "b"]`},
	{regexp.MustCompile(`\d$`), regexp.MustCompile(`^,\d`), "write the number without the comma"},
	{regexp.MustCompile(``), regexp.MustCompile(`^,\s*$`), "remove the comma at the end"},
	{regexp.MustCompile(`\.(?:any|all|some|every|filter|map|count|find|none)\($`), regexp.MustCompile(``),
		"a function stands in front of its list: any(LIST, .title == \"x\")"},
	{regexp.MustCompile(``), regexp.MustCompile(`^between\b`), "write 1 <= payload.failed <= 5"},
	{regexp.MustCompile(``), regexp.MustCompile(`^(?:starts|begins)\s+with\b`), "write startsWith"},
	{regexp.MustCompile(``), regexp.MustCompile(`^ends\s+with\b`), "write endsWith"},
	{regexp.MustCompile(``), regexp.MustCompile(`^exists\b`), "write != nil"},
	{regexp.MustCompile(``), regexp.MustCompile(`^if\b`), "write CONDITION ? A : B, or join conditions with and, or"},
	{regexp.MustCompile(`(?:[=!<>~]|matches|match\(|,)\s*$`), betweenSlashes, "a pattern is text: write matches \"…\""},
}

// unexpectedHint returns a hint at what the token at an offset was meant to be, or "".
func unexpectedHint(source []rune, at int) string {
	at = min(at, len(source))
	for _, u := range unexpected {
		if u.before.MatchString(string(source[:at])) && u.at.MatchString(string(source[at:])) {
			return u.hint
		}
	}
	return ""
}

// wrongItem explains a value that no item of a list after in can be equal to.
func (e *typeError) wrongItem(kind, items string) (message, hint string) {
	b, _ := e.binaryAt()
	if b == nil {
		return fmt.Sprintf("a list of %s cannot hold %s", items, kind), ""
	}
	m := &mismatchedSides{typeError: e, node: b, left: side{b.Left, kind}, right: side{b.Right, "a list"}}
	message = fmt.Sprintf("%s is %s, and the list holds %s", m.left, kind, items)
	list, isArray := b.Right.(*ast.ArrayNode)
	switch {
	case isCalendar(kind):
		return message, m.calendarHint()
	case !isArray || len(list.Nodes) == 0:
		return message, ""
	case kind == "an object":
		m.right.Node = list.Nodes[0]
		return message, strings.Replace(m.objectHint(), list.Nodes[0].String(), list.String(), 1)
	case len(list.Nodes) == 1 && isRange(list.Nodes[0]):
		return fmt.Sprintf("%s is %s, and the list holds a range", m.left, kind),
			fmt.Sprintf("write %s %s %s", m.left, b.Operator, list.Nodes[0])
	case kind == "a number":
		return message, "write " + strings.ReplaceAll(list.String(), `"`, "")
	case kind == "text":
		return message, "put each item in quotes"
	}
	return message, ""
}

func isRange(n ast.Node) bool {
	b, isBinary := n.(*ast.BinaryNode)
	return isBinary && b.Operator == ".."
}

// fallback matches x ?? y, with the comparison behind it.
var fallback = regexp.MustCompile(
	`([\w.]+)\s*\?\?\s*("[^"]*"|'[^']*'|[\w.]+)(\s*(?:[=!<>]=|[<>])\s*(?:"[^"]*"|'[^']*'|[\w.]+))?`)

// fallbackHint shows the brackets of the first x ?? y that has none.
func fallbackHint(source string) string {
	const words = "put ?? and its two sides in brackets: "
	for _, at := range fallback.FindAllStringSubmatchIndex(source, -1) {
		if strings.HasSuffix(source[:at[0]], "(") && strings.HasPrefix(source[at[5]:], ")") {
			continue
		}
		rest := ""
		if at[6] >= 0 {
			rest = source[at[6]:at[7]]
		}
		return fmt.Sprintf("%s(%s ?? %s)%s", words, source[at[2]:at[3]], source[at[4]:at[5]], rest)
	}
	return words + "(payload.failed ?? 0) > 0"
}
