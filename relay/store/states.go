package store

// step is what takes a delivery from one state to another.
type step string

const (
	byMade    step = "made"    // by Accept, or as a fallback by Finish
	byClaim   step = "claim"   // by Claim
	ByOutcome step = "outcome" // by Finish, or by a start after the process ended
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
		{Sending, ByOutcome, []State{Delivered, Pending, Dead}},
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

// Fallback is a delivery that was made in place of one that failed permanently.
type Fallback struct {
	ID, For ID
	State   State
}

// MayFallBack reports whether a fallback may be made for a delivery that failed permanently, given all fallbacks of its
// event. A delivery that a person retried gets another one only if its earlier fallback, and the fallbacks of that one,
// were not delivered and will not be.
func MayFallBack(failed ID, made []Fallback) bool {
	for _, f := range made {
		if f.For != failed {
			continue
		}
		if f.State == Pending || f.State == Sending || f.State == Delivered || !MayFallBack(f.ID, made) {
			return false
		}
	}
	return true
}
