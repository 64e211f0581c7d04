package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/storetest"
)

// BenchmarkAccept stores events with bodies of 1 KiB, each with one delivery, one key read and one key changed, from
// many callers at once. An operation is one event on disk.
func BenchmarkAccept(b *testing.B) {
	for _, waiters := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("waiters=%d", waiters), func(b *testing.B) {
			l := newLoad(b)
			l.measure()
			b.ResetTimer()
			l.AcceptAll(b.N, waiters)
			l.report(b)
		})
	}
}

// BenchmarkCycle is BenchmarkAccept with each delivery claimed and its outcome recorded. An operation is one event
// whose delivery is recorded as delivered.
func BenchmarkCycle(b *testing.B) {
	for _, waiters := range []int{16, 64, 256} {
		b.Run(fmt.Sprintf("waiters=%d", waiters), func(b *testing.B) {
			l := newLoad(b)
			l.measure()
			b.ResetTimer()
			var wg sync.WaitGroup
			wg.Go(func() { l.AcceptAll(b.N, waiters) })
			l.DeliverAll(b.N)
			wg.Wait()
			l.report(b)
		})
	}
}

// BenchmarkPending measures what must not grow with the backlog, or little: a start, a claim that finds nothing, and
// counting what is pending.
func BenchmarkPending(b *testing.B) {
	for _, pending := range []int{1000, 100000} {
		b.Run(fmt.Sprintf("pending=%d", pending), func(b *testing.B) {
			l := newLoad(b)
			l.AcceptAll(pending, 256)
			if _, err := l.store.Claim(context.Background(), "slack", 256); err != nil {
				b.Fatal(err)
			}
			b.Run("open", func(b *testing.B) { l.benchmarkOpen(b) })
			b.Run("backlog", func(b *testing.B) {
				for b.Loop() {
					if _, err := l.store.Backlog(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("idle-claim", func(b *testing.B) {
				for b.Loop() {
					if _, err := l.store.Claim(context.Background(), "nobody", 256); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("next-due", func(b *testing.B) {
				for b.Loop() {
					if _, err := l.store.NextDue(context.Background(), "slack"); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func (l *load) benchmarkOpen(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		if err := l.store.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		l.store = openTest(b, l.store.Path, nil)
		l.To = l.store
	}
}

// load makes work for a store.
type load struct {
	testing.TB
	*storetest.Traffic
	store *Store

	commits, pages, committing atomic.Int64
}

func newLoad(tb testing.TB) *load {
	l := newLoadOn(tb, openTest(tb, filepath.Join(tb.TempDir(), "relay.db"), nil))
	tb.Cleanup(func() {
		if err := l.store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

// newLoadOn also works without a test.
func newLoadOn(tb testing.TB, s *Store) *load {
	return &load{TB: tb, Traffic: storetest.NewTraffic(s, new(atomic.Int64)), store: s}
}

// measure counts commits and written pages; report reports them.
func (l *load) measure() {
	s := l.store
	commit := s.writer.end
	s.writer.end = func() error {
		l.commits.Add(1)
		start := time.Now()
		defer func() { l.committing.Add(int64(time.Since(start))) }()
		return commit()
	}
	ended := s.writer.ended
	s.writer.ended = func(c *conn.Conn) {
		before := s.checkpoints.written.Load()
		ended(c)
		l.pages.Add(max(0, s.checkpoints.written.Load()-before))
	}
}

func (l *load) report(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/float64(l.commits.Load()), "events/commit")
	b.ReportMetric(float64(l.pages.Load())/float64(b.N), "pages/event")
	b.ReportMetric(float64(l.committing.Load())/1e3/float64(b.N), "commit-µs/event")
}

// BenchmarkDedupe remembers body hashes in transactions of 64, in a table of 200,000: each in its place of the table at
// once, or by the cache. An operation is one hash.
func BenchmarkDedupe(b *testing.B) {
	for name, remember := range map[string]func(*tx, map[engine.BodyHash]firstEvent) error{
		"table": func(t *tx, bodies map[engine.BodyHash]firstEvent) error {
			rows := make([]any, 0, 3*len(bodies))
			for h, first := range bodies {
				rows = append(rows, h[:], first.id, first.at)
			}
			return t.Insert(t.into.Dedupe, rows)
		},
		"cache": func(t *tx, bodies map[engine.BodyHash]firstEvent) error {
			t.bodies = bodies
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			l := newLoad(b)
			const group = 64
			fill := func(n int) {
				for range (n + group - 1) / group {
					must(l.store.writer.transact([]*op{{run: func(t *tx) error {
						return remember(t,
							randomBodies(group))
					}}}))
				}
			}
			fill(200_000)
			l.measure()
			b.ResetTimer()
			fill(b.N)
			b.ReportMetric(float64(l.pages.Load())/float64(b.N), "pages/hash")
		})
	}
}

func randomBodies(n int) map[engine.BodyHash]firstEvent {
	bodies := make(map[engine.BodyHash]firstEvent, n)
	for range n {
		var h engine.BodyHash
		binary.LittleEndian.PutUint64(h[:], rand.Uint64())
		binary.LittleEndian.PutUint64(h[8:], rand.Uint64())
		bodies[h] = firstEvent{1, 0}
	}
	return bodies
}
