package relay_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// qaseAPI is a fake Qase API. It counts questions, and may hold its answers back.
type qaseAPI struct {
	*httptest.Server
	asked  atomic.Int64
	hold   chan struct{}
	status atomic.Int64
}

func newQaseAPI(t *testing.T) *qaseAPI {
	q := &qaseAPI{hold: make(chan struct{})}
	close(q.hold)
	q.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.asked.Add(1)
		select {
		case <-q.hold:
		case <-r.Context().Done():
			return
		}
		if s := int(q.status.Load()); s != 0 {
			w.WriteHeader(s)
			return
		}
		if r.Header.Get("Token") != "t0ken" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answers := map[string]string{
			"/v1/run/WEB/7":  `{"id":7,"title":"Nightly","start_time":"2026-01-01 00:00:00","plan_id":3,"environment":{"title":"staging"}}`,
			"/v1/author/40":  `{"id":40,"name":"Bob Bar","email":"bob@bar.io"}`,
			"/v1/run/WEB/77": `{"id":77,"title":"Late"}`,
		}
		answer, known := answers[r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"status":true,"result":%s}`, answer)
	}))
	t.Cleanup(q.Close)
	return q
}

// asks returns a relay whose source may ask the fake API.
func (q *qaseAPI) asks(t *testing.T, r *receiver) *machine {
	return start(t, t.TempDir(), fmt.Sprintf(`
sources: [{name: qase, secrets: [s3cret], api_token: t0ken, api_url: %q}]
notifiers: [{name: ops, type: http, url: %q}]
rules:
  - {name: done, when: event_name == "run.completed", title: "{{ .entity.title }} on {{ .entity.environment }} by {{ .actor.name }}", body: "-", notify: [ops]}
`, q.URL+"/v1", r.url))
}

func completed(run, n int) string {
	return fmt.Sprintf(`{"event_name":"run.completed","timestamp":%d,"payload":{"id":%d,"cases":14,"failed":3},"team_member_id":40,"project_code":"WEB"}`, 1767225600+n, run)
}

func titles(r *receiver) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.titles, "; ")
}

func TestWhatAnEventLeavesOutIsAskedOfQaseOnce(t *testing.T) {
	q, r := newQaseAPI(t), receive(t, nil)
	m := q.asks(t, r)
	n := 0
	another := func() {
		m.post(t, completed(7, n))
		n++
		eventually(t, "the message arrives", func() bool { return r.count() == n })
	}
	const whole = "Nightly on staging by Bob Bar"
	eventually(t, "an event has what Qase knows", func() bool { // the first ones may be sent before its answer
		another()
		return strings.HasSuffix(titles(r), whole)
	})
	another()
	if got := titles(r); !strings.HasSuffix(got, whole+"; "+whole) {
		t.Errorf("titles: %s", got)
	}
	if asked := q.asked.Load(); asked != 3 {
		t.Errorf("Qase was asked %d times, want once for the run, once for its plan and once for the member", asked)
	}
	m.post(t, completed(8, 0)) // Qase does not know it
	eventually(t, "its message arrives", func() bool { return r.count() == n+1 })
	if got := titles(r); !strings.HasSuffix(got, "; Run 8 on  by Bob Bar") {
		t.Errorf("titles: %s", got)
	}
}

func TestAQaseAPIThatFailsIsLeftAloneAndNothingIsLost(t *testing.T) {
	q, r := newQaseAPI(t), receive(t, nil)
	q.status.Store(http.StatusInternalServerError)
	m := q.asks(t, r)
	for n := range 20 {
		if status, _ := m.post(t, completed(100+n, n)); status != http.StatusAccepted {
			t.Fatalf("status %d", status)
		}
	}
	eventually(t, "all messages arrive", func() bool { return r.count() == 20 })
	if n := q.asked.Load(); n > 4 {
		t.Errorf("a failing API was asked %d times", n)
	}
}

func TestTheTokenGoesNowhereElse(t *testing.T) {
	elsewhere := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		elsewhere <- r.Header.Get("Token")
	}))
	defer other.Close()
	q := newQaseAPI(t)
	q.Config.Handler = http.RedirectHandler(strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
	r := receive(t, nil)
	q.asks(t, r).post(t, completed(7, 1))
	eventually(t, "the message arrives", func() bool { return r.count() == 1 })
	if len(elsewhere) != 0 {
		t.Errorf("a redirect was followed, with the token %q", <-elsewhere)
	}
}

func TestASlowQaseAPIDoesNotKeepQaseWaiting(t *testing.T) {
	q, r := newQaseAPI(t), receive(t, nil)
	q.hold = make(chan struct{})
	m := q.asks(t, r)
	m.post(t, completed(77, 1))
	eventually(t, "the message arrives without the answer", func() bool { return r.count() == 1 })
	if got := titles(r); got != "Run 77 on  by member 40" {
		t.Errorf("titles: %s", got)
	}
	close(q.hold)
	eventually(t, "a later event has the answer", func() bool {
		m.post(t, completed(77, int(q.asked.Add(1))+10))
		return strings.Contains(titles(r), "Late on  by Bob Bar")
	})
}

// TestRulesThatReadNothingOfTheAPIDoNotWaitForIt has an API that does not answer, for which other rules wait.
func TestRulesThatReadNothingOfTheAPIDoNotWaitForIt(t *testing.T) {
	q, r := newQaseAPI(t), receive(t, nil)
	q.hold = make(chan struct{})
	m := start(t, t.TempDir(), fmt.Sprintf(`
sources: [{name: qase, secrets: [s3cret], api_token: t0ken, api_url: %q}]
notifiers: [{name: ops, type: http, url: %q}]
rules:
  - {name: started, when: event_name == "run.started", notify: [ops]}
  - {name: done, when: event_name == "run.completed", title: "{{ .payload.failed }} failed", body: "-", notify: [ops]}
  - {name: api, when: event_name == "run.completed" && project_code == "API" && failures.new_total > 0, notify: [ops]}
`, q.URL+"/v1", r.url))
	_, answer := m.post(t, completed(77, 1))
	id, _ := answer["event_id"].(string)
	_, shown := m.get(t, "/api/v1/events/"+id)
	if deliveries, _ := shown["deliveries"].([]any); shown["state"] != "decided" || len(deliveries) != 1 {
		t.Errorf("after the answer the event is %v, with %v", shown["state"], shown["deliveries"])
	}
	eventually(t, "the message arrives", func() bool { return r.count() == 1 })
	if got := titles(r); got != "3 failed" || q.asked.Load() != 0 {
		t.Errorf("titles: %s; Qase was asked %d times", got, q.asked.Load())
	}
	close(q.hold)
}

func TestWhatTheCatalogueDoesNotHaveIsCounted(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), rulesFor(r.url))
	m.post(t, `{"event_name":"run.completed","payload":{"id":1,"flaky":2},"project_code":"WEB"}`)
	m.post(t, `{"event_name":"goal.reached","payload":{"id":1},"project_code":"WEB"}`)
	_, answer := m.get(t, "/api/v1/drift")
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"event":"goal.reached"`, `"event":"run.completed","example_event_id":"`,
		`"field":"flaky"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the list lacks %s: %s", want, text)
		}
	}
}
