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

// commitAll commits the events of the inbox until it is closed and empty. While one batch is written, the next one
// gathers: an idle relay adds no delay, a busy one needs few fsyncs. While one batch is settled, the next one is written.
func (e *Engine) commitAll(ctx context.Context) {
	committed := make(chan []*pendingEvent, 1)
	var settling sync.WaitGroup
	settling.Go(func() {
		for batch := range committed {
			e.settle(batch)
			e.noteSigns(ctx, batch)
		}
	})
	defer settling.Wait()
	defer close(committed)
	for batch := e.inbox.Take(maxBatch); len(batch) > 0; batch = e.inbox.Take(maxBatch) {
		if err := e.checkCapacity(); err != nil {
			setError(batch, err)
		} else {
			e.commit(ctx, batch)
		}
		committed <- batch
	}
}

// commit stores a batch, and sets the error of each event. If the store cannot keep some of the data, it stores each
// half, so that one event fails no other.
func (e *Engine) commit(ctx context.Context, batch []*pendingEvent) {
	err := e.storeBatch(ctx, batch)
	if half := len(batch) / 2; half > 0 && errors.Is(err, store.ErrData) {
		e.commit(ctx, batch[:half])
		e.commit(ctx, batch[half:])
		return
	}
	setError(batch, err)
}

func setError(batch []*pendingEvent, err error) {
	for _, p := range batch {
		if p.err = err; err == nil {
			p.err = p.receipt.Err
		}
	}
}

// storeBatch writes a batch, with all that is decided on it, in one transaction.
func (e *Engine) storeBatch(ctx context.Context, batch []*pendingEvent) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	cfg, claims := e.Config(), e.dispatcher.NewPromise()
	events := make([]store.Event, len(batch))
	for i, p := range batch {
		keys := e.stateKeys(cfg, p)
		p.id = e.IDs.Next(e.Now())
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
			e.waker.note(&p.plan)
			e.askAbout(p)
		}
	}
	return err
}

// settle wakes the lanes with new work, hands over claimed deliveries, and releases the callers.
func (e *Engine) settle(batch []*pendingEvent) {
	for _, p := range batch {
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
