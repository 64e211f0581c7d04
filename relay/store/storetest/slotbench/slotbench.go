// Package slotbench measures stores with many open slots.
package slotbench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// slotsVariable says how many slots are open in a benchmark.
const slotsVariable = "QASE_RELAY_BENCH_SLOTS"

// Run measures what must not grow with the number of open slots: a start, and the question what is due. Then
// it fires 10,000 slots that are due, each with a delivery. QASE_RELAY_BENCH_SLOTS says how many are open. Open opens
// the same store each time, and settle brings it into the state after hours of use; nil does nothing.
func Run(b *testing.B, open func() store.Store, settle func()) {
	n := 20_000
	if given, err := strconv.Atoi(os.Getenv(slotsVariable)); err == nil {
		n = given
	}
	const due = 10_000
	s := open()
	armSlots(b, s, n-due, time.Now().Add(24*time.Hour))
	if settle != nil {
		settle()
	}
	b.Run(fmt.Sprintf("open=%d/start", n), func(b *testing.B) {
		for b.Loop() {
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			s = open()
		}
	})
	b.Run(fmt.Sprintf("open=%d/next", n), func(b *testing.B) { nextWakes(b, s) })
	b.Run(fmt.Sprintf("open=%d/fire=%d", n, due), func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			armSlots(b, s, due, time.Now().Add(-time.Second))
			b.StartTimer()
			if n := fireSlots(b, s); n != due {
				b.Fatalf("%d fired", n)
			}
		}
		b.ReportMetric(float64(due*b.N)/b.Elapsed().Seconds(), "slots/s")
	})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// nextWakes asks again and again when the next slot is due.
func nextWakes(b *testing.B, s store.Store) {
	var took []float64
	for b.Loop() {
		took = append(took, storetest.Milliseconds(func() {
			if at, err := s.NextWake(b.Context(), time.Now(), false); err != nil || at.IsZero() {
				b.Fatal(at, err)
			}
		}))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)*99/100], "p99-ms")
}

// armSlots makes slots that are due from a time on.
func armSlots(b *testing.B, s store.Store, n int, at time.Time) {
	b.Helper()
	ids := store.NewIDs(2)
	for done := 0; done < n; {
		var p store.Plan
		for range min(1000, n-done) {
			id := ids.Next(time.Now())
			p.Changes = append(p.Changes, store.Change{Key: fmt.Sprintf("slot:w/stuck-run/%032x", int64(id)),
				Value: fmt.Appendf(nil, `{"started":%d,"event":"%s","entity":"qase/WEB/run/%d","step":0,"told":false}`,
					id, id, id),
				Due: at.Add(time.Duration(done/1000) * time.Millisecond)})
			done++
		}
		ev := store.Event{ID: ids.Next(time.Now()), ReplayOf: 1, Source: "qase", Body: []byte("{}")}
		if _, err := s.Accept(b.Context(), []store.Event{ev}, storetest.Planned(p)); err != nil {
			b.Fatal(err)
		}
	}
}

// fireSlots fires all slots that are due, each with an event and a delivery, and returns how many those were.
func fireSlots(b *testing.B, s store.Store) (fired int) {
	b.Helper()
	ids, body := store.NewIDs(1), make([]byte, 1024)
	w := store.Wake{Limit: 256, Bytes: 4 << 20, Decide: func(_ int, x *store.Slot, _ func(string) ([]byte, error)) (
		store.Firing, error) {
		id := ids.Next(time.Now())
		return store.Firing{Event: &store.Event{ID: id, Source: "qase", Name: "run.started", Kind: "overdue", Body: body},
			Plan: store.Plan{Decisions: body[:300], Changes: []store.Change{{Key: x.Key}},
				Deliveries: []store.NewDelivery{{ID: ids.Next(time.Now()), Rule: "stuck-run", Notifier: "slack",
					OrderKey: x.Key, Title: "still running", Message: body[:600]}}}}, nil
	}}
	for {
		woken, err := s.Wake(context.Background(), w)
		if err != nil {
			b.Fatal(err)
		}
		if woken.Looked == 0 {
			return fired
		}
		fired, w.After = fired+woken.Looked, woken.Last
	}
}
