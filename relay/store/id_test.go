package store

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// block returns where in its millisecond the block of an event begins.
func block(id ID) int64 { return int64(id) & (1<<CounterBits - 1) }

func TestTheIDsBehindThatOfAnEventAreItsOwn(t *testing.T) {
	node, now := 1023, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := IDsOf(func() int { return node })
	last := ID(0)
	for i := range 3000 { // a millisecond has room for 256 events
		if i%7 == 0 {
			node = 1023 - i/7
		}
		if i%3 == 0 {
			last = g.Next(now)
		}
		event := g.NextEvent(now.Add(-time.Duration(i) * time.Millisecond))
		if event <= last || block(event)%(1+NearIDs) != 0 {
			t.Fatalf("event %d (%x) behind %d", event, block(event), last)
		}
		for n := range NearIDs {
			last = g.NextDelivery(now, event, n)
			if last != event+1+ID(n) || !last.Time().Equal(event.Time()) || last>>CounterBits != event>>CounterBits {
				t.Fatalf("delivery %d of event %d: %d", n, event, last)
			}
		}
	}
}

func TestEventsInTheSameMillisecondHaveBlocksOfTheirOwn(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := NewIDs(1)
	for i := range int64(600) {
		event := g.NextEvent(now)
		if want := now.Add(time.Duration(i/256) * time.Millisecond); !event.Time().Equal(want) || block(event) != i%256*16 {
			t.Fatalf("event %d is of %v, at %d", i, event.Time(), block(event))
		}
	}
}

func TestADeliveryHasTheSameIDWhenItIsMadeAgain(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := NewIDs(1)
	a, b := g.NextEvent(now), g.NextEvent(now)
	for range 2 {
		if got := []ID{g.NextDelivery(now, a, 0), g.NextDelivery(now, a, 14), g.NextDelivery(now, b, 0)}; !slices.Equal(got,
			[]ID{a + 1, a + 15, b + 1}) {
			t.Errorf("deliveries of %d and %d: %d", a, b, got)
		}
	}
	if next := g.Next(now); next != b+16 {
		t.Errorf("behind the block of %d: %d", b, next)
	}
	if id := g.NextDelivery(now, 0, 0); id != b+17 {
		t.Errorf("without an event: %d", id)
	}
}

// The deliveries of a batch are in the order of its events, also when it is planned again.
func TestTheDeliveriesOfABatchAreInTheOrderOfTheirEvents(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := NewIDs(1)
	batch := []ID{g.NextEvent(now), g.NextEvent(now), g.NextEvent(now)}
	before := map[ID]bool{}
	for range 3 {
		var planned []ID
		for i, n := range []int{2, 40, 3} {
			for j := range n {
				planned = append(planned, g.NextDelivery(now, batch[i], j))
			}
		}
		if !slices.IsSorted(planned) || len(slices.Compact(slices.Clone(planned))) != 45 {
			t.Errorf("planned %d", planned)
		}
		if before[planned[20]] {
			t.Errorf("%d was given away before", planned[20])
		}
		for _, id := range planned {
			before[id] = true
		}
	}
	late := g.NextEvent(now)
	if id := g.NextDelivery(now, late, 0); id != late+1 {
		t.Errorf("of event %d, which was made later: %d", late, id)
	}
}

func TestIDsAreUniqueAmongManyGoroutines(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := NewIDs(1)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var all []ID
	for worker := range 16 {
		wg.Go(func() {
			var own []ID
			for i := range 200 {
				event := g.NextEvent(now)
				own = append(own, event, g.Next(now))
				for n := range (worker + i) % 20 {
					own = append(own, g.NextDelivery(now, event, n))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	wg.Wait()
	slices.Sort(all)
	if n := len(all); len(slices.Compact(all)) != n {
		t.Errorf("%d ids, some of them twice", n)
	}
}
