package relay_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// waitingRules have a digest, a hold and a wait, all of which would leave in a day or later.
func waitingRules(url string) string {
	closed := strings.ToLower(time.Now().UTC().AddDate(0, 0, 3).Weekday().String()[:3])
	return fmt.Sprintf(`
sources: [{name: qase, secrets: [s3cret]}]
notifiers: [{name: ops, type: http, url: %q, allow_private: true}]
rules:
  - {name: grouped, when: 'payload.id < 10', title: "{{ .entity.title }}", group: {wait: 24h}, notify: [ops]}
  - {name: held, when: 'payload.id == 20', active: {days: [%s], timezone: UTC}, notify: [ops]}
  - {name: waits, when: 'payload.id == 30', after: 24h, unless: event_name == "run.aborted", notify: [ops],
     throttle: {every: 1h}}
`, url, closed)
}

// ask sends a request to the admin address.
func (m *machine) ask(t *testing.T, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func waitingIDs(t *testing.T, m *machine) map[string]string {
	t.Helper()
	ids := map[string]string{}
	_, answer := m.get(t, "/api/v1/waiting")
	list, _ := answer["waiting"].([]any)
	for _, one := range list {
		w, _ := one.(map[string]any)
		ids[fmt.Sprint(w["kind"])] = fmt.Sprint(w["id"])
	}
	return ids
}

func TestWhatWaitsIsSentOrDroppedOnRequest(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), waitingRules(r.url))
	for _, id := range []int{1, 2, 20, 30} {
		m.post(t, body(id, fmt.Sprintf("Run %d", id)))
	}
	ids := waitingIDs(t, m)
	if len(ids) != 3 {
		t.Fatalf("waiting is %v", ids)
	}
	_, digest := m.get(t, "/api/v1/waiting/"+ids["digest"])
	members, _ := digest["events"].([]any)
	if len(members) != 2 || fmt.Sprint(digest["count"]) != "2" || !strings.Contains(fmt.Sprint(members[0]), "Run 1") {
		t.Errorf("the digest is %v", digest)
	}
	for _, kind := range []string{"digest", "hold", "wait"} {
		status, done := m.ask(t, "/api/v1/waiting/"+ids[kind]+"/flush", `{"author": "bob"}`)
		if made, _ := done["deliveries"].([]any); status != 200 || done["outcome"] != "matched" || len(made) != 1 {
			t.Errorf("%s: %d %v", kind, status, done)
		}
		status, done = m.ask(t, "/api/v1/waiting/"+ids[kind]+"/flush", "")
		if kind != "wait" && status != 404 {
			t.Errorf("%s again: %d %v", kind, status, done)
		}
	}
	eventually(t, "three are delivered", func() bool { return m.count(t, "delivered") == 3 })
	if !slices.ContainsFunc(r.titles, func(s string) bool { return strings.Contains(s, "2 × grouped") }) {
		t.Errorf("arrived %v", r.titles)
	}
	_, metrics := m.get(t, "/metrics")
	for _, line := range []string{`qase_relay_flow_fired_total{kind="digest",outcome="sent"} 2`,
		`qase_relay_digest_events_sum 3`, `qase_relay_flow_open{kind="throttle"} 0`,
		`qase_relay_rule_decisions_total{outcome="grouped",rule="grouped"} 2`,
		`qase_relay_rule_decisions_total{outcome="matched",rule="grouped"} 1`,
		`qase_relay_rule_decisions_total{outcome="matched",rule="waits"} 1`,
		`qase_relay_flow_lag_seconds 0`} {
		if !strings.Contains(fmt.Sprint(metrics["text"]), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	m.post(t, body(3, "Run 3"))
	status, done := m.ask(t, "/api/v1/waiting/"+waitingIDs(t, m)["digest"]+"/drop", `{"author": "bob"}`)
	if status != 200 || done["outcome"] != "dropped" {
		t.Fatalf("%d %v", status, done)
	}
	_, ev := m.get(t, "/api/v1/events/"+fmt.Sprint(done["event_id"]))
	if ev["kind"] != "dropped" || !strings.Contains(fmt.Sprint(ev["decisions"]), "dropped by bob") {
		t.Errorf("the record is %v", ev)
	}
	if left := waitingIDs(t, m); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// TestAnIDThatWasListedLeadsToNothingElse has a digest under the key of an earlier one, whose id was listed.
func TestAnIDThatWasListedLeadsToNothingElse(t *testing.T) {
	r := receive(t, nil)
	m := start(t, t.TempDir(), waitingRules(r.url))
	m.post(t, body(1, "Run 1"))
	first := waitingIDs(t, m)["digest"]
	if status, done := m.ask(t, "/api/v1/waiting/"+first+"/drop", ""); status != 200 {
		t.Fatalf("%d %v", status, done)
	}
	m.post(t, body(2, "Run 2"))
	second := waitingIDs(t, m)["digest"]
	for _, id := range []string{first, "0123456789abcdef"} {
		for _, verb := range []string{"flush", "drop"} {
			if status, done := m.ask(t, "/api/v1/waiting/"+id+"/"+verb, ""); status != 404 {
				t.Errorf("%s of %s: %d %v", verb, id, status, done)
			}
		}
	}
	if left := waitingIDs(t, m)["digest"]; left != second || first == second {
		t.Errorf("left is %s, first was %s, then %s", left, first, second)
	}
}
