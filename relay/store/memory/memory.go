// Package memory holds a store without a disk, for tests in fake time.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// Store is a store without a disk, for tests in fake time. It keeps the order of deliveries and makes fallbacks as the
// engines do, but it forgets nothing, and its lists are one page, oldest first.
type Store struct {
	// These fields are to be set before a relay uses the store.
	Clock      func() time.Time // nil is time.Now
	Slow       time.Duration    // how long a commit takes
	GetFails   error            // the error of reading a key
	Refused    string           // a project whose events cannot be kept
	NodeNumber int
	Wakes      chan string // the result of Notifications
	Lost       atomic.Bool // LeasesValid is false

	Stored            []store.StoredEvent
	Values            map[string][]byte
	Batches, Finishes []int // sizes of the calls of Accept and Finish that worked

	mu       sync.Mutex
	hashes   map[[32]byte]store.ID
	rows     []*store.Delivery
	attempts map[store.ID][]store.Attempt
	fails    error                // the error of every call, if set
	slots    map[string]time.Time // the next one of each rate
	claims   []int                // sizes of Claim calls
	dues     map[string]time.Time // of the slots that are armed
	items    map[string][]store.SlotItem
	outlines map[store.ID]store.Outline
	audit    []store.AuditEntry
	tallies  []store.Tally
	indexes  bool // there should be an index of words
}

// New returns an empty store.
func New() *Store {
	return &Store{Clock: time.Now, hashes: map[[32]byte]store.ID{}, Values: map[string][]byte{},
		slots: map[string]time.Time{}, dues: map[string]time.Time{}, items: map[string][]store.SlotItem{}, attempts: map[store.ID][]store.Attempt{},
		outlines: map[store.ID]store.Outline{}}
}

// SetFails makes every call fail with an error, or none if it is nil.
func (m *Store) SetFails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = err
}

// Claimed returns how often Claim was called, and for how many deliveries in all.
func (m *Store) Claimed() (calls, deliveries int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.claims {
		deliveries += n
	}
	return len(m.claims), deliveries
}

// States counts the deliveries in each state.
func (m *Store) States() map[store.State]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[store.State]int{}
	for _, d := range m.rows {
		counts[d.State]++
	}
	return counts
}

// Titled returns the first delivery with a title, with its attempts. It fails the test if none has the title.
func (m *Store) Titled(t *testing.T, title string) (store.Delivery, []store.Attempt) {
	t.Helper()
	d, attempts, err := m.Delivery(t.Context(), m.IDOf(t, "", title))
	if err != nil {
		t.Fatal(err)
	}
	return d, attempts
}

// IDOf finds a delivery by its title, and by its notifier if one is named. It fails the test if there is none.
func (m *Store) IDOf(t *testing.T, notifier, title string) store.ID {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.Title == title && (notifier == "" || d.Notifier == notifier) {
			return d.ID
		}
	}
	t.Fatalf("no delivery has the title %q", title)
	return 0
}

func (m *Store) get(key string) ([]byte, error) { return m.Values[key], m.GetFails }

// Accept implements store.Store. It calls decide twice, as when a transaction is repeated.
func (m *Store) Accept(ctx context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	return m.AcceptFrom(ctx, func() []store.Event { return batch }, decide)
}

// AcceptFrom implements store.Store.
func (m *Store) AcceptFrom(_ context.Context, take func() []store.Event, decide store.Decide) ([]store.Receipt, error) {
	time.Sleep(m.Slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return nil, m.fails
	}
	batch := take()
	if m.Refused != "" && slices.ContainsFunc(batch, func(e store.Event) bool { return e.Project == m.Refused }) {
		return nil, store.ErrData
	}
	receipts := make([]store.Receipt, len(batch))
	for i, e := range batch {
		if first, seen := m.hashes[e.Hash]; seen && e.HasHash() {
			receipts[i] = store.Receipt{ID: first, Duplicate: true}
			continue
		}
		if e.MoreKeys != nil {
			e.MoreKeys(m.get)
		}
		if _, err := decide.Call(i, m.get); err != nil {
			receipts[i].Err = err
			continue
		}
		plan, err := decide.Call(i, m.get)
		receipts[i] = store.Receipt{ID: e.ID, Err: err}
		if e.HasHash() {
			m.hashes[e.Hash] = e.ID
		}
		m.store(&e, e.ID, &plan)
		for _, d := range plan.Deliveries {
			receipts[i].Pending = append(receipts[i].Pending, d.Notifier)
		}
	}
	m.Batches = append(m.Batches, len(batch))
	return receipts, nil
}

// store stores an event, unless it is nil, with its plan, or the plan of the stored event that has the id of the owner.
func (m *Store) store(e *store.Event, owner store.ID, p *store.Plan) {
	if e != nil {
		m.Stored = append(m.Stored, store.StoredEvent{ID: e.ID, Source: e.Source, Name: e.Name, Project: e.Project,
			Body: e.Body, ReceivedAt: e.ReceivedAt, ReplayOf: e.ReplayOf, Kind: e.Kind})
	}
	at := slices.IndexFunc(m.Stored, func(s store.StoredEvent) bool { return owner != 0 && s.ID == owner })
	if at >= 0 {
		m.Stored[at].Decisions, m.Stored[at].Facts = p.Decisions, p.Facts
		m.outlines[owner] = p.Outline
	}
	for _, c := range p.Changes {
		m.change(c)
	}
	for _, it := range p.Items {
		if it.Event == 0 {
			it.Event = owner
		}
		m.addItem(it)
	}
	for _, d := range p.Deliveries {
		m.add(m.Stored[at], d)
	}
}

// add stores a new delivery of an event.
func (m *Store) add(e store.StoredEvent, d store.NewDelivery) {
	now := m.Now()
	row := &store.Delivery{ID: d.ID, EventID: e.ID, EventName: e.Name, Project: e.Project, Rule: d.Rule,
		Notifier: d.Notifier, OrderKey: d.OrderKey, Title: d.Title, State: store.Pending, NextAt: now, CreatedAt: now,
		FirstAt: now, UpdatedAt: now, Message: d.Message, EventBody: e.Body, FallbackFor: d.FallbackFor}
	if d.Cancelled != "" {
		row.State, row.Error, row.NextAt = store.Cancelled, d.Cancelled, time.Time{}
	}
	m.rows = append(m.rows, row)
	m.park(row.Notifier, row.OrderKey)
}

func unfinished(d *store.Delivery) bool { return d.State == store.Pending || d.State == store.Sending }

// changeable reports whether a person may retry or cancel a delivery that is among the ids.
func changeable(d *store.Delivery, ids []store.ID) bool {
	return slices.Contains(ids, d.ID) && (d.State == store.Dead || d.State == store.Pending)
}

// park lets only the first unfinished delivery of a key be due.
func (m *Store) park(notifier, key string) {
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

// Claim implements store.Store.
func (m *Store) Claim(_ context.Context, notifier string, limit int) ([]store.Delivery, error) {
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
		if !d.NextAt.After(m.Now()) || behind {
			d.State = store.Sending
			d.Lease++
			claimed = append(claimed, *d)
		}
	}
	m.claims = append(m.claims, len(claimed))
	return claimed, nil
}

// NextDue implements store.Store.
func (m *Store) NextDue(_ context.Context, notifier string) (due time.Time, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.Notifier == notifier && d.State == store.Pending && (due.IsZero() || d.NextAt.Before(due)) {
			due = d.NextAt
		}
	}
	return due, m.fails
}

// Finish implements store.Store.
func (m *Store) Finish(_ context.Context, outcomes []store.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return m.fails
	}
	var failed []*store.Outcome
	for i := range outcomes {
		if o := &outcomes[i]; m.finish(o) && len(o.Fallbacks) > 0 && o.State != store.Pending {
			failed = append(failed, o)
		}
	}
	var made []engine.Fallback
	for _, d := range m.rows {
		if d.FallbackFor != 0 {
			made = append(made, engine.Fallback{ID: d.ID, For: d.FallbackFor, State: d.State})
		}
	}
	for _, o := range engine.WithFallback(failed, made) {
		d := m.row(o.ID)
		for _, f := range o.Fallbacks {
			m.add(store.StoredEvent{ID: d.EventID, Name: d.EventName, Project: d.Project, Body: d.EventBody}, f)
		}
	}
	m.Finishes = append(m.Finishes, len(outcomes))
	return nil
}

// finish reports whether the outcome was that of the current lease, and so was recorded.
func (m *Store) finish(o *store.Outcome) bool {
	d := m.row(o.ID)
	if d == nil || d.Lease != o.Lease || d.State != store.Sending {
		return false
	}
	d.State, d.NextAt, d.UpdatedAt = o.State, o.NextAt, m.Now()
	if o.Attempt != nil {
		if d.Attempts++; d.Attempts == 1 {
			d.FirstAt = m.Now()
		}
		d.Status, d.Error = o.Attempt.Status, o.Attempt.Error
		m.attempts[d.ID] = append(m.attempts[d.ID], *o.Attempt)
	}
	m.park(d.Notifier, d.OrderKey)
	return true
}

// row returns a delivery, or nil.
func (m *Store) row(id store.ID) *store.Delivery {
	for _, d := range m.rows {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// Retry implements store.Store.
func (m *Store) Retry(_ context.Context, ids []store.ID) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if changeable(d, ids) {
			d.State, d.NextAt, d.FirstAt, d.Attempts = store.Pending, m.Now(), m.Now(), 0
			n++
		}
	}
	return n, nil
}

// Rewrite implements store.Store.
func (m *Store) Rewrite(ctx context.Context, r store.Rewrite) (bool, error) {
	n, err := m.Retry(ctx, []store.ID{r.ID})
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if n == 1 && d.ID == r.ID {
			d.Title, d.Message = r.Title, r.Message
		}
	}
	return n == 1, err
}

// Cancel implements store.Store.
func (m *Store) Cancel(_ context.Context, ids []store.ID, why string) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if changeable(d, ids) {
			d.State, d.Error, d.NextAt = store.Cancelled, why, time.Time{}
			m.park(d.Notifier, d.OrderKey)
			n++
		}
	}
	return n, nil
}

// NotifiersOf implements store.Store.
func (m *Store) NotifiersOf(_ context.Context, ids []store.ID) (names []string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if changeable(d, ids) {
			names = append(names, d.Notifier)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), m.fails
}

// Event implements store.Store.
func (m *Store) Event(_ context.Context, id store.ID) (store.StoredEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.Stored {
		if e.ID != id {
			continue
		}
		for _, d := range m.rows {
			if d.EventID == id {
				e.Deliveries = append(e.Deliveries, d.ID)
			}
		}
		return e, nil
	}
	return store.StoredEvent{}, store.ErrNotFound
}

// Delivery implements store.Store.
func (m *Store) Delivery(_ context.Context, id store.ID) (store.Delivery, []store.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.row(id); d != nil {
		return *d, slices.Clone(m.attempts[id]), nil
	}
	return store.Delivery{}, nil, store.ErrNotFound
}

// Events implements store.Store. It returns all events.
func (m *Store) Events(context.Context, store.EventFilter) ([]store.StoredEvent, store.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.Stored), 0, nil
}

// Deliveries implements store.Store. It filters by notifier only.
func (m *Store) Deliveries(_ context.Context, f store.DeliveryFilter) (list []store.Delivery, _ store.ID, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if (f.Notifier == "" || f.Notifier == d.Notifier) && (f.OrderKey == "" || f.OrderKey == d.OrderKey) {
			list = append(list, *d)
		}
	}
	return list, 0, nil
}

// Backlog implements store.Store.
func (m *Store) Backlog(context.Context) ([]store.Backlog, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[string]store.Backlog{}
	for _, d := range m.rows {
		b := counts[d.Notifier]
		b.Notifier = d.Notifier
		if unfinished(d) {
			b.Pending++
			b.Oldest = cmp.Or(b.Oldest, d.CreatedAt)
		}
		if d.State == store.Dead {
			b.Dead++
		}
		counts[d.Notifier] = b
	}
	return slices.Collect(maps.Values(counts)), m.fails
}

// Load implements store.Store.
func (m *Store) Load() (l store.Load) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if unfinished(d) {
			l.Deliveries++
			l.Bytes += int64(len(d.Message))
		}
	}
	for _, items := range m.items {
		for _, it := range items {
			l.Bytes += int64(len(it.Data))
		}
	}
	return l
}

// Get implements store.Store.
func (m *Store) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key)
}

// Swap implements store.Store.
func (m *Store) Swap(_ context.Context, key string, old []byte, c store.Change) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := store.CheckSwap(key); err != nil {
		return false, err
	}
	c.Key = key
	return m.swap(old, c)
}

// SwapSlot implements store.Store.
func (m *Store) SwapSlot(_ context.Context, old []byte, c store.Change) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := store.CheckSwapSlot(c); err != nil {
		return false, err
	}
	return m.swap(old, c)
}

// swap changes a key if its value is still old.
func (m *Store) swap(old []byte, c store.Change) (bool, error) {
	if now := m.Values[c.Key]; m.fails != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
		return false, m.fails
	}
	m.change(c)
	return true, nil
}

// Reserve implements store.Store.
func (m *Store) Reserve(_ context.Context, key string, r store.Rate, most time.Duration) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	step, now, at := r.Per/time.Duration(r.Messages), m.Now(), m.slots[key]
	if at.Before(now) {
		at = now
	}
	wait := max(0, at.Sub(now)-time.Duration(max(r.Burst, 1)-1)*step)
	if wait <= most {
		m.slots[key] = at.Add(step)
	}
	return wait, m.fails
}

// Check implements store.Store.
func (m *Store) Check(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fails
}

// Purge implements store.Store. It deletes nothing.
func (m *Store) Purge(context.Context, time.Time, time.Time) (int, error) { return 0, nil }

// Close implements store.Store. The store can still be used.
func (m *Store) Close() error { return nil }

// Node implements store.Store.
func (m *Store) Node() int { return m.NodeNumber }

// LeasesValid implements store.Store.
func (m *Store) LeasesValid() bool { return !m.Lost.Load() }

// Notifications implements store.Store.
func (m *Store) Notifications() <-chan string { return m.Wakes }
