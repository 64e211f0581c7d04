package console_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store/storetest/seed"
	"qaserelay/relay/trial"
)

// BenchmarkIngestBesideABacktest posts events at a steady rate, alone and while a backtest of 100,000 events runs, and
// reports the median and the 99th percentile of each in milliseconds, and how many events a second the backtest decides
// about meanwhile. The percentiles should differ by a tenth at most where a processor is left for the backtest.
func BenchmarkIngestBesideABacktest(b *testing.B) {
	const rate, stored = 200, 100_000 // a second; and events
	dir := b.TempDir()
	address, target := inFile(b, dir)
	w, err := target()
	if err != nil {
		b.Fatal(err)
	}
	made := seed.Seed{Events: stored, Days: 6, Until: time.Now().Add(-time.Minute)}
	if err := errors.Join(made.Write(b.Context(), w), w.Close()); err != nil {
		b.Fatal(err)
	}
	g := start(b, rigOptions{Store: address})
	g.awaitIndex()
	id := 0
	post := func(n int) (took []time.Duration) {
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		for range n {
			id++
			<-tick.C
			began := time.Now()
			g.post(event("run.completed", id, `"title":"Nightly","failed":0,"cases":2`))
			took = append(took, time.Since(began))
		}
		return took
	}
	var alone, beside []time.Duration
	var running time.Duration
	for b.Loop() {
		alone = append(alone, post(5*rate)...)
		one := g.startBacktest()
		for one.State == trial.Running {
			beside = append(beside, post(50)...)
			one = g.backtestState(one.ID)
		}
		if one.Report == nil || one.Report.Events < stored {
			b.Fatalf("%+v", one)
		}
		running += one.EndedAt.Sub(one.StartedAt)
	}
	for name, took := range map[string][]time.Duration{"alone": alone, "beside": beside} {
		p50, p99 := usual(took)
		b.ReportMetric(ms(p50), name+"-p50-ms")
		b.ReportMetric(ms(p99), name+"-p99-ms")
	}
	b.ReportMetric(float64(b.N*stored)/running.Seconds(), "events/s")
}

// usual returns the medians of the median and of the 99th percentile of some hundred times in a row, since other programs
// disturb a machine now and then.
func usual(took []time.Duration) (p50, p99 time.Duration) {
	const row = 250
	var middles, slow []time.Duration
	for some := range slices.Chunk(took, row) {
		if sorted := slices.Sorted(slices.Values(some)); len(sorted) == row {
			middles, slow = append(middles, sorted[row/2]), append(slow, sorted[row*99/100])
		}
	}
	slices.Sort(middles)
	slices.Sort(slow)
	return middles[len(middles)/2], slow[len(slow)/2]
}

// startBacktest starts a backtest of all events of the last week.
func (g *rig) startBacktest() trial.Backtest {
	g.t.Helper()
	status, to, text := g.send("/backtests", url.Values{"draft": {"- name: quiet\n  when: payload.failed > 1\n  notify: [ops]"}})
	if status != http.StatusSeeOther {
		g.t.Fatal(text)
	}
	return g.backtestState(to[strings.LastIndex(to, "/")+1:])
}

func (g *rig) backtestState(id string) (one trial.Backtest) {
	g.t.Helper()
	_, text := g.get("/api/v1/backtests/" + id)
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		g.t.Fatal(err, text)
	}
	return one
}
