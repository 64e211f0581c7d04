package store

import (
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
