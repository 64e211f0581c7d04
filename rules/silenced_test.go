package rules_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/silence"
	"qaserelay/rules/yamldoc"
)

// silencedFile has a rule with two notifiers, one that stops, and one whose notifier opens and closes alerts.
const silencedFile = `
settings: {timezone: Europe/Berlin}
sources: [{name: qase, secrets: [s]}]
notifiers:
  - {name: qa, type: chat, channel: "#qa"}
  - {name: ops, type: hook, url: "https://ops.example.com"}
  - {name: pager, type: pager, url: "https://pager.example.com"}
rules:
  - {name: two, when: event_type == "run", notify: [qa, ops]}
  - {name: alert, when: event_name == "run.completed", notify: [pager]}
  - {name: last, when: event_name == "run.started", notify: [qa], stop: true}
  - {name: never, when: event_name == "run.started", notify: [ops]}
`

func parseSilenced(t *testing.T) *rulefile.File {
	t.Helper()
	o := rulefiletest.Options()
	pager := o.Kinds["hook"]
	pager.Closes = func(_ any, _, _ json.RawMessage, level string) bool { return level == "success" }
	o.Kinds["pager"] = pager
	file, problems := rulefile.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(silencedFile)}}, o)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	return file
}

// silenced decides an event while a silence is active, and returns the notifiers with a message, and the results.
func silenced(t *testing.T, spec silence.Spec, name, payload string) (told string, results map[string]rules.Result) {
	t.Helper()
	w := rulefiletest.NewWorld()
	spec.EndsAt, spec.Author, spec.Comment = w.Now.Add(4*time.Hour), "bob", "migration"
	s, err := silence.New(spec, w.Now, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.ID = "06c"
	w.Silences = silence.NewList([]*silence.Silence{s})
	w.Decide(t, parseSilenced(t), "run.started",
		`{"id":7,"title":"Nightly","environment":"staging","plan":{"id":1,"title":"Smoke"}}`)
	d := w.Decide(t, parseSilenced(t), name, payload)
	results = map[string]rules.Result{}
	for _, r := range d.Results {
		results[r.Rule] = r
	}
	var all []string
	for _, n := range d.Notifications {
		all = append(all, n.Rule+">"+n.Notifier)
	}
	return strings.Join(all, " "), results
}

func TestASilenceHoldsMessagesBack(t *testing.T) {
	const red, green = `{"id":7,"failed":3,"cases":4}`, `{"id":7,"failed":0,"passed":4,"cases":4}`
	for _, c := range []struct {
		spec    silence.Spec
		event   string
		payload string
		want    string
	}{
		{silence.Spec{Matchers: []string{"rule=two"}}, "run.completed", red, "alert>pager"},
		{silence.Spec{Matchers: []string{"notifier=qa"}}, "run.completed", red, "two>ops alert>pager"},
		{silence.Spec{Matchers: []string{"project=WEB"}}, "run.completed", red, ""},
		{silence.Spec{Matchers: []string{"project=WEB"}}, "run.completed", green, "alert>pager"}, // which it closes
		{silence.Spec{Matchers: []string{"level=error"}}, "run.completed", red, ""},
		{silence.Spec{Matchers: []string{"level=error"}}, "run.completed", green, "two>qa two>ops alert>pager"},
		{silence.Spec{Matchers: []string{"environment=staging", "plan=Smoke"}}, "run.completed", red, ""},
		{silence.Spec{Matchers: []string{"entity=qase/WEB/run/7"}}, "run.completed", red, ""},
		{silence.Spec{Matchers: []string{"entity=qase/WEB/run/8"}}, "run.completed", red, "two>qa two>ops alert>pager"},
		{silence.Spec{When: `entity.title == "Nightly" && payload.failed > 2`}, "run.completed", red, ""},
		{silence.Spec{When: `payload.failed > 3`}, "run.completed", red, "two>qa two>ops alert>pager"},
		{silence.Spec{When: `payload.failed.x`}, "run.completed", red, "two>qa two>ops alert>pager"}, // cannot be evaluated
		{silence.Spec{Matchers: []string{"source=qase", "event=run.started"}}, "run.started", `{"id":8}`, ""},
	} {
		if got, _ := silenced(t, c.spec, c.event, c.payload); got != c.want {
			t.Errorf("%+v, %s %s: sent %q, want %q", c.spec, c.event, c.payload, got, c.want)
		}
	}
}

func TestADecisionNamesTheSilence(t *testing.T) {
	const by = "by 06c (bob: migration) until 2026-04-21 18:00 CEST"
	_, results := silenced(t, silence.Spec{Matchers: []string{"rule=two"}}, "run.completed", `{"id":7,"failed":1}`)
	if r := results["two"]; r.Outcome != rules.Silenced || r.Reason != by || len(r.Silenced) != 2 || len(r.Notes) != 0 ||
		!r.Outcome.IsMatch() {
		t.Errorf("%+v", r)
	}
	_, results = silenced(t, silence.Spec{Matchers: []string{"notifier=qa"}}, "run.completed", `{"id":7,"failed":1}`)
	if r := results["two"]; r.Outcome != rules.Matched || len(r.Notes) != 1 || r.Notes[0] != "silenced for qa "+by ||
		!rules.IsOfSilence(r.Notes[0]) || len(r.Silenced) != 1 || r.Silenced[0].Silence != "06c" {
		t.Errorf("%+v", r)
	}
}

func TestARuleThatIsSilencedStopsLaterOnes(t *testing.T) {
	told, results := silenced(t, silence.Spec{Matchers: []string{"rule=last"}}, "run.started", `{"id":8}`)
	if told != "two>qa two>ops" || results["never"].Outcome != rules.Stopped || results["last"].Outcome != rules.Silenced {
		t.Errorf("sent %q: %+v", told, results)
	}
}
