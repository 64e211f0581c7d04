// Package judge warns of conditions that do not say what they are meant to say: it holds each part against the catalog
// of events, the types and limits of its values, the people directory and the other parts.
package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
)

// World is what conditions can be compared with beside events: the sources, and the people directory.
type World struct {
	Sources              []rules.Source
	People               []people.Person
	Names, Emails, Teams []string // of the people
}

// conditionLint collects the findings about one condition.
type conditionLint struct {
	*condition.Condition
	matching []match // the known events that it can match
	summary  bool    // it is the condition of an entry of summaries
	findings []diag.Finding
}

// match is an event that a condition can match, and the name in the condition, which may be misspelled.
type match struct {
	name string
	*catalog.Schema
}

// Check returns the findings about a condition and the known events that it can match. summary says that it is the
// condition of an entry of summaries, whose events no other can match.
func (w *World) Check(c *condition.Condition, summary bool) ([]diag.Finding, []*catalog.Schema) {
	l := &conditionLint{Condition: c, summary: summary}
	for _, e := range catalog.Schemas().Events {
		l.try(e.Name, e)
	}
	for _, t := range c.VariableTests() {
		l.checkTest(t, w.Sources)
	}
	w.contradictions(l)
	l.precedence()
	if len(l.findings) == 0 && len(l.matching) == 0 && c.Compiled() {
		l.neverMatches()
	}
	l.fields()
	l.findings = append(l.findings, w.judgeAll(c, l.matching)...)
	slices.SortStableFunc(l.findings, func(a, b diag.Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Col, b.At.Col))
	})
	l.findings = slices.CompactFunc(l.findings, func(a, b diag.Finding) bool { return a.At == b.At })
	var events []*catalog.Schema
	for _, m := range l.matching {
		if !slices.Contains(events, m.Schema) { // a misspelt name may stand beside the right one
			events = append(events, m.Schema)
		}
	}
	return l.findings, events
}

// neverMatches reports a condition that matches no known event.
func (l *conditionLint) neverMatches() {
	for _, e := range catalog.Schemas().Events {
		if e.IsSummary() && l.CanMatch(condition.KnownFacts(e.Name)) {
			l.add(l.At(), "this can never match: "+e.Name+" goes only to the notify of its entry in summaries",
				"remove the rule, and add its notifiers to that entry")
			return
		}
	}
	message := "this can never be true"
	if l.CanMatchUnknown() {
		message += " for the events that Qase documents"
	}
	l.add(l.At(), message, "look for parts that contradict each other")
}

// precedence reports x == a or x == b and y without brackets, where y counts for b alone.
func (l *conditionLint) precedence() {
	var text *syntax.Text
	ast.Walk(ptr(l.Tree()), syntax.Visitor(func(n ast.Node) {
		or, isBinary := n.(*ast.BinaryNode)
		if !isBinary || syntax.Logic(or.Operator) != "or" {
			return
		}
		both, isBinary := or.Right.(*ast.BinaryNode)
		same := isBinary && tested(or.Left) != "" && tested(or.Left) == tested(both.Left)
		if !same || syntax.Logic(both.Operator) != "and" {
			return
		}
		if text == nil {
			text = syntax.NewText(l.Source)
		}
		_, from, _ := text.Of(both)
		if before := strings.TrimSpace(string([]rune(l.Source)[:from])); strings.HasSuffix(before, "(") {
			return
		}
		l.add(l.Locate(or), fmt.Sprintf("and comes before or, so %s counts for %s alone", both.Right, both.Left),
			fmt.Sprintf("write (%s or %s) and %s, or brackets around the and if that is meant", or.Left, both.Left, both.Right))
	}))
}

// tested returns the part that n compares with a text, or the last of several, or "".
func tested(n ast.Node) string {
	b, isBinary := n.(*ast.BinaryNode)
	switch {
	case !isBinary:
	case syntax.IsLogic(b.Operator):
		return tested(b.Right)
	case b.Operator == "==" && syntax.IsLiteral(b.Right):
		return b.Left.String()
	}
	return ""
}

// try adds an event to the matching ones if the condition can match it by this name.
func (l *conditionLint) try(name string, e *catalog.Schema) {
	if e != nil && e.IsSummary() == l.summary && l.CanMatch(condition.KnownFacts(name)) {
		l.matching = append(l.matching, match{name, e})
	}
}

func (l *conditionLint) add(at diag.Position, message, hint string) {
	l.findings = append(l.findings, diag.Finding{At: at, Message: message, Hint: hint})
}

// checkTest checks a text that a variable such as event_name is compared with.
func (l *conditionLint) checkTest(t condition.VariableTest, sources []rules.Source) {
	if partVerbs[t.Operator] != "" {
		l.checkPart(t)
		return
	}
	switch t.Variable {
	case "event_name":
		if _, known := catalog.Schemas().ByName[t.Text]; !known {
			l.add(t.At, fmt.Sprintf("no event %q", t.Text), eventHint(t))
			// Check the rest as if the name were right, to report all problems at once.
			l.try(t.Text, catalog.Schemas().ByName[catalog.Suggest(t.Text)])
		}
	case "event_type":
		l.oneOf(t, "event type", PartsOf(0))
	case "event_action":
		l.oneOf(t, "event action", PartsOf(1))
	case "source":
		var names []string
		for _, s := range sources {
			names = append(names, s.Name)
		}
		l.oneOf(t, "source", names)
	case "project_code":
		l.checkProject(t, sources)
	}
}

// partVerbs and partSubjects are the words of messages about a part of a name.
var (
	partVerbs = map[string]string{"startsWith": "begins with", "endsWith": "ends with", "contains": "contains",
		"matches": "matches"}
	partSubjects = map[string]string{"event_name": "known event", "event_type": "event type",
		"event_action": "event action"}
)

// checkPart checks the part of a name that event_name and the like begin with, end with, contain or match.
func (l *conditionLint) checkPart(t condition.VariableTest) {
	subject := partSubjects[t.Variable]
	if subject == "" {
		return
	}
	for _, e := range catalog.Schemas().Events {
		if t.Accepts(condition.KnownFacts(e.Name)[t.Variable]) {
			return
		}
	}
	words := PartsOf(0)
	meant, action, _ := strings.Cut(strings.Trim(t.Text, "^$*.\\()"), ".")
	if t.Variable == "event_action" || t.Operator == "endsWith" {
		words, meant = PartsOf(1), cmp.Or(action, meant)
	}
	hint := ""
	if best := catalog.Nearest(meant, words); best != "" && best != meant {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	l.add(t.At, fmt.Sprintf("no %s %s %q", subject, partVerbs[t.Operator], t.Text), hint)
}

// PartsOf returns the types (0) or actions (1) of the known events.
func PartsOf(part int) []string {
	var parts []string
	for _, name := range catalog.Schemas().Names() {
		if p := strings.SplitN(name, ".", 2)[part]; !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return parts
}

func (l *conditionLint) oneOf(t condition.VariableTest, what string, names []string) {
	if slices.Contains(names, t.Text) {
		return
	}
	hint := catalog.DidYouMean(t.Text, names)
	if t.Variable != "source" {
		hint = cmp.Or(nameHint(t), hint)
	}
	l.add(t.At, fmt.Sprintf("no %s %q", what, t.Text), hint)
}

// eventHint returns a hint for a text that is not the name of an event.
func eventHint(t condition.VariableTest) string {
	kind, action, dotted := strings.Cut(t.Text, ".")
	switch types, actions := PartsOf(0), PartsOf(1); {
	case strings.ContainsAny(t.Text, ",|;"):
		return "two names in one text: write " + diagnose.ListWords(t.Text)
	case dotted && strings.Trim(action, "*") == "" && slices.Contains(types, kind):
		return fmt.Sprintf("write event_type == %q", kind)
	case dotted && kind == "*" && slices.Contains(actions, action):
		return fmt.Sprintf("write event_action == %q", action)
	case slices.Contains(types, t.Text):
		return fmt.Sprintf("write event_type == %q", t.Text)
	case slices.Contains(actions, t.Text):
		return fmt.Sprintf("write event_action == %q", t.Text)
	}
	return catalog.Hint(t.Text)
}

// nameHint returns a hint for the name of an event in place of its type or action, or "".
func nameHint(t condition.VariableTest) string {
	if _, known := catalog.Schemas().ByName[t.Text]; known {
		return fmt.Sprintf("write event_name == %q", t.Text)
	}
	if kind, _, _ := strings.Cut(catalog.Suggest(t.Text+".created"), "."); t.Variable == "event_type" && kind != "" {
		return fmt.Sprintf("did you mean %q?", kind)
	}
	if t.Variable == "event_action" && (t.Text == "failed" || t.Text == "passed") {
		return catalog.Hint("run." + t.Text)
	}
	return ""
}

// checkProject checks a project code if all sources list theirs.
func (l *conditionLint) checkProject(t condition.VariableTest, sources []rules.Source) {
	var codes []string
	for _, s := range sources {
		if len(s.Projects) == 0 {
			return
		}
		codes = append(codes, s.Projects...)
	}
	if len(codes) > 0 && !slices.Contains(codes, t.Text) {
		l.add(t.At, fmt.Sprintf("no source takes events of the project %q", t.Text), catalog.DidYouMean(t.Text, codes))
	}
}
