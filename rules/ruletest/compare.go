package ruletest

import (
	"slices"

	"qaserelay/rules/rulefile"
)

const nobody = -1

// pairing gives as many expectations as possible a notification of their own.
type pairing struct {
	expected []rulefile.Expectation
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
			if met(&p.expected[i], p.sent[n]) {
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
func (p *pairing) nearest(e *rulefile.Expectation) int {
	best, least := nobody, 0
	for n := range p.sent {
		if p.taken[n] != nobody || e.Rule != "" && p.sent[n].Rule != e.Rule {
			continue
		}
		diffs := diff(e, p.sent[n])
		faults := len(diffs)
		if slices.ContainsFunc(diffs, func(d FieldDiff) bool { return d.Field == "notifier" }) {
			faults += len(e.Fields) + 1 // another message to the right notifier is nearer
		}
		if best == nobody || faults < least {
			best, least = n, faults
		}
	}
	return best
}
