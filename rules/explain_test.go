package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
)

// sketch writes a trace in lines, indented by depth.
func sketch(t *condition.Trace, indent string) string {
	value := string(t.Value)
	switch t.State {
	case condition.Skipped:
		value = "…"
	case condition.Broken:
		value = "! " + t.Error
	case condition.Evaluated:
	}
	line := strings.TrimRight(indent+t.Text+" → "+value, " ")
	if t.Hint != "" {
		line += " (" + t.Hint + ")"
	}
	line += "\n"
	for _, part := range t.Parts {
		line += sketch(part, indent+"  ")
	}
	return line
}

func explainOne(t testing.TB, when, event, payload string) rules.ExplainedRule {
	t.Helper()
	c := rulefiletest.Parse(t, rulefiletest.WithRules("  - name: r\n    notify: [qa]\n    when: "+quoteYAML(when)+"\n"))
	return explainEvent(t, c, event, payload).Rules[0]
}

func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func explainEvent(t testing.TB, c *rulefile.File, event, payload string) rules.Explanation {
	t.Helper()
	now := time.Unix(1767225600, 0)
	ev := rulefiletest.Event(t, event, payload, now)
	return c.Rules.Explain(ev, rules.State{Now: now})
}

func TestAConditionIsTracedPartByPart(t *testing.T) {
	const payload = `{"id":2,"failed":3,"cases":14,"title":null,"on":true,"text":"x","tags":["a","b"],"plan":{"id":1}}`
	for name, c := range map[string]struct{ when, want string }{
		"and": {`event_name == "run.completed" and payload.failed > 5`, `
event_name == "run.completed" and payload.failed > 5 → false
  event_name == "run.completed" → true
  payload.failed > 5 → false
    payload.failed → 3`},
		"and that is decided early": {`event_name == "run.started" && payload.failed > 0 && payload.on`, `
event_name == "run.started" && payload.failed > 0 && payload.on → false
  event_name == "run.started" → false
    event_name → "run.completed"
  payload.failed > 0 → …
    payload.failed → …
  payload.on → …`},
		"or": {`(payload.on or payload.failed > 0) and not (payload.failed in [3, 4])`, `
(payload.on or payload.failed > 0) and not (payload.failed in [3, 4]) → false
  payload.on or payload.failed > 0 → true
    payload.on → true
    payload.failed > 0 → …
      payload.failed → …
  not (payload.failed in [3, 4]) → false
    payload.failed in [3, 4] → true
      payload.failed → 3`},
		"not in, as it is written": {`project_code  not in ['WEB',"API"]`, `
project_code not in ['WEB',"API"] → false
  project_code → "WEB"`},
		"ternary": {`payload.on ? payload.failed > 3 : payload.cases > 3`, `
payload.on ? payload.failed > 3 : payload.cases > 3 → false
  payload.on → true
  payload.failed > 3 → false
    payload.failed → 3
  payload.cases > 3 → …
    payload.cases → …`},
		"if": {`if payload.failed > 3 { true } else { payload.on }`, `
if payload.failed > 3 { true } else { payload.on } → true
  payload.failed > 3 → false
    payload.failed → 3
  payload.on → true`},
		"a default for nil": {`(payload.missing ?? payload.failed) == 3 and (payload.failed ?? payload.cases) > 1`, `
(payload.missing ?? payload.failed) == 3 and (payload.failed ?? payload.cases) > 1 → true
  (payload.missing ?? payload.failed) == 3 → true
    payload.missing ?? payload.failed → 3
      payload.missing → null
      payload.failed → 3
  (payload.failed ?? payload.cases) > 1 → true
    payload.failed ?? payload.cases → 3
      payload.failed → 3
      payload.cases → …`},
		"let": {`let rate = payload.failed * 100 / payload.cases; rate > 50`, `
let rate = payload.failed * 100 / payload.cases; rate > 50 → false
  rate = payload.failed * 100 / payload.cases → 21.428571428571427
    payload.failed * 100 → 300
      payload.failed → 3
    payload.cases → 14
  rate > 50 → false
    rate → 21.428571428571427`},
		"predicates and functions": {
			`any(payload.tags, # == "c") or len(payload.tags) > 2 or upper(payload.text) == "Y"`, `
any(payload.tags, # == "c") or len(payload.tags) > 2 or upper(payload.text) == "Y" → false
  any(payload.tags, # == "c") → false
    payload.tags → ["a","b"]
  len(payload.tags) > 2 → false
    len(payload.tags) → 2
      payload.tags → ["a","b"]
  upper(payload.text) == "Y" → false
    upper(payload.text) → "X"
      payload.text → "x"`},
		"calls, pipes, indexes and chained comparisons": {
			`time < now() and payload.tags[0] == (payload.text | upper()) or 1 < len(payload.tags) < 3`, `
time < now() and payload.tags[0] == (payload.text | upper()) or 1 < len(payload.tags) < 3 → true
  time < now() and payload.tags[0] == (payload.text | upper()) → false
    time < now() → false
      time → "2026-01-01T00:00:00Z"
      now() → "2026-01-01T00:00:00Z"
    payload.tags[0] == (payload.text | upper()) → …
      payload.tags[0] → …
      payload.text | upper() → …
        payload.text → …
  1 < len(payload.tags) < 3 → true
    1 < len(payload.tags) → true
      len(payload.tags) → 2
        payload.tags → ["a","b"]
    len(payload.tags) < 3 → true
      len(payload.tags) → 2
        payload.tags → ["a","b"]`},
		"the middle of a chain that was decided early": {`1 < payload.none < 3 or payload.on`, `
1 < payload.none < 3 or payload.on → true
  1 < payload.none < 3 → false
    1 < payload.none → false
      payload.none → null (payload.none is missing in run.completed)
    payload.none < 3 → …
      payload.none → …
  payload.on → true`},
		"a failure, and the parts behind it": {`payload.on and payload.text > 3 and payload.failed > 0`, `
payload.on and payload.text > 3 and payload.failed > 0 → !
  payload.on → true
  payload.text > 3 → ! the text "x" cannot be compared with the number 3
    payload.text → "x"
  payload.failed > 0 → …
    payload.failed → …`},
		"a part that is neither true nor false": {`payload.text and payload.on`, `
payload.text and payload.on → ! text stands where true or false is needed
  payload.text → "x"
  payload.on → …`},
		"a whole that is neither true nor false": {`payload.text`, `
payload.text → ! text stands where true or false is needed`},
		"alone and missing": {`payload.nothing`, `
payload.nothing → null (payload.nothing is missing in run.completed)`},
	} {
		t.Run(name, func(t *testing.T) {
			got := sketch(explainOne(t, c.when, "run.completed", payload).Condition, "")
			if want := strings.TrimPrefix(c.want, "\n") + "\n"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestUnexpectedValuesHaveAHint(t *testing.T) {
	for _, c := range []struct{ when, event, payload, want string }{
		{`payload.title == "Nightly"`, "run.completed", `{"id":2}`,
			`payload.title is missing in run.completed; entity.title has it, from an earlier event`},
		{`payload.fialed > 0`, "run.completed", `{"id":2,"failed":3}`,
			`payload.fialed is missing in run.completed; did you mean "failed"?`},
		{`payload.plan.title == "Smoke"`, "run.started", `{"id":2,"plan":null}`, `payload.plan is null in this event`},
		{`payload.failed > 0`, "run.completed", `{"id":2}`,
			`payload.failed is missing in run.completed this time, though it can be there`},
		{`payload.x > 0`, "odd.event", `{"id":2}`, `payload.x is missing in this event`},
		{`entity.environment == "staging"`, "run.completed", `{"id":2}`,
			`nothing that is known of this run has entity.environment; it may come with another event`},
		{`entity.titel == "x"`, "run.completed", `{"id":2}`,
			`entity.titel is in no event of this kind; did you mean "title"?`},
		{`previous.failed == 0`, "run.completed", `{"id":2}`,
			`neither the plan nor the title of this run is known, so it has no previous run`},
		{`previous.failed == 0`, "defect.created", `{"id":2}`, `only events of runs have a previous run`},
		{`actor.team == "qa"`, "run.completed", `{"id":2}`,
			`actor.team is not known of the member 40; write it in people: {member_id: 40, team: …}`},
		{`project_code == "web"`, "run.completed", `{"id":2}`, `they differ in upper and lower case only`},
		{`payload.failed == "three"`, "run.completed", `{"id":2,"failed":3}`,
			`payload.failed is a number and "three" is text: they are never equal`},
		{`event_name == "run.complete"`, "run.completed", `{"id":2}`, `did you mean "run.completed"?`},
	} {
		rule := explainOne(t, c.when, c.event, c.payload)
		if got := sketch(rule.Condition, ""); !strings.Contains(got, "("+c.want+")\n") {
			t.Errorf("%s with %s %s: want %q in\n%s", c.when, c.event, c.payload, c.want, got)
		}
	}
	for _, when := range []string{`payload.title == nil`, `(payload.title ?? "") == ""`} {
		got := sketch(explainOne(t, when, "run.completed", `{"id":2}`).Condition, "")
		if strings.Contains(got, "missing") {
			t.Errorf("%s handles a missing value, and needs no hint:\n%s", when, got)
		}
	}
}

func TestEachRuleIsExplained(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - {name: hidden, when: 'event_name == "run.started" and payload.failed > 0', notify: [qa]}
  - {name: off, enabled: false, when: 'payload.failed > 0', notify: [qa]}
  - {name: broken, when: 'payload.text > 3', notify: [qa]}
  - name: last
    when: event_type == "run"
    stop: true
    title: '{{ .payload.text }}'
    notify:
      - notifier: ops
        url: "https://ops.example.com/{{ .payload.id }}?key=s3cret"
        headers: {X-Key: "s3cret{{ .payload.id }}", Content-Type: text/x-run}
      - qa
  - {name: never, when: 'true', notify: [qa]}
`))
	x := explainEvent(t, c, "run.completed", `{"id":2,"failed":3,"text":"Nightly","environment":"staging"}`)
	got := ""
	for _, r := range x.Rules {
		got += fmt.Sprintf("%s %s %q %s %s\n", r.Rule, r.Outcome, r.Reason, r.Condition.State, r.Condition.Value)
	}
	want := `hidden not_matched "" evaluated false
off disabled "" evaluated true
broken error "the text \"Nightly\" cannot be compared with the number 3 (at 1:14 of the condition)" failed 
last matched "" evaluated true
never stopped "the rule last stops here" evaluated true
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	sent := x.Rules[3].Notifications
	const options = `{"headers":{"Content-Type":"text/x-run","X-Key":"<secret>"},"url":"https://ops.example.com/…"}`
	if len(sent) != 2 || sent[0].Title != "Nightly" || string(sent[0].Options) != options {
		t.Errorf("notifications: %+v %s", sent, sent[0].Options)
	}
	if x.EntityKey != "qase/WEB/run/2" || x.Entity["environment"] != "staging" || x.Actor["name"] != "Bob Bar" ||
		x.Event != "run.completed" {
		t.Errorf("got %+v", x)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Error(err)
	}
}

func TestAFailedTemplateIsExplained(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(
		`  - {name: r, when: 'true', title: '{{ .payload.tags | first | upper }}', notify: [qa]}`))
	r := explainEvent(t, c, "run.completed", `{"id":2,"tags":5}`).Rules[0]
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "title: the template failed") || len(r.Notifications) != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestRulesBeyondTheRecordedOnesAreExplained(t *testing.T) {
	var many strings.Builder
	for n := range 300 {
		fmt.Fprintf(&many, "  - {name: r%d, when: 'payload.id == %d', notify: [qa]}\n", n, n)
	}
	x := explainEvent(t, rulefiletest.Parse(t, rulefiletest.WithRules(many.String())), "run.completed", `{"id":250}`)
	for n, r := range x.Rules {
		if want := n == 250; (r.Outcome == rules.Matched) != want || string(r.Condition.Value) != fmt.Sprint(want) {
			t.Errorf("%s: %s, %s", r.Rule, r.Outcome, r.Condition.Value)
		}
	}
}

func TestValuesThatJSONDoesNotKnowAreShown(t *testing.T) {
	for when, want := range map[string]string{
		`payload.failed / payload.zero > 1`:               `payload.failed / payload.zero → "+Inf"`,
		`len(groupBy(payload.tags, len(#))) > 1`:          `groupBy(payload.tags, len(#)) → "map[1:[a b]]"`,
		`payload.failed > 0 or payload.tags[9] == "none"`: `payload.tags[9] → …`,
	} {
		rule := explainOne(t, when, "odd.event", `{"id":2,"failed":3,"zero":0,"tags":["a","b"]}`)
		if got := sketch(rule.Condition, ""); !strings.Contains(got, want) {
			t.Errorf("%s: want %q in\n%s", when, want, got)
		}
	}
}
