//go:build unix

package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/sqlite"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/storetest/slotbench"
)

// BenchmarkAcceptPostgres stores the events of BenchmarkAccept in SQLite, in PostgreSQL by one relay, and in PostgreSQL
// by three relays that share the callers, and compares. An operation is one event in each of the three.
func BenchmarkAcceptPostgres(b *testing.B) {
	c := pgtest.New(b, "shared_buffers=512MB", "max_wal_size=4GB")
	for _, waiters := range []int{64, 256} {
		b.Run(fmt.Sprintf("waiters=%d", waiters), func(b *testing.B) {
			file, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "relay.db"), sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			url := c.Schema(b, fmt.Sprintf("bench%d_%d", waiters, b.N))
			relays := []store.Store{openPostgres(b, url, nil), openPostgres(b, url, nil), openPostgres(b, url, nil)}
			b.ResetTimer()
			alone := acceptRate(b, []store.Store{file}, waiters)
			one := acceptRate(b, relays[:1], waiters)
			three := acceptRate(b, relays, waiters)
			b.StopTimer()
			b.ReportMetric(alone, "sqlite-events/s")
			b.ReportMetric(one, "postgres-events/s")
			b.ReportMetric(100*one/alone, "postgres-%-of-sqlite")
			b.ReportMetric(100*three/one, "three-%-of-one")
			for _, s := range append(relays, file) {
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPendingPostgres measures what must not grow with the backlog: accepting, claiming a batch, counting what is
// pending, and a start. QASE_RELAY_BENCH_PENDING says how many wait.
func BenchmarkPendingPostgres(b *testing.B) {
	pending := 20_000
	if n, err := strconv.Atoi(os.Getenv("QASE_RELAY_BENCH_PENDING")); err == nil {
		pending = n
	}
	c := pgtest.New(b, "shared_buffers=512MB", "max_wal_size=4GB")
	url := c.Schema(b, "relay")
	s := openPostgres(b, url, nil)
	b.Run("accept/pending=0", func(b *testing.B) { b.ReportMetric(acceptRate(b, []store.Store{s}, 64), "events/s") })
	fillPending(b, s, pending)
	for _, q := range []string{"VACUUM ANALYZE", "CHECKPOINT"} { // as in a backlog that has grown over hours
		if _, err := s.pool.Exec(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	b.Run(fmt.Sprintf("accept/pending=%d", pending), func(b *testing.B) {
		b.ReportMetric(acceptRate(b, []store.Store{s},
			64), "events/s")
	})
	b.Run("claim", func(b *testing.B) {
		var took []float64
		for b.Loop() {
			took = append(took, storetest.Milliseconds(func() {
				if _, err := s.Claim(b.Context(), "slack", 64); err != nil {
					b.Fatal(err)
				}
			}))
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)*99/100], "p99-ms")
	})
	b.Run("backlog", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Backlog(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if err := openPostgres(b, url, nil).Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSlotsPostgres measures a store with many open slots. For a million of them:
//
//	QASE_RELAY_BENCH_SLOTS=1000000 go test ./relay/store/postgres -run '^$' -bench Slots -benchtime 3x -timeout 30m
func BenchmarkSlotsPostgres(b *testing.B) {
	c := pgtest.New(b, "shared_buffers=512MB", "max_wal_size=4GB")
	url := c.Schema(b, "relay")
	slotbench.Run(b, func() store.Store { return openPostgres(b, url, nil) }, func() {
		c.Exec(b, "VACUUM ANALYZE")
		c.Exec(b, "CHECKPOINT")
	})
}

// fillPending makes events of long ago with one pending delivery each, as Accept would.
func fillPending(b *testing.B, s *Store, n int) {
	b.Helper()
	for _, q := range []string{
		`INSERT INTO events SELECT i, 'qase', 'run.completed', 'WEB', 0, 0, repeat('d', 300)::bytea, repeat('b', 1024)::bytea FROM generate_series(1, $1::bigint) i`,
		`INSERT INTO deliveries (id, event_id, fallback_for, rule, notifier, order_key, title, state, next_at, wait, lease, created_at, first_at, updated_at, error, message)
			SELECT i, i, 0, 'failed-run', 'slack', 'run/' || i, '3 failed', 'pending', i, 3600000, 0, i, i, i, '', repeat('m', 600)::bytea FROM generate_series(1, $1::bigint) i`,
		`INSERT INTO counts SELECT 1023, 0, 'slack', $1::bigint, 0, 600 * $1::bigint`,
	} {
		err := pgx.BeginFunc(b.Context(), s.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(b.Context(), "SET LOCAL statement_timeout = 0")
			if err == nil {
				_, err = tx.Exec(b.Context(), q, n)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// acceptRate stores b.N events that no store has seen and returns how many a second that were.
func acceptRate(b *testing.B, stores []store.Store, waiters int) float64 {
	var count atomic.Int64
	count.Store(time.Now().UnixNano())
	var all []*storetest.Traffic
	for _, s := range stores {
		t := storetest.NewTraffic(s, &count)
		t.AcceptAll(50, 5) // statements are prepared
		all = append(all, t)
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, t := range all {
		wg.Go(func() { t.AcceptAll((b.N+len(all)-1)/len(all), (waiters+len(all)-1)/len(all)) })
	}
	wg.Wait()
	return float64(b.N) / time.Since(start).Seconds()
}
