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
	dto "github.com/prometheus/client_model/go"

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
	registry      *prometheus.Registry
	handler       http.Handler
	known         func(string) bool
	scrape        func(context.Context)
	events        *prometheus.CounterVec
	decisions     *prometheus.CounterVec
	notifications *prometheus.CounterVec
	failures      *prometheus.CounterVec
	ended         *prometheus.CounterVec
	took          *prometheus.HistogramVec
	ingest        *prometheus.HistogramVec
	refused       *prometheus.CounterVec
	commits       prometheus.Observer
	pending       *prometheus.GaugeVec
	dead          *prometheus.GaugeVec
	oldest        *prometheus.GaugeVec
	lastEvent     *prometheus.GaugeVec
	drift         *prometheus.CounterVec
	states        *prometheus.GaugeVec
	silences      *prometheus.GaugeVec
	fired         *prometheus.CounterVec
	slotErrors    *prometheus.CounterVec
	suppressed    *prometheus.CounterVec
	open          *prometheus.GaugeVec
	lag           prometheus.Gauge
	indexLag      prometheus.Gauge
	silent        *prometheus.GaugeVec
	digests       prometheus.Histogram
	qaseRequests  *prometheus.CounterVec
	backlog       *prometheus.GaugeVec
	backlogLimit  *prometheus.GaugeVec
	diskFree      *prometheus.GaugeVec
	diskMin       prometheus.Gauge
	asked         factsMetrics
	reloadOK      prometheus.Gauge
	reloadAt      prometheus.Gauge
	projects      labelLimit
}

// New returns metrics that all stand at zero.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), known: o.Known, scrape: func(context.Context) {}}
	if m.known == nil {
		m.known = func(string) bool { return false }
	}
	m.registerTraffic()
	m.registerDeliveries()
	m.registerFlow()
	m.registerFacts()
	m.reloadOK = m.gauge("config_last_reload_successful",
		"1 if the last load of the rules succeeded, 0 if it failed and the previous rules stay.").With(nil)
	m.reloadAt = m.gauge("config_last_reload_success_timestamp_seconds",
		"Time of the last successful load of the rules, in seconds since 1970.").With(nil)
	m.gauge("build_info", "Always 1; the labels say which build is running.", "version", "revision", "goversion").
		WithLabelValues(o.Version, o.Revision, runtime.Version()).Set(1)
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}) // counts its errors
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// registerTraffic registers the metrics of events on their way in.
func (m *Metrics) registerTraffic() {
	m.events = m.counter("events_total", "Events received, by outcome: accepted, duplicate (the same body within "+
		"24 h), replayed (by a person), refused (the backlog is at its limit, or the disk full) or failed (the store).",
		"source", "event", "outcome")
	m.decisions = m.counter("rule_decisions_total",
		"Decisions about events, and about what rules keep until a time, by rule and outcome: matched, error (of the "+
			"condition) and others.",
		"rule", "outcome")
	m.ingest = m.histogram("ingest_seconds", "Time from a webhook call to its answer, by status code.", "code")
	m.refused = m.counter("refused_total", "Webhook calls that were refused, by source and status code; source is empty for "+
		"a wrong path or a source that does not exist.", "source", "code")
	m.commits = m.histogram("commit_seconds", "Duration of the transactions that store events with their decisions and "+
		"deliveries, each for all events that wait; mostly that of the disk's fsync.").With(nil)
	m.lastEvent = m.gauge("source_last_event_timestamp_seconds",
		"Time of the last accepted event, in seconds since 1970, by source and project.", "source", "project")
	m.qaseRequests = m.counter("qase_requests_total", "Requests to the Qase API, by endpoint (run, result, case and others) "+
		"and the status of the answer, or error without one.", "source", "endpoint", "code")
	m.drift = m.counter("schema_drift_total", "Events and fields received that the catalog of Qase events does "+
		"not have; field is empty if the event itself is unknown.", "event", "field")
}

// registerFlow registers the metrics of slots: what rules do at a time.
func (m *Metrics) registerFlow() {
	m.fired = m.counter("flow_fired_total", "Slots of rules that were due, by kind and outcome: sent, ended (without a "+
		"message), moved or dropped (by a person).", "kind", "outcome")
	m.slotErrors = m.counter("flow_errors_total",
		"Failures to decide about a slot that was due, by kind; it is tried again later.", "kind")
	m.suppressed = m.counter("flow_suppressed_total", "Times that a rule matched and its messages were not sent, by "+
		"what kept them back: throttle, silence or active.", "rule", "by")
	m.open = m.gauge("flow_open", "Slots that are due at a time, by kind: digest, hold, wait, feed, event or throttle "+
		"(whose last message is still to be sent). Counted at most once a minute.", "kind")
	m.lag = m.gauge("flow_lag_seconds", "How late the slot is that is due first; 0 if all are on time.").With(nil)
	m.indexLag = m.gauge("search_lag_seconds", "How long ago the oldest new event came that is not indexed yet; 0 if all are.").With(nil)
	m.silent = m.gauge("source_silent", "1 for a project from which nothing has come for as long as expect_every of its "+
		"source says, 0 for others that are expected. Read at most once a minute.", "source", "project")
	m.digests = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "qase_relay_digest_events",
		Help: "Number of messages in digests that were sent.", Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}})
	m.registry.MustRegister(m.digests)
}

// registerDeliveries registers the metrics of deliveries.
func (m *Metrics) registerDeliveries() {
	m.notifications = m.counter("notifications_total",
		"Notifications sent at least once, whether they arrived or not; a retry does not count again.",
		"notifier", "type")
	m.failures = m.counter("notifications_failed_total",
		"Attempts to send a notification that failed, by reason; most are retried.", "notifier", "type", "reason")
	m.ended = m.counter("deliveries_total",
		"Deliveries that ended, by state: delivered, dead (failed permanently) or cancelled.", "notifier", "state")
	m.took = m.histogram("delivery_attempt_seconds",
		"Duration of attempts to send a notification, successful or not.", "notifier")
	m.pending = m.gauge("deliveries_pending", "Deliveries that wait to be sent or are being sent.", "notifier")
	m.dead = m.gauge("deliveries_dead",
		"Dead letters in the store: deliveries that failed permanently and were not retried.", "notifier")
	m.oldest = m.gauge("oldest_pending_seconds", "Age of the oldest delivery that is not finished; 0 without one.",
		"notifier")
	m.states = m.gauge("notifier_state", "1 for the state of the notifier's circuit breaker, 0 for the others: closed "+
		"(messages are sent), open (the receiver fails), half-open (one message tries it) or paused (the receiver is "+
		"gone).",
		"notifier", "state")
	m.backlog = m.gauge("backlog", "What all unfinished deliveries amount to, in units: deliveries and bytes.", "unit")
	m.backlogLimit = m.gauge("backlog_limit",
		"The backlog at which events are refused (settings.backlog), in the same units; 0 without a limit.", "unit")
	m.diskFree = m.gauge("disk_free_bytes", "Free bytes of the file system of the store, if it has one.")
	m.diskMin = m.gauge("disk_min_free_bytes", "Free bytes below which events are refused (settings.min_free_disk).").
		With(nil)
	m.silences = m.gauge("silences", "Silences in a state: active (they hold messages back), pending or expired.", "state")
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
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		// beside the buckets above, for servers that scrape native histograms
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
		NativeHistogramMinResetDuration: time.Hour}, labels)
	m.registry.MustRegister(h)
	return h
}

// OnScrape sets a function that brings the backlog and the states up to date before each scrape.
func (m *Metrics) OnScrape(update func(context.Context)) { m.scrape = update }

// Handler serves the metrics in Prometheus' formats, with the backlog as it is now.
func (m *Metrics) Handler() http.Handler {
	handler := promhttp.InstrumentMetricHandler(m.registry, m.handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.scrape(r.Context())
		handler.ServeHTTP(w, r)
	})
}

// Gatherer returns the metrics for an exporter, which has none before ready returns true.
func (m *Metrics) Gatherer(ready func() bool) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		if !ready() {
			return nil, nil
		}
		m.scrape(context.Background())
		return m.registry.Gather()
	})
}

// Ingested counts one webhook call.
func (m *Metrics) Ingested(status int, took time.Duration) {
	m.ingest.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}

// Refused counts a webhook call that was refused. source is that of the rules, or empty.
func (m *Metrics) Refused(source string, status int) {
	m.refused.WithLabelValues(source, strconv.Itoa(status)).Inc()
}

// Committed counts a transaction that stored events.
func (m *Metrics) Committed(took time.Duration) { m.commits.Observe(took.Seconds()) }

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

// Decided counts what a rule did with an event, or at a time.
func (m *Metrics) Decided(rule, outcome string) { m.decisions.WithLabelValues(rule, outcome).Inc() }

// Attempt is one attempt to send a notification.
type Attempt struct {
	Notifier, Type string
	Took           time.Duration
	Reason         string // why it failed, in one word, or empty
	First          bool   // of its notification
}

// Attempted counts an attempt.
func (m *Metrics) Attempted(a Attempt) {
	if a.First {
		m.notifications.WithLabelValues(a.Notifier, a.Type).Inc()
	}
	m.took.WithLabelValues(a.Notifier).Observe(a.Took.Seconds())
	if a.Reason != "" {
		m.failures.WithLabelValues(a.Notifier, a.Type, a.Reason).Inc()
	}
}

// Ended counts a delivery that is delivered, dead or cancelled.
func (m *Metrics) Ended(notifier, state string) { m.ended.WithLabelValues(notifier, state).Inc() }

// Announce makes the series of notifiers exist, at 0: their names with their types, and the reasons of failures.
func (m *Metrics) Announce(types map[string]string, reasons []string) {
	for name, kind := range types {
		m.notifications.WithLabelValues(name, kind)
		m.took.WithLabelValues(name)
		for _, reason := range reasons {
			m.failures.WithLabelValues(name, kind, reason)
		}
		for _, state := range []string{"delivered", "dead", "cancelled"} {
			m.ended.WithLabelValues(name, state)
		}
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

// Capacity is how much is in work, and how much may be.
type Capacity struct {
	Deliveries, MaxDeliveries int
	Bytes, MaxBytes           int64
	DiskFree, MinDiskFree     int64 // DiskFree is negative for a store without a file system
}

// SetCapacity sets what is in work and its limits.
func (m *Metrics) SetCapacity(c Capacity) {
	m.backlog.WithLabelValues("deliveries").Set(float64(c.Deliveries))
	m.backlog.WithLabelValues("bytes").Set(float64(c.Bytes))
	m.backlogLimit.WithLabelValues("deliveries").Set(float64(c.MaxDeliveries))
	m.backlogLimit.WithLabelValues("bytes").Set(float64(c.MaxBytes))
	if m.diskMin.Set(float64(c.MinDiskFree)); c.DiskFree >= 0 {
		m.diskFree.With(nil).Set(float64(c.DiskFree))
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

// SetSilences sets how many silences are in each state.
func (m *Metrics) SetSilences(states map[string]int) {
	for state, n := range states {
		m.silences.WithLabelValues(state).Set(float64(n))
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

// QaseRequested counts a request to the Qase API.
func (m *Metrics) QaseRequested(source, endpoint, code string) {
	m.qaseRequests.WithLabelValues(source, endpoint, code).Inc()
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

// Suppressed counts messages of a rule that throttle, silence or active kept back.
func (m *Metrics) Suppressed(rule, by string) { m.suppressed.WithLabelValues(rule, by).Inc() }

// DigestSent counts a digest by the number of its messages.
func (m *Metrics) DigestSent(messages int) { m.digests.Observe(float64(messages)) }

// SetOpen sets how many slots of each kind are open.
func (m *Metrics) SetOpen(kinds map[string]int) {
	for kind, n := range kinds {
		m.open.WithLabelValues(kind).Set(float64(n))
	}
}

// Feed is a project of a source from which events are expected.
type Feed struct {
	Source, Project string
	Silent          bool
}

// SetFeeds replaces the feeds.
func (m *Metrics) SetFeeds(feeds []Feed) {
	m.silent.Reset()
	for _, f := range feeds {
		silent := 0.0
		if f.Silent {
			silent = 1
		}
		m.silent.WithLabelValues(f.Source, value.ShortName(f.Project, maxLabel)).Set(silent)
	}
}

// SetLag sets how late the first slot is.
func (m *Metrics) SetLag(lag time.Duration) { m.lag.Set(lag.Seconds()) }

// SetIndexLag sets how far the index of words is behind.
func (m *Metrics) SetIndexLag(lag time.Duration) { m.indexLag.Set(max(0, lag).Seconds()) }

// Fired counts a slot that was due.
func (m *Metrics) Fired(kind, outcome string) { m.fired.WithLabelValues(kind, outcome).Inc() }

// SlotFailed counts a failure to decide about a slot.
func (m *Metrics) SlotFailed(kind string) { m.slotErrors.WithLabelValues(kind).Inc() }
