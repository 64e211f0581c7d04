package metrics

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	Known     func(string) bool
	Events    *prometheus.CounterVec
	Decisions *prometheus.CounterVec
	Attempts  *prometheus.CounterVec
	Failures  *prometheus.CounterVec
	Took      *prometheus.HistogramVec
	ingest    *prometheus.HistogramVec
	Pending   *prometheus.GaugeVec
	Dead      *prometheus.GaugeVec
	Oldest    *prometheus.GaugeVec
	LastEvent *prometheus.GaugeVec
	drift     *prometheus.CounterVec
	States    *prometheus.GaugeVec
	reloadOK  prometheus.Gauge
	reloadAt  prometheus.Gauge
	Projects  labelLimit
	Refresh   func(context.Context) // brings the backlog up to date; set by the engine
}

// NewMetrics returns metrics that all stand at zero.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), Known: o.Known, Refresh: func(context.Context) {}}
	if m.Known == nil {
		m.Known = func(string) bool { return false }
	}
	m.Events = m.counter("events_total", "Events by what became of them: accepted, duplicate, replayed, refused (the backlog is at its limit, or the disk full) or failed.",
		"source", "event", "outcome")
	m.Decisions = m.counter("rule_decisions_total", "What rules did with events.", "rule", "outcome")
	m.Attempts = m.counter("notifications_total", "Attempts to send a notification.", "notifier", "type")
	m.Failures = m.counter("notifications_failed_total", "Attempts to send a notification that failed.",
		"notifier", "type", "reason")
	m.Took = m.histogram("delivery_attempt_seconds", "How long attempts to send took.", "notifier")
	m.ingest = m.histogram("ingest_seconds", "How long webhook calls took to answer.", "code")
	m.Pending = m.gauge("deliveries_pending", "Deliveries that wait or are on their way.", "notifier")
	m.Dead = m.gauge("deliveries_dead", "Dead letters.", "notifier")
	m.Oldest = m.gauge("oldest_pending_seconds", "Age of the oldest unfinished delivery.", "notifier")
	m.States = m.gauge("notifier_state", "1 for the state that the notifier is in: closed (messages go out), open, half-open or paused.",
		"notifier", "state")
	m.LastEvent = m.gauge("source_last_event_timestamp_seconds", "When a project last sent an event.",
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
		m.Refresh(r.Context())
		scrape.ServeHTTP(w, r)
	})
}

// Ingested counts one webhook call. It is what package ingest calls.
func (m *Metrics) Ingested(status int, took time.Duration) {
	m.ingest.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}

// Attempted counts one attempt to send a notification. reason says in one word why it failed, or is empty.
func (m *Metrics) Attempted(notifier, kind string, took time.Duration, reason string) {
	m.Attempts.WithLabelValues(notifier, kind).Inc()
	m.Took.WithLabelValues(notifier).Observe(took.Seconds())
	if reason != "" {
		m.Failures.WithLabelValues(notifier, kind, reason).Inc()
	}
}

// Reloaded notes that rules were loaded, or could not be.
func (m *Metrics) Reloaded(ok bool, at time.Time) {
	m.reloadOK.Set(0)
	if ok {
		m.reloadOK.Set(1)
		m.reloadAt.Set(float64(at.Unix()))
	}
}

// Drifted counts something that is not in the catalogue. The drift log bounds how many sorts there are.
func (m *Metrics) Drifted(event, field string) { m.drift.WithLabelValues(event, field).Inc() }

// labelLimit bounds how many projects of one source become labels. It may be used from many goroutines.
type labelLimit struct {
	mu   sync.Mutex
	seen map[[2]string]bool
}

const maxProjects = 1000

func (l *labelLimit) Bound(source, project string) string {
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
