package dispatch

import (
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/store"
)

const (
	// retryLogEvery is how often a notifier's failed attempts are logged at most.
	retryLogEvery = 10 * time.Second
	// missedLogEvery is how often a notifier's messages that missed a recipient are logged at most.
	missedLogEvery = time.Minute
)

// logAttempt logs an attempt that failed, in whole or in part: each one that was the last, others sampled. The message
// itself is not logged, since it is the team's business.
func (d *Dispatcher) logAttempt(del *store.Delivery, o store.Outcome) {
	a := o.Attempt
	if a == nil || a.Error == "" || a.Reason == notifiers.ReasonCanceled {
		return
	}
	args := []any{"delivery", del.ID.String(), "event", del.EventID.String(), "rule", del.Rule,
		"notifier", del.Notifier, "attempts", del.Attempts + 1, "reason", a.Reason, "error", a.Error}
	switch o.State {
	case store.Dead:
		d.Logger.Warn("delivery failed permanently", args...)
	case store.Delivered:
		line := sampledlog.Line{Kind: "delivered by " + del.Notifier, Every: missedLogEvery}
		if all, due := d.log.Admit(line, d.Now(), args...); due {
			d.Logger.Warn("delivery missed recipients", all...)
		}
	case store.Pending, store.Sending, store.Cancelled:
		args = append(args, "next", o.NextAt)
		line := sampledlog.Line{Kind: "notifier " + del.Notifier, Every: retryLogEvery}
		if all, due := d.log.Admit(line, d.Now(), args...); due {
			d.Logger.Info("attempt failed, retry scheduled", all...)
		} else {
			d.Logger.Debug("attempt failed, retry scheduled", args...)
		}
	}
}

// logState logs that a notifier's messages cease or begin to go out.
func (l *lane) logState(from, to State) {
	log, args := l.d.Logger, []any{"notifier", l.name, "since", to.Since, "reason", to.Why, "next", to.NextTry}
	switch {
	case to.State == Paused && from.State != Paused && from.State != HalfOpen:
		log.Error("notifier paused", append(args, "hint",
			"the receiver is gone: correct its address in the rules file, or if "+
				"it is right: qase-relay deliveries retry --state pending --notifier "+l.name)...)
	case to.State == Open && from.State == Closed:
		log.Warn("circuit breaker open", args...)
	case to.State == Open && from.State == HalfOpen:
		log.Info("circuit breaker stays open", args...)
	case to.State == Paused && from.State == HalfOpen:
		log.Info("notifier stays paused", args...)
	case to.State == Closed:
		log.Info("circuit breaker closed", "notifier", l.name, "after",
			to.Since.Sub(from.Since).Round(time.Millisecond))
	default:
		log.Debug("notifier state changed", append(args, "state", to.State)...)
	}
}
