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
