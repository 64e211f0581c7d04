package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// factsMetrics are about events that wait for what the Qase API says of them.
type factsMetrics struct {
	facts   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	waiting prometheus.Gauge
	oldest  prometheus.Gauge
}

func (m *Metrics) registerFacts() {
	m.asked = factsMetrics{
		facts: m.counter("facts_total", "Lists of failing tests that were asked for, by what came: complete, partial, "+
			"none, off, refused (by Qase) or limited (too many requests); full is an event that was not kept waiting, "+
			"since too many did.", "source", "outcome"),
		seconds: m.histogram("facts_seconds", "Time that events waited for the failing tests of their run.", "source"),
		waiting: m.gauge("events_waiting", "Events that are stored and wait to be decided.").With(nil),
		oldest:  m.gauge("oldest_waiting_seconds", "How long the first of them has waited.").With(nil),
	}
}

// Asked counts a list of failing tests that was asked for.
func (m *Metrics) Asked(source, outcome string, waited time.Duration) {
	m.asked.facts.WithLabelValues(source, outcome).Inc()
	if waited > 0 {
		m.asked.seconds.WithLabelValues(source).Observe(waited.Seconds())
	}
}

// SetWaiting sets how many events wait to be decided, and how long the first of them has.
func (m *Metrics) SetWaiting(n int, oldest time.Duration) {
	m.asked.waiting.Set(float64(n))
	m.asked.oldest.Set(max(0, oldest.Seconds()))
}
