package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	crashDead = 5000 // dead letters that the job sends again
	// crashBacklog is settings.backlog.deliveries. A job leaves half of it to new events, so it waits in its middle while
	// the receiver does not answer.
	crashBacklog = 3000
)

// retried are the arrivals of messages that a job sends again.
type retried struct {
	mu     sync.Mutex
	dead   bool           // refuse everything
	gate   chan struct{}  // messages are answered when it is closed
	before map[string]int // by webhook-id, until the relay was killed
	after  map[string]int
	killed bool
}

func (r *retried) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	r.mu.Lock()
	gate, id := r.gate, req.Header.Get("webhook-id")
	switch {
	case r.dead:
		gate = nil
	case r.killed:
		r.after[id]++
	default:
		r.before[id]++
	}
	dead := r.dead
	r.mu.Unlock()
	if dead {
		http.Error(w, "no such hook", http.StatusNotFound)
		return
	}
	select {
	case <-gate:
	case <-req.Context().Done():
	}
}

// TestAJobThatIsKilledSendsEachMessageAgain kills the program with SIGKILL in the middle of a job with thousands of dead
// letters, and starts it again: each is sent again, once, or twice if it was on its way at the kill, and the audit trail has
// all that was done.
func TestAJobThatIsKilledSendsEachMessageAgain(t *testing.T) {
	t.Parallel()
	book := &retried{dead: true, gate: make(chan struct{}), before: map[string]int{}, after: map[string]int{}}
	receiver := httptest.NewServer(book)
	t.Cleanup(receiver.Close)
	open := sync.OnceFunc(func() { close(book.gate) })
	t.Cleanup(open)
	w := &crashWorld{addrs: []string{freeAddress(t)}, book: newCrashBook()}
	w.dir = filepath.Dir(writeRules(t, fmt.Sprintf(`
settings: {backlog: {deliveries: %d}}
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: http, url: %q, concurrency: 16, timeout: 5m}]
rules: [{name: all, when: 'event_name == "run.completed"', notify: [ops]}]
`, crashBacklog, receiver.URL)))
	p, admin := w.startAdmin(t)
	w.bury(t, admin)
	book.mu.Lock()
	book.dead = false
	book.mu.Unlock()
	job := startJob(t, admin)
	awaitAnswer(t, admin+"/api/v1/jobs/"+job, func(text string) bool {
		return strings.Contains(text, `"waits":`) && !strings.Contains(text, `"done":0`)
	})
	p.kill()
	book.mu.Lock()
	book.killed = true
	book.mu.Unlock()
	open()
	_, admin = w.startAdmin(t)
	text := awaitAnswer(t, admin+"/api/v1/jobs/"+job, func(text string) bool { return strings.Contains(text, `"state":"done"`) })
	if !strings.Contains(text, fmt.Sprintf(`"total":%d,"done":%d,"skipped":0,"failed":0`, crashDead, crashDead)) {
		t.Errorf("the job ended as %s", text)
	}
	awaitAnswer(t, admin+"/api/v1/notifiers", func(text string) bool { return strings.Contains(text, `"pending":0,"dead":0`) })
	book.check(t)
	checkJobAudit(t, admin, job)
}

// startAdmin starts the relay, and returns the URL of its admin address.
func (w *crashWorld) startAdmin(t *testing.T) (*process, string) {
	t.Helper()
	w.args = []string{"--log-level", "info"}
	p := w.start(t, 0)
	found := regexp.MustCompile(`admin=(http://\S+)`).FindStringSubmatch(p.log.text())
	if found == nil {
		t.Fatalf("the log does not name the admin address:\n%s", p.log.text())
	}
	return p, found[1]
}

// bury posts events until so many messages are dead.
func (w *crashWorld) bury(t *testing.T, admin string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	var posting sync.WaitGroup
	for n := range crashWriters {
		posting.Go(func() {
			poster := w.poster(0, 15*time.Second)
			for id := n + 1; id <= crashDead && ctx.Err() == nil; {
				if poster.Post(ctx, failedRun(id)).Accepted() {
					id += crashWriters
				}
			}
		})
	}
	posting.Wait()
	awaitAnswer(t, admin+"/api/v1/notifiers", func(text string) bool {
		return strings.Contains(text, fmt.Sprintf(`"pending":0,"dead":%d,`, crashDead)) ||
			strings.Contains(text, fmt.Sprintf(`"pending":0,"dead":%d}`, crashDead))
	})
}

// startJob starts the job, and returns its id.
func startJob(t *testing.T, admin string) string {
	t.Helper()
	resp, err := http.Post(admin+"/api/v1/jobs", "application/json", strings.NewReader(`{"verb": "retry", "state": "dead"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var job struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&job); err != nil || job.ID == "" {
		t.Fatalf("starting the job: %s, %v", resp.Status, err)
	}
	return job.ID
}

// awaitAnswer asks for a URL until the answer is right, and returns it.
func awaitAnswer(t *testing.T, url string, right func(text string) bool) string {
	t.Helper()
	for end := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
		text := ""
		if resp, err := http.Get(url); err == nil {
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			text = string(bytes.TrimSpace(body))
		}
		if right(text) {
			return text
		}
		if time.Now().After(end) {
			t.Fatalf("%s answers %.2000s", url, text)
		}
	}
}

// check compares how often each message came.
func (r *retried) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	twice := 0
	for id, n := range r.before {
		if n != 1 || r.after[id] > 1 {
			t.Errorf("%s came %d times before the kill, and %d times after it", id, n, r.after[id])
		}
		if r.after[id] == 1 {
			twice++
		}
	}
	for id, n := range r.after {
		if n != 1 {
			t.Errorf("%s came %d times after the kill", id, n)
		}
		r.before[id]++
	}
	if len(r.before) != crashDead {
		t.Errorf("%d messages came, want %d", len(r.before), crashDead)
	}
	t.Logf("%d messages came, %d of them twice: they were on their way at the kill", len(r.before), twice)
}

// pageOfJob matches the details of the audit entry of a page.
var pageOfJob = regexp.MustCompile(`"verb":"retry-many","object":"(\w+)","details":"(\d+) deliveries, `)

// checkJobAudit checks that the audit trail has the start of a job, each page that it changed, and its end.
func checkJobAudit(t *testing.T, admin, job string) {
	t.Helper()
	text := awaitAnswer(t, admin+"/api/v1/audit?object="+job+"&limit=500", func(text string) bool {
		return strings.Contains(text, `"verb":"job-end"`)
	})
	changed := 0
	for _, page := range pageOfJob.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(page[2])
		changed += n
	}
	if changed != crashDead {
		t.Errorf("the pages in the audit trail have %d deliveries, want %d: %s", changed, crashDead, text)
	}
	for part, want := range map[string]int{`"details":"retry, started: state dead"`: 1,
		fmt.Sprintf(`"verb":"job-end","object":"%s","details":"done: %d done, 0 skipped, 0 failed of %d"`, job, crashDead, crashDead): 1} {
		if got := strings.Count(text, part); got != want {
			t.Errorf("the audit trail has %s %d times, want %d: %s", part, got, want, text)
		}
	}
}
