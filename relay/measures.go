package relay

import (
	"errors"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/metrics"
	"qaserelay/relay/store"
)

func accepted(m *metrics.Metrics, c *call) {
	outcome, name := "accepted", c.event.Name
	switch {
	case errors.Is(c.err, ErrFull):
		outcome = "refused"
	case c.err != nil:
		outcome = "failed"
	case c.receipt.Duplicate:
		outcome = "duplicate"
	case c.replayOf != 0:
		outcome = "replayed"
	}
	if !m.Known(name) {
		name = "other"
	}
	m.Events.WithLabelValues(c.event.Source, name, outcome).Inc()
	if outcome != "accepted" && outcome != "replayed" {
		return
	}
	for _, r := range c.decision.Results {
		if r.Rule != "" {
			m.Decisions.WithLabelValues(r.Rule, string(r.Outcome)).Inc()
		}
	}
	if outcome == "replayed" {
		return
	}
	project := m.Projects.Bound(c.event.Source, c.event.Project)
	m.LastEvent.WithLabelValues(c.event.Source, project).Set(float64(c.event.ReceivedAt.Unix()))
}

// setBacklog replaces the backlog's gauges. Configured notifiers without a backlog stand at zero.
func setBacklog(m *metrics.Metrics, backlog []store.Backlog, cfg *config.Config, now time.Time) {
	m.Pending.Reset()
	m.Dead.Reset()
	m.Oldest.Reset()
	for name := range cfg.Outs {
		backlog = append(backlog[:len(backlog):len(backlog)], store.Backlog{Notifier: name})
	}
	for _, b := range backlog {
		m.Pending.WithLabelValues(b.Notifier).Add(float64(b.Pending))
		m.Dead.WithLabelValues(b.Notifier).Add(float64(b.Dead))
		oldest := m.Oldest.WithLabelValues(b.Notifier)
		if !b.Oldest.IsZero() {
			oldest.Set(max(0, now.Sub(b.Oldest).Seconds()))
		}
	}
}

// setStates replaces the gauges of the notifiers' states.
func setStates(m *metrics.Metrics, states map[string]dispatch.NotifierState) {
	m.States.Reset()
	for name, s := range states {
		for _, state := range dispatch.NotifierStates() {
			m.States.WithLabelValues(name, state).Set(0)
		}
		m.States.WithLabelValues(name, s.State).Set(1)
	}
}
