package sqlite

import (
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// leases holds the deliveries that are being sent. The file has those as pending that were pending before, since only this
// process uses it, and nothing is being sent once it has ended: such a claim writes nothing, and a start has nothing to
// recover. A delivery that is claimed as it is made is sending in the file too, and a start makes it pending.
//
// The writer changes it when a transaction is committed. It may be read from many goroutines.
type leases struct {
	mu         sync.RWMutex
	of         leased
	byNotifier map[string]int
	streams    map[engine.Stream]streamState // with order keys
}

// lease belongs to a delivery that is being sent.
type lease struct {
	engine.Stream
	number  int64 // one more than in the file, where it grows with the outcome
	message int64 // its size in bytes
	since   int64 // in milliseconds
	made    int64 // when the delivery was made, likewise
	born    bool  // it was claimed as it was made, and is sending in the file
}

// streamState is what is known of a stream while some of its deliveries are being sent.
type streamState struct {
	sending int
	born    int  // of those sending
	waiting bool // others may be waiting in it
}

// leased is the deliveries that are being sent at one moment.
type leased map[store.ID]lease

// show returns a delivery from the file as it is: pending there, it may be being sent.
func (l leased) show(d store.Delivery) store.Delivery {
	if h, ok := l[d.ID]; ok && d.State == store.Pending {
		d.State, d.Lease, d.NextAt, d.UpdatedAt = store.Sending, h.number, time.Time{}, time.UnixMilli(h.since).UTC()
	}
	return d
}

func newLeases() *leases {
	return &leases{of: leased{}, byNotifier: map[string]int{}, streams: map[engine.Stream]streamState{}}
}

func (s *leases) get(id store.ID) (lease, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, ok := s.of[id]
	return h, ok
}

// count returns how many deliveries of a notifier are being sent.
func (s *leases) count(notifier string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byNotifier[notifier]
}

func (s *leases) snapshot() leased {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.of)
}

// born returns how many deliveries of a stream are sending in the file.
func (s *leases) born(in engine.Stream) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.streams[in].born
}

// mayWait reports whether deliveries may be waiting in a stream of which one is being sent.
func (s *leases) mayWait(in engine.Stream) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.streams[in].waiting
}

// commit adopts the changes of a transaction.
func (s *leases) commit(t *tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range t.leased {
		if old, ok := s.of[id]; ok {
			s.add(old, -1)
			delete(s.of, id)
		}
		if h.number != 0 {
			s.of[id] = h
			s.add(h, 1)
		}
	}
	for in := range t.waiting {
		if state, ok := s.streams[in]; ok {
			state.waiting = true
			s.streams[in] = state
		}
	}
}

func (s *leases) add(h lease, n int) {
	s.byNotifier[h.Notifier] += n
	if h.Key == "" {
		return
	}
	state := s.streams[h.Stream]
	if h.born {
		state.born += n
	}
	if state.sending += n; state.sending == 0 {
		delete(s.streams, h.Stream)
		return
	}
	s.streams[h.Stream] = state
}

// leaseOf returns the lease of a delivery, as this transaction will leave it.
func (t *tx) leaseOf(id store.ID) (lease, bool) {
	if h, changed := t.leased[id]; changed {
		return h, h.number != 0
	}
	return t.leases.get(id)
}

// lease begins to send a delivery.
func (t *tx) lease(id store.ID, h lease) {
	if t.leased == nil {
		t.leased = map[store.ID]lease{}
	}
	h.since = t.now
	t.leased[id] = h
	if h.born {
		t.noteBorn(h, id, 1)
	}
}

// release ends the lease of a delivery.
func (t *tx) release(id store.ID) {
	h, _ := t.leaseOf(id)
	t.lease(id, lease{})
	if h.born {
		t.noteBorn(h, id, -1)
	}
}

// noteBorn notes that a delivery is sending in the file, or no longer.
func (t *tx) noteBorn(h lease, id store.ID, n int) {
	t.count(h.Notifier).born[id] += n
	if t.born == nil {
		t.born = map[engine.Stream]int{}
	}
	t.born[h.Stream] += n
}

// bornIn reports whether a delivery of a stream is sending in the file. It comes before all that are pending: they were
// made later.
func (t *tx) bornIn(in engine.Stream) bool { return in.Key != "" && t.leases.born(in)+t.born[in] > 0 }

// noteWaiting notes that a delivery waits in a stream. It becomes due when the one that is being sent ends.
func (t *tx) noteWaiting(in engine.Stream) {
	if t.waiting == nil {
		t.waiting = map[engine.Stream]bool{}
	}
	t.waiting[in] = true
}

// mayWait reports whether deliveries may be waiting in a stream of which one ends.
func (t *tx) mayWait(in engine.Stream) bool {
	return in.Key != "" && (t.waiting[in] || t.leases.mayWait(in))
}
