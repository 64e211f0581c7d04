package relay

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"qaserelay/notifiers"
	"qaserelay/relay/asker"
	"qaserelay/relay/store"
	"qaserelay/relay/store/groupcommit"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

// pendingEvent is an event that waits for its commit. Its decision, plan, receipt and err may be read once done is
// closed.
type pendingEvent struct {
	event    *event.Event
	hash     [32]byte
	id       store.ID        // that it is stored under
	replayOf store.ID        // the stored event that it repeats, or zero
	request  string          // of a replay: the same for all events of one request
	forced   bool            // no silence holds its messages back
	facts    *failures.Facts // what the Qase API has said of it, or nil
	keys     []string        // those that its decision reads
	question *asker.Question // what it waits for, if it is stored undecided, or nil
	seen     *rules.Seen     // of its entity, as stored before its batch
	done     chan struct{}
	decision rules.Decision       // of the last time that it was decided
	plan     store.Plan           // likewise
	messages []*notifiers.Message // of the plan's deliveries, in their order
	receipt  store.Receipt
	err      error
}

// Receipt is the outcome of an accepted event.
type Receipt struct {
	ID        store.ID // of the first event with this body, if this one is a duplicate
	Duplicate bool
}

// Errors of Accept. Any other error means that the store did not take the event.
var (
	ErrStopping = errors.New("the relay is not running, or about to stop")
	ErrBusy     = errors.New("too many events wait for the disk")
)

// newInbox returns the queue of the events that wait for their commit. Its batches are bounded by their number and by
// the bytes of their bodies.
func newInbox() groupcommit.Queue[*pendingEvent] {
	return groupcommit.Queue[*pendingEvent]{Limit: maxPending, Weight: func(p *pendingEvent) int {
		return 1 + len(p.event.Body)*maxBatch/maxBatchBytes
	}}
}

// enqueue puts an event into the inbox.
func (e *Engine) enqueue(p *pendingEvent) error {
	err := e.inbox.Put(p)
	switch {
	case errors.Is(err, groupcommit.ErrStopped):
		return ErrStopping
	case errors.Is(err, groupcommit.ErrFull):
		return ErrBusy
	}
	return err
}

// batch is what one transaction stores. Its events are taken from the inbox when that begins.
type batch struct {
	events []*pendingEvent
	once   sync.Once
	taken  chan struct{} // closed when events is set
	ended  chan struct{} // closed when the batch is stored, or has failed
}

// conclude sets the error of each event of a batch that was stored, or has failed. If the store cannot keep some of the
// data, it stores each half first, so that one event fails no other.
func (e *Engine) conclude(ctx context.Context, events []*pendingEvent, err error) {
	if half := len(events) / 2; half > 0 && errors.Is(err, store.ErrData) {
		for _, part := range [][]*pendingEvent{events[:half], events[half:]} {
			e.conclude(ctx, part, e.storeBatch(ctx, func() []*pendingEvent { return part }))
		}
		return
	}
	for _, p := range events {
		if p.err = err; err == nil {
			p.err = p.receipt.Err
		}
	}
}

// wait returns how the commit went.
func (p *pendingEvent) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the disk: %w", ctx.Err())
	}
}

// bodyHash identifies the body of an event within its source.
func bodyHash(ev *event.Event) (sum [32]byte) {
	h := sha256.New()
	h.Write([]byte(ev.Source))
	h.Write([]byte{0})
	h.Write(ev.Body)
	h.Sum(sum[:0])
	return sum
}
