package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/ingest/client"
)

// soak returns the duration of the tests that break things: QASE_RELAY_SOAK minutes. Zero is that of a normal run.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("QASE_RELAY_SOAK")
	if text == "" {
		return 0
	}
	minutes, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("QASE_RELAY_SOAK=%s: want a number of minutes", text)
	}
	return time.Duration(minutes * float64(time.Minute))
}

// crashWorld is a receiver, a rules file, and writers that post to relays. A relay has the same address after each
// start.
type crashWorld struct {
	dir   string
	addrs []string
	args  []string // of serve, on all relays
	book  *crashBook
}

// crashOptions change a world. The zero value is one relay that posts straight to its receiver.
type crashOptions struct {
	relays   int                          // their number; zero means one
	via      func(receiver string) string // the address that relays post to
	notifier string                       // further keys of the notifier
	args     []string                     // of serve
}

func newCrashWorld(t *testing.T, o crashOptions) *crashWorld {
	t.Helper()
	w := &crashWorld{args: o.args, book: newCrashBook()}
	for range max(o.relays, 1) {
		w.addrs = append(w.addrs, freeAddress(t))
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Event struct{ Payload struct{ ID int } }
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("the receiver got no JSON: %v", err)
		}
		w.book.deliver(r.Context(), arrivalNote{event: message.Event.Payload.ID, delivery: r.Header.Get("webhook-id"),
			at: time.Now()})
	}))
	receiver.Config.SetKeepAlivesEnabled(o.via == nil)
	t.Cleanup(receiver.Close)
	url := receiver.URL
	if o.via != nil {
		url = o.via(url)
	}
	w.dir = filepath.Dir(writeRules(t, fmt.Sprintf(`
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: http, url: %q%s}]
rules: [{name: all, when: 'event_name == "run.completed"', notify: [ops]}]
`, url, o.notifier)))
	return w
}

// start starts the relay of this number.
func (w *crashWorld) start(t *testing.T, number int) *process {
	t.Helper()
	args := append([]string{"serve", "--listen", w.addrs[number], "--admin-listen", "127.0.0.1:0"}, w.args...)
	p, err := startProcess(processOptions{dir: w.dir, env: []string{"NO_PROXY=*"}, args: args})
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

// startWriting posts events from many writers, until stop is called.
func (w *crashWorld) startWriting(ctx context.Context) (stop func()) {
	writing, cancel := context.WithCancel(ctx)
	var writers sync.WaitGroup
	for n := range crashWriters {
		writers.Go(func() { w.write(writing, n) })
	}
	return func() { cancel(); writers.Wait() }
}

// write posts events until ctx is done. It posts an event again, to any relay, until one acknowledges it.
func (w *crashWorld) write(ctx context.Context, writer int) {
	var posters []*client.Poster
	for number := range w.addrs {
		posters = append(posters, w.poster(number, 15*time.Second))
	}
	for n := 1; ctx.Err() == nil; n++ {
		id := writer*1_000_000 + n
		body := failedRun(id)
		for ctx.Err() == nil {
			up := w.book.up()
			a := posters[rand.IntN(len(posters))].Post(ctx, body)
			if a.Accepted() {
				w.book.acknowledge(id)
				break
			}
			if ctx.Err() == nil {
				w.book.refuse(a)
			}
			select {
			case <-up:
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// poster posts to the relay of this number.
func (w *crashWorld) poster(number int, timeout time.Duration) *client.Poster {
	return client.New(client.Options{URL: "http://" + w.addrs[number] + "/webhooks/qase", Secret: "s", Timeout: timeout,
		Concurrency: 1})
}

// failedRun returns an event about the run with an id.
func failedRun(id int) []byte {
	return fmt.Appendf(nil, `{"event_name":"run.completed","payload":{"id":%d,"failed":1},"project_code":"WEB"}`, id)
}

// arrivalNote is a message that the receiver has got.
type arrivalNote struct {
	event    int
	delivery string // its webhook-id
	at       time.Time
}

// crashBook records the acknowledged events and the messages.
type crashBook struct {
	mu       sync.Mutex
	acked    map[int]bool
	arrived  map[int][]arrivalNote
	messages int
	refused  map[string]int // the number of other answers than 202, by status
	gate     chan struct{}  // messages are answered when it is closed; nil means at once
	changed  chan struct{}  // closed at every change
	nextUp   chan struct{}  // closed at the next start
}

func newCrashBook() *crashBook {
	return &crashBook{acked: map[int]bool{}, arrived: map[int][]arrivalNote{}, refused: map[string]int{},
		changed: make(chan struct{}), nextUp: make(chan struct{})}
}

func (b *crashBook) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *crashBook) acknowledge(id int) { b.change(func() { b.acked[id] = true }) }
func (b *crashBook) refuse(a client.Answer) {
	b.change(func() { b.refused[cmp.Or(a.Status, "no answer")]++ })
}

// bookCount holds the counts of one moment.
type bookCount struct {
	acked, messages int
	refused         map[string]int
}

func (b *crashBook) count() bookCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bookCount{len(b.acked), b.messages, maps.Clone(b.refused)}
}

// deliver records a message. Its sender waits until the gate is open.
func (b *crashBook) deliver(ctx context.Context, n arrivalNote) {
	var gate chan struct{}
	b.change(func() {
		b.arrived[n.event], gate = append(b.arrived[n.event], n), b.gate
		b.messages++
	})
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
}

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
	return b.await(ctx, func() bool { return b.missing() == 0 })
}

// await waits until met returns true. It calls met with the book locked.
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

// missing returns the number of acknowledged events without a message. The book has to be locked.
func (b *crashBook) missing() int {
	n := 0
	for id := range b.acked {
		if len(b.arrived[id]) == 0 {
			n++
		}
	}
	return n
}

// outage is a time in which a process or the database did not work.
type outage struct{ from, to time.Time }

// explains reports whether a message that arrived at this time may arrive again: the outage came before its delivery
// could be recorded.
func (o outage) explains(arrived time.Time) bool {
	return arrived.After(o.from.Add(-5*time.Second)) && arrived.Before(o.to.Add(time.Second))
}

// checkRepeats checks that messages that came twice have the same webhook-id, and that an outage explains each. Nil
// outages are not checked.
func (b *crashBook) checkRepeats(t *testing.T, outages []outage) (repeats int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for event, notes := range b.arrived {
		for i, n := range notes[1:] {
			repeats++
			if n.delivery != notes[0].delivery || n.delivery == "" {
				t.Errorf("event %d came as delivery %s and as %s", event, notes[0].delivery, n.delivery)
			}
			if outages != nil && !slices.ContainsFunc(outages, func(o outage) bool { return o.explains(notes[i].at) }) {
				t.Errorf("event %d came at %v and again, though nothing was broken then", event, notes[i].at)
			}
		}
	}
	return repeats
}
