package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"qaserelay/relay/store"
)

const (
	// maxBatch is the number of events that one transaction stores at most.
	maxBatch = 512
	// maxBatchBytes is about how many bytes of bodies one transaction stores at most.
	maxBatchBytes = 4 << 20
	// commitTimeout bounds a transaction: the sender waits for 15 seconds, and needs an answer also when it fails.
	commitTimeout = 8 * time.Second
)

// batchStore is a store that takes a batch while it writes the one before it, once it has called [store.Next].
type batchStore interface {
	// Batches returns how many calls of Accept are under way at the same time.
	Batches() int
}

// batch is one call of the store's Accept.
type batch struct {
	events []*pendingEvent
	next   func()        // tells that the next batch may be taken; it may be called again
	ended  chan struct{} // closed when the batch is stored, or has failed
}

// commitAll commits the events of the inbox until it is closed and empty. While one batch is written, the next one
// gathers: an idle relay adds no delay, a busy one needs few fsyncs. Batches are settled in their order.
func (e *Engine) commitAll(ctx context.Context) {
	most := 1
	if s, ok := e.Store.(batchStore); ok {
		most = s.Batches()
	}
	room, committing := make(chan struct{}, most), make(chan *batch, most)
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
	for {
		room <- struct{}{}
		events := e.inbox.Take(maxBatch)
		if len(events) == 0 {
			return
		}
		next := make(chan struct{})
		b := &batch{events, sync.OnceFunc(func() { close(next) }), make(chan struct{})}
		go func() {
			e.commitOne(ctx, b)
			<-room
			close(b.ended)
		}()
		committing <- b
		select {
		case <-next:
		case <-b.ended:
		}
	}
}

// commitOne stores a batch if there is capacity.
func (e *Engine) commitOne(ctx context.Context, b *batch) {
	if err := e.checkCapacity(); err != nil {
		setError(b.events, err)
		return
	}
	e.commit(ctx, b)
}

// commit stores a batch, and sets the error of each event. If the store cannot keep some of the data, it stores each
// half, so that one event fails no other.
func (e *Engine) commit(ctx context.Context, b *batch) {
	err := e.storeBatch(ctx, b)
	if half := len(b.events) / 2; half > 0 && errors.Is(err, store.ErrData) {
		e.commit(ctx, &batch{events: b.events[:half], next: func() {}}) // the next batch comes behind both
		e.commit(ctx, &batch{events: b.events[half:], next: b.next})
		return
	}
	setError(b.events, err)
}

func setError(batch []*pendingEvent, err error) {
	for _, p := range batch {
		if p.err = err; err == nil {
			p.err = p.receipt.Err
		}
	}
}

// storeBatch writes a batch, with all that is decided on it, in one transaction.
func (e *Engine) storeBatch(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(store.WithNext(ctx, b.next), commitTimeout)
	defer cancel()
	cfg, claims, batch := e.Config(), e.dispatcher.NewPromise(), b.events
	events := make([]store.Event, len(batch))
	for i, p := range batch {
		keys := e.stateKeys(cfg, p)
		p.id = e.IDs.NextEvent(e.Now())
		events[i] = store.Event{ID: p.id, Source: p.event.Source, Name: p.event.Name,
			Project: p.event.Project, Hash: p.hash, Body: p.event.Body, ReceivedAt: p.event.ReceivedAt,
			Keys: keys, MoreKeys: e.moreKeys(cfg, p, keys), ReplayOf: p.replayOf}
	}
	start := time.Now()
	receipts, err := e.Store.Accept(ctx, events, func(i int, get func(string) ([]byte, error)) (store.Plan, error) {
		plan, err := e.plan(cfg, batch[i], get)
		claims.Ask(len(batch[i].event.Body), plan.Deliveries)
		batch[i].plan = plan
		return plan, err
	})
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
