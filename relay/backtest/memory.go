package backtest

import (
	"time"

	"qaserelay/rules"
)

// keptMemory is what events have told of things, as a store keeps it, within bounds: beyond 64 MiB it forgets what was
// neither read nor written for long.
type keptMemory struct {
	Fresh, Stale map[string]rules.Change
	size         int // bytes of what is fresh
	Forgot       bool
}

const (
	MaxFresh    = 32 << 20
	mapOverhead = 150 // bytes of an entry beside its key and value, about
)

func NewKeptMemory() *keptMemory {
	return &keptMemory{Fresh: map[string]rules.Change{}, Stale: map[string]rules.Change{}}
}

func (m *keptMemory) Get(key string, at time.Time) []byte {
	c, ok := m.Fresh[key]
	if !ok {
		if c, ok = m.Stale[key]; ok {
			m.put(c)
		}
	}
	if !ok || !c.Expires.IsZero() && !c.Expires.After(at) {
		return nil
	}
	return c.Value
}

func (m *keptMemory) Keep(changes []rules.Change) {
	for _, c := range changes {
		m.put(c)
	}
}

func (m *keptMemory) put(c rules.Change) {
	m.size += len(c.Key) + len(c.Value) + mapOverhead - sizeOf(m.Fresh, c.Key)
	m.Fresh[c.Key] = c
	if m.size > MaxFresh {
		m.Forgot = m.Forgot || len(m.Stale) > 0
		m.Stale, m.Fresh, m.size = m.Fresh, map[string]rules.Change{}, 0
	}
}

func sizeOf(m map[string]rules.Change, key string) int {
	c, ok := m[key]
	if !ok {
		return 0
	}
	return len(key) + len(c.Value) + mapOverhead
}
