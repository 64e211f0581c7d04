package main

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

const (
	crashWriters = 8
	crashKills   = 5
	crashAcks    = 120 // events that are acknowledged between two kills, on average
)

// TestKilledUnderLoadEveryAcknowledgedEventIsDelivered kills the program with SIGKILL while many writers post, starts
// it again on the same store, and compares in the end the acknowledged events with the messages.
func TestKilledUnderLoadEveryAcknowledgedEventIsDelivered(t *testing.T) {
	t.Parallel()
	w := newCrashWorld(t, crashOptions{})
	long := soak(t)
	ctx, stop := context.WithTimeout(t.Context(), 2*patience+long)
	defer stop()
	stopWriting := w.startWriting(ctx)
	defer stopWriting()
	p, start := w.start(t, 0), time.Now()
	var kills []outage
	for len(kills) < crashKills || time.Since(start) < long {
		if !w.book.awaitAcks(ctx, 1+rand.IntN(2*crashAcks)) {
			t.Fatalf("the relay takes no events any more:\n%s", p.log.text())
		}
		killed := time.Now()
		p.kill()
		p = w.start(t, 0)
		kills = append(kills, outage{killed, time.Now()})
	}
	w.book.awaitAcks(ctx, crashAcks)
	stopWriting()
	w.settle(ctx, t)
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("the last relay ended with %d:\n%s", code, p.log.text())
	}
	w.report(t, kills)
}

// settle waits until each acknowledged event has its message.
func (w *crashWorld) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	start := time.Now()
	defer func() { t.Logf("all had arrived after %v", time.Since(start)) }()
	if !w.book.awaitDeliveries(ctx) {
		w.book.mu.Lock()
		defer w.book.mu.Unlock()
		t.Errorf("acknowledged but never delivered: %d of %d", w.book.missing(), len(w.book.acked))
	}
}

// report logs the counts, and checks the messages that arrived twice.
func (w *crashWorld) report(t *testing.T, outages []outage) {
	t.Helper()
	repeats := w.book.checkRepeats(t, outages)
	n := w.book.count()
	t.Logf("broken %d times: %d events acknowledged, %d messages, %d of them again, all with the webhook-id of the "+
		"first; not accepted: %v", len(outages), n.acked, n.messages, repeats, n.refused)
}
