package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules"
	qaseevent "qaserelay/rules/event"
)

const (
	// maxBatch is how many events go to disk in one step.
	maxBatch = 512
	// commitTimeout leaves time to answer the sender, who waits for 15 seconds, that the store did not take an event.
	commitTimeout = 8 * time.Second
)

// call is one Accept that waits. Its receipt and err may be read when done is closed.
type call struct {
	event    *qaseevent.Event
	hash     [32]byte
	replayOf store.ID       // the stored event that it repeats, or zero
	entity   map[string]any // what the Qase API says of the thing that the event is about, or nil
	member   map[string]any // and of who caused it
	done     chan struct{}
	decision rules.Decision       // of the last time that the event was decided about
	plan     store.Plan           // likewise
	messages []*notifiers.Message // of the plan's deliveries, in their order
	receipt  store.Receipt
	err      error
}

// batchesAtOnce lets one batch be decided about while the one before is written.
const batchesAtOnce = 2

// commitAll puts on disk what waits in the inbox, until that is closed and empty. While one batch is written, the next
// one gathers; so there is no delay when there is little to do, and few fsyncs when there is much.
func (e *Engine) commitAll(ctx context.Context) {
	var commits sync.WaitGroup
	defer commits.Wait()
	room := make(chan struct{}, batchesAtOnce)
	for {
		room <- struct{}{}
		calls := e.inbox.Take(maxBatch)
		if len(calls) == 0 {
			return
		}
		began := make(chan struct{})
		commits.Go(func() {
			e.commit(ctx, calls, sync.OnceFunc(func() { close(began) }))
			<-room
		})
		<-began // so that batches are stored in their order
	}
}

// commit puts one batch on disk, answers its calls and wakes the lanes that have new work. It calls begun when the store has begun to
// decide about the batch, after which the next one cannot overtake it.
func (e *Engine) commit(ctx context.Context, calls []*call, begun func()) {
	defer begun()
	if e.refuse(calls) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	cfg := e.Current.Load()
	batch := make([]store.Event, len(calls))
	for i, c := range calls {
		batch[i] = e.storeEvent(cfg, c)
	}
	promised := dispatch.Promises{}
	receipts, err := e.Store.Accept(ctx, batch, func(i int, get func(string) ([]byte, error)) (store.Plan, error) {
		begun()
		plan, err := e.plan(cfg, calls[i], get)
		promised.Ask(&e.Dispatcher, len(calls[i].event.Body), plan.Deliveries)
		calls[i].plan = plan
		return plan, err
	})
	if err == nil && len(receipts) != len(calls) {
		err = fmt.Errorf("the store gave %d receipts for %d events", len(receipts), len(calls))
	}
	if errors.Is(err, store.ErrBroken) {
		e.Fail(fmt.Errorf("storing events: %w", err))
	}
	for i, c := range calls {
		if c.err = err; err == nil {
			c.receipt, c.err = receipts[i], receipts[i].Err
		}
	}
	e.wake(calls)
	for _, c := range calls {
		e.handOver(c)
		accepted(e.Metrics, c)
		e.logDecision(c)
		if c.err == nil && !c.receipt.Duplicate && c.replayOf == 0 {
			e.drift.note(c.event, c.receipt.ID, e.Metrics.Drifted)
		}
		close(c.done)
	}
}

func (e *Engine) storeEvent(cfg *config.Config, c *call) store.Event {
	ev := c.event
	return store.Event{ID: e.IDs.Next(e.Now()), Source: ev.Source, Name: ev.Name, Project: ev.Project, Hash: c.hash,
		Body: ev.Body, ReceivedAt: ev.ReceivedAt, Keys: e.safelyKeys(cfg, ev), ReplayOf: c.replayOf}
}

// wake tells the lanes that have new work from the calls.
func (e *Engine) wake(calls []*call) {
	for _, c := range calls {
		for _, name := range c.receipt.Pending {
			e.PokeLane(name)
		}
	}
}
