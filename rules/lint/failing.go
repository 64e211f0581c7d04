package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/failures"
	"qaserelay/rules/lint/judge"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// checkFailing warns of rules that read which tests failed although no source of their events asks Qase, and of conditions
// that count names in place of failures.
func (c *checker) checkFailing() {
	texts := c.textsByRule()
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		if r.Parsed == nil || !slices.ContainsFunc(c.matching[r.Rule], (*catalog.Schema).IsRun) {
			continue
		}
		t := &timing{checker: c, rule: r, texts: texts}
		c.warn(r.When, countedNames(r.Parsed)...)
		if r.Unless != nil {
			c.warn(t.place("unless"), countedNames(r.Unless)...)
		}
		if at, reads := t.readsFailing(); reads {
			c.warn(at, c.unasked(r)...)
		}
	}
}

// readsFailing returns the first place of the rule that reads which tests failed: a part of it, or an option of one of its
// notifiers.
func (t *timing) readsFailing() (at yamldoc.Place, reads bool) {
	r := t.rule
	by := func(all rules.By) bool {
		return slices.ContainsFunc(all, func(x *condition.Expression) bool { return x.Reads("failures") })
	}
	switch {
	case r.Parsed.Reads("failures"):
		return r.When, true
	case r.Unless.Reads("failures"):
		return t.place("unless"), true
	case r.Throttle != nil && by(r.Throttle.By):
		return t.place("throttle", "by"), true
	case r.Group != nil && by(r.Group.By):
		return t.place("group", "by"), true
	case r.After != nil && by(r.After.By):
		return t.place("after", "by"), true
	}
	for _, text := range slices.Concat(t.texts[r.Rule], t.texts[nil]) {
		if t.isSent(text) && slices.ContainsFunc(t.readsOf(text.Text), isFailing) {
			return text.At, true
		}
	}
	return at, false
}

func isFailing(path string) bool { return path == "failures" || strings.HasPrefix(path, "failures.") }

// unasked warns if no source that sends events of the rule asks Qase which tests failed.
func (c *checker) unasked(r *rulefile.RuleSource) []diag.Finding {
	var senders []string
	var silent *rules.Source
	for i := range c.file.Sources {
		s := &c.file.Sources[i]
		if !c.sends(s, r) {
			continue
		}
		if s.Token != nil && !s.Failures.Off {
			return nil
		}
		senders = append(senders, s.Name)
		if silent == nil || s.Token != nil {
			silent = s
		}
	}
	f := diag.Finding{Message: "failures is never known: no source asks Qase, since none has an api_token", Hint: rulefile.TokenHint}
	switch {
	case len(c.file.Sources) == 0:
	case silent == nil: // the rule never matches, which is reported
		return nil
	case silent.Token != nil:
		f.Message = fmt.Sprintf("failures is never known: the source %s has failures: off, so Qase is not asked", silent.Name)
		f.Hint = "remove failures: off there"
	case len(senders) < len(c.file.Sources):
		f.Message = "failures is never known: Qase is not asked about the runs of this rule, since there is no api_token at " +
			strings.Join(senders, ", ")
	}
	return []diag.Finding{f}
}

// sends reports whether an event of a source may match the rule.
func (c *checker) sends(s *rules.Source, r *rulefile.RuleSource) bool {
	for _, e := range c.matching[r.Rule] {
		facts := condition.FactsOf(e.Name)
		facts["source"] = s.Name
		if len(s.Projects) == 0 && e.IsRun() && r.Parsed.CanMatch(facts) {
			return true
		}
		for _, project := range s.Projects {
			if facts["project_code"] = project; e.IsRun() && r.Parsed.CanMatch(facts) {
				return true
			}
		}
	}
	return false
}

// countedNames warns of lists of failing tests whose length is compared: while Qase does not answer they are empty.
func countedNames(c *condition.Condition) (found []diag.Finding) {
	tree := c.Tree()
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		call, isCall := n.(*ast.BuiltinNode)
		if !isCall || call.Name != "len" || len(call.Arguments) != 1 {
			return
		}
		f, isField := condition.FieldOf(call.Arguments[0], condition.Field{})
		length := "len(" + f.String() + ")"
		if count := judge.Length(f.String()); isField && f.Root == "failures" && count != length {
			found = append(found, diag.Finding{At: c.Locate(n), Hint: "write " + count + ", which counts all of them",
				Message: length + " is 0 while Qase does not answer, and at most 200"})
		}
	}))
	return found
}

// countedLists is countedNames for the calls of a template.
func countedLists(all []template.Call) (found []diag.Finding) {
	for _, call := range all {
		if call.Name != "len" || len(call.Args) != 1 || call.Args[0].Item {
			continue
		}
		list := strings.Join(call.Args[0].Path, ".")
		if count := judge.Length(list); count != "len("+list+")" {
			found = append(found, diag.Finding{At: call.At, Hint: "write ." + count + ", which counts all of them",
				Message: "len ." + list + " is 0 while Qase does not answer, and at most 200"})
		}
	}
	return found
}

// failingRun is a run with two new failing tests, one that failed before, and one that was fixed.
func failingRun() *failures.Run {
	return &failures.Run{Known: true, Complete: true, Failed: 3, Cases: failures.IDs{25, 26, 31, 40},
		Results: []failures.Result{
			{CaseID: 25, Status: "failed", Title: "Login works", Suite: "Shop / Auth", Reason: "expected 200, got 500", Hash: "a",
				Owner: &failures.Person{Name: "Ana López", Email: "ana@example.com", MemberID: 12}},
			{CaseID: 26, Status: "invalid", Title: "Logout", Suite: "Shop / Auth", Flaky: true},
			{CaseID: 31, Status: "failed", Title: "Pay by card", Suite: "Checkout", Hash: "b"}},
		Defects: []failures.Defect{{ID: 12, Title: "Cards are refused", Status: "open", Hashes: []string{"b"}}},
		Compared: &failures.Compared{Run: "1", Title: "Nightly", FinishedAt: 1650500000, Cases: failures.IDs{25, 26, 31, 40},
			Failed: failures.IDs{31, 40}}}
}
