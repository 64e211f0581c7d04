package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/store/groupcommit"
)

const (
	// maxBatch is the number of events that one transaction stores at most.
	maxBatch = 512
	// maxBatchBytes is about how many bytes of bodies one transaction stores at most.
	maxBatchBytes = 4 << 20
	// fewEvents is the least number that are stored beside another batch. Fewer wait for its end, since a transaction of
	// their own would cost more than it gains.
	fewEvents = 16
	// commitTimeout bounds a transaction: the sender waits for 15 seconds, and needs an answer also when it fails.
	commitTimeout = 8 * time.Second
)

// take gives the first caller up to so many events of the inbox, and others none.
func (b *batch) take(inbox *groupcommit.Queue[*pendingEvent], most int) (events []*pendingEvent) {
	b.once.Do(func() {
		events = inbox.Take(most)
		b.events = events
		close(b.taken)
	})
	return events
}

// commitAll commits the events of the inbox until it is closed and empty. While one batch is written, the next one
// gathers: an idle relay adds no delay, a busy one needs few fsyncs. The next one waits in the store for its turn, so that
// no time passes between the two. Batches are settled in their order.
func (e *Engine) commitAll(ctx context.Context) {
	committing := make(chan *batch, 4)
	var settling sync.WaitGroup
	settling.Go(func() {
		for b := range committing {
			<-b.ended
			e.settle(b.events)
			e.noteSigns(ctx, b.events)
		}
	})
	defer settling.Wait()
	defer close(committing)
	var underWay atomic.Int64
	enough := func(events int) bool { return events >= fewEvents || underWay.Load() == 0 }
	for e.inbox.Await(enough) {
		b := &batch{taken: make(chan struct{}), ended: make(chan struct{})}
		underWay.Add(1)
		go func() {
			e.commit(ctx, b)
			close(b.ended)
			underWay.Add(-1)
			e.inbox.AskAgain()
		}()
		committing <- b
		<-b.taken
	}
}

// commit stores a batch if there is capacity. If it fails before its turn, only the events fail that have waited from its
// beginning.
func (e *Engine) commit(ctx context.Context, b *batch) {
	waiting := e.inbox.Len()
	err := e.checkCapacity()
	if err == nil {
		err = e.storeBatch(ctx, func() []*pendingEvent { return b.take(&e.inbox, maxBatch) })
	}
	b.take(&e.inbox, waiting)
	e.conclude(ctx, b.events, err)
}

// storeBatch writes a batch, with all that is decided on it, in one transaction. It waits for the turn of the batch as long
// as for its commit at most.
func (e *Engine) storeBatch(ctx context.Context, take func() []*pendingEvent) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(commitTimeout, func() { cancel(context.DeadlineExceeded) })
	defer limit.Stop()
	var cfg *config.Config
	var batch []*pendingEvent
	var start time.Time
	claims := e.dispatcher.NewPromise()
	receipts, err := e.Store.AcceptFrom(ctx, func() []store.Event {
		limit.Reset(commitTimeout)
		cfg, batch, start = e.Config(), take(), time.Now()
		return e.toStore(cfg, batch)
	}, func(i int, get func(string) ([]byte, error)) (store.Plan, error) {
		plan, err := e.plan(cfg, batch[i], get)
		claims.Ask(len(batch[i].event.Body), plan.Deliveries)
		batch[i].plan = plan
		return plan, err
	})
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	switch {
	case errors.Is(err, store.ErrBroken):
		e.fail(fmt.Errorf("storing events: %w", err))
	case err == nil && len(receipts) != len(batch):
		err = fmt.Errorf("the store gave %d receipts for %d events", len(receipts), len(batch))
	case err == nil:
		e.Metrics.Committed(time.Since(start))
		for i, p := range batch {
			p.receipt = receipts[i]
		}
	}
	return err
}

// toStore returns the events of a batch as they are stored, with new ids.
func (e *Engine) toStore(cfg *config.Config, batch []*pendingEvent) []store.Event {
	events := make([]store.Event, len(batch))
	for i, p := range batch {
		keys := e.stateKeys(cfg, p)
		p.id = e.IDs.NextEvent(e.Now())
		events[i] = store.Event{ID: p.id, Source: p.event.Source, Name: p.event.Name,
			Project: p.event.Project, Hash: p.hash, Body: p.event.Body, ReceivedAt: p.event.ReceivedAt,
			Keys: keys, MoreKeys: e.moreKeys(cfg, p, keys), ReplayOf: p.replayOf}
	}
	return events
}

// settle begins what follows from stored events: it looks for due slots, asks the Qase API, wakes the lanes with new work
// and hands over claimed deliveries. It releases the callers.
func (e *Engine) settle(batch []*pendingEvent) {
	for _, p := range batch {
		if p.err == nil {
			e.waker.note(&p.plan)
			e.askAbout(p)
		}
		for _, notifier := range p.receipt.Pending {
			e.dispatcher.Wake(notifier)
		}
	}
	for _, p := range batch {
		e.observe(p) // before its deliveries are, as the log shows
		e.handOver(p)
		close(p.done)
	}
}

// handOver gives the deliveries that were claimed at once to their lanes, which need not read them from the store.
func (e *Engine) handOver(p *pendingEvent) {
	if p.err != nil {
		return
	}
	now := e.Now()
	for _, id := range p.receipt.Claimed {
		for i, n := range p.plan.Deliveries {
			if n.ID == id {
				e.dispatcher.Enqueue(store.Delivery{ID: n.ID, EventID: p.receipt.ID, EventName: p.event.Name,
					Project: p.event.Project, Rule: n.Rule, Notifier: n.Notifier, OrderKey: n.OrderKey, Title: n.Title,
					State: store.Sending, Lease: 1, CreatedAt: now, FirstAt: now, UpdatedAt: now,
					Message: n.Message, EventBody: p.event.Body}, p.messages[i])
			}
		}
	}
}
