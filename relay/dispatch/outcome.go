package dispatch

import (
	"context"
	"errors"
	"math"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules/rulefile"
)

// maxOutcomes is the number of outcomes that one transaction writes at most.
const maxOutcomes = 1024

// Retry says how often a delivery is tried again. Zero fields mean the defaults.
type Retry rulefile.Retry

// Next returns how long to wait after a failed attempt, or false if it was the last. attempt counts from 1, since is
// the time from the first attempt to now, and random lies between 0 and 1; anything else counts as 1.
//
// The wait is between a tenth and the whole of Initial doubled with each attempt, at most Max: full jitter, so that
// messages that failed together do not come back together. A receiver that names a time is not tried before it, as
// long as that is within Max or one hour.
func (r Retry) Next(attempt int, since time.Duration, err error, random float64) (wait time.Duration, again bool) {
	r = r.withDefaults()
	var permanent *notifiers.PermanentError
	var doubtful *notifiers.DoubtfulError
	if errors.As(err, &permanent) || since > r.For || errors.As(err, &doubtful) && since > doubtFor {
		return 0, false
	}
	if !(random >= 0 && random <= 1) { // also if it is not a number
		random = 1
	}
	ceiling := min(float64(r.Max), float64(r.Initial)*math.Pow(2, float64(max(attempt, 1)-1)))
	wait = max(0, min(time.Duration(ceiling*(0.1+0.9*random)), r.Max))
	var later *notifiers.RetryAfterError
	if errors.As(err, &later) {
		wait = max(wait, min(later.After, max(time.Hour, r.Max)))
	}
	return wait, true
}

// result is what came back from one attempt.
type result struct {
	start, end time.Time
	receipt    notifiers.Receipt
	err        error
	aborted    bool // by the end of the dispatcher
}

// outcomeOf decides on the next state of a delivery after an attempt.
func (d *Dispatcher) outcomeOf(del *store.Delivery, n *config.Notifier, r result) store.Outcome {
	a := &store.Attempt{At: r.start, Took: r.end.Sub(r.start), Status: r.receipt.Status, Response: r.receipt.Response,
		Error: r.receipt.Missed}
	o := store.Outcome{ID: del.ID, Lease: del.Lease, State: store.Delivered, Attempt: a}
	if r.err == nil {
		return o
	}
	a.Reason, a.Error = notifiers.Reason(r.err), r.err.Error()
	var gone *notifiers.GoneError
	if r.aborted || errors.As(r.err, &gone) { // the attempt does not count, or the delivery waits for a person
		o.State, o.NextAt = store.Pending, r.end
		return o
	}
	since := r.end.Sub(del.FirstAt)
	if del.Attempts == 0 {
		since = 0
	}
	wait, again := Retry(n.Spec.Retry).Next(del.Attempts+1, since, r.err, d.Rand())
	if !again {
		o.State, a.Error, o.Fallbacks = store.Dead, giveUp(r.err, del.Attempts+1, since), d.fallbacks(del)
		return o
	}
	o.State, o.NextAt = store.Pending, r.end.Add(wait)
	return o
}

// finishAll writes outcomes, all that wait at once, until the queue is closed and empty. While ctx lasts, a write that
// failed is repeated, since otherwise delivered messages would be sent again.
func (d *Dispatcher) finishAll(ctx context.Context) {
	for batch := d.outcomes.Take(maxOutcomes); len(batch) > 0; batch = d.outcomes.Take(maxOutcomes) {
		written := d.finish(ctx, batch)
		if !written {
			d.Logger.Error("outcomes not written, deliveries may be sent again", "count", len(batch))
		}
		for _, o := range batch {
			switch {
			case o.written != nil:
				close(o.written)
				continue
			case !written:
				continue
			}
			d.Wake(o.wake)
			if len(o.Fallbacks) > 0 { // all to one notifier
				d.Wake(o.Fallbacks[0].Notifier)
			}
		}
	}
}

// finish writes one batch, and repeats it until it is written or the store cannot write any more.
func (d *Dispatcher) finish(ctx context.Context, batch []outcome) bool {
	outcomes := make([]store.Outcome, 0, len(batch))
	for _, o := range batch {
		if o.written == nil {
			outcomes = append(outcomes, o.Outcome)
		}
	}
	for retries := (backoff{}); ctx.Err() == nil && len(outcomes) > 0; retries.sleep(ctx) {
		err := d.Store.Finish(ctx, outcomes)
		if err == nil {
			return true
		}
		d.StoreFailed(ctx, "writing outcomes", err)
		if errors.Is(err, store.ErrBroken) || errors.Is(err, store.ErrClosed) {
			return false
		}
	}
	return len(outcomes) == 0
}

// flush returns when the outcomes that were reported before are written, or after a second.
func (d *Dispatcher) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	written := make(chan struct{})
	if d.outcomes.Put(outcome{written: written}) != nil {
		return
	}
	select {
	case <-written:
	case <-ctx.Done():
	}
}
