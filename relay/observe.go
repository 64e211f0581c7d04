package relay

import (
	"context"
	"errors"
	"time"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// ruleLogInterval is the least time between two log lines about one rule.
const ruleLogInterval = time.Minute

// observe counts and logs the outcome of an event.
func (e *Engine) observe(p *pendingEvent) {
	outcome := outcomeOf(p)
	name := p.event.Name
	if !e.Metrics.Known(name) {
		name = "other"
	}
	e.Metrics.Events.WithLabelValues(p.event.Source, name, outcome).Inc()
	if p.err != nil || p.receipt.Duplicate {
		return
	}
	e.observeDecision(p)
	if p.replayOf != 0 {
		return
	}
	project := e.Metrics.Projects.Bound(p.event.Source, p.event.Project)
	e.Metrics.LastEvent.WithLabelValues(p.event.Source, project).Set(float64(p.event.ReceivedAt.Unix()))
	e.drift.note(p.event, p.receipt.ID, e.Metrics.Drifted)
}

func outcomeOf(p *pendingEvent) string {
	switch {
	case errors.Is(p.err, ErrFull):
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
			e.Metrics.Decisions.WithLabelValues(r.Rule, string(r.Outcome)).Inc()
		}
		switch {
		case r.Outcome == rules.Failed:
			e.warnOfRule(p, r, "a condition failed, so its rule did not match", r.Reason)
		case len(r.Notes) > 0:
			e.warnOfRule(p, r, "a template failed, so something else was sent in its place", r.Notes[0])
		}
	}
}

func (e *Engine) warnOfRule(p *pendingEvent, r rules.Result, message, why string) {
	args := []any{"rule", r.Rule, "event", p.receipt.ID.String(), "event_name", p.event.Name, "why", why}
	line := sampledlog.Line{Kind: "rule " + r.Rule, Every: ruleLogInterval}
	if all, due := e.log.Admit(line, e.Now(), args...); due {
		e.Logger.Warn(message, all...)
	}
}

// refreshMetrics reads the backlog and the notifiers' states for a scrape. When that fails, the last figures stay.
func (e *Engine) refreshMetrics(ctx context.Context) {
	e.setStates()
	backlog, err := e.Store.Backlog(ctx)
	if err != nil {
		e.storeFailed(ctx, "counting the backlog", err)
		return
	}
	e.setBacklog(backlog)
}

// setStates replaces the gauges of the notifiers' states.
func (e *Engine) setStates() {
	m := e.Metrics
	m.States.Reset()
	for name, s := range e.NotifierStates() {
		for _, state := range dispatch.StateNames() {
			m.States.WithLabelValues(name, state).Set(0)
		}
		m.States.WithLabelValues(name, s.State).Set(1)
	}
}

// setBacklog replaces the gauges of the backlog. Configured notifiers without a backlog are zero.
func (e *Engine) setBacklog(backlog []store.Backlog) {
	m := e.Metrics
	m.Pending.Reset()
	m.Dead.Reset()
	m.Oldest.Reset()
	for name := range e.Config().Outs {
		backlog = append(backlog[:len(backlog):len(backlog)], store.Backlog{Notifier: name})
	}
	for _, b := range backlog {
		m.Pending.WithLabelValues(b.Notifier).Add(float64(b.Pending))
		m.Dead.WithLabelValues(b.Notifier).Add(float64(b.Dead))
		oldest := m.Oldest.WithLabelValues(b.Notifier)
		if !b.Oldest.IsZero() {
			oldest.Set(max(0, e.Now().Sub(b.Oldest).Seconds()))
		}
	}
}
