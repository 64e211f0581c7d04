package judge

import (
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
)

// Comparison returns the findings about a comparison, such as one of a template that is written as a condition, for the
// given events.
func (w *World) Comparison(source string, events []*catalog.Schema) []diag.Finding {
	parsed := condition.Parse(source)
	if parsed == nil {
		return nil
	}
	l := &conditionLint{Condition: parsed}
	for _, e := range events {
		l.matching = append(l.matching, match{e.Name, e})
	}
	all := w.judgeAll(parsed, l.matching)
	for _, t := range parsed.VariableTests() {
		l.checkTest(t, w.Sources)
	}
	return append(l.findings, all...)
}
