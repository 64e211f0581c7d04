package store

import (
	"cmp"
	"fmt"
	"slices"
)

// step takes a delivery from one state to another.
type step string

const (
	byMade    step = "made"    // by Accept, or as a fallback by Finish
	byClaim   step = "claim"   // by Claim
	byOutcome step = "outcome" // by Finish, or by a start after the process ended
	ByRetry   step = "retry"   // by a person
	ByCancel  step = "cancel"  // by a person
)

// transition says that a step leads from one state to some others. A delivery that is made comes from no state.
type transition struct {
	From State
	By   step
	To   []State
}

// transitions are all that there are. The comment of the package shows them.
func transitions() []transition {
	return []transition{
		{"", byMade, []State{Pending, Sending, Cancelled}},
		{Pending, byClaim, []State{Sending}},
		{Sending, byOutcome, []State{Delivered, Pending, Dead}},
		{Pending, ByRetry, []State{Pending}},
		{Dead, ByRetry, []State{Pending}},
		{Pending, ByCancel, []State{Cancelled}},
		{Dead, ByCancel, []State{Cancelled}},
	}
}

// From returns the states that a step may lead to from one state.
func (s step) From(state State) []State {
	for _, t := range transitions() {
		if t.By == s && t.From == state {
			return t.To
		}
	}
	return nil
}

// CheckOutcomes returns an error unless the states of all outcomes are ones that an attempt leads to.
func CheckOutcomes(outcomes []Outcome) error {
	allowed := byOutcome.From(Sending)
	for i := range outcomes {
		if s := outcomes[i].State; !slices.Contains(allowed, s) {
			return fmt.Errorf("recording outcomes: a delivery cannot become %q by an attempt", s)
		}
	}
	return nil
}

// Fallback is a delivery that was made in place of one that failed permanently.
type Fallback struct {
	ID, For ID
	State   State
}

// mayFallBack reports whether a fallback may be made for a delivery that failed permanently, given all fallbacks of its
// event. A delivery that a person retried gets another one only if its earlier fallback, and the fallbacks of that one,
// were not delivered and will not be.
func mayFallBack(failed ID, made []Fallback) bool {
	for _, f := range made {
		if f.For != failed {
			continue
		}
		if f.State == Pending || f.State == Sending || f.State == Delivered || !mayFallBack(f.ID, made) {
			return false
		}
	}
	return true
}

// WithFallback returns those outcomes of a transaction whose fallback is to be made, in their order. The deliveries of
// these outcomes have ended, and made holds all fallbacks of their events as they are after that; one may be in it more
// than once. When a delivery and its own fallback fail together, the fallback of the latter counts for both, in
// whichever order they are.
func WithFallback(ended []*Outcome, made []Fallback) []*Outcome {
	source, known := map[ID]ID{}, []Fallback{}
	for _, f := range made {
		if source[f.ID] == 0 {
			source[f.ID], known = f.For, append(known, f)
		}
	}
	depth := func(o *Outcome) (n int) {
		for id := source[o.ID]; id != 0; id = source[id] {
			n++
		}
		return n
	}
	deepest := slices.Clone(ended)
	slices.SortStableFunc(deepest, func(a, b *Outcome) int { return cmp.Compare(depth(b), depth(a)) })
	allowed := map[*Outcome]bool{}
	for _, o := range deepest {
		if allowed[o] = mayFallBack(o.ID, known); allowed[o] {
			known = append(known, Fallback{o.Fallback.ID, o.ID, StartOf(o.Fallback, map[Stream]bool{}).State})
		}
	}
	return slices.DeleteFunc(slices.Clone(ended), func(o *Outcome) bool { return !allowed[o] })
}
