// Package ruletest runs the tests of a rules file: each sends its events through the rules, as the running relay would,
// and compares the notifications with the expected ones. [Memory] holds the values between events, for tests and for
// every other simulation.
package ruletest

import (
	"fmt"
	"regexp"
	"slices"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/rulefile"
)

// Result is the result of one test.
type Result struct {
	Name     string    `json:"name"`
	File     string    `json:"file"`
	Line     int       `json:"line"`
	Passed   bool      `json:"passed"`
	Failures []Failure `json:"failures,omitempty"`
	// Notes are remarks of interest whether the test passed or not, such as a template that failed.
	Notes []string `json:"notes,omitempty"`
	// Warnings say which messages their notifier would refuse, and which are doubtful.
	Warnings []string `json:"warnings,omitempty"`
	// Matched names the rules that matched the tested event.
	Matched []string `json:"matched"`
}

// Failure is a notification that is missing, different or unexpected.
type Failure struct {
	Kind FailureKind `json:"kind"`
	// Expected is the expected notification as RULE → NOTIFIER, and Line the line of the expectation. Both are empty
	// for an unexpected notification.
	Expected string `json:"expected,omitempty"`
	Line     int    `json:"line,omitempty"`
	// Reason says why a missing notification was not sent.
	Reason string `json:"reason,omitempty"`
	// Condition is the evaluated condition of a rule that did not match.
	Condition *condition.Trace `json:"condition,omitempty"`
	// Fields are the differences of a different notification.
	Fields []FieldDiff `json:"fields,omitempty"`
	// Got is the notification that was sent. It is nil for a missing one.
	Got *rules.Notification `json:"got,omitempty"`

	rule string // of the expectation
}

// FailureKind is the way in which a test failed.
type FailureKind string

// The ways in which a test fails.
const (
	Missing    FailureKind = "missing"    // expected, but not sent
	Different  FailureKind = "different"  // sent, with other fields than expected
	Unexpected FailureKind = "unexpected" // sent, but no expectation describes it
)

// FieldDiff is a field of a message that is not as expected.
type FieldDiff struct {
	Field    string `json:"field"`
	Expected string `json:"expected"` // for people: a quoted text, or what it must contain or match
	Got      string `json:"got"`
	Hint     string `json:"hint,omitempty"`
	// Exact is the expected text if an exact text was expected.
	Exact *string `json:"-"`
}

// Run runs the tests whose name the filter matches, or all if it is nil, in file order. Each starts with an empty
// memory.
func Run(file *rulefile.File, filter *regexp.Regexp) []Result {
	results := []Result{}
	for i := range file.Tests {
		if t := &file.Tests[i]; filter == nil || filter.MatchString(t.Name) {
			results = append(results, run(file.Config, t))
		}
	}
	return results
}

func run(c *rulefile.Config, t *rulefile.Test) Result {
	var memory Memory
	last := len(t.Events) - 1
	for _, ev := range t.Events[:last] {
		memory.Decide(c.Rules, ev, ev.ReceivedAt)
	}
	ev := t.Events[last]
	state := memory.State(ev.ReceivedAt)
	d := c.Rules.Decide(ev, state)
	r := Result{Name: t.Name, File: t.File, Line: t.Line, Notes: slices.Clone(t.Advice), Matched: []string{}}
	for _, result := range d.Results {
		switch result.Outcome {
		case rules.Matched, rules.NoRecipients, rules.Silenced:
			r.Matched = append(r.Matched, result.Rule)
		case rules.Failed:
			r.Notes = append(r.Notes, fmt.Sprintf("the condition of %s failed: %s", result.Rule, result.Reason))
		}
		for _, note := range result.Notes {
			if !rules.IsOfNobody(note) && !rules.IsOfSilence(note) { // which the test may expect; a failure has it as its reason
				r.Notes = append(r.Notes, result.Rule+": "+note)
			}
		}
	}
	for _, n := range d.Notifications {
		for _, remark := range c.Rules.Remarks(n) {
			r.Warnings = append(r.Warnings, Warning(n, remark))
		}
	}
	r.Failures = compare(c, t.Expect, d)
	addConditions(r.Failures, func() []rules.ExplainedRule { return c.Rules.Explain(ev, state).Rules })
	r.Passed = len(r.Failures) == 0
	return r
}

// Warning returns the text about a remark on a message.
func Warning(n rules.Notification, remark rules.Remark) string {
	verb := ""
	if remark.Wrong {
		verb = "would be refused: "
	}
	return n.Rule + " → " + n.Notifier + ": " + verb + remark.String()
}

// addConditions adds the evaluated conditions of the rules that should have matched. It calls explain if there are any.
func addConditions(failures []Failure, explain func() []rules.ExplainedRule) {
	var explained []rules.ExplainedRule
	for i := range failures {
		f := &failures[i]
		if f.Kind != Missing || f.rule == "" {
			continue
		}
		if explained == nil {
			explained = explain()
		}
		for _, r := range explained {
			if r.Rule == f.rule && (r.Outcome == rules.NotMatched || r.Outcome == rules.Failed) {
				f.Condition = r.Condition
			}
		}
	}
}

// Coverage counts the enabled rules that the tested events match. Earlier events of a test do not count, since the test
// does not check their notifications.
type Coverage struct {
	Rules   int      `json:"rules"`
	Covered int      `json:"covered"`
	Missing []string `json:"missing"` // in file order
}

// Percent returns the share of covered rules: 100 without rules.
func (c Coverage) Percent() float64 {
	if c.Rules == 0 {
		return 100
	}
	return 100 * float64(c.Covered) / float64(c.Rules)
}

// Cover computes the coverage of the rules by results.
func Cover(set *rules.Set, results []Result) Coverage {
	matched := map[string]bool{}
	for _, r := range results {
		for _, name := range r.Matched {
			matched[name] = true
		}
	}
	sum := Coverage{Missing: []string{}}
	for _, r := range set.Rules() {
		switch {
		case !r.Enabled:
			continue
		case matched[r.Name]:
			sum.Covered++
		default:
			sum.Missing = append(sum.Missing, r.Name)
		}
		sum.Rules++
	}
	return sum
}
