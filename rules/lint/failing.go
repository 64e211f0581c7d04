package lint

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/failures"
	"qaserelay/rules/lint/judge"
	"qaserelay/rules/rulefile"
)

// checkFailing warns of rules that read which tests failed although no source asks Qase, and of conditions that count names
// in place of failures. A source asks also if the variable with its token is not set here.
func (c *checker) checkFailing() {
	asks := slices.ContainsFunc(c.file.Sources, func(s rules.Source) bool { return s.Token != nil && !s.Failures.Off })
	for _, r := range c.file.Source.Rules {
		if r.Parsed == nil || !slices.ContainsFunc(c.matching[r.Rule], (*catalog.Schema).IsRun) {
			continue
		}
		c.warn(r.When, countedNames(r.Parsed)...)
		if r.Parsed.Reads("failures") && !asks {
			c.warn(r.When, diag.Finding{Hint: rulefile.TokenHint,
				Message: "failures is never known: no source asks Qase, since none has an api_token"})
		}
	}
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
