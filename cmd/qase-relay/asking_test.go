//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/ingest/client"
	"qaserelay/relay/qaseapi/standin"
	"qaserelay/relay/store/pgtest"
)

// askingRules have a rule that waits for which tests failed, and one that does not.
const askingRules = `
sources: [{name: qase, secrets: [s], failures: {wait: 5m}, api_token: t0ken-of-qase, api_url: "QASE/v1"}]
notifiers: [{name: ops, type: http, url: "RECEIVER"}]
rules:
  - name: at-once
    when: event_name == "run.completed"
    title: "ended"
    body: "ended"
    notify: [ops]
  - name: new
    when: event_name == "run.completed" && failures.new_total > 0
    title: "{{ .failures.new_total }} new of {{ .failures.total }}"
    body: >-
      new: {{ range .failures.new }}{{ .title }} ({{ .reason }}). {{ end }}
      still: {{ range .failures.still }}{{ .title }}. {{ end }}
      fixed: {{ range .failures.fixed }}{{ .title }}. {{ end }}
      {{ .failures.error }}
    notify: [ops]
`

// askingWorld is a Qase API with two runs of one plan, a receiver of messages, and a relay that is started again and again
// at one address with one store.
type askingWorld struct {
	api   *standin.Server
	qase  *httptest.Server
	dir   string
	addr  string
	args  []string
	admin string
	mu    sync.Mutex
	got   []askingMessage
	more  chan struct{}
}

type askingMessage struct{ Rule, Title, Body string }

func newAskingWorld(t *testing.T, args ...string) *askingWorld {
	t.Helper()
	w := &askingWorld{addr: freeAddress(t), args: args, more: make(chan struct{}, 1000)}
	end := time.Now().Add(-time.Hour)
	result := func(run, id int, hash string) standin.Result {
		return standin.Result{Run: run, Case: id, Hash: hash, Status: "failed", Comment: fmt.Sprintf("reason %d", id), End: end}
	}
	w.api = standin.New(standin.World{Token: "t0ken-of-qase", NoSearch: true, Projects: []*standin.Project{{Code: "WEB",
		Suites: []standin.Suite{{ID: 1, Title: "Shop"}}, Plans: []standin.Plan{{ID: 3, Title: "Checkout"}},
		Cases: []standin.Case{{ID: 25, Suite: 1, Title: "Login works"}, {ID: 31, Suite: 1, Title: "Pay by card"},
			{ID: 40, Suite: 1, Title: "Log out"}},
		Runs: []standin.Run{
			{ID: 1, Title: "Nightly", Plan: 3, Cases: []int{25, 31, 40}, Start: end.Add(-time.Hour), End: end},
			{ID: 2, Title: "Nightly", Plan: 3, Cases: []int{25, 31, 40}, Start: end, End: end.Add(time.Minute)}},
		Results: []standin.Result{result(1, 31, "a"), result(1, 40, "b"), result(2, 25, "c"), result(2, 31, "d"),
			{Run: 1, Case: 25, Hash: "e", Status: "passed", End: end}, {Run: 2, Case: 40, Hash: "f", Status: "passed", End: end}},
	}}})
	w.qase = httptest.NewServer(w.api)
	t.Cleanup(w.qase.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m askingMessage
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("the receiver got no JSON: %v", err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.got = append(w.got, m)
		w.more <- struct{}{}
	}))
	t.Cleanup(receiver.Close)
	w.dir = filepath.Dir(writeRules(t, strings.NewReplacer("QASE", w.qase.URL, "RECEIVER", receiver.URL).Replace(askingRules)))
	return w
}

// waitFor sets how long an event waits for the names of its failing tests.
func (w *askingWorld) waitFor(t *testing.T, wait string) {
	t.Helper()
	file := filepath.Join(w.dir, "rules.yaml")
	text, err := os.ReadFile(file)
	if err == nil {
		text = bytes.Replace(text, []byte("wait: 5m"), []byte("wait: "+wait), 1)
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// start starts the relay.
func (w *askingWorld) start(t *testing.T) *process {
	t.Helper()
	p, err := startProcess(processOptions{dir: w.dir, env: []string{"NO_PROXY=*"},
		args: append([]string{"serve", "--listen", w.addr, "--admin-listen", "127.0.0.1:0"}, w.args...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	started, ok := p.log.await(`msg="relay started".* admin=(\S+)`)
	if ok {
		_, ok = p.log.await(`msg="taking events"`)
	}
	if !ok {
		t.Fatalf("the relay did not start:\n%s", p.log.text())
	}
	w.admin = started[1]
	return p
}

// end posts the end of a run with two failing tests of three, and returns the id of the event.
func (w *askingWorld) end(t *testing.T, run int) string {
	t.Helper()
	return w.post(t, fmt.Sprintf(`{"event_name":"run.completed","project_code":"WEB","timestamp":%d,"payload":
		{"id":%d,"title":"Nightly","plan":{"id":3},"cases":3,"passed":1,"failed":2,"duration":60000}}`,
		time.Now().Add(-time.Hour).Unix(), run))
}

// post posts an event, and returns its id.
func (w *askingWorld) post(t *testing.T, body string) string {
	t.Helper()
	p := client.New(client.Options{URL: "http://" + w.addr + "/webhooks/qase", Secret: "s", Timeout: patience, Concurrency: 1})
	a := p.Post(t.Context(), []byte(body))
	if !a.Accepted() {
		t.Fatalf("not accepted: %s %v\n%s", a.Status, a.Err, body)
	}
	return a.EventID
}

// await waits for n messages of a rule, and returns the newest one.
func (w *askingWorld) await(t *testing.T, rule string, n int) askingMessage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if of := w.messages(rule); len(of) >= n {
			return of[len(of)-1]
		}
		select {
		case <-w.more:
		case <-ctx.Done():
			t.Fatalf("message %d of %s did not come: %v", n, rule, w.messages(""))
		}
	}
}

// messages returns the messages of a rule; those of all for "".
func (w *askingWorld) messages(rule string) (of []askingMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.got {
		if rule == "" || m.Rule == rule {
			of = append(of, m)
		}
	}
	return of
}

// asked waits until the API was asked for the results of a run.
func (w *askingWorld) asked(t *testing.T) {
	t.Helper()
	for start := time.Now(); w.api.Asked("/v1/") == 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatal("the Qase API was not asked")
		}
	}
}

// run returns what a command about the running relay prints.
func (w *askingWorld) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("qase-relay", append(args, "--url", w.admin)...)
	cmd.Dir = w.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", args, err, out.String())
	}
	return out.String()
}

// wants checks that a text has all parts, wherever its lines end.
func wants(t *testing.T, name, text string, parts ...string) {
	t.Helper()
	text = strings.Join(strings.Fields(text), " ")
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", name, part, text)
		}
	}
}

func TestAMessageNamesWhichTestsFailedAndWhichAreNew(t *testing.T) {
	t.Parallel()
	w := newAskingWorld(t)
	w.start(t)
	w.post(t, `{"event_name":"case.updated","project_code":"WEB","payload":{"id":31,"title":"Pay by card, soon"}}`)
	w.end(t, 1)
	wants(t, "the first message", w.await(t, "new", 1).Body, "Pay by card, soon (reason 31)", "Log out (reason 40)")
	id := w.end(t, 2)
	second := w.await(t, "new", 2)
	wants(t, "the second message", second.Title+"\n"+second.Body, "1 new of 2", "new: Login works (reason 25)", "still: Pay by card, soon.",
		"fixed: Log out.")
	wants(t, "events show", w.run(t, "events", "show", id), "Failing tests: 2 cases by the Qase API (")
	wants(t, "explain --id", w.run(t, "explain", "--id", id), "Failing tests: 2 cases by the Qase API (", "new matched")

	w.api.Change(func(world *standin.World) {
		for i := range world.Projects[0].Results {
			world.Projects[0].Results[i].Comment = "another reason"
		}
	})
	w.run(t, "events", "replay", id)
	wants(t, "the replay", w.await(t, "new", 3).Body, "reason 25")
	w.api.Trouble(standin.Trouble{Status: http.StatusInternalServerError})
	w.run(t, "events", "replay", "--ask-again", id)
	wants(t, "the replay that has no answer", w.await(t, "new", 4).Body, "reason 25")
	w.api.Trouble()
	w.run(t, "events", "replay", "--ask-again", id) // at once, within the pause after the error
	wants(t, "the replay that asks again", w.await(t, "new", 5).Body, "another reason")
}

// TestKilledBetweenAnswerAndDecisionAnEventIsDecidedOnce kills the relay while an event waits for the names.
func TestKilledBetweenAnswerAndDecisionAnEventIsDecidedOnce(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]func(*testing.T) []string{
		"SQLite":     func(*testing.T) []string { return nil },
		"PostgreSQL": func(t *testing.T) []string { return []string{"--store", pgtest.New(t).Schema(t, "asking")} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAskingWorld(t, args(t)...)
			w.api.Trouble(standin.Trouble{Path: "/v1/result", // they come in late
				Body: `{"status":true,"result":{"total":0,"filtered":0,"count":0,"entities":[]}}`})
			p := w.start(t)
			id := w.end(t, 1)
			w.asked(t)
			w.await(t, "at-once", 1)
			wants(t, "events show", w.run(t, "events", "show", id), "Waiting for ", "for the names of the failing tests",
				"new awaiting:", "at-once matched")
			wants(t, "explain --id", w.run(t, "explain", "--id", id), "Waiting for ", "new awaiting:")
			waiting := w.run(t, "waiting", "list", "--kind", "event")
			wants(t, "waiting list", waiting, "source qase", "run 1 in WEB")
			wants(t, "waiting show", w.run(t, "waiting", "show", strings.Fields(strings.Split(waiting, "\n")[1])[0]),
				"decided at the latest", "1 event", id)
			p.kill()
			w.api.Trouble()
			p = w.start(t)
			wants(t, "the message", w.await(t, "new", 1).Body, "Pay by card (reason 31)", "Log out (reason 40)")
			w.end(t, 2)
			w.await(t, "new", 2)
			if got := w.messages("new"); len(got) != 2 {
				t.Errorf("%d messages about two runs: %v\n%s", len(got), got, p.log.text())
			}
			wants(t, "events show", w.run(t, "events", "show", id), "new matched", "Failing tests: 2 cases")
		})
	}
}

func TestWithoutAnAnswerFromQaseTheMessageGoesAndExplains(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	for name, c := range map[string]struct {
		trouble standin.Trouble
		says    string
	}{
		"away":                 {standin.Trouble{HangUp: true}, "the Qase API cannot be reached"},
		"slow":                 {standin.Trouble{Hold: hold}, "the Qase API did not answer"},
		"the token is wrong":   {standin.Trouble{Status: http.StatusUnauthorized}, "Qase does not accept the api_token"},
		"no access to it":      {standin.Trouble{Status: http.StatusForbidden}, "the api_token may not read the project WEB"},
		"too many requests":    {standin.Trouble{RetryAfter: "60"}, "the Qase API has had too many requests"},
		"an error in Qase":     {standin.Trouble{Status: http.StatusInternalServerError}, "the Qase API answered 500"},
		"answers that are cut": {standin.Trouble{Cut: true}, "the answer of the Qase API is empty or broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAskingWorld(t)
			w.waitFor(t, map[bool]string{true: "1s", false: "20s"}[c.trouble.Hold != nil]) // a request may have any limit
			w.api.Trouble(c.trouble)
			p := w.start(t)
			id := w.end(t, 2)
			m := w.await(t, "new", 1)
			if m.Title != "2 new of 2" || !strings.Contains(m.Body, c.says) || strings.Contains(m.Body, "Login") {
				t.Errorf("the message does not explain that the names are not known: %q", m)
			}
			wants(t, "events show", w.run(t, "events", "show", id), "Failing tests: not known: "+c.says, "new matched")
			if text := p.log.text(); strings.Contains(text, "t0ken-of-qase") {
				t.Errorf("the log has the token:\n%s", text)
			}
		})
	}
}

// TestAPersonDecidesWhatWaits sends and drops events that wait for the names of failing tests.
func TestAPersonDecidesWhatWaits(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	w := newAskingWorld(t)
	w.api.Trouble(standin.Trouble{Hold: hold})
	w.start(t)
	for run, verb := range []string{"", "flush", "drop"} {
		if verb == "" {
			continue
		}
		id := w.end(t, run)
		w.await(t, "at-once", run)
		var waiting []struct {
			ID    string `json:"id"`
			Event string `json:"event_id"`
		}
		if err := json.Unmarshal([]byte(w.run(t, "waiting", "list", "--json")), &waiting); err != nil {
			t.Fatal(err)
		}
		if len(waiting) != 1 || waiting[0].Event != id {
			t.Fatalf("waiting: %v, want the event %s", waiting, id)
		}
		t.Logf("%s", w.run(t, "waiting", verb, waiting[0].ID))
		if verb == "flush" {
			wants(t, "the message", w.await(t, "new", 1).Title, "2 new of 2")
		} else {
			wants(t, "events show", w.run(t, "events", "show", id), "new dropped", "at-once matched")
		}
		wants(t, "waiting list", w.run(t, "waiting", "list"), "nothing waits")
	}
	if got := w.messages("new"); len(got) != 1 {
		t.Errorf("%d messages, want that of the first run: %v", len(got), got)
	}
}
