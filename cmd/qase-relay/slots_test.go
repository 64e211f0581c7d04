//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/ingest/client"
	"qaserelay/relay/store/pgtest"
)

// slotRules gather, limit and wait for short times. X and Y are the names that the rules have in turn.
const slotRules = `
settings: {catch_up: 1s}
sources:
  - {name: qase, secrets: [s]}
  - {name: pulse, secrets: [s], expect_every: {every: 2s, notify: [ops]}}
notifiers:
  - {name: ops, type: http, url: "RECEIVER/ops"}
  - {name: pager, type: http, url: "RECEIVER/pager"}
rules:
  - name: digest-X
    was: [digest-Y]
    when: source == "qase" && event_name == "run.completed"
    group: {by: [project_code], wait: 2s, max: 1000}
    notify: [ops]
  - name: few-X
    was: [few-Y]
    when: source == "qase" && event_name == "run.completed"
    group: {by: [project_code], wait: 3s, quiet: 1s, first: send, max: 3}
    notify: [ops]
  - name: full-X
    was: [full-Y]
    when: source == "qase" && event_name == "run.completed"
    group: {wait: 5s, max: 10, overflow: send}
    notify: [ops]
  - name: throttled-X
    was: [throttled-Y]
    when: source == "qase" && event_name == "run.completed"
    throttle: {by: [project_code], every: 2s, at_most: 2, send_last: true}
    title: "{{ .suppressed }}"
    notify: [ops]
  - name: stuck-X
    was: [stuck-Y]
    when: event_name == "run.started"
    after:
      wait: 2s
      repeat: {every: 1s, at_most: 2}
      escalate: [{after: 3s, notify: [pager], level: error}]
      resolved: true
    unless: event_name == "run.aborted"
    title: "{{ .reminder }}"
    notify: [ops]
`

const (
	slotReminders = 2 // after the first message of a wait
	slotFeeds     = 3
	slotWriters   = 4
	slotActions   = 8  // that a short run has at least
	slotAcks      = 60 // events that are acknowledged between two of them, at most
)

// TestSlotsAreFiredOnceWhateverHappensToTheRelays lets rules gather, limit and wait for the events of many writers,
// while relays are killed, frozen and started again, rules get other names, people flush digests, and the clock jumps.
// In the end, each event was counted once, each wait has all its messages and no other, and nothing waits any more.
func TestSlotsAreFiredOnceWhateverHappensToTheRelays(t *testing.T) {
	t.Parallel()
	t.Run("one on SQLite", func(t *testing.T) {
		t.Parallel()
		w := newSlotWorld(t, 1)
		w.chaos(t, w.kill, w.kill, w.rename, w.flush)
	})
	t.Run("three on PostgreSQL", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		db.Schema(t, "slots")
		// The schema has a clock of its own, which can be set, and which comes before that of PostgreSQL.
		db.Exec(t, `CREATE TABLE slots.skew (by interval); INSERT INTO slots.skew VALUES ('0');
			CREATE FUNCTION slots.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
			'SELECT pg_catalog.clock_timestamp() + by FROM slots.skew'`)
		w := newSlotWorld(t, 3, "--store", db.URL("slots,pg_catalog"))
		w.skew = func(d time.Duration) {
			db.Exec(t, fmt.Sprintf("UPDATE slots.skew SET by = '%d ms'", d.Milliseconds()))
		}
		w.chaos(t, w.kill, w.kill, w.kill, w.freeze, w.rename, w.flush, w.flush, w.jump)
	})
}

// slotWorld is relays with slotRules, and their receiver. The relay of a number has the same address after each start.
type slotWorld struct {
	*slotBook
	dir, receiver string
	args          []string // of serve
	relays        []*slotRelay
	acks          *crashBook
	names         int                 // how often the rules got other names
	skew          func(time.Duration) // sets how much the clock of the relays is ahead; nil means that it cannot be set
	ahead, most   time.Duration       // how much it is, and was at most
	run           atomic.Int64        // the number of the last run that a writer has made up
}

// slotRelay is a process. Its addresses do not change.
type slotRelay struct {
	*process
	addr, admin string
}

func newSlotWorld(t *testing.T, relays int, args ...string) *slotWorld {
	t.Helper()
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	w := &slotWorld{slotBook: newSlotBook(), dir: t.TempDir(), receiver: server.URL, args: args, acks: newCrashBook()}
	server.Config.Handler = w.slotBook
	w.writeRules(t)
	for range relays {
		w.relays = append(w.relays, &slotRelay{addr: freeAddress(t), admin: freeAddress(t)})
	}
	return w
}

// writeRules writes the rules with the names that they have now.
func (w *slotWorld) writeRules(t *testing.T) {
	t.Helper()
	now, before := "x", "y"
	if w.names%2 == 1 {
		now, before = before, now
	}
	text := strings.NewReplacer("-X", "-"+now, "-Y", "-"+before, "RECEIVER", w.receiver).Replace(slotRules)
	if err := os.WriteFile(filepath.Join(w.dir, terminal.DefaultRules), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *slotWorld) start(t *testing.T, r *slotRelay) {
	t.Helper()
	args := append([]string{"serve", "--listen", r.addr, "--admin-listen", r.admin}, w.args...)
	p, err := startProcess(processOptions{dir: w.dir, env: []string{"NO_PROXY=*"}, args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	if r.process = p; !r.takesEvents() {
		t.Fatalf("a relay did not start:\n%s", p.log.text())
	}
}

func (r *slotRelay) takesEvents() bool {
	_, ok := r.log.await(`msg="taking events"`)
	return ok
}

// chaos runs the relays and the writers, does one of the actions again and again, and checks the book in the end.
func (w *slotWorld) chaos(t *testing.T, actions ...func(*testing.T)) {
	long, start := soak(t), time.Now()
	ctx, stop := context.WithTimeout(t.Context(), 6*takeover+long)
	defer stop()
	for _, r := range w.relays {
		w.start(t, r)
	}
	writing, endWriting := context.WithCancel(ctx)
	var writers sync.WaitGroup
	for range slotWriters {
		writers.Go(func() { w.writeRuns(ctx, writing) })
	}
	for n := range slotFeeds {
		writers.Go(func() { w.writeFeed(ctx, writing, fmt.Sprintf("P%d", n)) })
	}
	did := 0
	for ; did < slotActions || time.Since(start) < long; did++ {
		if !w.acks.awaitAcks(ctx, 1+rand.IntN(slotAcks)) {
			t.Fatalf("the relays take no events any more:\n%s", w.relays[0].log.text())
		}
		if did < len(actions) {
			actions[did](t)
		} else {
			actions[rand.IntN(len(actions))](t)
		}
	}
	w.acks.awaitAcks(ctx, slotAcks)
	endWriting()
	writers.Wait()
	if w.skew != nil {
		w.skew(w.most + time.Hour)
	}
	w.settle(ctx, t)
	t.Logf("%d times in %v, something was broken or changed: %s", did, time.Since(start).Round(time.Second), w.report())
	for _, r := range w.relays {
		if r.stop(syscall.SIGTERM); r.wait() != 0 {
			t.Errorf("a relay ended with %d:\n%s", r.cmd.ProcessState.ExitCode(), r.log.text())
		}
	}
}

// settle waits until nothing waits any more and the book is right.
func (w *slotWorld) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	for {
		list, err := w.relays[0].waiting(ctx, "")
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		wrong := w.check()
		if err == nil && len(list) == 0 && len(wrong) == 0 {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("%d things wait: %v %v\n%d faults: %s", len(list), list[:min(len(list), 5)], err, len(wrong),
				strings.Join(wrong[:min(len(wrong), 40)], "\n"))
			return
		}
	}
}

func (w *slotWorld) any() *slotRelay { return w.relays[rand.IntN(len(w.relays))] }

// kill kills a relay, and starts it again.
func (w *slotWorld) kill(t *testing.T) {
	r := w.any()
	r.process.kill()
	w.start(t, r)
}

// freeze stops a relay for a while, maybe amid a transaction, or for so long that others take over.
func (w *slotWorld) freeze(*testing.T) {
	r := w.any()
	r.stop(syscall.SIGSTOP)
	time.Sleep(time.Duration(rand.Int64N(int64(6 * time.Second))))
	r.stop(syscall.SIGCONT)
}

// rename gives all rules another name, maybe after a file that no relay can read.
func (w *slotWorld) rename(t *testing.T) {
	if rand.IntN(2) == 0 {
		if err := os.WriteFile(filepath.Join(w.dir, terminal.DefaultRules), []byte("rules: [}"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
	}
	w.names++
	w.writeRules(t)
}

// jump sets the clock of the relays forward or back.
func (w *slotWorld) jump(*testing.T) {
	all := []time.Duration{-10 * time.Minute, -3 * time.Second, 3 * time.Second, 10 * time.Minute}
	w.ahead += all[rand.IntN(len(all))]
	w.most = max(w.most, w.ahead)
	w.skew(w.ahead)
}

// flush sends a digest before its time, by two requests at once.
func (w *slotWorld) flush(t *testing.T) {
	list, err := w.any().waiting(t.Context(), "digest")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return
	}
	id := list[rand.IntN(len(list))]
	var callers sync.WaitGroup
	for range 2 {
		url := "http://" + w.any().admin + "/api/v1/waiting/" + id + "/flush"
		callers.Go(func() {
			resp, err := http.Post(url, "application/json", strings.NewReader(`{"author": "bob"}`))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
				t.Errorf("flushing a digest: %s", resp.Status)
			}
		})
	}
	callers.Wait()
}

// waiting returns the ids of what waits, of one kind or all. It fails if something could not be sent.
func (r *slotRelay) waiting(ctx context.Context, kind string) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.admin+"/api/v1/waiting?kind="+kind, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var page struct{ Waiting []struct{ ID, Error string } }
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("listing what waits: %s %w", resp.Status, err)
	}
	for _, one := range page.Waiting {
		if one.Error != "" {
			return nil, fmt.Errorf("%s cannot be sent: %s", one.ID, one.Error)
		}
		ids = append(ids, one.ID)
	}
	return ids, nil
}

// post posts an event to any relay, again and again until one acknowledges it.
func (w *slotWorld) post(ctx context.Context, source, body string) {
	for ctx.Err() == nil {
		p := client.New(client.Options{URL: "http://" + w.any().addr + "/webhooks/" + source, Secret: "s",
			Timeout: 10 * time.Second, Concurrency: 1})
		if a := p.Post(ctx, []byte(body)); a.Accepted() {
			w.acks.acknowledge(int(w.run.Add(1)))
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// pause waits for up to a time.
func pause(ctx context.Context, most time.Duration) {
	select {
	case <-time.After(time.Duration(rand.Int64N(int64(most)))):
	case <-ctx.Done():
	}
}

// writeRuns posts events about runs until writing is done: some finish, others start, and of these some are aborted.
func (w *slotWorld) writeRuns(ctx, writing context.Context) {
	event := func(name string, run int64, project string) {
		w.post(ctx, "qase", fmt.Sprintf(
			`{"event_name":"run.%s","timestamp":%d,"payload":{"id":%d,"failed":1},"project_code":%q}`,
			name, time.Now().Unix(), run, project))
	}
	var aborts []func()
	for writing.Err() == nil {
		run, project := w.run.Add(1), fmt.Sprintf("W%d", rand.IntN(4))
		if rand.IntN(3) > 0 {
			event("completed", run, project)
			w.note(func() { w.finished[int(run)] = project })
		} else {
			event("started", run, project)
			w.note(func() { w.started[int(run)] = false })
			if rand.IntN(2) == 0 {
				aborts = append(aborts, func() {
					event("aborted", run, project)
					w.note(func() { w.started[int(run)] = true })
				})
			}
		}
		if len(aborts) > rand.IntN(100) { // some seconds later
			aborts[0]()
			aborts = aborts[1:]
		}
		pause(writing, 20*time.Millisecond)
	}
	for _, abort := range aborts {
		abort()
	}
}

// writeFeed posts events of a project with pauses, until writing is done.
func (w *slotWorld) writeFeed(ctx, writing context.Context, project string) {
	for writing.Err() == nil {
		for range 1 + rand.IntN(20) {
			w.post(ctx, "pulse", fmt.Sprintf(`{"event_name":"case.created","payload":{"id":%d},"project_code":%q}`,
				w.run.Add(1), project))
			pause(writing, 300*time.Millisecond)
		}
		pause(writing, 6*time.Second)
	}
}
