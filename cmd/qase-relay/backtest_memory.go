package main

import (
	"time"

	"qaserelay/rules"
)

// keptMemory is what events have told of things, as a store keeps it, within bounds: beyond 64 MiB it forgets what was
// neither read nor written for long.
type keptMemory struct {
	fresh, stale map[string]rules.Change
	size         int // bytes of what is fresh
	forgot       bool
}

const (
	maxFresh    = 32 << 20
	mapOverhead = 150 // bytes of an entry beside its key and value, about
)

func newKeptMemory() *keptMemory {
	return &keptMemory{fresh: map[string]rules.Change{}, stale: map[string]rules.Change{}}
}

func (m *keptMemory) get(key string, at time.Time) []byte {
	c, ok := m.fresh[key]
	if !ok {
		if c, ok = m.stale[key]; ok {
			m.put(c)
		}
	}
	if !ok || !c.Expires.IsZero() && !c.Expires.After(at) {
		return nil
	}
	return c.Value
}

func (m *keptMemory) keep(changes []rules.Change) {
	for _, c := range changes {
		m.put(c)
	}
}

func (m *keptMemory) put(c rules.Change) {
	m.size += len(c.Key) + len(c.Value) + mapOverhead - sizeOf(m.fresh, c.Key)
	m.fresh[c.Key] = c
	if m.size > maxFresh {
		m.forgot = m.forgot || len(m.stale) > 0
		m.stale, m.fresh, m.size = m.fresh, map[string]rules.Change{}, 0
	}
}

func sizeOf(m map[string]rules.Change, key string) int {
	c, ok := m[key]
	if !ok {
		return 0
	}
	return len(key) + len(c.Value) + mapOverhead
}
