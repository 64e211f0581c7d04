package relay_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnEventArrivesOnceAndIsOnRecord(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), rulesFor(r.url))
	status, answer := m.post(t, body(7, "Nightly"))
	id, _ := answer["event_id"].(string)
	if status != 202 || id == "" || answer["duplicate"] != nil {
		t.Fatalf("got %d %v", status, answer)
	}
	if status, answer = m.post(t, body(7, "Nightly")); status != 202 || answer["event_id"] != id ||
		answer["duplicate"] != true {
		t.Errorf("the second time: %d %v", status, answer)
	}
	eventually(t, "it is delivered", func() bool { return m.count(t, "delivered") == 1 })
	if !slices.Equal(r.titles, []string{"Nightly"}) {
		t.Errorf("arrived %v", r.titles)
	}
	_, event := m.get(t, "/api/v1/events/"+id)
	deliveries, _ := event["deliveries"].([]any)
	if len(deliveries) != 1 || event["event"] != "run.completed" ||
		!strings.Contains(fmt.Sprint(event["decisions"]), "matched") {
		t.Fatalf("the record is %v", event)
	}
	delivery, _ := deliveries[0].(map[string]any)
	if delivery["id"] != r.ids[0] || delivery["state"] != "delivered" || delivery["status"] != "200 OK" {
		t.Errorf("the delivery is %v", delivery)
	}
	_, metrics := m.get(t, "/metrics")
	for _, line := range []string{
		`qase_relay_events_total{event="other",outcome="accepted",source="qase"} 1`,
		`qase_relay_events_total{event="other",outcome="duplicate",source="qase"} 1`,
		`qase_relay_rule_decisions_total{outcome="matched",rule="done"} 1`,
		`qase_relay_notifications_total{notifier="ops",type="http"} 1`,
		`qase_relay_notifications_failed_total{notifier="ops",reason="dns",type="http"} 0`,
		`qase_relay_deliveries_total{notifier="ops",state="delivered"} 1`,
		`qase_relay_deliveries_total{notifier="ops",state="dead"} 0`,
		`qase_relay_deliveries_pending{notifier="ops"} 0`,
		`qase_relay_config_last_reload_successful 1`,
		`qase_relay_ingest_seconds_count{code="202"} 2`,
		`qase_relay_commit_seconds_count `,
		`qase_relay_delivery_attempt_seconds_count{notifier="ops"} 1`,
		`qase_relay_build_info{`,
		`qase_relay_source_last_event_timestamp_seconds{project="WEB",source="qase"}`,
	} {
		if !strings.Contains(fmt.Sprint(metrics["text"]), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// count returns how many deliveries are in a state.
func (m *machine) count(tb testing.TB, state string) int {
	tb.Helper()
	_, page := m.get(tb, "/api/v1/deliveries?limit=500&state="+state)
	list, _ := page["deliveries"].([]any)
	return len(list)
}

func TestAHundredSendersAtOnce(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), rulesFor(r.url))
	var senders sync.WaitGroup
	for i := range 100 {
		c := dial(t, m.hook)
		senders.Go(func() {
			for j := range 3 {
				if status, err := c.post(body(i, fmt.Sprintf("%d-%d", i, j))); status != http.StatusAccepted ||
					err != nil {
					t.Errorf("got %d, %v", status, err)
				}
			}
		})
	}
	senders.Wait()
	eventually(t, "all are delivered", func() bool { return m.count(t, "delivered") == 300 })
	if r.count() != 300 {
		t.Errorf("%d of 300 arrived", r.count())
	}
	next := map[string]int{}
	for _, title := range r.titles {
		run, nth, _ := strings.Cut(title, "-")
		if nth != fmt.Sprint(next[run]) {
			t.Errorf("%s arrived out of order", title)
		}
		next[run]++
	}
}

func TestOrderIsKeptWhileTheReceiverFails(t *testing.T) {
	var mu sync.Mutex
	refused := map[string]int{}
	r := receive(t, func(title string, _ int) int {
		mu.Lock()
		defer mu.Unlock()
		if refused[title]++; refused[title] <= 2 && strings.HasSuffix(title, "3") {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	m := start(t, t.TempDir(), rulesFor(r.url))
	for i := range 24 {
		m.post(t, body(i%2, fmt.Sprintf("%d-%02d", i%2, i/2)))
	}
	eventually(t, "all are delivered", func() bool { return m.count(t, "delivered") == 24 })
	last := map[byte]string{}
	for _, title := range r.titles {
		if title < last[title[0]] {
			t.Errorf("%s came after %s", title, last[title[0]])
		}
		last[title[0]] = title
	}
	if n := r.count(); n != 24+2*2 {
		t.Errorf("%d calls: %v", n, r.titles)
	}
}

func TestAReceiverThatAsksForPatienceGetsIt(t *testing.T) {
	r := receive(t, func(_ string, nth int) int {
		if nth == 1 {
			return http.StatusTooManyRequests // with Retry-After: 1
		}
		return http.StatusOK
	})
	m := start(t, t.TempDir(), rulesFor(r.url))
	m.post(t, body(1, "a"))
	eventually(t, "it is delivered", func() bool { return m.count(t, "delivered") == 1 })
	if wait := r.at[1].Sub(r.at[0]); wait < time.Second {
		t.Errorf("it was asked again after %v", wait)
	}
}

func TestADeadLetterCanBeRetried(t *testing.T) {
	r := receive(t, func(_ string, nth int) int {
		if nth == 1 {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	m := start(t, t.TempDir(), rulesFor(r.url))
	m.post(t, body(1, "a"))
	eventually(t, "it is dead", func() bool { return m.count(t, "dead") == 1 })
	req, _ := http.NewRequest(http.MethodPost, m.admin+"/api/v1/deliveries/"+r.ids[0]+"/retry", nil)
	if status, answer := do(t, req); status != 200 || answer["retried"] != 1.0 {
		t.Errorf("retrying: %d %v", status, answer)
	}
	eventually(t, "it is delivered", func() bool { return m.count(t, "delivered") == 1 })
	if r.ids[0] != r.ids[1] {
		t.Errorf("its id was %s, then %s", r.ids[0], r.ids[1])
	}
	_, metrics := m.get(t, "/metrics")
	if line := `qase_relay_notifications_failed_total{notifier="ops",reason="clientError",type="http"} 1`; !strings.Contains(fmt.Sprint(metrics["text"]), line) {
		t.Errorf("the metrics lack %s", line)
	}
}

func TestWhatWaitsIsSentAfterARestart(t *testing.T) {
	down := true
	var mu sync.Mutex
	r := receive(t, func(string, int) int {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	dir := t.TempDir()
	m := start(t, dir, rulesFor(r.url))
	for i := range 50 {
		m.post(t, body(i, fmt.Sprint(i)))
	}
	begin := time.Now()
	m.stop()
	if took := time.Since(begin); took > patience {
		t.Errorf("stopping took %v", took)
	}
	mu.Lock()
	down = false
	mu.Unlock()
	m = start(t, dir, rulesFor(r.url))
	eventually(t, "all are delivered", func() bool { return m.count(t, "delivered") == 50 })
}

func TestAStoreThatIsGoneRefusesEvents(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), rulesFor(r.url))
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	status, answer := m.post(t, body(1, "a"))
	if status != 503 || strings.Contains(fmt.Sprint(answer), "closed") {
		t.Errorf("got %d %v", status, answer)
	}
}

func TestAChangedFileIsCurrentSoonAndABadOneNever(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), rulesFor(r.url))
	write := func(text string) {
		t.Helper()
		next := m.rules + ".new"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, m.rules); err != nil {
			t.Fatal(err)
		}
	}
	good := rulesFor(r.url)
	write(strings.Replace(good, "name: done", "name: finished", 1))
	names := func() string { return fmt.Sprint(m.engine.Config().Rules.Names()) }
	eventually(t, "the new rules are current", func() bool { return names() == "[finished]" })

	write(strings.Replace(good, "when:", "wenn:", 1))
	eventually(t, "the bad rules are noticed", func() bool { return m.reloader.Status().Problems.Err() != nil })
	if names() != "[finished]" {
		t.Errorf("with a bad file, the rules are %s", names())
	}
	_, metrics := m.get(t, "/metrics")
	if line := "qase_relay_config_last_reload_successful 0"; !strings.Contains(fmt.Sprint(metrics["text"]), line) {
		t.Errorf("the metrics lack %s", line)
	}
	if status, answer := m.postAdmin(t, "/-/reload"); status != 422 ||
		!strings.Contains(fmt.Sprint(answer["error"]), "wenn") {
		t.Errorf("reloading a bad file: %d %v", status, answer)
	}
	if status, _ := m.post(t, body(1, "a")); status != 202 {
		t.Errorf("with a bad file, an event gets %d", status)
	}

	write(good)
	if status, answer := m.postAdmin(t, "/-/reload"); status != 200 {
		t.Errorf("reloading a good file: %d %v", status, answer)
	}
	if names() != "[done]" {
		t.Errorf("after all, the rules are %s", names())
	}
}

func (m *machine) postAdmin(tb testing.TB, path string) (int, map[string]any) {
	tb.Helper()
	req, err := http.NewRequest(http.MethodPost, m.admin+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return do(tb, req)
}
