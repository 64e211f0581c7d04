package store

// step is what takes a delivery from one state to another.
type step string

const (
	byMade    step = "made"    // by Accept, or as a fallback by Finish
	byClaim   step = "claim"   // by Claim
	byOutcome step = "outcome" // by Finish, or by a start after the process ended
	byRetry   step = "retry"   // by a person
	byCancel  step = "cancel"  // by a person
)

// transition says that a step leads from one state to some others. A delivery that is made comes from no state.
type transition struct {
	from State
	by   step
	to   []State
}

// transitions are all that there are. The comment of the package shows them.
func transitions() []transition {
	return []transition{
		{"", byMade, []State{Pending, Sending, Cancelled}},
		{Pending, byClaim, []State{Sending}},
		{Sending, byOutcome, []State{Delivered, Pending, Dead}},
		{Pending, byRetry, []State{Pending}},
		{Dead, byRetry, []State{Pending}},
		{Pending, byCancel, []State{Cancelled}},
		{Dead, byCancel, []State{Cancelled}},
	}
}

// from returns the states that a step may lead to from one state.
func (s step) from(state State) []State {
	for _, t := range transitions() {
		if t.by == s && t.from == state {
			return t.to
		}
	}
	return nil
}
