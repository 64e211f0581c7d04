package relay

import (
	"bytes"
	"context"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// Swap implements store.Store.
func (m *memory) Swap(_ context.Context, key string, old []byte, c store.Change) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.values[key]; m.fails != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
		return false, m.fails
	}
	if c.Value == nil {
		delete(m.values, key)
	} else {
		m.values[key] = c.Value
	}
	return true, nil
}

// Reserve implements store.Store.
func (m *memory) Reserve(_ context.Context, key string, r store.Rate, most time.Duration) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	step, now, at := r.Per/time.Duration(r.Messages), time.Now(), m.places[key]
	if at.Before(now) {
		at = now
	}
	wait := max(0, at.Sub(now)-time.Duration(max(r.Burst, 1)-1)*step)
	if wait <= most {
		m.places[key] = at.Add(step)
	}
	return wait, m.fails
}

// NotifiersOf implements store.Store.
func (m *memory) NotifiersOf(_ context.Context, ids []store.ID) (names []string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if slices.Contains(ids, d.ID) && (d.State == store.Dead || d.State == store.Pending) {
			names = append(names, d.Notifier)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), m.fails
}

// Cancel implements store.Store.
func (m *memory) Cancel(_ context.Context, ids []store.ID, why string) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if slices.Contains(ids, d.ID) && (d.State == store.Dead || d.State == store.Pending) {
			d.State, d.Error, d.NextAt = store.Cancelled, why, time.Time{}
			m.park(d.Notifier, d.OrderKey)
			n++
		}
	}
	return n, nil
}

// Node implements store.Store.
func (m *memory) Node() int { return m.node }

// Holds implements store.Store.
func (m *memory) LeasesValid() bool { return !m.lost.Load() }

// Wakes implements store.Store.
func (m *memory) Notifications() <-chan string { return m.wakes }

// Load implements store.Store.
func (m *memory) Load() (l store.Load) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.State == store.Pending || d.State == store.Sending {
			l.Deliveries++
			l.Bytes += int64(len(d.Message))
		}
	}
	return l
}
