package dispatch

import (
	"context"
	"log/slog"
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
	// LinesPerSecond is how many lines about events, and how many about deliveries of one outcome, are logged at most.
	LinesPerSecond = 10
)

// outcomeLog limits the lines about deliveries that have ended, so that frequent ones hide no rare ones.
type outcomeLog struct{ delivered, dead, cancelled sampledlog.Limit }

// LogLeftOut logs how many lines about deliveries were left out in the seconds that are over.
func (d *Dispatcher) LogLeftOut() {
	for outcome, limit := range map[store.State]*sampledlog.Limit{store.Delivered: &d.ended.delivered,
		store.Dead: &d.ended.dead, store.Cancelled: &d.ended.cancelled} {
		if n := limit.Flush(d.Now()); n > 0 {
			d.Logger.Info("lines about deliveries left out", "outcome", outcome, "left_out", n)
		}
	}
}

// noteEnd counts and logs a delivery that has ended, unless there are too many. The message itself is not logged, since
// it is the team's business.
func (d *Dispatcher) noteEnd(del *store.Delivery, o store.Outcome) {
	level, message, limit := slog.LevelInfo, "delivered", &d.ended.delivered
	switch o.State {
	case store.Dead:
		level, message, limit = slog.LevelWarn, "delivery failed permanently", &d.ended.dead
	case store.Cancelled:
		message, limit = "delivery cancelled", &d.ended.cancelled
	case store.Delivered, store.Pending, store.Sending:
	}
	d.Metrics.Ended(del.Notifier, string(o.State))
	ctx := context.Background()
	if !d.Logger.Enabled(ctx, level) {
		return
	}
	leftOut, due := limit.Admit(d.Now())
	if !due {
		return
	}
	args := append(deliveryArgs(del, o), "outcome", o.State)
	if a := o.Attempt; a.Reason != "" {
		args = append(args, "reason", a.Reason)
	}
	if o.State == store.Dead {
		args = append(args, "error", o.Attempt.Error)
	}
	if leftOut > 0 {
		args = append(args, "left_out", leftOut)
	}
	d.Logger.Log(ctx, level, message, args...)
}

// Cancelled counts and logs a delivery that was cancelled, or only recorded in a dry run.
func (d *Dispatcher) Cancelled(del store.Delivery, why string) {
	d.noteEnd(&del, store.Outcome{State: store.Cancelled, Attempt: &store.Attempt{Reason: why}})
}

func deliveryArgs(del *store.Delivery, o store.Outcome) []any {
	attempts := del.Attempts
	if o.State != store.Cancelled {
		attempts++
	}
	return []any{"delivery", del.ID.String(), "event", del.EventID.String(), "rule", del.Rule, "notifier", del.Notifier,
		"attempts", attempts}
}

// logAttempt traces and logs the outcome of an attempt: the end of a delivery, and sampled what failed and is tried
// again, or missed a recipient.
func (d *Dispatcher) logAttempt(del *store.Delivery, o store.Outcome) {
	a := o.Attempt
	d.traceAttempt(del, o)
	if o.State != store.Pending {
		d.noteEnd(del, o)
	}
	if a.Error == "" || a.Reason == notifiers.ReasonCanceled {
		return
	}
	args := append(deliveryArgs(del, o), "reason", a.Reason, "error", a.Error)
	switch o.State {
	case store.Delivered:
		line := sampledlog.Line{Kind: "delivered by " + del.Notifier, Every: missedLogEvery}
		if all, due := d.log.Admit(line, d.Now(), args...); due {
			d.Logger.Warn("delivery missed recipients", all...)
		}
	case store.Dead, store.Sending, store.Cancelled:
	case store.Pending:
		args = append(args, "next", o.NextAt)
		line := sampledlog.Line{Kind: "notifier " + del.Notifier, Every: retryLogEvery}
		if all, due := d.log.Admit(line, d.Now(), args...); due {
			d.Logger.Info("delivery attempt failed, will retry", all...)
		} else {
			d.Logger.Debug("delivery attempt failed, will retry", args...)
		}
	}
}

// logState logs that a notifier's messages cease or begin to go out.
func (l *lane) logState(from, to State) {
	log, args := l.d.Logger, []any{"notifier", l.name, "since", to.Since, "reason", to.Why, "next", to.NextTry}
	switch {
	case to.State == Paused && from.State != Paused && from.State != HalfOpen:
		level, hint := slog.LevelError, "the receiver is gone: correct its address in the rules file, or if "+
			"it is right: qase-relay deliveries retry --state pending --notifier "+l.name
		if to.NextTry.Sub(to.Since) >= heldFor { // a person has done it
			level, hint = slog.LevelWarn, "its messages wait until a person resumes it"
		}
		log.Log(context.Background(), level, "notifier paused", append(args, "hint", hint)...)
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
