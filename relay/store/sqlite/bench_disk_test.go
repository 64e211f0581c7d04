package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// BenchmarkAcceptBatches stores events as the relay does: 64 callers, whose events gather while others are written,
// with one batch or two batches in Accept at a time, on the disk as it is and on one whose syncs take 5 ms longer. A
// decision costs about as much as one of ten rules. It alternates between one and two, and reports the medians of five
// pairs. An operation is one event in each of the ten runs.
func BenchmarkAcceptBatches(b *testing.B) {
	for _, delay := range []time.Duration{0, 5 * time.Millisecond} {
		b.Run(fmt.Sprint("sync+", delay), func(b *testing.B) {
			r := startRecorder(b)
			r.delay, r.forget = delay, true
			defer r.stop(b)
			const pairs = 5
			var rates, tails [2][]float64
			for range pairs {
				for i := range 2 {
					rate, tail := acceptInBatches(b, b.N, i+1)
					rates[i], tails[i] = append(rates[i], rate), append(tails[i], tail)
				}
			}
			for i, name := range []string{"one", "two"} {
				slices.Sort(rates[i])
				slices.Sort(tails[i])
				b.ReportMetric(rates[i][pairs/2], name+"-events/s")
				b.ReportMetric(tails[i][pairs/2], name+"-p99-ms")
			}
			b.ReportMetric(100*(rates[0][pairs/2]/rates[1][pairs/2]-1), "one/two-%")
		})
	}
}

// acceptInBatches stores n events and returns how many a second that were, and the time in milliseconds that 99 of 100
// callers waited at most.
func acceptInBatches(b *testing.B, n, atOnce int) (perSecond, p99 float64) {
	s := openTest(b, filepath.Join(b.TempDir(), "relay.db"), nil)
	defer func() { must(s.Close()) }()
	l := newLoadOn(b, s)
	var mu sync.Mutex
	var took []float64
	arrivals := make(chan *arrival, 64)
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for range (n + 63) / 64 {
				a := &arrival{done: make(chan struct{})}
				a.event, a.plan = l.Next()
				ms := storetest.Milliseconds(func() { arrivals <- a; <-a.done })
				mu.Lock()
				took = append(took, ms)
				mu.Unlock()
			}
		})
	}
	go func() { callers.Wait(); close(arrivals) }()
	elapsed := storetest.Milliseconds(func() { l.acceptArrivals(arrivals, atOnce) })
	slices.Sort(took)
	return float64(len(took)) / elapsed * 1000, took[len(took)*99/100]
}

// arrival is an event whose caller waits.
type arrival struct {
	event store.Event
	plan  store.Plan
	done  chan struct{}
}

// acceptArrivals takes all that wait into a batch, until the channel is closed.
func (l *load) acceptArrivals(arrivals <-chan *arrival, atOnce int) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, atOnce)
	for {
		slots <- struct{}{}
		first, open := <-arrivals
		if !open {
			return
		}
		batch := []*arrival{first}
		for range len(arrivals) {
			batch = append(batch, <-arrivals)
		}
		began := make(chan struct{})
		running.Go(func() {
			l.acceptBatch(batch, sync.OnceFunc(func() { close(began) }))
			<-slots
		})
		<-began
	}
}

func (l *load) acceptBatch(batch []*arrival, began func()) {
	events := make([]store.Event, len(batch))
	for i, a := range batch {
		events[i] = a.event
	}
	_, err := l.store.Accept(context.Background(), events, func(i int, get func(string) ([]byte, error)) (store.Plan,
		error) {
		began()
		_, err := get(events[i].Keys[0])
		for range 30 { // about 60 µs
			sha256.Sum256(events[i].Body)
		}
		return batch[i].plan, err
	})
	must(err)
	for _, a := range batch {
		close(a.done)
	}
}
