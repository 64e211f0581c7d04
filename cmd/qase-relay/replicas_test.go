//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"qaserelay/relay/store/pgtest"
)

// takeover is more than the time in which other relays notice that one is dead and send its messages.
const takeover = 30 * time.Second

// TestReplicasKilledAtRandomDeliverEveryAcknowledgedEvent kills one of three relays on one PostgreSQL after the other,
// while many writers post to all of them.
func TestReplicasKilledAtRandomDeliverEveryAcknowledgedEvent(t *testing.T) {
	t.Parallel()
	const relays, leastKills = 3, 4
	w := newCrashWorld(t, crashOptions{relays: relays, args: []string{"--store", pgtest.New(t).Schema(t, "killed")}})
	long := soak(t)
	ctx, stop := context.WithTimeout(t.Context(), 4*takeover+long)
	defer stop()
	var ps []*process
	for n := range relays {
		ps = append(ps, w.start(t, n))
	}
	stopWriting := w.startWriting(ctx)
	defer stopWriting()
	start, kills := time.Now(), []outage(nil)
	for len(kills) < leastKills || time.Since(start) < long {
		if !w.book.awaitAcks(ctx, 1+rand.IntN(crashAcks)) {
			t.Fatalf("the relays take no events any more:\n%s", ps[0].log.text())
		}
		n := rand.IntN(relays)
		killed := time.Now()
		ps[n].kill()
		ps[n] = w.start(t, n)
		kills = append(kills, outage{killed, time.Now()})
	}
	w.book.awaitAcks(ctx, crashAcks)
	stopWriting()
	w.settle(ctx, t)
	for _, p := range ps {
		if p.stop(syscall.SIGTERM); p.wait() != 0 {
			t.Errorf("a relay ended with %d:\n%s", p.cmd.ProcessState.ExitCode(), p.log.text())
		}
	}
	w.report(t, kills)
}

// stop sends a signal.
func (p *process) stop(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// TestAFrozenReplicaWakesUpFenced stops a relay amid its attempts for longer than others wait for it. They deliver its
// messages. When it wakes up, it sends none of them, so only the messages of the attempts that were under way come
// twice.
func TestAFrozenReplicaWakesUpFenced(t *testing.T) {
	t.Parallel()
	const events, atOnce = 24, 4
	w := newCrashWorld(t, crashOptions{relays: 2, notifier: fmt.Sprintf(", concurrency: %d", atOnce),
		args: []string{"--store", pgtest.New(t).Schema(t, "frozen")}})
	ctx, stop := context.WithTimeout(t.Context(), 4*takeover)
	defer stop()
	frozen := w.start(t, 0)
	gate := make(chan struct{})
	w.book.change(func() { w.book.gate = gate })
	w.post(ctx, t, 0, events)
	if !w.book.await(ctx, func() bool { return w.book.messages == atOnce }) {
		t.Fatalf("%d messages are on their way, want %d", w.book.count().messages, atOnce)
	}
	frozen.stop(syscall.SIGSTOP)
	t.Cleanup(func() { frozen.stop(syscall.SIGCONT) })
	w.book.change(func() { w.book.gate = nil })
	other := w.start(t, 1)
	if !w.book.await(ctx, func() bool { return w.book.messages == events+atOnce }) {
		t.Fatalf("the other relay did not take over: %d messages\n%s", w.book.count().messages, other.log.text())
	}
	close(gate)
	frozen.stop(syscall.SIGCONT)
	if _, ok := frozen.log.await("other relays took over"); !ok {
		t.Errorf("the frozen relay does not know that it was taken for dead:\n%s", frozen.log.text())
	}
	w.post(ctx, t, 0, 2*events)
	w.settle(ctx, t)
	for _, p := range []*process{frozen, other} {
		if p.stop(syscall.SIGTERM); p.wait() != 0 {
			t.Errorf("a relay ended with %d:\n%s", p.cmd.ProcessState.ExitCode(), p.log.text())
		}
	}
	if repeats, messages := w.book.checkRepeats(t, nil), w.book.count().messages; repeats != atOnce ||
		messages != 2*events+atOnce {
		t.Errorf("%d of %d messages came again, want the %d that were on their way", repeats, messages, atOnce)
	}
}

// post posts events one after the other to one relay, up to this number.
func (w *crashWorld) post(ctx context.Context, t *testing.T, relay, upTo int) {
	t.Helper()
	p := w.poster(relay, patience)
	for id := w.book.count().acked + 1; id <= upTo; id++ {
		if a := p.Post(ctx, failedRun(id)); !a.Accepted() {
			t.Fatalf("event %d was not accepted: %s %v", id, a.Status, a.Err)
		}
		w.book.acknowledge(id)
	}
}

// TestWithoutItsDatabaseARelayAsksForPatienceAndGoesOnByItself breaks the way to PostgreSQL, and PostgreSQL itself,
// under load. Qase gets 503 meanwhile, always in time.
func TestWithoutItsDatabaseARelayAsksForPatienceAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	way := newProxy(t, db.Address(), func() treatment { return passOn })
	url := strings.Replace(db.Schema(t, "broken"), db.Address(), way.ln.Addr().String(), 1)
	w := newCrashWorld(t, crashOptions{args: []string{"--store", url}})
	long := soak(t)
	ctx, stop := context.WithTimeout(t.Context(), 4*takeover+long)
	defer stop()
	p, start := w.start(t, 0), time.Now()
	stopWriting := w.startWriting(ctx)
	defer stopWriting()
	var outages []outage
	breaks := []struct {
		name       string
		away, back func()
	}{
		{"all connections are reset", func() { way.set(refuse) }, func() { way.set(passOn) }},
		{"nothing is answered", func() { way.set(swallow) }, func() { way.set(slow(5 * time.Millisecond)) }},
		{"PostgreSQL is restarted", func() { db.Stop(syscall.SIGINT) }, func() {
			way.set(passOn)
			if err := db.Start(); err != nil {
				t.Error(err)
			}
		}},
	}
	for n := 0; n < len(breaks) || time.Since(start) < long; n++ {
		b := breaks[n%len(breaks)]
		if !w.book.awaitAcks(ctx, crashAcks) {
			t.Fatalf("before %s: no events are taken:\n%s", b.name, p.log.text())
		}
		asked := w.book.refusals()
		away := time.Now()
		b.away()
		if !w.book.await(ctx, func() bool { return w.book.refused[unavailable] > asked }) {
			t.Fatalf("%s, and no caller got 503: %v", b.name, w.book.count().refused)
		}
		b.back()
		outages = append(outages, outage{away, time.Now()})
	}
	w.book.awaitAcks(ctx, crashAcks)
	stopWriting()
	w.settle(ctx, t)
	w.report(t, outages)
	for status, n := range w.book.count().refused {
		if status != unavailable {
			t.Errorf("Qase got %q %d times, want %s only:\n%s", status, n, unavailable, p.log.text())
		}
	}
}

const unavailable = "503 Service Unavailable"

func (b *crashBook) refusals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused[unavailable]
}
