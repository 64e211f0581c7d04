package relay

import (
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

// logAttempt tells the operator of an attempt that failed, in whole or in part: of each that was the last, of others only now and then. The
// message itself is not logged, since it is the team's business.
func (e *Dispatcher) logAttempt(d store.Delivery, o store.Outcome) {
	a := o.Attempt
	if a == nil || a.Error == "" || a.Reason == notifiers.ReasonCanceled {
		return
	}
	args := []any{"delivery", d.ID.String(), "event", d.EventID.String(), "rule", d.Rule, "notifier", d.Notifier, "attempts", d.Attempts + 1, "reason", a.Reason, "error", a.Error}
	switch o.State {
	case store.Dead:
		e.Logger.Warn("a delivery is dead", args...)
		return
	case store.Delivered:
		if all, due := e.quiet.Admit(LogLine{"delivered by " + d.Notifier, ruleLogEvery}, e.Now(), args...); due {
			e.Logger.Warn("a message did not reach all of its recipients", all...)
		}
		return
	case store.Pending, store.Sending, store.Cancelled:
	}
	args = append(args, "next", o.NextAt)
	if all, due := e.quiet.Admit(LogLine{"notifier " + d.Notifier, retryLogEvery}, e.Now(), args...); due {
		e.Logger.Info("an attempt failed, it will be tried again", all...)
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
		args := []any{"rule", r.Rule, "event", c.receipt.ID.String(), "event_name", c.event.Name, "why", why}
		if all, due := e.quiet.Admit(LogLine{"rule " + r.Rule, ruleLogEvery}, e.Now(), args...); due {
			e.Logger.Warn(message, all...)
		}
	}
}
