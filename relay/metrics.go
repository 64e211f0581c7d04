package relay

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// MetricsOptions say what the metrics tell about.
type MetricsOptions struct {
	Version, Revision string
	// Known reports whether an event name is one of Qase's, and so may be a label. Others are counted as "other", since
	// senders must not be able to make series. Nil knows none.
	Known func(event string) bool
}

// Metrics are the relay's metrics, with a registry of their own.
type Metrics struct {
	registry  *prometheus.Registry
	known     func(string) bool
	events    *prometheus.CounterVec
	decisions *prometheus.CounterVec
	attempts  *prometheus.CounterVec
	failures  *prometheus.CounterVec
	took      *prometheus.HistogramVec
	ingest    *prometheus.HistogramVec
	pending   *prometheus.GaugeVec
	dead      *prometheus.GaugeVec
	oldest    *prometheus.GaugeVec
	lastEvent *prometheus.GaugeVec
	drift     *prometheus.CounterVec
	states    *prometheus.GaugeVec
	reloadOK  prometheus.Gauge
	reloadAt  prometheus.Gauge
	projects  labelLimit
	refresh   func(context.Context) // brings the backlog up to date; set by the engine
}

// NewMetrics returns metrics that all stand at zero.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), known: o.Known, refresh: func(context.Context) {}}
	if m.known == nil {
		m.known = func(string) bool { return false }
	}
	m.events = m.counter("events_total", "Events by what became of them: accepted, duplicate, replayed, refused (the backlog is at its limit, or the disk full) or failed.",
		"source", "event", "outcome")
	m.decisions = m.counter("rule_decisions_total", "What rules did with events.", "rule", "outcome")
	m.attempts = m.counter("notifications_total", "Attempts to send a notification.", "notifier", "type")
	m.failures = m.counter("notifications_failed_total", "Attempts to send a notification that failed.",
		"notifier", "type", "reason")
	m.took = m.histogram("delivery_attempt_seconds", "How long attempts to send took.", "notifier")
	m.ingest = m.histogram("ingest_seconds", "How long webhook calls took to answer.", "code")
	m.pending = m.gauge("deliveries_pending", "Deliveries that wait or are on their way.", "notifier")
	m.dead = m.gauge("deliveries_dead", "Dead letters.", "notifier")
	m.oldest = m.gauge("oldest_pending_seconds", "Age of the oldest unfinished delivery.", "notifier")
	m.states = m.gauge("notifier_state", "1 for the state that the notifier is in: closed (messages go out), open, half-open or paused.",
		"notifier", "state")
	m.lastEvent = m.gauge("source_last_event_timestamp_seconds", "When a project last sent an event.",
		"source", "project")
	m.drift = m.counter("schema_drift_total", "Events (field is empty) and fields that the catalogue does not have.", "event", "field")
	m.reloadOK = m.gauge("config_last_reload_successful", "Whether the last load of the rules worked.").With(nil)
	m.reloadAt = m.gauge("config_last_reload_success_timestamp_seconds", "When rules were last loaded.").With(nil)
	m.gauge("build_info", "What is running.", "version", "revision", "goversion").
		WithLabelValues(o.Version, o.Revision, runtime.Version()).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "qase_relay_" + name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "qase_relay_" + name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "qase_relay_" + name, Help: help,
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, labels)
	m.registry.MustRegister(h)
	return h
}

// Handler serves the metrics in Prometheus' formats, with the backlog as it is now.
func (m *Metrics) Handler() http.Handler {
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.refresh(r.Context())
		scrape.ServeHTTP(w, r)
	})
}

// Ingested counts one webhook call. It is what package ingest calls.
func (m *Metrics) Ingested(status int, took time.Duration) {
	m.ingest.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}

// Reloaded notes that rules were loaded, or could not be.
func (m *Metrics) Reloaded(ok bool, at time.Time) {
	m.reloadOK.Set(0)
	if ok {
		m.reloadOK.Set(1)
		m.reloadAt.Set(float64(at.Unix()))
	}
}

func (m *Metrics) accepted(c *call) {
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
	if !m.known(name) {
		name = "other"
	}
	m.events.WithLabelValues(c.event.Source, name, outcome).Inc()
	if outcome != "accepted" && outcome != "replayed" {
		return
	}
	for _, r := range c.decision.Results {
		if r.Rule != "" {
			m.decisions.WithLabelValues(r.Rule, string(r.Outcome)).Inc()
		}
	}
	if outcome == "replayed" {
		return
	}
	project := m.projects.bound(c.event.Source, c.event.Project)
	m.lastEvent.WithLabelValues(c.event.Source, project).Set(float64(c.event.ReceivedAt.Unix()))
}

// drifted counts something that is not in the catalogue. The drift log bounds how many sorts there are.
func (m *Metrics) drifted(event, field string) { m.drift.WithLabelValues(event, field).Inc() }

func (m *Metrics) attempted(o *Out, took time.Duration, err error) {
	m.attempts.WithLabelValues(o.Spec.Name, o.Spec.Type).Inc()
	m.took.WithLabelValues(o.Spec.Name).Observe(took.Seconds())
	if err != nil {
		m.failures.WithLabelValues(o.Spec.Name, o.Spec.Type, notifiers.Reason(err)).Inc()
	}
}

// setBacklog replaces the backlog's gauges. Configured notifiers without a backlog stand at zero.
func (m *Metrics) setBacklog(backlog []store.Backlog, cfg *Config, now time.Time) {
	m.pending.Reset()
	m.dead.Reset()
	m.oldest.Reset()
	for name := range cfg.Outs {
		backlog = append(backlog[:len(backlog):len(backlog)], store.Backlog{Notifier: name})
	}
	for _, b := range backlog {
		m.pending.WithLabelValues(b.Notifier).Add(float64(b.Pending))
		m.dead.WithLabelValues(b.Notifier).Add(float64(b.Dead))
		oldest := m.oldest.WithLabelValues(b.Notifier)
		if !b.Oldest.IsZero() {
			oldest.Set(max(0, now.Sub(b.Oldest).Seconds()))
		}
	}
}

// setStates replaces the gauges of the notifiers' states.
func (m *Metrics) setStates(states map[string]NotifierState) {
	m.states.Reset()
	for name, s := range states {
		for _, state := range notifierStates() {
			m.states.WithLabelValues(name, state).Set(0)
		}
		m.states.WithLabelValues(name, s.State).Set(1)
	}
}

// labelLimit bounds how many projects of one source become labels. It may be used from many goroutines.
type labelLimit struct {
	mu   sync.Mutex
	seen map[[2]string]bool
}

const maxProjects = 1000

func (l *labelLimit) bound(source, project string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{source, project}
	if l.seen[key] {
		return project
	}
	if len(l.seen) >= maxProjects {
		return "other"
	}
	if l.seen == nil {
		l.seen = map[[2]string]bool{}
	}
	l.seen[key] = true
	return project
}
