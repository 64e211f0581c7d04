package sqlite

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store/storetest"
)

// BenchmarkSearchBehind stores 2,000 events a second, with the index behind them and without: the processor time of an
// event in all of the process, and how far the index was behind at most. An operation is one event.
func BenchmarkSearchBehind(b *testing.B) {
	for name, on := range map[string]bool{"on": true, "off": false} {
		b.Run(name, func(b *testing.B) { benchmarkBehind(b, on) })
	}
}

func benchmarkBehind(b *testing.B, on bool) {
	s := openTest(b, filepath.Join(b.TempDir(), "relay.db"), nil)
	defer func() { _ = s.Close() }()
	const callers, perSecond = 64, 2000
	ctx, stop := context.WithCancel(b.Context())
	var indexing, calling sync.WaitGroup
	var worst time.Duration
	index := func() bool {
		state, err := s.IndexEvents(context.WithoutCancel(ctx), on)
		if err != nil {
			b.Error(err)
		}
		if !state.UpTo.IsZero() {
			worst = max(worst, time.Since(state.UpTo))
		}
		return state.More
	}
	index()
	indexing.Go(func() {
		for ctx.Err() == nil {
			if !index() {
				time.Sleep(100 * time.Millisecond)
			}
		}
		for index() {
		}
	})
	var count, next atomic.Int64
	l := storetest.NewTraffic(s, &count)
	b.ResetTimer()
	began, cpu := time.Now(), cpuTime(b)
	for range callers {
		calling.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / perSecond)))
				l.Accept()
			}
		})
	}
	calling.Wait()
	took := time.Since(began)
	stop()
	indexing.Wait()
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/event")
	b.ReportMetric(float64(b.N)/took.Seconds(), "events/s")
	b.ReportMetric(worst.Seconds(), "worst-lag-s")
}
