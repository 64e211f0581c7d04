package rules

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// TestResult is what came of one test.
type TestResult struct {
	Name     string        `json:"name"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Passed   bool          `json:"passed"`
	Failures []TestFailure `json:"failures,omitempty"`
	// Notes are what a person should know whether it passed or not, such as a template that failed.
	Notes []string `json:"notes,omitempty"`
	// Matched names the rules that the event of the test made fire.
	Matched []string `json:"matched"`
}

// TestFailure is a notification that is missing, different or unexpected.
type TestFailure struct {
	Kind FailureKind `json:"kind"`
	// What was expected, as RULE → NOTIFIER, and the line it stands in. Empty for what is unexpected.
	Expected string `json:"expected,omitempty"`
	Line     int    `json:"line,omitempty"`
	// Reason says why nothing of the kind was sent, where something is missing.
	Reason string `json:"reason,omitempty"`
	// Condition is that of the rule taken apart, where it did not match.
	Condition *Trace `json:"condition,omitempty"`
	// Fields are those that differ, for what is different.
	Fields []FieldDiff `json:"fields,omitempty"`
	// Got is what was sent. Nil for what is missing.
	Got *Notification `json:"got,omitempty"`

	rule string // that was expected
}

// FailureKind says in which way a test failed.
type FailureKind string

// The ways in which a test fails.
const (
	Missing    FailureKind = "missing"    // expected, and nothing like it was sent
	Different  FailureKind = "different"  // sent, with other fields than expected
	Unexpected FailureKind = "unexpected" // sent, and no expectation is about it
)

// RunTests runs the tests whose name filter matches, or all if it is nil, in the order they are written. Each starts with
// nothing remembered, and is decided on as the running relay would.
func (c *Config) RunTests(filter *regexp.Regexp) []TestResult {
	results := []TestResult{}
	for i := range c.Tests {
		if t := &c.Tests[i]; filter == nil || filter.MatchString(t.Name) {
			results = append(results, c.runTest(t))
		}
	}
	return results
}

func (c *Config) runTest(t *Test) TestResult {
	kept := testMemory{}
	last := len(t.events) - 1
	for _, ev := range t.events[:last] {
		kept.keep(c.Rules.Decide(ev, kept.state(ev.ReceivedAt)).Changes)
	}
	ev := t.events[last]
	state := kept.state(ev.ReceivedAt)
	d := c.Rules.Decide(ev, state)
	r := TestResult{Name: t.Name, File: t.File, Line: t.Line, Notes: slices.Clone(t.advice), Matched: []string{}}
	for _, result := range d.Results {
		switch result.Outcome {
		case Matched:
			r.Matched = append(r.Matched, result.Rule)
		case Failed:
			r.Notes = append(r.Notes, fmt.Sprintf("the condition of %s failed: %s", result.Rule, result.Reason))
		}
		for _, note := range result.Notes {
			r.Notes = append(r.Notes, result.Rule+": "+note)
		}
	}
	r.Failures = c.compare(t.expect, d)
	c.explainMissing(r.Failures, ev, state)
	r.Passed = len(r.Failures) == 0
	return r
}

// explainMissing takes the conditions apart that were expected to be true.
func (c *Config) explainMissing(failures []TestFailure, ev *Event, state State) {
	var all []ExplainedRule
	for i := range failures {
		f := &failures[i]
		if f.Kind != Missing || f.rule == "" {
			continue
		}
		if all == nil {
			all = c.Rules.Explain(ev, state).Rules
		}
		for _, r := range all {
			if r.Rule == f.rule && (r.Outcome == NotMatched || r.Outcome == Failed) {
				f.Condition = r.Condition
			}
		}
	}
}

// testMemory is what is remembered from one event of a test to the next, as the store does it.
type testMemory map[string]Change

func (m testMemory) state(now time.Time) State {
	return State{Now: now, Get: func(key string) ([]byte, error) {
		if c, ok := m[key]; ok && c.Expires.After(now) {
			return c.Value, nil
		}
		return nil, nil
	}}
}

func (m testMemory) keep(changes []Change) {
	for _, c := range changes {
		m[c.Key] = c
	}
}

// Coverage says which of the enabled rules the events of tests make fire. Events under given do not count, since a test
// says nothing of what they send.
type Coverage struct {
	Rules   int      `json:"rules"`
	Covered int      `json:"covered"`
	Missing []string `json:"missing"` // in file order
}

// Percent returns how many of a hundred rules are covered: 100 if there are none.
func (c Coverage) Percent() float64 {
	if c.Rules == 0 {
		return 100
	}
	return 100 * float64(c.Covered) / float64(c.Rules)
}

// Coverage sums up the results of tests.
func (c *Config) Coverage(results []TestResult) Coverage {
	fired := map[string]bool{}
	for _, r := range results {
		for _, name := range r.Matched {
			fired[name] = true
		}
	}
	sum := Coverage{Missing: []string{}}
	for _, r := range c.Rules.rules {
		switch {
		case !r.enabled:
			continue
		case fired[r.name]:
			sum.Covered++
		default:
			sum.Missing = append(sum.Missing, r.name)
		}
		sum.Rules++
	}
	return sum
}

// IncludesNone reports whether a file names no other under include:. A file that cannot be read counts as one that does not.
func IncludesNone(data []byte) bool {
	root, err := parseYAML(string(data))
	return err != nil || root == nil || !hasKey(root, "include")
}

// whyMissing says why nothing was sent that could be meant by e.
func (c *Config) whyMissing(e *expectation, d Decision) string {
	if e.rule == "" {
		if len(d.Notifications) == 0 {
			return "nothing is sent"
		}
		return "nothing else is sent"
	}
	r := c.Rules.rules[slices.Index(c.Rules.Names(), e.rule)]
	i := slices.IndexFunc(d.Results, func(one Result) bool { return one.Rule == e.rule })
	result := Result{Outcome: NotMatched}
	if i >= 0 {
		result = d.Results[i]
	}
	switch result.Outcome {
	case Disabled:
		return "the rule is disabled"
	case Stopped:
		return "the rule is not reached: " + result.Reason
	case Failed:
		return "the condition failed: " + result.Reason
	case Matched:
		return whyNotSent(e, r)
	}
	return "the rule does not match"
}

// whyNotSent says why a rule that matched has not sent what e expects.
func whyNotSent(e *expectation, r *rule) string {
	if len(r.targets) == 0 {
		return "the rule matches, but notifies nobody"
	}
	if e.notifier != "" && !slices.ContainsFunc(r.targets, func(t *target) bool { return t.notifier == e.notifier }) {
		return "the rule matches, but does not notify " + e.notifier
	}
	return "the rule matches, but all that it sends is expected already"
}
