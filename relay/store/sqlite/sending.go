package sqlite

import (
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// sending knows which deliveries are being sent. That is not on disk, where they are pending: only this process uses the file, and
// when it has ended nothing is being sent any more. So a claim writes nothing, and a start has nothing to recover.
//
// The writer changes it, when a transaction is committed. Anybody may read it.
type sending struct {
	mu    sync.RWMutex
	of    flying
	each  map[string]int             // how many of each notifier
	lanes map[store.Stream]laneState // of those with order keys
}

// laneState is what is remembered of a lane while some of it is being sent.
type laneState struct {
	sending  int
	followed bool // others may be waiting in it
}

// held is what is remembered of a delivery that is being sent.
type held struct {
	store.Stream
	lease   int64 // one more than on disk, where it grows with the outcome
	message int64 // its size in bytes
	since   int64 // in milliseconds
}

func newSending() *sending {
	return &sending{of: flying{}, each: map[string]int{}, lanes: map[store.Stream]laneState{}}
}

// get returns what is remembered of a delivery.
func (s *sending) get(id store.ID) (h held, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, ok = s.of[id]
	return h, ok
}

// count returns how many deliveries of a notifier are being sent.
func (s *sending) count(notifier string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.each[notifier]
}

// snapshot returns all that is being sent at this moment.
func (s *sending) snapshot() flying {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.of)
}

// flying are deliveries that are being sent.
type flying map[store.ID]held

// show makes a delivery that was read look as it is: what is pending on disk may be on its way.
func (f flying) show(d store.Delivery) store.Delivery {
	if h, ok := f[d.ID]; ok && d.State == store.Pending {
		d.State, d.Lease, d.NextAt, d.UpdatedAt = store.Sending, h.lease, time.Time{}, time.UnixMilli(h.since).UTC()
	}
	return d
}

// apply takes over what a transaction has claimed and let go, and which lanes it has seen others waiting in.
func (s *sending) apply(claims map[store.ID]held, followed map[store.Stream]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range claims {
		if old, ok := s.of[id]; ok {
			s.add(old, -1)
			delete(s.of, id)
		}
		if h.lease != 0 {
			s.of[id] = h
			s.add(h, 1)
		}
	}
	for l := range followed {
		if state, ok := s.lanes[l]; ok {
			state.followed = true
			s.lanes[l] = state
		}
	}
}

func (s *sending) add(h held, n int) {
	s.each[h.Notifier] += n
	if h.Key == "" {
		return
	}
	state := s.lanes[h.Stream]
	if state.sending += n; state.sending == 0 {
		delete(s.lanes, h.Stream)
		return
	}
	s.lanes[h.Stream] = state
}

// isFollowed reports whether others may be waiting in a lane of which something is being sent.
func (s *sending) isFollowed(l store.Stream) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lanes[l].followed
}

// held returns what is remembered of a delivery, as this transaction will leave it.
func (t *tx) held(id store.ID) (held, bool) {
	if h, changed := t.claims[id]; changed {
		return h, h.lease != 0
	}
	return t.sending.get(id)
}

// hold remembers that a delivery is being sent.
func (t *tx) hold(id store.ID, h held) {
	if t.claims == nil {
		t.claims = map[store.ID]held{}
	}
	h.since = t.now
	t.claims[id] = h
}

// letGo forgets a delivery that is no longer being sent.
func (t *tx) letGo(id store.ID) { t.hold(id, held{}) }

// follow remembers that a delivery waits in a lane, for whoever ends what is being sent of it.
func (t *tx) follow(l store.Stream) {
	if t.followed == nil {
		t.followed = map[store.Stream]bool{}
	}
	t.followed[l] = true
}

// isFollowed reports whether a delivery may be waiting in a lane of which one ends.
func (t *tx) isFollowed(l store.Stream) bool {
	return l.Key != "" && (t.followed[l] || t.sending.isFollowed(l))
}
