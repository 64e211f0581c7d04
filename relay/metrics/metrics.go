// Package metrics counts for Prometheus.
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

	"qaserelay/rules/value"
)

// maxLabel is the length of the longest label in bytes.
const maxLabel = 512

// Options say what the metrics are about.
type Options struct {
	Version, Revision string
	// Known reports whether an event name is one of Qase's, and so may be a label. Others count as "other", since
	// senders must not be able to make series. Nil knows none.
	Known func(event string) bool
}

// Metrics are the relay's metrics, with a registry of their own. Callers give plain values; labels and series are
// private. All methods may be called from many goroutines, OnScrape only before the first scrape.
type Metrics struct {
	registry  *prometheus.Registry
	known     func(string) bool
	scrape    func(context.Context)
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
}

// New returns metrics that all stand at zero.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), known: o.Known, scrape: func(context.Context) {}}
	if m.known == nil {
		m.known = func(string) bool { return false }
	}
	m.events = m.counter("events_total", "Events by what became of them: accepted, duplicate, replayed, "+
		"refused (the backlog is at its limit, or the disk full) or failed.", "source", "event", "outcome")
	m.decisions = m.counter("rule_decisions_total", "What rules did with events.", "rule", "outcome")
	m.attempts = m.counter("notifications_total", "Attempts to send a notification.", "notifier", "type")
	m.failures = m.counter("notifications_failed_total", "Attempts to send a notification that failed.",
		"notifier", "type", "reason")
	m.took = m.histogram("delivery_attempt_seconds", "How long attempts to send took.", "notifier")
	m.ingest = m.histogram("ingest_seconds", "How long webhook calls took to answer.", "code")
	m.pending = m.gauge("deliveries_pending", "Deliveries that wait or are on their way.", "notifier")
	m.dead = m.gauge("deliveries_dead", "Dead letters.", "notifier")
	m.oldest = m.gauge("oldest_pending_seconds", "Age of the oldest unfinished delivery.", "notifier")
	m.states = m.gauge("notifier_state",
		"1 for the state that the notifier is in: closed (messages go out), open, half-open or paused.", "notifier", "state")
	m.lastEvent = m.gauge("source_last_event_timestamp_seconds", "When a project last sent an event.",
		"source", "project")
	m.drift = m.counter("schema_drift_total", "Events (field is empty) and fields that the catalogue does not have.",
		"event", "field")
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

// OnScrape sets a function that brings the backlog and the states up to date before each scrape.
func (m *Metrics) OnScrape(update func(context.Context)) { m.scrape = update }

// Handler serves the metrics in Prometheus' formats, with the backlog as it is now.
func (m *Metrics) Handler() http.Handler {
	handler := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.scrape(r.Context())
		handler.ServeHTTP(w, r)
	})
}

// Ingested counts one webhook call.
func (m *Metrics) Ingested(status int, took time.Duration) {
	m.ingest.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}

// Event is one call of Accept, for the metrics.
type Event struct {
	Source, Name, Project string
	Outcome               string    // accepted, duplicate, replayed, refused or failed
	At                    time.Time // when it was received
}

// Handled counts an event by its outcome.
func (m *Metrics) Handled(ev Event) {
	if !m.known(ev.Name) {
		ev.Name = "other"
	}
	m.events.WithLabelValues(ev.Source, ev.Name, ev.Outcome).Inc()
	if ev.Outcome == "accepted" {
		project := m.projects.bound(ev.Source, value.ShortName(ev.Project, maxLabel))
		m.lastEvent.WithLabelValues(ev.Source, project).Set(float64(ev.At.Unix()))
	}
}

// Decided counts what a rule did with an event.
func (m *Metrics) Decided(rule, outcome string) { m.decisions.WithLabelValues(rule, outcome).Inc() }

// Attempted counts one attempt to send a notification. reason says in one word why it failed, or is empty.
func (m *Metrics) Attempted(notifier, kind string, took time.Duration, reason string) {
	m.attempts.WithLabelValues(notifier, kind).Inc()
	m.took.WithLabelValues(notifier).Observe(took.Seconds())
	if reason != "" {
		m.failures.WithLabelValues(notifier, kind, reason).Inc()
	}
}

// Backlog is what waits for a notifier, and what failed for good.
type Backlog struct {
	Pending, Dead int
	Oldest        time.Duration // the age of the oldest unfinished delivery
}

// SetBacklog replaces the backlogs of all notifiers.
func (m *Metrics) SetBacklog(notifiers map[string]Backlog) {
	m.pending.Reset()
	m.dead.Reset()
	m.oldest.Reset()
	for name, b := range notifiers {
		m.pending.WithLabelValues(name).Set(float64(b.Pending))
		m.dead.WithLabelValues(name).Set(float64(b.Dead))
		m.oldest.WithLabelValues(name).Set(b.Oldest.Seconds())
	}
}

// SetStates replaces the states of all notifiers. possible are the states that a notifier may be in.
func (m *Metrics) SetStates(notifiers map[string]string, possible []string) {
	m.states.Reset()
	for name, state := range notifiers {
		for _, p := range possible {
			m.states.WithLabelValues(name, p).Set(0)
		}
		m.states.WithLabelValues(name, state).Set(1)
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

// Drifted counts an event or field that is not in the catalogue. The drift log bounds their number.
func (m *Metrics) Drifted(event, field string) {
	m.drift.WithLabelValues(value.ShortName(event, maxLabel), value.ShortName(field, maxLabel)).Inc()
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
