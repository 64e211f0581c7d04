//go:build unix

package store

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store/pgtest"
)

// BenchmarkAcceptPostgres stores the events of BenchmarkAccept in SQLite, in PostgreSQL by one relay, and in PostgreSQL by three relays that share
// the callers, and compares. An operation is one event in each of the three.
func BenchmarkAcceptPostgres(b *testing.B) {
	c := pgtest.New(b, "shared_buffers=512MB", "max_wal_size=4GB")
	for _, waiters := range []int{64, 256} {
		b.Run(fmt.Sprintf("waiters=%d", waiters), func(b *testing.B) {
			sqlite := openTest(b, filepath.Join(b.TempDir(), "relay.db"), nil)
			url := c.Schema(b, fmt.Sprintf("bench%d_%d", waiters, b.N))
			relays := []Store{openPostgres(b, url, nil), openPostgres(b, url, nil), openPostgres(b, url, nil)}
			b.ResetTimer()
			file := acceptRate(b, []Store{sqlite}, waiters)
			one := acceptRate(b, relays[:1], waiters)
			three := acceptRate(b, relays, waiters)
			b.StopTimer()
			b.ReportMetric(file, "sqlite-events/s")
			b.ReportMetric(one, "postgres-events/s")
			b.ReportMetric(100*one/file, "postgres-%-of-sqlite")
			b.ReportMetric(100*three/one, "three-%-of-one")
			for _, s := range append(relays, sqlite) {
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// acceptRate stores b.N events and returns how many a second that were.
func acceptRate(b *testing.B, stores []Store, waiters int) float64 {
	var count atomic.Int64
	var all []*traffic
	for _, s := range stores {
		t := newTraffic(s, &count)
		t.acceptAll(50, 5) // statements are prepared
		all = append(all, t)
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, t := range all {
		wg.Go(func() { t.acceptAll((b.N+len(all)-1)/len(all), (waiters+len(all)-1)/len(all)) })
	}
	wg.Wait()
	return float64(b.N) / time.Since(start).Seconds()
}
