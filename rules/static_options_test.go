package rules_test

import (
	"slices"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestStaticOptions(t *testing.T) {
	c := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [s]}]
notifiers:
  - {name: qa, type: chat, channel: "#qa"}
  - {name: mail, type: post, to: [b@x.io]}
rules:
  - name: a
    when: event_name == "run.completed"
    notify: [qa, {notifier: qa, channel: "#alerts", mention: ["{{ .actor.name }}"]}]
  - name: b
    when: event_name == "run.started"
    notify: [{notifier: qa, channel: "#alerts"}, {notifier: qa, channel: "{{ .project_code }}"}]
  - {name: c, when: 'event_name == "run.aborted"', enabled: false, notify: [{notifier: qa, channel: "#off"}]}
  - {name: d, when: 'event_name == "run.deleted"', notify: [{notifier: mail, to: [c@x.io], fallback: [qa]}]}
`)
	for notifier, want := range map[string][]string{"qa": {`{"channel":"#alerts"}`}, "mail": {`{"to":["c@x.io"]}`},
		"no person": nil} {
		var got []string
		for _, o := range c.Rules.StaticOptions(notifier) {
			got = append(got, string(o))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", notifier, got, want)
		}
	}
}
