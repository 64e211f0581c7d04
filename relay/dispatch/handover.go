package dispatch

import (
	"sync"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// A delivery whose lane has nothing else to do need not be read back from the disk: it is stored as being sent, and given to
// the lane when it is on disk. All others wait for the lane's next claim.

// maxHandOver is the largest event that is handed over, so that what lanes hold in memory is bounded.
const maxHandOver = 16 << 10

// Promise counts the deliveries of one batch of events that lanes have room for.
type Promise struct {
	dispatcher *Dispatcher
	given      map[*lane]int
}

// NewPromise returns an empty Promise for one batch.
func (e *Dispatcher) NewPromise() *Promise { return &Promise{e, map[*lane]int{}} }

// Ask asks the store for those deliveries of a plan that lanes have room for. A lane that is behind takes none, so that
// what is older goes first. A plan that is made again may be promised room twice; what finds none is handed back.
func (p *Promise) Ask(size int, deliveries []store.NewDelivery) {
	if size > maxHandOver {
		return
	}
	lanes := *p.dispatcher.lanes.Load()
	for i := range deliveries {
		d := &deliveries[i]
		l := lanes[d.Notifier]
		if l == nil || d.Cancelled != "" || !l.takes(p.given[l]+1) {
			continue
		}
		d.Claim = true
		p.given[l]++
	}
}

// messages holds the typed messages of deliveries that were handed over and are not reported yet, so that they need not
// be read from what is stored. Its zero value is empty. It may be used from many goroutines.
type messages struct {
	mu sync.Mutex
	of map[store.ID]*notifiers.Message
}

func (m *messages) put(id store.ID, message *notifiers.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[store.ID]*notifiers.Message{}
	}
	m.of[id] = message
}

// take returns the message of a delivery and forgets it, or returns nil if the delivery was not handed over.
func (m *messages) take(id store.ID) *notifiers.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	message := m.of[id]
	delete(m.of, id)
	return message
}

// Enqueue gives a claimed delivery with its message to its lane, or hands it back if the lane has gone or is full.
func (e *Dispatcher) Enqueue(d store.Delivery, m *notifiers.Message) {
	l := (*e.lanes.Load())[d.Notifier]
	e.messages.put(d.ID, m)
	if l != nil && l.offer(d) {
		return
	}
	e.messages.take(d.ID)
	o := outcome{store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Pending}, l, l != nil}
	if err := e.outcomes.Put(o); err != nil {
		e.Logger.Error("a delivery waits for the next start", "delivery", d.ID.String(), "error", err)
	}
}

// takes reports whether the lane would send so many more at once. With a rate, each has to wait for its place first.
func (l *lane) takes(more int) bool {
	return l.caughtUp.Load() && l.pace.holds()+more <= l.mostHeld() && l.out.Load().Rate().Messages == 0 &&
		l.gate.isClosed() && l.engine.Store.LeasesValid()
}

// offer reports whether the lane takes a delivery that is claimed already.
func (l *lane) offer(d store.Delivery) bool {
	l.giving.Lock()
	defer l.giving.Unlock()
	if l.ended {
		return false
	}
	l.pace.claimed(d)
	select {
	case l.work <- []store.Delivery{d}:
		return true
	default:
		l.pace.release(1)
		return false
	}
}

// end lets nothing more in, and hands back what nobody took.
func (l *lane) end() {
	l.giving.Lock()
	defer l.giving.Unlock()
	l.ended = true
	l.handBackQueued()
}
