package relay

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/metrics"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// ruleLogInterval is the least time between two log lines about one rule.
const ruleLogInterval = time.Minute

// observe counts and logs the outcome of an event.
func (e *Engine) observe(p *pendingEvent) {
	e.Metrics.Handled(metrics.Event{Source: p.event.Source, Name: p.event.Name, Project: p.event.Project,
		Outcome: outcomeOf(p), At: p.event.ReceivedAt})
	if p.err == nil {
		e.logEvent(p)
	}
	if p.err != nil || p.receipt.Duplicate {
		return
	}
	e.observeResults(p.decision.Results, p.receipt.ID, p.event.Name, p.event.ReceivedAt)
	e.traceDecision(p.event, tracedDecision{p.receipt.ID, p.decision.Results, len(p.plan.Deliveries)})
	e.logDryRun(p.receipt.ID, p.plan.Deliveries)
	if p.replayOf == 0 {
		if sourceOf(e.Config(), p.event) != nil {
			e.qase.Learn(p.event)
		}
		e.drift.note(p.event, p.receipt.ID, e.Metrics.Drifted)
	}
}

// logEvent logs an event that was stored, or is a duplicate, unless there are too many.
func (e *Engine) logEvent(p *pendingEvent) {
	ctx := context.Background()
	if !e.Logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	leftOut, due := e.eventLines.Admit(e.Now())
	if !due {
		return
	}
	args := []any{"event", p.receipt.ID.String(), "event_name", p.event.Name, "project", p.event.Project,
		"source", p.event.Source, "outcome", outcomeOf(p)}
	if !p.receipt.Duplicate {
		args = append(args, "deliveries", len(p.plan.Deliveries))
	}
	if leftOut > 0 {
		args = append(args, "left_out", leftOut)
	}
	e.Logger.Log(ctx, slog.LevelInfo, "event accepted", args...)
}

// logLeftOut logs how many lines were left out in the seconds that are over.
func (e *Engine) logLeftOut() {
	if n := e.eventLines.Flush(e.Now()); n > 0 {
		e.Logger.Info("lines about events left out", "left_out", n)
	}
	e.dispatcher.LogLeftOut()
}

// logDryRun counts the deliveries of an event that are recorded and never sent.
func (e *Engine) logDryRun(event store.ID, made []store.NewDelivery) {
	for _, d := range made {
		if d.Cancelled != "" {
			e.dispatcher.Cancelled(store.Delivery{ID: d.ID, EventID: event, Rule: d.Rule, Notifier: d.Notifier},
				d.Cancelled)
		}
	}
}

func outcomeOf(p *pendingEvent) string {
	switch {
	case errors.Is(p.err, errFull):
		return "refused"
	case p.err != nil:
		return "failed"
	case p.receipt.Duplicate:
		return "duplicate"
	case p.replayOf != 0:
		return "replayed"
	}
	return "accepted"
}

// observeResults counts what each rule did with an event, or at a time with the event that it made, and logs, sampled,
// the rules that failed on it. The event's id is zero if it made none.
func (e *Engine) observeResults(results []rules.Result, event store.ID, name string, at time.Time) {
	for i := range results {
		r := &results[i]
		if r.Rule != "" {
			e.Metrics.Decided(r.Rule, string(r.Outcome))
		}
		e.observeKept(r, at)
		message, reason := faultOf(r)
		if message == "" {
			continue
		}
		args := []any{"rule", r.Rule, "event", event.String(), "event_name", name, "reason", reason}
		line := sampledlog.Line{Kind: "rule " + r.Rule, Every: ruleLogInterval}
		if all, due := e.log.Admit(line, e.Now(), args...); due {
			e.Logger.Warn(message, all...)
		}
	}
}

// faultOf returns what went wrong in a rule, and why, or nothing.
func faultOf(r *rules.Result) (message, reason string) {
	if r.Outcome == rules.Failed {
		return "condition failed", r.Reason
	}
	i := slices.IndexFunc(r.Notes, func(note string) bool { return !rules.IsOfSilence(note) })
	switch {
	case i < 0:
		return "", ""
	case strings.Contains(r.Notes[i], "template failed"):
		return "template failed", r.Notes[i]
	}
	return "rule failed in part", r.Notes[i]
}

// observeKept counts the messages of a rule that were not sent because of time or a silence.
func (e *Engine) observeKept(r *rules.Result, at time.Time) {
	if r.Outcome == rules.Postponed { // it is looked at again
		return
	}
	for _, one := range r.Silenced {
		e.silences.Matched(one.Silence, 1, at)
	}
	switch r.Outcome {
	case rules.Held:
		e.Metrics.Suppressed(r.Rule, "throttle")
	case rules.Silenced:
		e.Metrics.Suppressed(r.Rule, "silence")
	case rules.Muted:
		e.Metrics.Suppressed(r.Rule, "active")
	}
}

// announceSeries makes the series of the configured notifiers exist, so that a rate over them is right from the first
// message on.
func (e *Engine) announceSeries(c *config.Config) {
	types := map[string]string{}
	for name, n := range c.Notifiers {
		types[name] = n.Spec.Type
	}
	e.Metrics.Announce(types, notifiers.Reasons())
}

// refreshMetrics reads the backlog and the notifiers' states for a scrape. When that fails, the last figures stay.
// Configured notifiers without a backlog are zero.
func (e *Engine) refreshMetrics(ctx context.Context) {
	states := map[string]string{}
	for name, s := range e.NotifierStates() {
		states[name] = s.State
	}
	e.Metrics.SetStates(states, dispatch.StateNames())
	e.Metrics.SetSilences(e.silences.Count())
	e.refreshCapacity()
	n, first := e.asker.Waiting()
	e.Metrics.SetWaiting(n, e.waitedSince(first))
	if err := e.refreshOpen(ctx); err != nil {
		e.storeFailed(ctx, "counting slots", err)
	}
	backlogs, err := e.Store.Backlog(ctx)
	if err != nil {
		e.storeFailed(ctx, "counting the backlog", err)
		return
	}
	all := map[string]metrics.Backlog{}
	for name := range e.Config().Notifiers {
		all[name] = metrics.Backlog{}
	}
	for _, b := range backlogs {
		m := metrics.Backlog{Pending: b.Pending, Dead: b.Dead}
		if !b.Oldest.IsZero() {
			m.Oldest = max(0, e.Now().Sub(b.Oldest))
		}
		all[b.Notifier] = m
	}
	e.Metrics.SetBacklog(all)
}

// recoverRules stops a panic in the rules, logs it, and calls failed with its value. It has to be deferred.
func (e *Engine) recoverRules(ev *event.Event, failed func(panicked any)) {
	if r := recover(); r != nil {
		e.Logger.Error("rules panicked", "event_name", ev.Name, "panic", r, "stack", string(debug.Stack()))
		failed(r)
	}
}

func failedDecision(reason string) rules.Decision {
	return rules.Decision{Results: []rules.Result{{Outcome: rules.Failed, Reason: reason}}}
}
