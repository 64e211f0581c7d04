package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/why"
)

// whyRules hold messages back in each way. The receiver at /slow fails for a while, at /no for good.
const whyRules = `
settings: {timezone: Europe/Berlin}
sources: [{name: qase, secrets: [s3cret-of-source], projects: [WEB, API]}]
notifiers:
  - {name: ops, type: http, url: "RECEIVER/ops?key=s3cret"}
  - {name: refused, type: http, url: "RECEIVER/no?key=s3cret"}
  - {name: away, type: http, url: "http://127.0.0.1:1/s3cret", retry: {initial: 1h}}
rules:
  - {name: throttled, when: event_name == "case.created", throttle: {every: 1h}, notify: [ops]}
  - {name: failing, when: event_name == "run.aborted", notify: [refused]}
  - {name: ordered, when: event_type == "defect", notify: [away]}
  - {name: silenced, when: event_name == "plan.created", notify: [ops]}
  - {name: fine, when: event_name == "run.completed" && payload.failed > 0, notify: [ops]}
  - {name: later, when: event_name == "suite.created", group: {wait: 1h}, notify: [ops]}
`

// ask asks why, and returns the answer with its steps by name.
func (g *rig) ask(q string) (why.Answer, map[string]why.Step) {
	g.t.Helper()
	_, text := g.get("/api/v1/why?" + url.Values{"q": {q}}.Encode())
	var a why.Answer
	if err := json.Unmarshal([]byte(text), &a); err != nil || strings.Contains(text, "s3cret") {
		g.t.Fatalf("%s: %v %s", q, err, text)
	}
	steps := map[string]why.Step{}
	for _, s := range a.Steps {
		steps[s.Name] = s
	}
	return a, steps
}

// TestWhyFindsTheStepThatFailed looks at what really happens, step by step.
func TestWhyFindsTheStepThatFailed(t *testing.T) {
	g := start(t, rigOptions{Rules: whyRules})
	refuse := func(secret, body string) {
		req, err := http.NewRequest(http.MethodPost, g.relay.WebhookURL("qase"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Qase-Secret", secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	g.send("/silences/new", url.Values{"matchers": {"rule=silenced"}, "for": {"2h"}, "do": {"add"}, "comment": {"a migration"}, "word": {"silence"}})
	ids := map[string]string{
		"sent":     g.post(event("case.created", 1, `"title":"One"`)),
		"held":     g.post(event("case.created", 2, `"title":"Two"`)),
		"dead":     g.post(event("run.aborted", 8, `"title":"Smoke"`)),
		"first":    g.post(event("defect.created", 9, `"title":"Login fails"`)),
		"second":   g.post(event("defect.resolved", 9, `"title":"Login fails"`)),
		"silenced": g.post(event("plan.created", 4, `"title":"Release"`)),
		"none":     g.post(event("run.completed", 7, `"title":"Nightly","failed":0,"cases":2`)),
		"again":    g.post(event("run.completed", 7, `"title":"Nightly","failed":0,"cases":3`)),
		"unknown":  g.post(event("run.exploded", 7, `"title":"Nightly"`)),
		"digest":   g.post(event("suite.created", 3, `"title":"Suite"`)),
	}
	refuse("wrong", event("run.started", 99, `"title":"x"`))
	refuse("s3cret-of-source", strings.Replace(event("run.started", 99, `"title":"x"`), `"WEB"`, `"IOS"`, 1))
	g.await("/api/v1/refusals", `"status":401`)
	g.await("/api/v1/refusals", `"status":403`)
	g.await("/api/v1/events/"+ids["dead"], `"state":"dead"`)
	g.await("/api/v1/events/"+ids["sent"], `"state":"delivered"`)
	g.await("/api/v1/events/"+ids["first"], `"attempts":1`)
	for _, tt := range []struct {
		name, q string
		verdict why.Verdict
		step    string
		state   why.State
		text    string // a regular expression over its text and details
	}{
		{"a wrong secret", "WEB run 99", why.NeverArrived, "arrived", why.Broken, `at \d{4}-\d\d-\d\d \d\d:\d\d CET 1 call to the source qase from 127\.0\.0\.1 was refused with 401 .*: compare the secret`},
		{"a project of no source", "IOS run 99", why.NeverArrived, "arrived", why.Broken, `no event of the project IOS is stored[\s\S]*refused with 403 .*: add the project`},
		{"a kind that never came", "WEB milestone 3", why.NeverArrived, "arrived", why.Broken, `no milestone\.… event of the project WEB has come in 30 days, but others: choose them`},
		{"a kind that came, of another id", "WEB run 99", why.NeverArrived, "arrived", why.Broken, `the last event of the project WEB is `},
		{"the first one", ids["none"], why.NothingToDo, "duplicate", why.Passed, `the first with its body`},
		{"the same again in another body", ids["again"], why.NothingToDo, "duplicate", why.Passed, `the same name, and another body: ` + ids["none"]},
		{"an unknown kind", ids["unknown"], why.NothingToDo, "known", why.Passed, `not in the catalog`},
		{"no rule", ids["none"], why.NothingToDo, "matched", why.Stopped, `fine: 50 % of its condition is true, but not payload\.failed > 0 \(payload\.failed is 0\)`},
		{"a throttle", ids["held"], why.HeldBack, "held_back", why.Stopped, `throttled: its throttle held the message back; throttle.*1 of 1 sent since .*, next from \d`},
		{"a silence", ids["silenced"], why.HeldBack, "held_back", why.Stopped, `silenced .*a migration`},
		{"a digest", ids["digest"], why.HeldBack, "held_back", why.Stopped, `its message goes out in a digest`},
		{"a receiver that is away", ids["first"], why.Waits, "waits", why.Pending, `away: pending after 1 attempt, the last one failed: .*next attempt at \d{4}`},
		{"the order", ids["second"], why.Waits, "waits", why.Pending, `away: pending after 0 attempts, behind the delivery \w{13} about the same thing \(.*Login fails.*\), which is pending after 1 attempt`},
		{"a dead letter", ids["dead"], why.Failed, "failed", why.Broken, `refused, delivery \w{13}: 404 Not Found .*check the url`},
		{"a message that arrived", ids["sent"], why.Delivered, "delivered", why.Passed, `ops by throttled at .*: 202 Accepted .*; the receiver answered: thank you`},
	} {
		a, steps := g.ask(tt.q)
		s := steps[tt.step]
		all := s.Text + "\n" + strings.Join(s.Details, "\n")
		if a.Verdict != tt.verdict || s.State != tt.state || !regexp.MustCompile(tt.text).MatchString(all) {
			t.Errorf("%s: got %s, %s %s, want %s, %s %s", tt.name, a.Verdict, s.State, all, tt.verdict, tt.state, tt.text)
		}
	}
	g.shows(map[string][]string{
		"/why?q=" + ids["held"]: {"silences/new?entity=qase%2FWEB%2Fcase%2F2", "entities/qase/WEB/case/2"},
		"/why?q=" + ids["dead"]: {"its message and attempts", "<details open>"},
		"/why?q=" + ids["sent"]: {"the receiver answered: thank you"},
		"/why?q=WEB+run+99":     {"from 127.0.0.1", "401"},
		"/why?until=" + time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339) + "&q=WEB+run+99": {"has arrived"},
	})
	if _, text := g.get("/why?until="+time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339)+"&q=WEB+run+99", "Accept", "text/html"); strings.Contains(text, "401") {
		t.Errorf("calls that were refused later are named: %s", text)
	}
}
