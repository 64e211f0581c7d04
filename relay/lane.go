package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// maxSleep is how long a lane rests at most before it looks for work that another relay has stored.
const maxSleep = time.Second

// lane sends the deliveries of one notifier. It claims a batch while the one before is being sent, so that the
// receiver is kept busy. Deliveries of one entity go one after another, in their order.
type lane struct {
	engine  *Engine
	name    string
	workers int
	out     atomic.Pointer[Out] // as of the last reload
	fresh   chan struct{}       // there may be new work
	work    chan []store.Delivery
	stop    context.CancelFunc // set by runLanes

	caughtUp atomic.Bool // the last claim left nothing that is due
	giving   sync.Mutex  // guards ended and what is given from outside
	ended    bool
}

// laneContexts end in this order when the engine stops.
type laneContexts struct {
	sends  context.Context // for messages on their way
	writes context.Context // for the store
}

func (e *Engine) newLane(name string, out *Out) *lane {
	l := &lane{engine: e, name: name, workers: concurrency(out), fresh: make(chan struct{}, 1)}
	l.work = make(chan []store.Delivery, 4*l.batchSize())
	l.out.Store(out)
	return l
}

func concurrency(o *Out) int { return max(1, o.Kind.Concurrency) }

// poke tells the lane that there may be work for it.
func (l *lane) poke() {
	select {
	case l.fresh <- struct{}{}:
	default:
	}
}

// run sends until ctx is done, lets messages on their way arrive, and hands back what was claimed beyond them.
func (l *lane) run(ctx context.Context, c laneContexts) {
	var workers sync.WaitGroup
	for range l.workers {
		workers.Go(func() {
			for group := range l.work {
				l.sendGroup(ctx, c.sends, group)
			}
		})
	}
	l.feed(ctx, c.writes)
	l.end()
	workers.Wait()
}

// feed claims what is due and gives it to the workers.
func (l *lane) feed(ctx, writes context.Context) {
	var trouble backoff
	for ctx.Err() == nil {
		batch, err := l.engine.Store.Claim(writes, l.name, l.batchSize())
		if err != nil {
			l.engine.storeFailed(writes, "claiming deliveries for "+l.name, err)
			trouble.sleep(ctx)
			continue
		}
		trouble.reset()
		l.caughtUp.Store(len(batch) < l.batchSize())
		l.handOut(ctx, batch)
		if len(batch) < l.batchSize() {
			l.rest(ctx)
		}
	}
}

func (l *lane) batchSize() int { return max(32, 4*l.workers) }

// handOut gives a batch to the workers, the deliveries of one entity together.
func (l *lane) handOut(ctx context.Context, batch []store.Delivery) {
	for _, group := range byOrderKey(batch) {
		select {
		case l.work <- group:
		case <-ctx.Done():
			l.handBack(group)
		}
	}
}

// byOrderKey splits a batch into deliveries that have to be sent one after another. The groups are in the order of
// their first deliveries.
func byOrderKey(batch []store.Delivery) [][]store.Delivery {
	groups := make([][]store.Delivery, 0, len(batch))
	at := make(map[string]int, len(batch))
	for i, d := range batch {
		g, known := at[d.OrderKey]
		if d.OrderKey == "" || !known {
			at[d.OrderKey] = len(groups)
			groups = append(groups, batch[i:i+1:i+1])
			continue
		}
		groups[g] = append(groups[g], d)
	}
	return groups
}

// rest waits until there may be something to do.
func (l *lane) rest(ctx context.Context) {
	for {
		sleep := maxSleep
		due, err := l.engine.Store.NextDue(ctx, l.name)
		if err == nil && !due.IsZero() {
			sleep = min(sleep, due.Sub(l.engine.Now())+time.Millisecond)
		}
		if sleep <= 0 {
			return
		}
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.fresh:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// sendGroup sends deliveries one after another. When one has to be tried again, the others wait behind it.
func (l *lane) sendGroup(ctx, sends context.Context, group []store.Delivery) {
	for i, d := range group {
		if ctx.Err() != nil {
			l.handBack(group[i:])
			return
		}
		o := l.attempt(sends, d)
		l.engine.logAttempt(d, o)
		l.report(d, o)
		if o.State == store.Pending {
			l.handBack(group[i+1:])
			return
		}
	}
}

// attempt sends one delivery and says what is to become of it.
func (l *lane) attempt(ctx context.Context, d store.Delivery) store.Outcome {
	e, out := l.engine, l.out.Load()
	start := e.Now()
	receipt, err := send(ctx, out.Notifier, d)
	end := e.Now()
	o := store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Delivered}
	o.Attempt = &store.Attempt{At: start, Took: end.Sub(start), Status: receipt.Status, Response: receipt.Response}
	e.Metrics.attempted(out, o.Attempt.Took, err)
	if err == nil {
		return o
	}
	o.Attempt.Reason, o.Attempt.Error = notifiers.Reason(err), err.Error()
	if ctx.Err() != nil { // we broke it off ourselves
		o.State, o.NextAt = store.Pending, end
		return o
	}
	since := end.Sub(d.FirstAt)
	if d.Attempts == 0 {
		since = 0
	}
	wait, again := retryOf(out.Spec.Retry).Next(d.Attempts+1, since, err, e.Rand())
	if !again {
		o.State, o.Attempt.Error = store.Dead, giveUp(err, d.Attempts+1, since)
		return o
	}
	o.State, o.NextAt = store.Pending, end.Add(wait)
	return o
}

// handBack returns deliveries untried. They keep their places.
func (l *lane) handBack(ds []store.Delivery) {
	for _, d := range ds {
		l.report(d, store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Pending})
	}
}

// report passes an outcome to the writer, which outlives every lane.
func (l *lane) report(d store.Delivery, o store.Outcome) {
	moreDue := o.State == store.Pending || d.OrderKey != ""
	if o.State == store.Dead {
		o.Fallback = l.engine.fallback(d)
	}
	if err := l.engine.outbox.put(outcome{o, l, moreDue}); err != nil {
		panic(fmt.Sprintf("the outcome writer ended before lane %s: %v", l.name, err))
	}
}

// storeFailed logs why a store call failed, and ends the engine if the store cannot recover.
func (e *Engine) storeFailed(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	e.Logger.Error("the store failed, trying again", "doing", doing, "error", err)
	if errors.Is(err, store.ErrBroken) {
		e.fail(fmt.Errorf("%s: %w", doing, err))
	}
}
