package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// faultCycle breaks each third connection between a relay and its receiver, in one way after the other. It is safe for
// concurrent use.
type faultCycle struct {
	mu   sync.Mutex
	n    int
	done map[string]int
}

func (f *faultCycle) next() treatment {
	kinds := map[string]treatment{"reset before the request": refuse, "reset after the request": resetAfter,
		"half an answer": half,
		"no answer":      stall, "an answer too long": lengthen(-2), "an answer too short": lengthen(100)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n%3 != 0 {
		return passOn
	}
	names := slices.Sorted(maps.Keys(kinds))
	name := names[f.n/3%len(names)]
	f.done[name]++
	return kinds[name]
}

// TestWhateverTheReceiversAnswersComeToEveryEventIsDelivered puts faults between the relay and its receiver.
func TestWhateverTheReceiversAnswersComeToEveryEventIsDelivered(t *testing.T) {
	t.Parallel()
	f := &faultCycle{done: map[string]int{}}
	w := newCrashWorld(t, crashOptions{notifier: ", timeout: 2s, concurrency: 8, retry: {initial: 20ms, max: 100ms}",
		via: func(receiver string) string { return newHTTPProxy(t, receiver, f.next) }})
	long := soak(t)
	ctx, stop := context.WithTimeout(t.Context(), 2*patience+long)
	defer stop()
	p, start := w.start(t, 0), time.Now()
	stopWriting := w.startWriting(ctx)
	defer stopWriting()
	for w.book.awaitAcks(ctx, 2*crashAcks) && time.Since(start) < long {
	}
	stopWriting()
	w.settle(ctx, t)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.done) != 6 {
		t.Errorf("not every fault happened: %v", f.done)
	}
	t.Logf("faults: %v", f.done)
	w.report(t, nil)
	if n := w.book.count(); len(n.refused) > 0 {
		t.Errorf("a receiver's faults reached the sender: %v\n%s", n.refused, p.log.text())
	}
}
