package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	crashWriters = 8
	crashKills   = 5
	crashAcks    = 120 // events that are acknowledged between two kills
)

// TestKilledUnderLoadEveryAcknowledgedEventIsDelivered kills the program with SIGKILL while many writers post, starts it
// again on the same store, and compares in the end what was acknowledged with what arrived.
func TestKilledUnderLoadEveryAcknowledgedEventIsDelivered(t *testing.T) {
	w := newCrashWorld(t)
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Second)
	defer stop()
	writing, stopWriting := context.WithCancel(ctx)
	var writers sync.WaitGroup
	for n := range crashWriters {
		writers.Go(func() { w.write(writing, n) })
	}
	p := w.start(t)
	for range crashKills {
		if !w.book.awaitAcks(ctx, crashAcks) {
			t.Fatalf("the relay takes no events any more:\n%s", p.log.text())
		}
		p.kill()
		p = w.start(t)
	}
	w.book.awaitAcks(ctx, crashAcks)
	stopWriting()
	writers.Wait()
	if !w.book.awaitDeliveries(ctx) {
		t.Errorf("acknowledged but never delivered: %d of %d", len(w.book.missing()), len(w.book.acked))
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("the last relay ended with %d:\n%s", code, p.log.text())
	}
	t.Logf("%d kills: %d events acknowledged, %d messages, %d of them more than once", crashKills, len(w.book.acked), w.book.messages, w.book.repeats())
}

// crashWorld is a receiver, a rules file, and an address that stays the same over all starts.
type crashWorld struct {
	dir  string
	addr string
	book *crashBook
}

func newCrashWorld(t *testing.T) *crashWorld {
	t.Helper()
	w := &crashWorld{dir: t.TempDir(), book: newCrashBook()}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Event struct{ Payload struct{ ID int } }
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("the receiver got no JSON: %v", err)
		}
		w.book.deliver(message.Event.Payload.ID)
	}))
	t.Cleanup(receiver.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	rules := fmt.Sprintf(`
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: http, url: %q}]
rules: [{name: all, when: 'event_name == "run.completed"', notify: [ops]}]
`, receiver.URL)
	if err := os.WriteFile(filepath.Join(w.dir, defaultRules), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *crashWorld) start(t *testing.T) *process {
	t.Helper()
	p, err := startProcess(processOptions{dir: w.dir, env: []string{"NO_PROXY=*"},
		args: []string{"serve", "--listen", w.addr, "--admin-listen", "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	if _, ok := p.log.await(`msg="taking events"`); !ok {
		t.Fatalf("the relay did not start:\n%s", p.log.text())
	}
	w.book.started()
	return p
}

// write posts events until ctx is done. What was not acknowledged is posted again when a relay is there again.
func (w *crashWorld) write(ctx context.Context, writer int) {
	p, err := newPoster(sendFlags{to: "http://" + w.addr + "/webhooks/qase", secret: "s", timeout: 10 * time.Second, concurrency: 1})
	if err != nil {
		panic(err)
	}
	for n := 1; ctx.Err() == nil; n++ {
		id := writer*1_000_000 + n
		body := fmt.Appendf(nil, `{"event_name":"run.completed","payload":{"id":%d,"failed":1},"project_code":"WEB"}`, id)
		for ctx.Err() == nil {
			up := w.book.up()
			if a := p.post(ctx, body); a.err == nil && a.accepted() {
				w.book.acknowledge(id)
				break
			}
			select {
			case <-up:
			case <-ctx.Done():
			}
		}
	}
}

// crashBook is what was acknowledged and what arrived.
type crashBook struct {
	mu       sync.Mutex
	acked    map[int]bool
	arrived  map[int]int
	messages int
	changed  chan struct{} // closed at every change
	nextUp   chan struct{} // closed at the next start
}

func newCrashBook() *crashBook {
	return &crashBook{acked: map[int]bool{}, arrived: map[int]int{}, changed: make(chan struct{}), nextUp: make(chan struct{})}
}

func (b *crashBook) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *crashBook) acknowledge(id int) { b.change(func() { b.acked[id] = true }) }
func (b *crashBook) deliver(id int)     { b.change(func() { b.arrived[id]++; b.messages++ }) }

func (b *crashBook) started() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.nextUp)
	b.nextUp = make(chan struct{})
}

// up returns a channel that is closed at the next start of a relay.
func (b *crashBook) up() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nextUp
}

// awaitAcks waits for n more acknowledgements.
func (b *crashBook) awaitAcks(ctx context.Context, n int) bool {
	b.mu.Lock()
	want := len(b.acked) + n
	b.mu.Unlock()
	return b.await(ctx, func() bool { return len(b.acked) >= want })
}

func (b *crashBook) awaitDeliveries(ctx context.Context) bool {
	return b.await(ctx, func() bool { return len(b.missing()) == 0 })
}

// await waits until met, which is called with the book locked.
func (b *crashBook) await(ctx context.Context, met func() bool) bool {
	for {
		b.mu.Lock()
		done, changed := met(), b.changed
		b.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (b *crashBook) missing() []int {
	var ids []int
	for id := range b.acked {
		if b.arrived[id] == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *crashBook) repeats() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.messages - len(b.arrived)
}
