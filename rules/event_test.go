package rules_test

import (
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

func parsed(t *testing.T, body string) *event.Event {
	t.Helper()
	ev, err := event.Parse("qase", []byte(body), time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestOnlyTheMemberZeroIsAutomation(t *testing.T) {
	for member, want := range map[string]struct {
		name       string
		automation bool
	}{
		`"team_member_id": 0,`:     {"automation", true},
		`"team_member_id": "0",`:   {"automation", true},
		`"team_member_id": 7,`:     {"member 7", false},
		`"team_member_id": null,`:  {"somebody", false},
		`"team_member_id": "me",`:  {"somebody", false},
		`"team_member_id": [0],`:   {"somebody", false},
		`"team_member_id": true,`:  {"somebody", false},
		`"team_member_id": "",`:    {"somebody", false},
		``:                         {"somebody", false},
		`"team_member_id": 41.0, `: {"member 41", false},
	} {
		ev := parsed(t, `{`+member+`"event_name":"run.completed","payload":{"id":2}}`)
		actor := people.New(nil).Actor(ev, nil)
		if actor["name"] != want.name || actor["automation"] != want.automation {
			t.Errorf("%s: got %v", member, actor)
		}
	}
}

func TestNumbersThatCameAsTextAreNumbers(t *testing.T) {
	cfg, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(`
sources: [{name: qase, secrets: [s3cret-s3cret]}]
notifiers: [{name: ops, type: chat}]
rules: [{name: failed, when: payload.failed > 2, notify: [ops]}]
`)}}, rulefiletest.Options())
	if cfg == nil {
		t.Fatal(problems)
	}
	body := `{"event_name":"run.completed","payload":{"id":" 2","failed":"3","title":"7","comment":"5"}}`
	ev := parsed(t, body)
	if d := cfg.Rules.Decide(ev, rules.State{}); d.Results[0].Outcome != rules.Matched {
		t.Errorf("got %+v", d.Results)
	}
	if ev.Payload["id"] != 2 || ev.Payload["title"] != "7" || ev.Payload["comment"] != "5" || string(ev.Body) != body {
		t.Errorf("got %v from %s", ev.Payload, ev.Body)
	}
	if ev := parsed(t, strings.Replace(body, `"3"`, `"three"`, 1)); ev.Payload["failed"] != "three" {
		t.Errorf("got %v", ev.Payload)
	}
	if ev := parsed(t, strings.Replace(body, "run.completed", "foo.bar", 1)); ev.Payload["failed"] != "3" {
		t.Errorf("of an event that nobody knows: got %v", ev.Payload)
	}
	ev = parsed(t, `{"event_name":"run.started","payload":{"plan":{"id":"9"}}}`)
	if plan, _ := ev.Payload["plan"].(map[string]any); plan["id"] != 9 {
		t.Errorf("got %v", ev.Payload)
	}
	parsed(t, `{"event_name":"run.started","payload":{"plan":"9"}}`)
}
