// Package ruletest runs the tests of a rules file: each sends its events through the rules, as the running relay would,
// and compares the notifications with the expected ones. [Memory] holds the values between events, for tests and for
// every other simulation.
package ruletest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/target"
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
	// Matched names the rules that matched a tested event and sent its message at once.
	Matched []string `json:"matched"`
	// Late names the rules whose messages were sent later, when a time had come.
	Late []string `json:"late,omitempty"`
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
	// Step is the line of the step, in a test with several.
	Step int `json:"step,omitempty"`

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

func run(c *rulefile.Config, t *testfile.Test) Result {
	r := &runner{config: c, result: Result{Name: t.Name, File: t.File, Line: t.Line, Notes: slices.Clone(t.Advice),
		Matched: []string{}}}
	r.memory.Silences = t.Silences
	r.memory.Arm(c.Rules, t.Start)
	for i := range t.Steps {
		r.step(&t.Steps[i], len(t.Steps) > 1 && t.Steps[0].Asserts)
	}
	r.result.Passed = len(r.result.Failures) == 0
	r.noteProjects()
	return r.result
}

// runner runs one test.
type runner struct {
	config *rulefile.Config
	memory Memory
	result Result
	ended  []string // the projects of the runs that have ended
}

// noteProjects says which project a summary that failed is about, if all runs of the test are of others. The project of an
// event is easily forgotten: without one it has that of the catalog.
func (r *runner) noteProjects() {
	for _, f := range r.result.Failures {
		rule := f.rule
		if f.Got != nil {
			rule = f.Got.Rule
		}
		i := slices.IndexFunc(r.config.Rules.All(), func(one *rules.Rule) bool { return one.Name == rule && one.Summary != nil })
		if i < 0 || len(r.ended) == 0 || f.Kind == Unexpected {
			continue
		}
		of := r.config.Rules.All()[i].Summary
		note := fmt.Sprintf("%s is about runs of %s, and those of this test are of %s: give their events project_code: %s",
			rule, of.Project, strings.Join(r.ended, " and "), of.Project)
		if !slices.Contains(r.ended, of.Project) && !slices.Contains(r.result.Notes, note) {
			r.result.Notes = append(r.result.Notes, note)
		}
	}
}

// step lets the time up to a step pass, and its event happen. With several steps that assert, a failure names its step.
func (r *runner) step(s *testfile.Step, several bool) {
	set := r.config.Rules
	wakes := r.memory.Pass(set, s.At)
	var d rules.Decision
	explain := func() []rules.ExplainedRule { return nil }
	if s.Event != nil {
		state := r.memory.clone().State(s.At)
		explain = func() []rules.ExplainedRule { return set.Explain(s.Event, state).Rules }
		var more []Wake
		d, more = r.memory.Decide(set, s.Event, s.At)
		if name := s.Event.Name; name == "run.completed" || name == "run.aborted" {
			r.ended = slices.Compact(slices.Sorted(slices.Values(append(r.ended, s.Event.Project))))
		}
		wakes = append(wakes, more...)
	}
	if !s.Asserts {
		return
	}
	all := joined(d, wakes)
	r.note(d, wakes)
	for _, n := range all.Notifications {
		for _, remark := range set.Remarks(n) {
			r.result.Warnings = append(r.result.Warnings, Warning(n, remark))
		}
	}
	failures := compare(r.config, s.Expect, all)
	addConditions(failures, explain)
	for i := range failures {
		if several {
			failures[i].Step = s.Line
		}
	}
	r.result.Failures = append(r.result.Failures, failures...)
}

// joined returns all that was decided in a step as one decision: that on the event, and those on slots. The result of the
// event counts for the rules that have both, unless only the slot has made messages.
func joined(d rules.Decision, wakes []Wake) rules.Decision {
	all := rules.Decision{Results: slices.Clone(d.Results)}
	for _, w := range wakes {
		all.Results = append(all.Results, w.Decision.Results...)
		for _, n := range w.Decision.Notifications {
			if n.Cancelled == "" {
				all.Notifications = append(all.Notifications, n)
			}
		}
	}
	all.Notifications = append(all.Notifications, d.Notifications...)
	return all
}

// note adds what is of interest about a step to the result: which rules have sent something, and what failed.
func (r *runner) note(d rules.Decision, wakes []Wake) {
	for i := range d.Results {
		r.noteResult(&d.Results[i], &r.result.Matched)
	}
	for _, w := range wakes {
		for i := range w.Decision.Results {
			r.noteResult(&w.Decision.Results[i], &r.result.Late)
		}
	}
}

func (r *runner) noteResult(result *rules.Result, fired *[]string) {
	switch result.Outcome {
	case rules.Matched, rules.NoRecipients, rules.Silenced:
		*fired = append(*fired, result.Rule)
	case rules.Failed:
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("the condition of %s failed: %s", result.Rule, result.Reason))
	}
	for _, note := range result.Notes {
		if !target.IsOfNobody(note) && !rules.IsOfSilence(note) { // which the test may expect; a failure has it as its reason
			r.result.Notes = append(r.result.Notes, result.Rule+": "+note)
		}
	}
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

// Coverage counts the enabled rules whose messages tests see. Earlier events of a test do not count, since the test does
// not check their notifications.
type Coverage struct {
	Rules   int      `json:"rules"`
	Covered int      `json:"covered"`
	Missing []string `json:"missing"`        // in file order
	Late    []string `json:"late,omitempty"` // covered only by messages that were sent later
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
	matched, late := map[string]bool{}, map[string]bool{}
	for _, r := range results {
		for _, name := range r.Matched {
			matched[name] = true
		}
		for _, name := range r.Late {
			late[name] = true
		}
	}
	sum := Coverage{Missing: []string{}}
	for _, r := range set.Rules() {
		switch {
		case !r.Enabled || r.Implicit:
			continue
		case matched[r.Name]:
			sum.Covered++
		case late[r.Name]:
			sum.Covered++
			sum.Late = append(sum.Late, r.Name)
		default:
			sum.Missing = append(sum.Missing, r.Name)
		}
		sum.Rules++
	}
	return sum
}
