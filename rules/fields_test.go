package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"qaserelay/rules"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile/rulefiletest"
)

func TestFieldsBelongToTheDefaultBody(t *testing.T) {
	const line = `Plan: \*Smoke\* · Environment: Staging · Project: WEB · Updated by: Bob Bar`
	for _, c := range []struct{ name, message, body, fields string }{
		{"a rule without a message has them", "", "", line},
		{"so has one with only a title", `title: "own", `, "", line},
		{"one with a body has none", `body: "own", `, "own", ""},
		{"nor has one whose body is empty", `body: "{{ .payload.nothing }}", `, "", ""},
		{"a body that fails is replaced by the default with its fields", `body: '{{ .payload.id.deeper }}', `, "",
			line},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule := fmt.Sprintf("  - {name: r, when: event_type == \"run\", %snotify: [qa]}\n", c.message)
			n := rulefiletest.NewWorld().Decide(t, rulefiletest.Parse(t, rulefiletest.WithRules(rule)), "run.updated",
				`{"id": 1, "plan": {"title": "*Smoke*"}, "environment": "Staging\n"}`).Notifications[0]
			var fields []string
			for _, f := range n.Fields {
				fields = append(fields, f.Name+": "+f.Value)
			}
			if got := strings.Join(fields, " · "); got != c.fields || n.Body != c.body {
				t.Errorf("got body %q and fields %q", n.Body, got)
			}
		})
	}
}

func TestPeopleReadFieldsAsTheLastLineOfABody(t *testing.T) {
	fields := []message.Field{{Name: "Plan", Value: "Smoke"}, {Name: "By", Value: "Bob"}}
	for _, c := range []struct {
		n    rules.Notification
		want string
	}{
		{rules.Notification{Message: message.Message{Body: "**3** failed", Fields: fields}},
			"**3** failed\n\nPlan: Smoke · By: Bob"},
		{rules.Notification{Message: message.Message{Fields: fields}}, "Plan: Smoke · By: Bob"},
		{rules.Notification{Message: message.Message{Body: "own"}}, "own"},
		{rules.Notification{}, ""},
	} {
		written, err := json.Marshal(c.n)
		var read struct{ Body string }
		if err = errors.Join(err, json.Unmarshal(written, &read)); err != nil || c.n.FullBody() != c.want ||
			read.Body != c.want {
			t.Errorf("got %q, in JSON %q: %v", c.n.FullBody(), read.Body, err)
		}
	}
}
