package rules

// Set is a compiled set of rules. It is not changed after it was made, and may be used from many goroutines.
type Set struct {
	rules []*rule
}

type rule struct{ name string }

// Names returns the names of the rules in file order.
func (s *Set) Names() []string {
	names := make([]string, len(s.rules))
	for i, r := range s.rules {
		names[i] = r.name
	}
	return names
}

// Keys returns the keys whose values Decide will ask for first when it is given ev.
func (s *Set) Keys(ev *Event) []string { return nil }

// Decide says what follows from ev.
func (s *Set) Decide(ev *Event, st State) Decision { return Decision{} }
