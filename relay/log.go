package relay

import (
	"sync"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

const (
	// retryLogEvery is how often a notifier's failed attempts are logged at most.
	retryLogEvery = 10 * time.Second
	// ruleLogEvery is how often what goes wrong in one rule is logged at most.
	ruleLogEvery = time.Minute
)

// quietLog lets one line of each kind through per span, and counts those it holds back. There are as many kinds as
// notifiers and rules. The zero value is ready, and may be used from many goroutines.
type quietLog struct {
	mu    sync.Mutex
	kinds map[string]*quietKind
}

type quietKind struct {
	next    time.Time
	skipped int
}

// due reports whether a line of this kind may be written now, and how many were held back before it.
func (q *quietLog) due(kind string, now time.Time, every time.Duration) (skipped int, due bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[kind]
	if k == nil {
		if q.kinds == nil {
			q.kinds = map[string]*quietKind{}
		}
		k = &quietKind{}
		q.kinds[kind] = k
	}
	if now.Before(k.next) {
		k.skipped++
		return 0, false
	}
	skipped, k.skipped, k.next = k.skipped, 0, now.Add(every)
	return skipped, true
}

// logAttempt tells the operator of an attempt that failed: of each that was the last, of others only now and then. The
// message itself is not logged, since it is the team's business.
func (e *Engine) logAttempt(d store.Delivery, o store.Outcome) {
	a := o.Attempt
	if a == nil || a.Error == "" || a.Reason == notifiers.ReasonCanceled {
		return
	}
	args := []any{"delivery", d.ID.String(), "event", d.EventID.String(), "rule", d.Rule, "notifier", d.Notifier, "attempts", d.Attempts + 1, "reason", a.Reason, "error", a.Error}
	if o.State == store.Dead {
		e.Logger.Warn("a delivery is dead", args...)
		return
	}
	args = append(args, "next", o.NextAt)
	if skipped, due := e.quiet.due("notifier "+d.Notifier, e.Now(), retryLogEvery); due {
		e.Logger.Info("an attempt failed, it will be tried again", moreLikeThis(args, skipped)...)
	} else {
		e.Logger.Debug("an attempt failed, it will be tried again", args...)
	}
}

// logDecision tells the operator of what went wrong in the rules for an event that was stored.
func (e *Engine) logDecision(c *call) {
	if c.err != nil || c.receipt.Duplicate {
		return
	}
	for _, r := range c.decision.Results {
		message, why := "a condition failed, so its rule did not match", r.Reason
		switch {
		case r.Outcome == rules.Failed:
		case len(r.Notes) > 0:
			message, why = "a template failed, so something else was sent in its place", r.Notes[0]
		default:
			continue
		}
		if skipped, due := e.quiet.due("rule "+r.Rule, e.Now(), ruleLogEvery); due {
			args := []any{"rule", r.Rule, "event", c.receipt.ID.String(), "event_name", c.event.Name, "why", why}
			e.Logger.Warn(message, moreLikeThis(args, skipped)...)
		}
	}
}

// moreLikeThis says how many lines were held back, if any.
func moreLikeThis(args []any, skipped int) []any {
	if skipped == 0 {
		return args
	}
	return append(args, "more_like_this", skipped)
}
