package sqlite

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"qaserelay/relay/store"
)

// BenchmarkTallies counts the events of a commit, as Accept does: so many of 8 projects and 10 names, of which each
// third meets a rule, in a transaction of their own, which Accept has anyway; "alone" is without any event.
func BenchmarkTallies(b *testing.B) {
	for _, events := range []int{0, 31, 103} {
		name := fmt.Sprint(events, " events a commit")
		if events == 0 {
			name = "alone"
		}
		b.Run(name, func(b *testing.B) {
			s := openTest(b, filepath.Join(b.TempDir(), "relay.db"), nil)
			defer func() { _ = s.Close() }()
			ids, n := store.NewIDs(0), 0
			b.ResetTimer()
			cpu := cpuTime(b)
			for range b.N {
				err := s.writer.Do(b.Context(), 1, &op{run: func(t *tx) error {
					for range events {
						n++
						t.sums.Event(benchEvent(ids, n), benchOutline(n))
					}
					return nil
				}})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N*max(1, events)), "cpu-µs/event")
		})
	}
}

func benchEvent(ids *store.IDs, n int) *store.Event {
	return &store.Event{ID: ids.Next(time.Now()), Source: "qase", Project: fmt.Sprint("P", n%8), Name: fmt.Sprint("run.", n%10)}
}

func benchOutline(n int) *store.Outline {
	if n%3 > 0 {
		return &store.Outline{Outcome: store.OutcomeNone}
	}
	return &store.Outline{Outcome: store.OutcomeMatched,
		Rules: []store.RuleOutcome{{Rule: fmt.Sprint("rule ", n%5), Outcome: "matched"}}}
}

// cpuTime returns the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
