package dispatch

import (
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// A delivery whose lane has nothing else to do need not be read back from the disk: it is stored as being sent, and
// handed over to the lane once it is on disk. All others wait for the lane's next claim.

// maxHandOver is the largest event that is handed over, so that the memory of lanes is bounded.
const maxHandOver = 16 << 10

// Promise counts the deliveries of one batch of events that lanes have capacity for.
type Promise struct {
	dispatcher *Dispatcher
	given      map[*lane]int
}

// NewPromise returns an empty Promise for one batch.
func (d *Dispatcher) NewPromise() *Promise { return &Promise{d, map[*lane]int{}} }

// Ask asks the store to claim those deliveries of a plan that lanes have capacity for. A lane that is behind takes
// none, so that older deliveries go first. A plan that is made again may be promised capacity twice.
func (p *Promise) Ask(size int, deliveries []store.NewDelivery) {
	if size > maxHandOver {
		return
	}
	for i := range deliveries {
		d := &deliveries[i]
		if l := p.dispatcher.lane(d.Notifier); l != nil && d.Cancelled == "" && l.hasCapacity(p.given[l]+1) {
			d.Claim = true
			p.given[l]++
		}
	}
}

// Enqueue gives a claimed delivery with its message to its lane. If the lane is full or gone, it hands the delivery
// back.
func (d *Dispatcher) Enqueue(del store.Delivery, m *notifiers.Message) {
	if l := d.lane(del.Notifier); l != nil && l.tryEnqueue(group{[]store.Delivery{del}, m}) {
		return
	}
	o := outcome{Outcome: store.Outcome{ID: del.ID, Lease: del.Lease, State: store.Pending}, wake: del.Notifier}
	if err := d.outcomes.Put(o); err != nil {
		d.Logger.Error("delivery not handed back, waits for the next start", "delivery", del.ID.String(), "error", err)
	}
}

// hasCapacity reports whether the lane would send so many more deliveries at once. With a rate, each has to wait for
// its slot first.
func (l *lane) hasCapacity(more int) bool {
	return l.caughtUp.Load() && l.window.Fits(more) && l.notifier.Load().Rate().Messages == 0 &&
		l.sendsNow() && l.d.Store.LeasesValid()
}

// sendsNow reports whether neither the breaker nor a cooldown stops the messages of the notifier.
func (l *lane) sendsNow() bool {
	s, _ := l.breaker.State()
	return s.State == Closed && !l.d.limiter.CooldownUntil(l.notifier.Load()).After(l.d.Now())
}

// tryEnqueue reports whether the lane takes a group of one delivery that is claimed already.
func (l *lane) tryEnqueue(g group) bool {
	l.enqueuing.Lock()
	defer l.enqueuing.Unlock()
	if l.ended || len(l.queue) >= l.window.most { // the rest is for groups that the lane claims itself
		return false
	}
	l.window.Add(g.deliveries...)
	l.queue <- g
	return true
}

// close takes no more groups, and hands back those in the queue.
func (l *lane) close() {
	l.enqueuing.Lock()
	defer l.enqueuing.Unlock()
	l.ended = true
	l.handBackQueued()
}

// handBack returns deliveries untried. They are due at the given time, or now if it is zero.
func (l *lane) handBack(g group, due time.Time) {
	for i := range g.deliveries {
		d := &g.deliveries[i]
		l.report(d, store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Pending, NextAt: due})
	}
}

// outcome is an outcome to be written, and the notifier whose lane may have more to do once it is.
type outcome struct {
	store.Outcome
	wake string // empty if the lane has nothing more to do
	// written is closed when all that was queued before is written. An outcome with it holds nothing else.
	written chan struct{}
}

// report passes an outcome to the writer, which outlives every lane.
func (l *lane) report(d *store.Delivery, o store.Outcome) {
	out := outcome{Outcome: o}
	if o.State == store.Pending || d.OrderKey != "" {
		out.wake = l.name
	}
	if err := l.d.outcomes.Put(out); err != nil {
		panic(fmt.Sprintf("the outcome writer ended before lane %s: %v", l.name, err))
	}
	l.window.Remove()
}

// handBackQueued hands back the groups that wait for a worker.
func (l *lane) handBackQueued() {
	for {
		select {
		case g := <-l.queue:
			l.handBack(g, time.Time{})
		default:
			return
		}
	}
}
