package ruletest

import (
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
)

// Memory holds the values between the events of a simulation, as a store does: values expire. It is bounded: beyond 64
// MiB it drops the values that were neither read nor written for longest. The zero value is empty. It is for one
// goroutine.
type Memory struct {
	// Dropped reports whether values were dropped that had not expired.
	Dropped bool

	fresh, stale map[string]rules.Change // fresh was used since stale was filled
	size         int                     // bytes of fresh
}

const (
	maxFresh      = 32 << 20
	entryOverhead = 150 // approximate bytes of an entry beside its key and value
)

// Decide lets an event happen at a time: it decides by the rules, and stores the changes.
func (m *Memory) Decide(set *rules.Set, ev *event.Event, now time.Time) rules.Decision {
	d := set.Decide(ev, m.State(now))
	for _, c := range d.Changes {
		m.put(c)
	}
	return d
}

// State returns the state for a decision at a time.
func (m *Memory) State(now time.Time) rules.State {
	return rules.State{Now: now, Get: func(key string) ([]byte, error) { return m.get(key, now), nil }}
}

func (m *Memory) get(key string, now time.Time) []byte {
	c, ok := m.fresh[key]
	if !ok {
		if c, ok = m.stale[key]; ok {
			m.put(c)
		}
	}
	if !ok || !c.Expires.IsZero() && !c.Expires.After(now) {
		return nil
	}
	return c.Value
}

func (m *Memory) put(c rules.Change) {
	if m.fresh == nil {
		m.fresh = map[string]rules.Change{}
	}
	m.size += sizeOf(c)
	if old, ok := m.fresh[c.Key]; ok {
		m.size -= sizeOf(old)
	}
	m.fresh[c.Key] = c
	if m.size > maxFresh {
		m.Dropped = m.Dropped || len(m.stale) > 0
		m.stale, m.fresh, m.size = m.fresh, nil, 0
	}
}

func sizeOf(c rules.Change) int { return len(c.Key) + len(c.Value) + entryOverhead }
