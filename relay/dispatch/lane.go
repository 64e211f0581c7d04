package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
)

// lane sends the deliveries of one notifier. It claims a batch while the one before is being sent, so that the
// receiver is kept busy, but no more than it sends in a moment. Deliveries of one entity go one after another, in their order.
type lane struct {
	engine  *Dispatcher
	name    string
	workers int
	out     atomic.Pointer[config.Out] // as of the last reload
	gate    *gate
	pace    pace
	quiet   QuietTargets
	fresh   chan struct{} // there may be new work
	work    chan []store.Delivery
	running sync.WaitGroup     // workers, and what waits for its place in the rate
	stop    context.CancelFunc // set by runLanes

	lookedAt time.Time   // by followPause
	caughtUp atomic.Bool // the last claim left nothing that is due
	giving   sync.Mutex  // guards ended and what is given from outside
	ended    bool
}

// laneContexts end in this order when the engine stops.
type laneContexts struct {
	sends  context.Context // for messages on their way
	writes context.Context // for the store
}

func (e *Dispatcher) newLane(name string, out *config.Out) *lane {
	l := &lane{engine: e, name: name, workers: concurrency(out), fresh: make(chan struct{}, 1)}
	l.work = make(chan []store.Delivery, 2*l.mostHeld())
	l.gate = newGate(e.Now, l.logState)
	l.pace.init(l.workers)
	l.out.Store(out)
	return l
}

func concurrency(o *config.Out) int {
	if o.Spec.Concurrency > 0 {
		return o.Spec.Concurrency
	}
	return max(1, o.Kind.Concurrency)
}

// wake tells the lane that there may be work for it.
func (l *lane) wake() {
	select {
	case l.fresh <- struct{}{}:
	default:
	}
}

// run sends until ctx is done, lets messages on their way arrive, and hands back what was claimed beyond them.
func (l *lane) run(ctx context.Context, c laneContexts) {
	for range l.workers {
		l.running.Go(func() { l.serve(ctx, c) })
	}
	l.feed(ctx, c.writes)
	l.running.Wait()
	l.end()
}

func (l *lane) serve(ctx context.Context, c laneContexts) {
	for {
		select {
		case group := <-l.work:
			l.sendGroup(ctx, c, group)
		case <-ctx.Done():
			return
		}
	}
}

// sendGroup sends deliveries one after another. When one has to be tried again, the others wait behind it.
func (l *lane) sendGroup(ctx context.Context, c laneContexts, group []store.Delivery) {
	for len(group) > 0 {
		if l.space(ctx, group[0]); l.waitsQuietly(group) {
			return
		}
		if !l.engine.Store.LeasesValid() {
			l.handBack(group, time.Time{}) // which changes nothing if they are another relay's by now
			return
		}
		leave, open := l.gate.enter()
		if !open || ctx.Err() != nil {
			if open {
				leave(0, context.Canceled)
			}
			l.handBack(group, time.Time{})
			return
		}
		o, err := l.attempt(c.sends, group[0])
		l.learn(c.writes, group[0], o, err)
		if leave(group[0].ID, err) {
			l.rememberPause(c.writes)
		}
		l.report(group[0], o)
		switch group = group[1:]; {
		case o.State == store.Pending:
			l.handBack(group, time.Time{})
			return
		case len(group) > 0 && l.out.Load().Rate().Messages > 0:
			l.pass(ctx, group)
			return
		}
	}
}

func (l *lane) rememberPause(ctx context.Context) {
	if err := l.keepPause(ctx); err != nil {
		l.engine.StoreFailed(ctx, "keeping a pause", err)
	}
}

// learn takes from an attempt how fast the receiver is, and how much patience it wants.
func (l *lane) learn(ctx context.Context, d store.Delivery, o store.Outcome, err error) {
	l.engine.logAttempt(d, o)
	l.pace.sent(o.Attempt.Took)
	var later *notifiers.RetryAfterError
	if errors.As(err, &later) && notifiers.Reason(err) == notifiers.ReasonRate && o.State == store.Pending {
		l.beQuiet(ctx, d, o.NextAt.Sub(l.engine.Now()))
	}
}

// attempt sends one delivery and says what is to become of it.
func (l *lane) attempt(ctx context.Context, d store.Delivery) (store.Outcome, error) {
	e, out := l.engine, l.out.Load()
	start := e.Now()
	receipt, err := send(ctx, out.Notifier, d, e.messages.take(d.ID), notes{e.Store, e.Now, d.Notifier})
	end := e.Now()
	o := store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Delivered}
	o.Attempt = &store.Attempt{At: start, Took: end.Sub(start), Status: receipt.Status, Response: receipt.Response}
	reason := ""
	if err != nil {
		reason = notifiers.Reason(err)
	}
	e.Metrics.Attempted(out.Spec.Name, out.Spec.Type, o.Attempt.Took, reason)
	if err == nil {
		o.Attempt.Error = receipt.Missed
		return o, nil
	}
	o.Attempt.Reason, o.Attempt.Error = reason, err.Error()
	var gone *notifiers.GoneError
	if ctx.Err() != nil || errors.As(err, &gone) { // we broke it off ourselves, or it waits for a person
		o.State, o.NextAt = store.Pending, end
		return o, err
	}
	since := end.Sub(d.FirstAt)
	if d.Attempts == 0 {
		since = 0
	}
	wait, again := retryOf(out.Spec.Retry).Next(d.Attempts+1, since, err, e.Rand())
	if !again {
		o.State, o.Attempt.Error = store.Dead, giveUp(err, d.Attempts+1, since)
		return o, err
	}
	o.State, o.NextAt = store.Pending, end.Add(wait)
	return o, err
}

// handBack returns deliveries untried. They keep their places, or are due at the given time.
func (l *lane) handBack(ds []store.Delivery, next time.Time) {
	for _, d := range ds {
		l.report(d, store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Pending, NextAt: next})
	}
}

// report passes an outcome to the writer, which outlives every lane.
func (l *lane) report(d store.Delivery, o store.Outcome) {
	moreDue := o.State == store.Pending || d.OrderKey != ""
	if o.State == store.Dead {
		o.Fallback = l.engine.fallback(d)
	}
	if err := l.engine.outcomes.Put(outcome{o, l, moreDue}); err != nil {
		panic(fmt.Sprintf("the outcome writer ended before lane %s: %v", l.name, err))
	}
	l.engine.messages.take(d.ID) // there still if it was not tried
	l.pace.release(1)
}
