package ruletest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
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
	Condition *condition.Trace `json:"condition,omitempty"`
	// Fields are those that differ, for what is different.
	Fields []FieldDiff `json:"fields,omitempty"`
	// Got is what was sent. Nil for what is missing.
	Got *rules.Notification `json:"got,omitempty"`

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
func RunTests(c *rulefile.Config, filter *regexp.Regexp) []TestResult {
	results := []TestResult{}
	for i := range c.Tests {
		if t := &c.Tests[i]; filter == nil || filter.MatchString(t.Name) {
			results = append(results, runTest(c, t))
		}
	}
	return results
}

func runTest(c *rulefile.Config, t *rulefile.Test) TestResult {
	kept := testMemory{}
	last := len(t.Events) - 1
	for _, ev := range t.Events[:last] {
		kept.keep(c.Rules.Decide(ev, kept.state(ev.ReceivedAt)).Changes)
	}
	ev := t.Events[last]
	state := kept.state(ev.ReceivedAt)
	d := c.Rules.Decide(ev, state)
	r := TestResult{Name: t.Name, File: t.File, Line: t.Line, Notes: slices.Clone(t.Advice), Matched: []string{}}
	for _, result := range d.Results {
		switch result.Outcome {
		case rules.Matched:
			r.Matched = append(r.Matched, result.Rule)
		case rules.Failed:
			r.Notes = append(r.Notes, fmt.Sprintf("the condition of %s failed: %s", result.Rule, result.Reason))
		}
		for _, note := range result.Notes {
			r.Notes = append(r.Notes, result.Rule+": "+note)
		}
	}
	r.Failures = compare(c, t.Expect, d)
	explainMissing(c, r.Failures, ev, state)
	r.Passed = len(r.Failures) == 0
	return r
}

// explainMissing takes the conditions apart that were expected to be true.
func explainMissing(c *rulefile.Config, failures []TestFailure, ev *event.Event, state rules.State) {
	var all []rules.ExplainedRule
	for i := range failures {
		f := &failures[i]
		if f.Kind != Missing || f.rule == "" {
			continue
		}
		if all == nil {
			all = c.Rules.Explain(ev, state).Rules
		}
		for _, r := range all {
			if r.Rule == f.rule && (r.Outcome == rules.NotMatched || r.Outcome == rules.Failed) {
				f.Condition = r.Condition
			}
		}
	}
}

// testMemory is what is remembered from one event of a test to the next, as the store does it.
type testMemory map[string]rules.Change

func (m testMemory) state(now time.Time) rules.State {
	return rules.State{Now: now, Get: func(key string) ([]byte, error) {
		if c, ok := m[key]; ok && c.Expires.After(now) {
			return c.Value, nil
		}
		return nil, nil
	}}
}

func (m testMemory) keep(changes []rules.Change) {
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

// Cover sums up the results of tests.
func Cover(c *rulefile.Config, results []TestResult) Coverage {
	fired := map[string]bool{}
	for _, r := range results {
		for _, name := range r.Matched {
			fired[name] = true
		}
	}
	sum := Coverage{Missing: []string{}}
	for _, r := range c.Rules.All {
		switch {
		case !r.Enabled:
			continue
		case fired[r.Name]:
			sum.Covered++
		default:
			sum.Missing = append(sum.Missing, r.Name)
		}
		sum.Rules++
	}
	return sum
}

// IncludesNone reports whether a file names no other under include:. A file that cannot be read counts as one that does not.
func IncludesNone(data []byte) bool {
	root, err := yamldoc.ParseYAML(string(data))
	return err != nil || root == nil || !rulefile.HasKey(root, "include")
}

// whyMissing says why nothing was sent that could be meant by e.
func whyMissing(c *rulefile.Config, e *rulefile.Expectation, d rules.Decision) string {
	if e.Rule == "" {
		if len(d.Notifications) == 0 {
			return "nothing is sent"
		}
		return "nothing else is sent"
	}
	r := c.Rules.All[slices.Index(c.Rules.Names(), e.Rule)]
	i := slices.IndexFunc(d.Results, func(one rules.Result) bool { return one.Rule == e.Rule })
	result := rules.Result{Outcome: rules.NotMatched}
	if i >= 0 {
		result = d.Results[i]
	}
	switch result.Outcome {
	case rules.Disabled:
		return "the rule is disabled"
	case rules.Stopped:
		return "the rule is not reached: " + result.Reason
	case rules.Failed:
		return "the condition failed: " + result.Reason
	case rules.Matched:
		return whyNotSent(e, r)
	}
	return "the rule does not match"
}

// whyNotSent says why a rule that matched has not sent what e expects.
func whyNotSent(e *rulefile.Expectation, r *rules.Rule) string {
	if len(r.Targets) == 0 {
		return "the rule matches, but notifies nobody"
	}
	if e.Notifier != "" && !slices.ContainsFunc(r.Targets, func(t *rules.Target) bool { return t.Notifier == e.Notifier }) {
		return "the rule matches, but does not notify " + e.Notifier
	}
	return "the rule matches, but all that it sends is expected already"
}

// compare holds what was sent against what was expected: each expectation has to be met by a notification of its own, and
// no notification may be left over.
func compare(c *rulefile.Config, expected []rulefile.Expectation, d rules.Decision) []TestFailure {
	p := pairing{expected: expected, metBy: make([]int, len(expected))}
	for i := range d.Notifications {
		p.sent = append(p.sent, sentOf(c, &d.Notifications[i]))
	}
	p.taken = make([]int, len(p.sent))
	p.assign()
	var failures []TestFailure
	for i := range expected {
		if p.metBy[i] == nobody {
			failures = append(failures, failure(c, &p, i, d))
		}
	}
	for n := range p.sent {
		if p.taken[n] == nobody {
			failures = append(failures, TestFailure{Kind: Unexpected, Got: p.sent[n].shown()})
		}
	}
	return failures
}

// failure is about an expectation that nothing meets. A notification that is left over and comes near is what differs.
func failure(c *rulefile.Config, p *pairing, i int, d rules.Decision) TestFailure {
	e := &p.expected[i]
	f := TestFailure{Kind: Missing, Expected: e.String(), Line: e.Line, rule: e.Rule}
	n := p.nearest(e)
	if n == nobody {
		f.Reason = whyMissing(c, e, d)
		return f
	}
	p.taken[n] = i
	f.Kind, f.Got, f.Fields = Different, p.sent[n].shown(), diff(e, p.sent[n])
	return f
}

// holds reports whether a value is as wanted. Of a list, one element has to be, unless a whole list is wanted.
func holds(m rulefile.Matcher, value any) bool {
	list, isList := value.([]any)
	switch {
	case m.List != nil:
		return slices.EqualFunc(m.List, list, func(want string, got any) bool { return want == valueText(got) })
	case isList && slices.ContainsFunc(list, func(one any) bool { return holdsText(m, valueText(one)) }):
		return true
	}
	return holdsText(m, valueText(value))
}

func holdsText(m rulefile.Matcher, s string) bool {
	if m.IsExact() {
		return strings.TrimRight(s, "\n") == m.Exact
	}
	for _, part := range m.Contains {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return !slices.ContainsFunc(m.Matches, func(pattern *regexp.Regexp) bool { return !pattern.MatchString(s) })
}

func sentOf(c *rulefile.Config, n *rules.Notification) sent {
	options := map[string]any{}
	if i := slices.IndexFunc(c.Notifiers, func(one rulefile.Notifier) bool { return one.Name == n.Notifier }); i >= 0 {
		overlay(options, c.Notifiers[i].Defaults)
	}
	overlay(options, n.Options)
	return sent{n, options}
}

// met reports whether n is what is expected.
func met(e *rulefile.Expectation, n sent) bool {
	if e.Rule != "" && e.Rule != n.Rule || e.Notifier != "" && e.Notifier != n.Notifier {
		return false
	}
	return !slices.ContainsFunc(e.Fields, func(f rulefile.WantedField) bool { return !fieldMet(f, n) })
}

func fieldMet(f rulefile.WantedField, n sent) bool {
	return slices.ContainsFunc(n.values(f.Key), func(a0 any) bool { return holds(f.Want, a0) })
}

// diff returns what is not as expected.
func diff(e *rulefile.Expectation, n sent) []FieldDiff {
	var diffs []FieldDiff
	name := func(field, want, got string) {
		if want != "" && want != got {
			diffs = append(diffs, FieldDiff{field, strconv.Quote(want), got, &want})
		}
	}
	name("rule", e.Rule, n.Rule)
	name("notifier", e.Notifier, n.Notifier)
	for _, f := range e.Fields {
		if fieldMet(f, n) {
			continue
		}
		d := FieldDiff{Field: f.Key, Expected: f.Want.String(), Got: valueText(n.values(f.Key)[0])}
		if f.Want.IsExact() {
			d.Exact = &f.Want.Exact
		}
		if secretHeader.MatchString(d.Field) {
			d.Got, d.Exact = rules.Hidden, nil
		}
		if option, _ := n.options["url"].(string); f.Key == "url" && option != "" {
			d.Got = rules.MaskURL(option)
		}
		diffs = append(diffs, d)
	}
	return diffs
}
