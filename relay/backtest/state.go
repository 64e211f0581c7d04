package backtest

import (
	"time"

	"qaserelay/rules"
)

const (
	// maxRecent bounds the bytes of the recent half of the state, and so the whole state to twice as much.
	maxRecent   = 32 << 20
	mapOverhead = 150 // bytes of an entry beside its key and value, about
)

// state is the state that events leave for later ones, as a store keeps it. It is bounded: beyond 64 MiB it forgets the
// entries that were neither read nor written for long.
type state struct {
	recent, old map[string]rules.Change
	size        int // bytes of the recent ones
	forgot      bool
}

func newState() *state {
	return &state{recent: map[string]rules.Change{}, old: map[string]rules.Change{}}
}

// get returns the value of a key at a time, or nil.
func (s *state) get(key string, at time.Time) []byte {
	c, ok := s.recent[key]
	if !ok {
		if c, ok = s.old[key]; ok {
			s.put(c)
		}
	}
	if !ok || !c.Expires.IsZero() && !c.Expires.After(at) {
		return nil
	}
	return c.Value
}

// apply puts the changes of a decision.
func (s *state) apply(changes []rules.Change) {
	for _, c := range changes {
		s.put(c)
	}
}

func (s *state) put(c rules.Change) {
	s.size += len(c.Key) + len(c.Value) + mapOverhead
	if before, known := s.recent[c.Key]; known {
		s.size -= len(c.Key) + len(before.Value) + mapOverhead
	}
	s.recent[c.Key] = c
	if s.size > maxRecent {
		s.forgot = s.forgot || len(s.old) > 0
		s.old, s.recent, s.size = s.recent, map[string]rules.Change{}, 0
	}
}
