package relay

import (
	"context"
	"errors"
	"time"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/metrics"
	"qaserelay/relay/sampledlog"
	"qaserelay/rules"
)

// ruleLogInterval is the least time between two log lines about one rule.
const ruleLogInterval = time.Minute

// observe counts and logs the outcome of an event.
func (e *Engine) observe(p *pendingEvent) {
	e.Metrics.Handled(metrics.Event{Source: p.event.Source, Name: p.event.Name, Project: p.event.Project,
		Outcome: outcomeOf(p), At: p.event.ReceivedAt})
	if p.err != nil || p.receipt.Duplicate {
		return
	}
	e.observeDecision(p)
	if p.replayOf == 0 {
		e.drift.note(p.event, p.receipt.ID, e.Metrics.Drifted)
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

// observeDecision counts what each rule did with an event, and logs, sampled, the rules that failed on it.
func (e *Engine) observeDecision(p *pendingEvent) {
	for _, r := range p.decision.Results {
		if r.Rule != "" {
			e.Metrics.Decided(r.Rule, string(r.Outcome))
		}
		switch {
		case r.Outcome == rules.Failed:
			e.warnOfRule(p, r, "condition failed", r.Reason)
		case len(r.Notes) > 0:
			e.warnOfRule(p, r, "template failed", r.Notes[0])
		}
	}
}

func (e *Engine) warnOfRule(p *pendingEvent, r rules.Result, message, reason string) {
	args := []any{"rule", r.Rule, "event", p.receipt.ID.String(), "event_name", p.event.Name, "reason", reason}
	line := sampledlog.Line{Kind: "rule " + r.Rule, Every: ruleLogInterval}
	if all, due := e.log.Admit(line, e.Now(), args...); due {
		e.Logger.Warn(message, all...)
	}
}

// refreshMetrics reads the backlog and the notifiers' states for a scrape. When that fails, the last figures stay.
// Configured notifiers without a backlog are zero.
func (e *Engine) refreshMetrics(ctx context.Context) {
	states := map[string]string{}
	for name, s := range e.NotifierStates() {
		states[name] = s.State
	}
	e.Metrics.SetStates(states, dispatch.StateNames())
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
