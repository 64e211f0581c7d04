package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
)

// Memory is a store without a disk, for tests in fake time. Its fields are to be set before a relay uses it.
type Memory struct {
	mu         sync.Mutex
	Stored     []store.StoredEvent
	hashes     map[[32]byte]store.ID
	Values     map[string][]byte
	rows       []*store.Delivery
	attempts   map[store.ID][]store.Attempt
	Batches    []int // sizes of Accept calls that worked
	Finishes   []int // sizes of Finish calls that worked
	fails      error // if set, everything fails with it
	GetFails   error
	Slow       time.Duration        // how long a commit takes
	places     map[string]time.Time // the next ones of each rate
	claims     []int                // sizes of Claim calls
	NodeNumber int
	Lost       atomic.Bool // Holds is false
	Wakes      chan string
}

func NewMemory() *Memory {
	return &Memory{hashes: map[[32]byte]store.ID{}, Values: map[string][]byte{},
		places: map[string]time.Time{}, attempts: map[store.ID][]store.Attempt{}}
}

func (m *Memory) SetFails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = err
}

// Claimed returns how often Claim was called, and for how many deliveries in all.
func (m *Memory) Claimed() (calls, deliveries int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.claims {
		deliveries += n
	}
	return len(m.claims), deliveries
}

func (m *Memory) get(key string) ([]byte, error) { return m.Values[key], m.GetFails }

func (m *Memory) Accept(_ context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	time.Sleep(m.Slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return nil, m.fails
	}
	receipts := make([]store.Receipt, len(batch))
	for i, e := range batch {
		if first, seen := m.hashes[e.Hash]; seen && e.ReplayOf == 0 {
			receipts[i] = store.Receipt{ID: first, Duplicate: true}
			continue
		}
		if _, err := decide(i, m.get); err != nil { // called twice, as when a transaction is repeated
			receipts[i].Err = err
			continue
		}
		plan, err := decide(i, m.get)
		receipts[i] = store.Receipt{ID: e.ID, Err: err}
		if e.ReplayOf == 0 {
			m.hashes[e.Hash] = e.ID
		}
		m.Stored = append(m.Stored, store.StoredEvent{ID: e.ID, Source: e.Source, Name: e.Name, Project: e.Project,
			Body: e.Body, ReceivedAt: e.ReceivedAt, Decisions: plan.Decisions, ReplayOf: e.ReplayOf})
		for _, c := range plan.Changes {
			m.Values[c.Key] = c.Value
		}
		for _, d := range plan.Deliveries {
			receipts[i].Pending = append(receipts[i].Pending, m.add(e, d)...)
		}
	}
	m.Batches = append(m.Batches, len(batch))
	return receipts, nil
}

func (m *Memory) add(e store.Event, d store.NewDelivery) []string {
	now := time.Now()
	row := &store.Delivery{ID: d.ID, EventID: e.ID, EventName: e.Name, Project: e.Project, Rule: d.Rule,
		Notifier: d.Notifier, OrderKey: d.OrderKey, Title: d.Title, State: store.Pending, NextAt: now, CreatedAt: now,
		FirstAt: now, Message: d.Message, EventBody: e.Body, FallbackFor: d.FallbackFor}
	if d.Cancelled != "" {
		row.State, row.Error = store.Cancelled, d.Cancelled
	}
	m.rows = append(m.rows, row)
	m.park(row.Notifier, row.OrderKey)
	return []string{d.Notifier}
}

func unfinished(d *store.Delivery) bool { return d.State == store.Pending || d.State == store.Sending }

// park lets only the first unfinished delivery of a key be due.
func (m *Memory) park(notifier, key string) {
	if key == "" {
		return
	}
	first := true
	for _, d := range m.rows {
		if d.Notifier != notifier || d.OrderKey != key || !unfinished(d) {
			continue
		}
		parked := d.CreatedAt.Add(store.OrderWait)
		switch {
		case !first:
			d.NextAt = parked
		case d.NextAt.Equal(parked) && d.Attempts == 0:
			d.NextAt = d.CreatedAt
		}
		first = false
	}
}

func (m *Memory) Claim(_ context.Context, notifier string, limit int) ([]store.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return nil, m.fails
	}
	var claimed []store.Delivery
	for _, d := range m.rows {
		if d.Notifier != notifier || d.State != store.Pending || len(claimed) == limit {
			continue
		}
		behind := d.OrderKey != "" && slices.ContainsFunc(claimed,
			func(c store.Delivery) bool { return c.OrderKey == d.OrderKey })
		if !d.NextAt.After(time.Now()) || behind {
			d.State = store.Sending
			d.Lease++
			claimed = append(claimed, *d)
		}
	}
	m.claims = append(m.claims, len(claimed))
	return claimed, nil
}

func (m *Memory) NextDue(_ context.Context, notifier string) (due time.Time, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.Notifier == notifier && d.State == store.Pending && (due.IsZero() || d.NextAt.Before(due)) {
			due = d.NextAt
		}
	}
	return due, m.fails
}

func (m *Memory) Finish(_ context.Context, outcomes []store.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return m.fails
	}
	for _, o := range outcomes {
		i := slices.IndexFunc(m.rows, func(d *store.Delivery) bool { return d.ID == o.ID })
		if d := m.rows[i]; d.Lease == o.Lease && d.State == store.Sending {
			d.State, d.NextAt = o.State, o.NextAt
			if o.Attempt != nil {
				if d.Attempts++; d.Attempts == 1 {
					d.FirstAt = time.Now()
				}
				d.Status, d.Error = o.Attempt.Status, o.Attempt.Error
				m.attempts[d.ID] = append(m.attempts[d.ID], *o.Attempt)
			}
			m.park(d.Notifier, d.OrderKey)
			if o.Fallback != nil {
				m.add(store.Event{ID: d.EventID, Name: d.EventName, Project: d.Project, Body: d.EventBody}, *o.Fallback)
			}
		}
	}
	m.Finishes = append(m.Finishes, len(outcomes))
	return nil
}

func (m *Memory) Retry(_ context.Context, ids []store.ID) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if slices.Contains(ids, d.ID) && (d.State == store.Dead || d.State == store.Pending) {
			d.State, d.NextAt, d.FirstAt, d.Attempts = store.Pending, time.Now(), time.Now(), 0
			n++
		}
	}
	return n, nil
}

func (m *Memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key)
}

func (m *Memory) Event(_ context.Context, id store.ID) (store.StoredEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.Stored {
		if e.ID == id {
			return e, nil
		}
	}
	return store.StoredEvent{}, store.ErrNotFound
}

func (m *Memory) Delivery(_ context.Context, id store.ID) (store.Delivery, []store.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.ID == id {
			return *d, slices.Clone(m.attempts[id]), nil
		}
	}
	return store.Delivery{}, nil, store.ErrNotFound
}

func (m *Memory) Events(context.Context, store.EventFilter) ([]store.StoredEvent, store.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.Stored), 0, nil
}

func (m *Memory) Deliveries(context.Context, store.DeliveryFilter) (list []store.Delivery, _ store.ID, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		list = append(list, *d)
	}
	return list, 0, nil
}

func (m *Memory) Backlog(context.Context) ([]store.Backlog, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[string]store.Backlog{}
	for _, d := range m.rows {
		b := counts[d.Notifier]
		b.Notifier = d.Notifier
		if unfinished(d) {
			b.Pending++
			if b.Oldest.IsZero() {
				b.Oldest = d.CreatedAt
			}
		}
		if d.State == store.Dead {
			b.Dead++
		}
		counts[d.Notifier] = b
	}
	return slices.Collect(maps.Values(counts)), m.fails
}

func (m *Memory) Purge(context.Context, time.Time, time.Time) (int, error) { return 0, nil }

func (m *Memory) Check(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fails
}

func (m *Memory) Close() error { return nil }

// Swap implements store.Store.
func (m *Memory) Swap(_ context.Context, key string, old []byte, c store.Change) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.Values[key]; m.fails != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
		return false, m.fails
	}
	if c.Value == nil {
		delete(m.Values, key)
	} else {
		m.Values[key] = c.Value
	}
	return true, nil
}

// Reserve implements store.Store.
func (m *Memory) Reserve(_ context.Context, key string, r store.Rate, most time.Duration) (time.Duration, error) {
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
func (m *Memory) NotifiersOf(_ context.Context, ids []store.ID) (names []string, _ error) {
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
func (m *Memory) Cancel(_ context.Context, ids []store.ID, why string) (n int, _ error) {
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
func (m *Memory) Node() int { return m.NodeNumber }

// LeasesValid implements store.Store.
func (m *Memory) LeasesValid() bool { return !m.Lost.Load() }

// Notifications implements store.Store.
func (m *Memory) Notifications() <-chan string { return m.Wakes }

// Load implements store.Store.
func (m *Memory) Load() (l store.Load) {
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
