package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"qaserelay/relay/store"
)

const (
	// maxOutcomes is how many outcomes are written in one step.
	maxOutcomes = 1024
	// finishEvery is how long outcomes gather while there are many, so that a step writes as many as the disk would otherwise confirm one by one.
	// Those that gather would be sent again if the process were killed.
	finishEvery = 5 * time.Millisecond
)

// outcome is what became of a delivery, and the lane it belongs to.
type outcome struct {
	store.Outcome
	lane    *lane
	moreDue bool // once it is written, the lane may have more to do
}

// finishAll writes outcomes, all that wait at once, until the outbox is closed and empty. Nothing is dropped while ctx
// lasts: what is not written is tried again, since otherwise messages that were delivered would be sent once more.
func (e *Dispatcher) finishAll(ctx context.Context) {
	for {
		batch := e.outcomes.Take(maxOutcomes)
		if len(batch) == 0 {
			return
		}
		if !e.finish(ctx, batch) {
			e.Logger.Error("outcomes were not written; these deliveries may be sent again", "count", len(batch))
			continue
		}
		for _, o := range batch {
			if o.moreDue {
				o.lane.wake()
			}
			if o.Fallback != nil {
				e.Wake(o.Fallback.Notifier)
			}
		}
		if len(batch) > 1 {
			e.outcomes.gather(maxOutcomes/2, finishEvery)
		}
	}
}

// finish writes one batch, as often as it takes.
func (e *Dispatcher) finish(ctx context.Context, batch []outcome) bool {
	outcomes := make([]store.Outcome, len(batch))
	for i, o := range batch {
		outcomes[i] = o.Outcome
	}
	for trouble := (backoff{}); ctx.Err() == nil; trouble.sleep(ctx) {
		err := e.Store.Finish(ctx, outcomes)
		if err == nil {
			return true
		}
		e.StoreFailed(ctx, "writing outcomes", err)
		if errors.Is(err, store.ErrBroken) || errors.Is(err, store.ErrClosed) {
			return false
		}
	}
	return false
}

// backoff waits longer with each failure, from 100 milliseconds to 5 seconds.
type backoff struct{ wait time.Duration }

func (b *backoff) reset() { b.wait = 0 }

// sleep waits, or returns early when ctx is done.
func (b *backoff) sleep(ctx context.Context) {
	b.wait = max(100*time.Millisecond, min(2*b.wait, 5*time.Second))
	timer := time.NewTimer(b.wait - rand.N(b.wait/4))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
