package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
)

// The lint holds a rule against the catalogue: names of events, and names and types of the fields that are left to look at in
// each event that the rule can match. It only advises, since Qase adds events and fields.

// conditionLint gathers the findings about one condition.
type conditionLint struct {
	tree     ast.Node
	source   string
	matching []match // the known events that it can match
	findings []diag.Finding
}

// match is an event that a condition can match, by the name that leads there.
type match struct {
	name string
	*catalog.Schema
}

// lintCondition returns the findings about a condition and the known events that it can match.
func lintCondition(c *condition.Condition, sources []rules.Source) ([]diag.Finding, []*catalog.Schema) {
	l := &conditionLint{tree: c.Tree, source: c.Source}
	for _, e := range catalog.Schemas().Events {
		l.try(e.Name, e)
	}
	l.constants(sources)
	if len(l.findings) == 0 && !l.canEverMatch() {
		l.add(c.Tree, "this can never be true", "look for parts that contradict each other")
	}
	l.fields()
	slices.SortStableFunc(l.findings, func(a, b diag.Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Col, b.At.Col))
	})
	var events []*catalog.Schema
	for _, m := range l.matching {
		events = append(events, m.Schema)
	}
	return l.findings, events
}

// try adds an event to those that the condition can match, if it can.
func (l *conditionLint) try(name string, e *catalog.Schema) {
	if e != nil && condition.CanMatch(l.tree, condition.FactsOf(name)) {
		l.matching = append(l.matching, match{name, e})
	}
}

// canEverMatch reports whether any event, known or not, can match. The names of unknown events are made from those that the
// condition mentions; where it looks for parts of names, there may always be one.
func (l *conditionLint) canEverMatch() bool {
	if len(l.matching) > 0 {
		return true
	}
	types, actions, partial := []string{"other"}, []string{"other"}, false
	tree := l.tree
	ast.Walk(&tree, condition.Visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.StringNode:
			kind, action, _ := strings.Cut(n.Value, ".")
			types, actions = append(types, kind), append(actions, kind, action)
		case *ast.BinaryNode:
			partial = partial || slices.Contains([]string{"startsWith", "endsWith", "contains", "matches"}, n.Operator)
		}
	}))
	if partial && condition.CanMatch(l.tree, condition.Facts{}) || len(types) > 100 {
		return true
	}
	for _, kind := range types {
		for _, action := range actions {
			if condition.CanMatch(l.tree, condition.FactsOf(kind+"."+action)) {
				return true
			}
		}
	}
	return false
}

func (l *conditionLint) add(n ast.Node, message, hint string) {
	l.findings = append(l.findings, diag.Finding{At: diag.Locate(l.source, n.Location().From), Message: message, Hint: hint})
}

// constants looks at what event_name and the like are compared with.
func (l *conditionLint) constants(sources []rules.Source) {
	tree := l.tree
	ast.Walk(&tree, condition.Visitor(func(n ast.Node) {
		b, isBinary := n.(*ast.BinaryNode)
		if !isBinary {
			return
		}
		name, isName := b.Left.(*ast.IdentifierNode)
		values := b.Right
		if !isName {
			name, isName = b.Right.(*ast.IdentifierNode)
			values = b.Left
		}
		if isName && (b.Operator == "==" || b.Operator == "!=" || b.Operator == "in") {
			for _, value := range texts(values) {
				l.constant(name.Value, value, sources)
			}
		}
		if text, isText := b.Right.(*ast.StringNode); isText && isName && b.Left == ast.Node(name) {
			l.partOfName(name.Value, b.Operator, text)
		}
	}))
}

func texts(n ast.Node) []*ast.StringNode {
	switch n := n.(type) {
	case *ast.StringNode:
		return []*ast.StringNode{n}
	case *ast.ArrayNode:
		var all []*ast.StringNode
		for _, item := range n.Nodes {
			all = append(all, texts(item)...)
		}
		return all
	}
	return nil
}

func (l *conditionLint) constant(name string, value *ast.StringNode, sources []rules.Source) {
	switch name {
	case "event_name":
		if _, known := catalog.Schemas().ByName[value.Value]; !known {
			l.add(value, fmt.Sprintf("no event %q", value.Value), catalog.Hint(value.Value))
			// The rest is looked at as if the name were right, so that all is said at once.
			l.try(value.Value, catalog.Schemas().ByName[catalog.Suggest(value.Value)])
		}
	case "event_type":
		l.oneOf(value, "type of events", partsOf(0))
	case "event_action":
		l.oneOf(value, "action of events", partsOf(1))
	case "source":
		var names []string
		for _, s := range sources {
			names = append(names, s.Name)
		}
		l.oneOf(value, "source", names)
	case "project_code":
		l.project(value, sources)
	}
}

// partWords say what an operator asks of a name.
var partWords = map[string]string{"startsWith": "begins with", "endsWith": "ends with", "contains": "contains", "matches": "matches"}

// partSubjects say what it is asked of.
var partSubjects = map[string]string{"event_name": "known event", "event_type": "type of events", "event_action": "action of events"}

// partOfName looks at what event_name and the like are to begin with, end with, contain or match.
func (l *conditionLint) partOfName(name, operator string, part *ast.StringNode) {
	word, isPart := partWords[operator]
	subject, isName := partSubjects[name]
	if !isPart || !isName {
		return
	}
	for _, e := range catalog.Schemas().Events {
		if v := condition.CompareKnown(operator, condition.FactsOf(e.Name)[name], part.Value); !v.Known || v.Value == true {
			return
		}
	}
	words := partsOf(0)
	meant, action, _ := strings.Cut(strings.Trim(part.Value, "^$*.\\()"), ".")
	if name == "event_action" || operator == "endsWith" {
		words, meant = partsOf(1), cmp.Or(action, meant)
	}
	hint := ""
	if best := catalog.Nearest(meant, words); best != "" && best != meant {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	l.add(part, fmt.Sprintf("no %s %s %q", subject, word, part.Value), hint)
}

// partsOf returns the types (0) or actions (1) of the known events.
func partsOf(part int) []string {
	var parts []string
	for _, name := range catalog.Schemas().Names() {
		if p := strings.SplitN(name, ".", 2)[part]; !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return parts
}

func (l *conditionLint) oneOf(value *ast.StringNode, what string, names []string) {
	if !slices.Contains(names, value.Value) {
		l.add(value, fmt.Sprintf("no %s %q", what, value.Value), catalog.DidYouMean(value.Value, names))
	}
}

// project looks at a project code, where the sources say which ones they take.
func (l *conditionLint) project(value *ast.StringNode, sources []rules.Source) {
	var codes []string
	for _, s := range sources {
		if len(s.Projects) == 0 {
			return
		}
		codes = append(codes, s.Projects...)
	}
	if len(codes) > 0 && !slices.Contains(codes, value.Value) {
		l.add(value, fmt.Sprintf("no source takes events of the project %q", value.Value), catalog.DidYouMean(value.Value, codes))
	}
}
