package rules_test

import (
	"strings"
	"testing"
	"time"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestARuleAsksWhichTestsFailed(t *testing.T) {
	const own = `title: x, body: x, notify: [qa]}`
	for _, c := range []struct {
		rule, event string
		want        bool
	}{
		{`{name: a, when: 'event_name == "run.completed"', notify: [qa]}`, "run.completed", true},
		{`{name: a, when: 'event_name == "run.completed"', notify: [qa]}`, "run.aborted", false},
		{`{name: a, when: 'event_type == "run"', notify: [qa]}`, "run.aborted", true},
		{`{name: a, when: 'event_type == "run"', notify: [qa]}`, "run.started", false},
		{`{name: a, when: 'event_type == "run"', title: x, notify: [qa]}`, "run.completed", true},
		{`{name: a, when: 'event_type == "run"', body: x, notify: [qa]}`, "run.completed", true},
		{`{name: a, enabled: false, when: 'event_type == "run"', notify: [qa]}`, "run.completed", false},
		{`{name: a, when: 'event_type == "run"', ` + own, "run.completed", false},
		{`{name: a, when: 'event_type == "run"', title: x,
			body: '{{ template "failing" . }}', notify: [qa]}`, "run.completed", true},
		{`{name: a, when: 'event_type == "run"', body: x,
			title: '{{ with . }}{{ $.failures.total }}{{ end }}', notify: [qa]}`, "run.completed", true},
		{`{name: a, when: 'event_type == "run"', body: x,
			title: '{{ index . "failures" }}', notify: [qa]}`, "run.completed", true},
		{`{name: a, when: 'event_type == "run"', title: x, body: x,
			notify: [{notifier: qa, mention: ["{{ .failures.owners }}"]}]}`, "run.completed", true},
	} {
		file := strings.Replace(rulefiletest.WithRules("  - "+c.rule+"\n"), "templates:\n", "templates:\n  failing: '{{ .failures.total }}'\n", 1)
		ev := rulefiletest.Event(t, c.event, `{"id":2}`, time.Unix(1650540200, 0))
		if got := rulefiletest.Parse(t, file).Rules.Asks(ev); got != c.want {
			t.Errorf("%s for %s: asks %t", c.rule, c.event, got)
		}
	}
}
