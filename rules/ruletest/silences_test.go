package ruletest

import (
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestATestMayHaveSilences(t *testing.T) {
	const event = `event: run.completed, payload: {id: 7, failed: 3}`
	for _, c := range []struct{ name, test, want string }{
		{"one holds its messages back", `silences: [{match: [rule=loud], for: 2h}], ` + event + `, expect: []`, "ok"},
		{"and no others", `silences: [{match: [notifier=qa]}], ` + event + `, expect: [{rule: loud, notifier: ops}]`, "ok"},
		{"a message that is missing has it as its reason", `silences: [{match: [level=error]}], ` + event +
			`, expect: [{rule: loud, notifier: ops}]`, "the rule matches, but is silenced by silence-1 until 2026-"},
		{"it ends", `silences: [{match: [rule=loud], for: 2h}], given: [{event: run.started, payload: {id: 7}}], ` + event +
			`, advance: 2h, expect: [{notifier: qa}, {notifier: ops}]`, "ok"},
		{"not before", `silences: [{match: [rule=loud], for: 2h}], given: [{event: run.started, payload: {id: 7}}], ` + event +
			`, advance: 1h59m59s, expect: []`, "ok"},
		{"it begins later", `silences: [{match: [rule=loud], starts: 1h}], given: [{event: run.started, payload: {id: 7}}], ` +
			event + `, advance: 1h, expect: []`, "ok"},
		{"at a time", `silences: [{match: [rule=loud], starts: 2026-02-01 10:00, for: 1h}], ` +
			`given: [{event: run.started, payload: {id: 7}, at: 2026-02-01 09:00}], ` + event +
			`, at: 2026-02-01 09:59, expect: [{notifier: qa}, {notifier: ops}]`, "ok"},
		{"a condition sees the event", `silences: [{when: payload.failed > 2}], ` + event + `, expect: []`, "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := rulefiletest.Parse(t, testedRules+"  - {name: t, "+c.test+"}\n")
			r := Run(file, nil)[0]
			got := "ok"
			for _, f := range r.Failures {
				got = strings.TrimPrefix(got+"; "+f.Reason, "ok; ")
			}
			if !strings.Contains(got, c.want) || r.Passed != (got == "ok") {
				t.Errorf("got %s, want %s (%+v)", got, c.want, r)
			}
		})
	}
}
