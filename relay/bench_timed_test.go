package relay_test

import (
	"runtime/debug"
	"testing"
	"time"

	"qaserelay/relay"
)

// timedRules are two rules for each finished run, with or without a throttle and a digest.
func timedRules(throttle, group string) string {
	return `
sources: [{name: qase, secrets: [s3cret]}]
notifiers: [{name: ops, type: holding}]
rules:
  - {name: a, when: event_name == "run.completed" && payload.failed > 0, ` + throttle + ` notify: [ops]}
  - {name: b, when: event_name == "run.completed" && payload.failed > 0, ` + group + ` notify: [ops]}
`
}

// BenchmarkTimedRules compares taking events with one throttled and one grouped rule with the same rules without,
// over 64 keep-alive connections, in turns.
func BenchmarkTimedRules(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(relay.GCPercent))
	timed := start(b, b.TempDir(), timedRules(`throttle: {by: [payload.id], every: 10m},`,
		`group: {by: [project_code], wait: 10m},`), holding())
	plain := start(b, b.TempDir(), timedRules("", ""), holding())
	load := &load{connections: 64}
	var took, plainTook time.Duration
	events := 0
	for b.Loop() {
		for range 8 {
			d, l := load.run(b, timed.hook, 50)
			took, events = took+d, events+len(l)
			d, _ = load.run(b, plain.hook, 50)
			plainTook += d
		}
	}
	b.ReportMetric(float64(events)/took.Seconds(), "events/s")
	b.ReportMetric(float64(events)/plainTook.Seconds(), "plain/s")
	b.ReportMetric(plainTook.Seconds()/took.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}
