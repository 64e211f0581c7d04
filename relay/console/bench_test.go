package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store/storetest/seed"
)

// BenchmarkIngestBesideABacktest posts events at a steady rate, alone and while a backtest runs, and reports the 99th
// percentile of each in milliseconds. They should differ by a tenth at most where a processor is left for the backtest.
func BenchmarkIngestBesideABacktest(b *testing.B) {
	const rate = 200 // a second
	address, target := inFile(b, "")
	w, err := target()
	if err != nil {
		b.Fatal(err)
	}
	made := seed.Seed{Events: 100_000, Days: 6, Until: time.Now().Add(-time.Minute)}
	if err := errors.Join(made.Write(b.Context(), w), w.Close()); err != nil {
		b.Fatal(err)
	}
	g := start(b, rigOptions{Store: address})
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
	for b.Loop() {
		alone = append(alone, post(2*rate)...)
		for len(beside) < len(alone) {
			status, to, text := g.send("/backtests", url.Values{"draft": {"- name: quiet\n  when: payload.failed > 1\n  notify: [ops]"}})
			if status != http.StatusSeeOther {
				b.Fatal(text)
			}
			beside = append(beside, post(50)...)
			g.send(strings.TrimPrefix(to, ".")+"/stop", nil)
			g.await("/api/v1"+strings.TrimPrefix(to, "."), `"ended_at"`)
		}
	}
	b.ReportMetric(percentile(alone), "alone-p99-ms")
	b.ReportMetric(percentile(beside), "beside-p99-ms")
}

func percentile(took []time.Duration) float64 {
	slices.Sort(took)
	return ms(took[len(took)*99/100])
}
