package event_test

import (
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/rulefiletest"
)

func TestRefusedBodiesHaveAReason(t *testing.T) {
	for body, want := range map[string]string{
		``:                                "empty",
		`{"event_name":"x","pay`:          "ends in the middle",
		`[]`:                              "the body is a list, want an object",
		`"x"`:                             "the body is text, want an object",
		`null`:                            "the body is nothing, want an object",
		`{"event_name":"x"} {}`:           "something follows the end",
		`{event_name:"x"}`:                `a key must be text in double quotes: 'e' (at byte 2)`,
		`event=1`:                         "it does not begin like JSON",
		" nojson":                         "it does not begin like JSON",
		"<html>":                          "it does not begin like JSON",
		"nul":                             "it ends in the middle",
		`{"a": nil}`:                      "this is not null",
		`{"payload":{}}`:                  `"event_name" is missing`,
		`{"event_name":7}`:                `"event_name" is missing`,
		`{"event_name":"x"}`:              `"payload" is missing`,
		`{"event_name":"x","payload":[]}`: `"payload" is missing or not an object`,
		"{\x00\"\x00":                     "the body is UTF-16; JSON has to be UTF-8",
		"\xFF\xFE{\x00":                   "the body is UTF-16",
		"\xFE\xFF\x00{":                   "the body is UTF-16",
		"\x00{\x00\"":                     "the body is UTF-16",
		"\xFF\xFE\x00\x00{\x00\x00\x00":   "the body is UTF-32",
		"\x00\x00\x00{":                   "the body is UTF-32",
		`{"event_name":"` + strings.Repeat("x", 1025) + `","payload":{}}`:                        `"event_name" has more than 1024 bytes`,
		`{"event_name":"x","payload":{},"project_code":"` + strings.Repeat("ä", 513) + `"}`:      `"project_code" has more than 1024`,
		`{"event_name":"x","payload":{},"project_code":"` + strings.Repeat(`\u0000`, 342) + `"}`: `"project_code" has more than 1024`,
		strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100):                            "nested more than 64 levels deep",
	} {
		_, err := event.Parse("qase", []byte(body), time.Unix(1776772800, 0))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %q", body, err, want)
		}
	}
}

func TestNamesOfUpTo1024BytesAreTaken(t *testing.T) {
	long := strings.Repeat("x", 1024)
	ev := parsed(t, `{"event_name":"`+long+`","project_code":"`+long+`","payload":{"id":"`+long+`"}}`)
	if ev.Name != long || ev.Project != long {
		t.Errorf("got %d and %d bytes", len(ev.Name), len(ev.Project))
	}
	other := parsed(t, `{"event_name":"`+long+`","project_code":"`+long+`","payload":{"id":"`+long+`!"}}`)
	if a, b := ev.EntityKey(), other.EntityKey(); a == b || len(a) > 1000 {
		t.Errorf("keys of two entities: %d bytes, %d bytes", len(a), len(b))
	}
}

func TestAByteOrderMarkIsRemoved(t *testing.T) {
	const body = `{"event_name": "run.completed", "payload": {}}`
	ev, err := event.Parse("qase", []byte("\uFEFF"+body), time.Unix(1776772800, 0))
	if err != nil || string(ev.Body) != body {
		t.Errorf("got %v, %v", ev, err)
	}
}

func TestTextsInNumberFieldsBecomeNumbers(t *testing.T) {
	cfg := rulefiletest.Parse(t, rulefiletest.WithRules("  - {name: failed, when: payload.failed > 2, notify: [qa]}"))
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
		t.Errorf("of an unknown event: got %v", ev.Payload)
	}
	ev = parsed(t, `{"event_name":"run.started","payload":{"plan":{"id":"9"}}}`)
	if plan, _ := ev.Payload["plan"].(map[string]any); plan["id"] != 9 {
		t.Errorf("got %v", ev.Payload)
	}
	parsed(t, `{"event_name":"run.started","payload":{"plan":"9"}}`)
}

func parsed(t *testing.T, body string) *event.Event {
	t.Helper()
	ev, err := event.Parse("qase", []byte(body), time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestAStoredEventKeepsItsTrace(t *testing.T) {
	body := []byte(`{"event_name":"run.started","payload":{"id":1}}`)
	for facts, want := range map[string]string{
		`{"asked_at":1,"trace":"00-a-b-01"}`:         "00-a-b-01",
		`{"entity":{"trace":"of the entity"}}`:       "",
		`{"entity":{"title":"\"trace\":\"x\""}}`:     "",
		`{"entity":{"trace":"x"},"trace":"00-c-d-00`: "",
		``: "",
	} {
		ev, err := event.ParseStored("qase", body, []byte(facts), time.Unix(1700000000, 0))
		if err != nil || ev.Trace != want {
			t.Errorf("%s: got %q, %v", facts, ev.Trace, err)
		}
	}
}
