package ruletest

import (
	"slices"

	"qaserelay/rules"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/testfile"
)

// compare matches the sent notifications with the expected ones: each expectation needs a notification of its own, and
// no notification may be left over.
func compare(c *rulefile.Config, expected []testfile.Expectation, d rules.Decision) []Failure {
	p := pairing{expected: expected, metBy: make([]int, len(expected))}
	for i := range d.Notifications {
		p.sent = append(p.sent, sentOf(c, &d.Notifications[i]))
	}
	p.taken = make([]int, len(p.sent))
	p.assign()
	var failures []Failure
	for i := range expected {
		if p.metBy[i] == none {
			failures = append(failures, p.failure(i, c, d))
		}
	}
	for n := range p.sent {
		if p.taken[n] == none {
			failures = append(failures, Failure{Kind: Unexpected, Got: p.sent[n].masked()})
		}
	}
	return failures
}

const none = -1

// pairing gives as many expectations as possible a notification of their own.
type pairing struct {
	expected []testfile.Expectation
	sent     []sent
	metBy    []int // by expectation: the number of its notification
	taken    []int // by notification: the number of its expectation
}

// assign finds the largest pairing, by augmenting paths: an earlier expectation may have to take another notification
// so that a later one gets one at all.
func (p *pairing) assign() {
	for n := range p.taken {
		p.taken[n] = none
	}
	for i := range p.metBy {
		p.metBy[i] = none
	}
	fits := make([][]int, len(p.expected))
	for i := range p.expected {
		for n := range p.sent {
			if p.sent[n].meets(&p.expected[i]) {
				fits[i] = append(fits[i], n)
			}
		}
	}
	for i := range p.expected {
		p.place(i, fits, make([]bool, len(p.sent)))
	}
}

// place finds a notification for the i-th expectation and reports whether it did. tried are those looked at before.
func (p *pairing) place(i int, fits [][]int, tried []bool) bool {
	for _, n := range fits[i] {
		if tried[n] {
			continue
		}
		tried[n] = true
		if p.taken[n] == none || p.place(p.taken[n], fits, tried) {
			p.taken[n], p.metBy[i] = i, n
			return true
		}
	}
	return false
}

// failure describes the i-th expectation, which no notification meets: as different from the nearest notification that
// is left over, or as missing.
func (p *pairing) failure(i int, c *rulefile.Config, d rules.Decision) Failure {
	e := &p.expected[i]
	f := Failure{Kind: Missing, Expected: e.String(), Line: e.Line, rule: e.Rule}
	n := p.nearest(e)
	if n == none {
		f.Reason = whyMissing(c, e, d)
		return f
	}
	p.taken[n] = i
	f.Kind, f.Got, f.Fields = Different, p.sent[n].masked(), p.sent[n].diff(e)
	return f
}

// nearest returns the notification that is left over and differs least from e, of the same rule if e names one, or
// none.
func (p *pairing) nearest(e *testfile.Expectation) int {
	best, least := none, 0
	for n := range p.sent {
		if p.taken[n] != none || e.Rule != "" && p.sent[n].Rule != e.Rule {
			continue
		}
		diffs := p.sent[n].diff(e)
		distance := len(diffs)
		if slices.ContainsFunc(diffs, func(d FieldDiff) bool { return d.Field == "notifier" }) {
			distance += len(e.Fields) + 1 // another message to the right notifier is nearer
		}
		if best == none || distance < least {
			best, least = n, distance
		}
	}
	return best
}

// whyMissing says why no notification was sent that e could describe.
func whyMissing(c *rulefile.Config, e *testfile.Expectation, d rules.Decision) string {
	if e.Rule == "" {
		if len(d.Notifications) == 0 {
			return "nothing is sent"
		}
		return "nothing else is sent"
	}
	result := resultOf(e.Rule, d)
	switch result.Outcome {
	case rules.Disabled:
		return "the rule is disabled"
	case rules.Stopped:
		return "the rule is not reached: " + result.Reason
	case rules.Failed:
		return "the condition failed: " + result.Reason
	case rules.Silenced:
		return "the rule matches, but is silenced " + result.Reason
	case rules.NoRecipients, rules.Matched:
		if why := result.WhyNobody(e.Notifier); why != "" {
			return "the rule matches, but " + why
		}
		return whyNotSent(c, e)
	}
	if result.Outcome.IsMatch() && len(result.Flow) > 0 {
		return "the rule matches, but its message is not sent now: " + result.Flow[len(result.Flow)-1].String()
	}
	if result.Rule == "" && d.NotMatched == 0 { // only time has passed
		return "no message of the rule is due"
	}
	return "the rule does not match"
}

// resultOf returns the result of a rule: the first by which it has sent something, else the first.
func resultOf(rule string, d rules.Decision) rules.Result {
	result := rules.Result{Outcome: rules.NotMatched}
	found := false
	for _, r := range d.Results {
		if r.Rule == rule && (!found || r.Outcome == rules.Matched && result.Outcome != rules.Matched) {
			result, found = r, true
		}
	}
	return result
}

// whyNotSent says why a rule that matched did not send the notification that e describes.
func whyNotSent(c *rulefile.Config, e *testfile.Expectation) string {
	all := c.Rules.Rules()
	r := all[slices.IndexFunc(all, func(r rules.RuleInfo) bool { return r.Name == e.Rule })]
	switch {
	case len(r.Notifiers) == 0:
		return "the rule matches, but sends nothing"
	case e.Notifier != "" && !slices.Contains(r.Notifiers, e.Notifier):
		return "the rule matches, but does not notify " + e.Notifier
	}
	return "the rule matches, but all that it sends is expected already"
}
