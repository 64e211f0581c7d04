package rules

import "slices"

// compare holds what was sent against what was expected: each expectation has to be met by a notification of its own, and
// no notification may be left over.
func (c *Config) compare(expected []expectation, d Decision) []TestFailure {
	p := pairing{expected: expected, metBy: make([]int, len(expected))}
	for i := range d.Notifications {
		p.sent = append(p.sent, c.sent(&d.Notifications[i]))
	}
	p.taken = make([]int, len(p.sent))
	p.assign()
	var failures []TestFailure
	for i := range expected {
		if p.metBy[i] == nobody {
			failures = append(failures, c.failure(&p, i, d))
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
func (c *Config) failure(p *pairing, i int, d Decision) TestFailure {
	e := &p.expected[i]
	f := TestFailure{Kind: Missing, Expected: e.String(), Line: e.line, rule: e.rule}
	n := p.nearest(e)
	if n == nobody {
		f.Reason = c.whyMissing(e, d)
		return f
	}
	p.taken[n] = i
	f.Kind, f.Got, f.Fields = Different, p.sent[n].shown(), e.diff(p.sent[n])
	return f
}

const nobody = -1

// pairing gives as many expectations as possible a notification of their own.
type pairing struct {
	expected []expectation
	sent     []sent
	metBy    []int // by expectation: the number of its notification
	taken    []int // by notification: the number of its expectation
}

// assign finds the largest pairing, by augmenting paths: who comes first may have to take another notification to make
// room for who comes later.
func (p *pairing) assign() {
	for n := range p.taken {
		p.taken[n] = nobody
	}
	for i := range p.metBy {
		p.metBy[i] = nobody
	}
	fits := make([][]int, len(p.expected))
	for i := range p.expected {
		for n := range p.sent {
			if p.expected[i].met(p.sent[n]) {
				fits[i] = append(fits[i], n)
			}
		}
	}
	for i := range p.expected {
		p.place(i, fits, make([]bool, len(p.sent)))
	}
}

// place finds a notification for the i-th expectation and reports whether there is one. tried are those looked at before.
func (p *pairing) place(i int, fits [][]int, tried []bool) bool {
	for _, n := range fits[i] {
		if tried[n] {
			continue
		}
		tried[n] = true
		if p.taken[n] == nobody || p.place(p.taken[n], fits, tried) {
			p.taken[n], p.metBy[i] = i, n
			return true
		}
	}
	return false
}

// nearest returns the notification that is left over and differs least from e, of the same rule if e names one, or nobody.
func (p *pairing) nearest(e *expectation) int {
	best, least := nobody, 0
	for n := range p.sent {
		if p.taken[n] != nobody || e.rule != "" && p.sent[n].Rule != e.rule {
			continue
		}
		diffs := e.diff(p.sent[n])
		faults := len(diffs)
		if slices.ContainsFunc(diffs, func(d FieldDiff) bool { return d.Field == "notifier" }) {
			faults += len(e.fields) + 1 // another message to the right notifier is nearer
		}
		if best == nobody || faults < least {
			best, least = n, faults
		}
	}
	return best
}
