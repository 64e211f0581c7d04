package rules_test

import (
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/failures"
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

func TestARuleReadsWhatTheAPISaysOfNames(t *testing.T) {
	const own = `title: x, body: x, notify: [qa]}`
	const week = "\nsummaries: [{name: week, at: \"mon 09:00\", project: %s, notify: [qa]}]\n"
	for _, c := range []struct {
		rule, more, event string
		want              bool
	}{
		{rule: `{name: a, when: 'event_type == "run"', notify: [qa]}`, event: "run.started", want: true},
		{rule: `{name: a, when: 'event_type == "run"', title: x, notify: [qa]}`, event: "run.started", want: true},
		{rule: `{name: a, when: 'event_type == "run"', ` + own, event: "run.started"},
		{rule: `{name: a, when: 'event_type == "run"', ` + own, event: "run.completed"},
		{rule: `{name: a, when: 'event_type == "case"', notify: [qa]}`, event: "run.completed"},
		{rule: `{name: a, enabled: false, when: 'true', notify: [qa]}`, event: "run.completed"},
		{rule: `{name: a, when: 'previous.failed == 0', ` + own, event: "run.completed", want: true},
		{rule: `{name: a, when: 'failures.total > 0', ` + own, event: "run.completed", want: true},
		{rule: `{name: a, when: 'actor.email != ""', ` + own, event: "run.started", want: true},
		{rule: `{name: a, when: 'true', title: '{{ .entity.title }}', body: x, notify: [qa]}`, event: "run.started", want: true},
		{rule: `{name: a, when: 'true', title: x, body: x, notify: [{notifier: qa, mention: ["{{ .actor.email }}"]}]}`,
			event: "run.started", want: true},
		{rule: `{name: a, when: 'true', throttle: {every: 1h, by: [entity.environment]}, ` + own, event: "run.started", want: true},
		{rule: `{name: a, when: 'event_name == "run.started"', after: {wait: 1h}, unless: 'entity.title == "x"', ` + own,
			event: "run.updated", want: true},
		{rule: `{name: a, when: 'event_type == "run"', ` + own, more: week, event: "run.completed", want: true},
		{rule: `{name: a, when: 'event_type == "run"', ` + own, more: week, event: "run.started"},
		{rule: `{name: a, when: 'event_type == "run"', ` + own, more: strings.Replace(week, "%s", "OTHER", 1), event: "run.completed"},
	} {
		ev := rulefiletest.Event(t, c.event, `{"id":2}`, time.Unix(1650540200, 0))
		file := rulefiletest.WithRules("  - "+c.rule+"\n") + strings.Replace(c.more, "%s", ev.Project, 1)
		if got := rulefiletest.Parse(t, file).Rules.ReadsNames(ev); got != c.want {
			t.Errorf("%s%s for %s: reads names %t", c.rule, c.more, c.event, got)
		}
	}
}

func TestConditionsAndTemplatesReadWhichTestsFailed(t *testing.T) {
	const text = `
  - {name: new, when: 'event_name == "run.completed" && failures.new_total > 0', title: '{{ range .failures.new }}{{ .code }} {{ .title }}{{ end }}', body: x, notify: [qa]}
  - {name: suite, when: 'any(failures.list, .suite startsWith "Checkout")', title: '{{ .failures.compared.run }}', body: x, notify: [qa]}
`
	kept, c := map[string][]byte{}, rulefiletest.Parse(t, rulefiletest.WithRules(text))
	get := func(key string) ([]byte, error) { return kept[key], nil }
	decide := func(id string, results ...failures.Result) rules.Decision {
		ev := rulefiletest.Event(t, "run.completed", `{"id":`+id+`,"failed":1,"cases":14,"plan":{"id":1}}`, time.Unix(1650540200, 0))
		d := c.Rules.Decide(ev, rules.State{Now: ev.ReceivedAt, Get: get, Facts: &failures.Facts{Run: &failures.Run{
			Known: true, Complete: true, Results: results}}})
		for _, change := range d.Changes {
			kept[change.Key] = change.Value
		}
		return d
	}
	pay := failures.Result{CaseID: 31, Status: "failed", Title: "Pay by card", Suite: "Checkout"}
	first := decide("1", pay)
	if got := outcomes(first); got != "new=matched suite=matched" || first.Notifications[0].Title != "WEB-31 Pay by card" {
		t.Errorf("the first run: %s", got)
	}
	if second := decide("2", pay); outcomes(second) != "new=not_matched suite=matched" || second.Notifications[0].Title != "1" {
		t.Errorf("the second: %s", outcomes(second))
	}
}
