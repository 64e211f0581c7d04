package event

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/catalog"
)

func TestDriftFindsFieldsThatTheCatalogLacks(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		known         bool
		fields        string
	}{
		{"run.completed", `{"id":1,"failed":0}`, true, ""},
		{"run.completed", `{"id":1,"colour":"red","flaky":2}`, true, "colour flaky"},
		{"run.started", `{"id":1,"plan":{"id":3,"title":"x","owner":7}}`, true, "plan.owner"},
		{"plan.created", `{"id":1,"cases":{"1033":0}}`, true, ""},
		{"result.created", `{"anything":1}`, true, ""},
		{"goal.reached", `{"id":1}`, false, ""},
	} {
		ev, err := Parse("qase", []byte(fmt.Sprintf(`{"event_name":%q,"payload":%s}`, c.name, c.payload)),
			time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		known, fields := Drift(ev)
		if known != c.known || strings.Join(fields, " ") != c.fields {
			t.Errorf("%s %s: known %v, fields %v", c.name, c.payload, known, fields)
		}
	}
}

func TestTheExamplesDoNotDrift(t *testing.T) {
	for _, e := range catalog.All() {
		ev, err := Parse("qase", e.Example, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if known, fields := Drift(ev); !known || len(fields) > 0 {
			t.Errorf("%s: known %v, unknown fields %v", e.Name, known, fields)
		}
	}
}

func TestFormsOfOlderEventsAreThoseOfToday(t *testing.T) {
	for payload, want := range map[string]string{
		`{"plan":3}`:                "map[plan:map[id:3]]",
		`{"plan":"3"}`:              "map[plan:map[id:3]]",
		`{"plan_id":3}`:             "map[plan:map[id:3] plan_id:3]",
		`{"plan":null,"plan_id":3}`: "map[plan:map[id:3] plan_id:3]",
		`{"plan":{"id":4,"title":"d"},"plan_id":3}`: "map[plan:map[id:4 title:d] plan_id:3]",
		`{"plan":null}`:      "map[plan:<nil>]",
		`{"plan":0}`:         "map[plan:<nil>]",
		`{"plan":"nightly"}`: "map[plan:nightly]",
		`{"plan":[]}`:        "map[plan:[]]",
	} {
		ev, err := Parse("qase", []byte(`{"event_name":"run.started","payload":`+payload+`}`), time.Unix(0, 0))
		if err != nil || fmt.Sprint(ev.Payload) != want {
			t.Errorf("%s is %v, %v", payload, ev.Payload, err)
		}
	}
	ev, err := Parse("qase", []byte(`{"event_name":"run.updated","payload":{"cases_added":[4,5,6]}}`), time.Unix(0, 0))
	if err != nil || ev.Payload["cases_added"] != 3 {
		t.Errorf("got %v, %v", ev, err)
	}
}
