package ruletest

import (
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

const testedRules = `
sources: [{name: qase, secrets: [s]}]
notifiers:
  - {name: qa, type: chat, channel: "#qa", mention: [team]}
  - name: ops
    type: hook
    url: "https://ops.example.com/hook"
    headers: {X-Env: prod, X-Run: "{{ .payload.id }}", X-Token: s3cret}
rules:
  - name: loud
    when: event_name == "run.completed" && payload.failed > 0
    level: error
    title: "{{ .payload.failed }} failed"
    body: "**{{ .payload.note }}**"
    notify:
      - notifier: qa
        channel: "#alerts"
        mention: [ana, bob]
        loud: true
        blocks: [{type: section, text: "{{ .payload.id }}"}]
      - {notifier: ops, body: '{"n": {{ .payload.failed }}}'}
  - {name: off, enabled: false, when: 'true', notify: [qa]}
  - {name: broken, when: 'payload.note > 3', notify: [qa]}
  - {name: two, when: 'event_name == "run.aborted"', title: "{{ .rule }}", notify: [qa, qa], stop: true}
  - {name: late, when: 'event_name == "run.aborted"', notify: [qa]}
tests:
`

func TestNotificationsAreComparedWithExpectations(t *testing.T) {
	const loud = `event: run.completed, payload: {id: 7, failed: 3, note: "a*b"}`
	both := func(qa string) string {
		return loud + `, expect: [{rule: loud, notifier: qa, ` + qa + `}, {notifier: ops}]`
	}
	for _, c := range []struct{ name, test, want string }{
		{"a text is compared exactly", both(`title: 3 failed, level: error`), "ok"},
		{"a part of it is not enough", both(`title: 3 fail`), `(different; loud → qa; title: "3 fail", got 3 failed)`},
		{"contains takes a part", both(`title: {contains: fail}`), "ok"},
		{"each of several parts has to be there", both(`title: {contains: [fail, "4"]}`),
			`(different; loud → qa; title: contains "fail" and contains "4", got 3 failed)`},
		{"matches takes a pattern", both(`title: {matches: '^\d fail'}`), "ok"},
		{"and fails otherwise", both(`title: {matches: '^fail'}`),
			`(different; loud → qa; title: matches ^fail, got 3 failed)`},
		{"all fields that differ are reported", both(`title: a, level: info`),
			`(different; loud → qa; title: "a", got 3 failed; level: "info", got error)`},
		{"the body counts without signs of escaping", both(`body: "**a*b**"`), "ok"},
		{"and with them", both(`body: {contains: 'a\*b'}`), "ok"},
		{"the url is that of the entity", both(`url: https://app.qase.io/run/ID/dashboard/7`), "ok"},
		{"an option of the message comes before that of the notifier", both(`channel: "#qa"`),
			`(different; loud → qa; channel: "#qa", got #alerts)`},
		{"one element of a list is enough", both(`mention: bob`), "ok"},
		{"and one that contains it", both(`mention: {contains: bo}`), "ok"},
		{"a list has to be the whole list", both(`mention: [ana]`),
			`(different; loud → qa; mention: ["ana"], got ["ana","bob"])`},
		{"in its order", both(`mention: [ana, bob]`), "ok"},
		{"an option may be no text", both(`loud: true`), "ok"},
		{"a free structure is compared whole", both(`blocks: [{text: "7", type: section}]`), "ok"},
		{"or a part of it", both(`blocks.0.text: 7`), "ok"},
		{"or as text", both(`blocks: {contains: section}`), "ok"},
		{"a missing value is the empty text", both(`blocks.1.text: ""`), "ok"},
		{"headers of both are there", loud + `, expect: [{headers.X-Run: 7, headers: {X-Env: prod}}, {rule: loud}]`,
			"ok"},
		{"secrets in them are not shown", loud + `, expect: [{notifier: ops, headers.X-Token: a}, {notifier: qa}]`,
			`(different; any rule → ops; headers.X-Token: "a", got <secret>)`},
		{"the body may be an option", loud + `, expect: [{notifier: ops, body: '{"n": 3}'}, {notifier: qa}]`, "ok"},
		{"or that of the message", loud + `, expect: [{notifier: ops, body: {contains: "a*b"}}, {notifier: qa}]`, "ok"},
		{"the url may be an option",
			loud + `, expect: [{notifier: ops, url: "https://ops.example.com/hook"}, {notifier: qa}]`, "ok"},
		{"an unexpected notification fails", loud + `, expect: [{notifier: ops}]`, "(unexpected; loud → qa)"},
		{"nothing is expected", `event: run.completed, expect: []`, "ok"},
		{"and something is sent", loud + `, expect: []`, "(unexpected; loud → qa)(unexpected; loud → ops)"},
		{"a condition that is false", `event: run.completed, expect: [{rule: loud}]`,
			`(missing; loud → any notifier; the rule does not match)`},
		{"only time passes", "steps: [{event: run.completed}, {advance: 1h, expect: [{rule: loud}]}]",
			`(missing; loud → any notifier; no message of the rule is due)`},
		{"a rule that is switched off", `event: run.completed, expect: [{rule: off}]`,
			"(missing; off → any notifier; the rule is disabled)"},
		{"a rule behind one that stops", `event: run.aborted, expect: [{rule: two}, {rule: two}, {rule: late}]`,
			"(missing; late → any notifier; the rule is not reached: the rule two stops here)"},
		{"a rule that notifies others",
			loud + `, expect: [{notifier: qa}, {notifier: ops}, {rule: loud, notifier: ops}]`,
			"(missing; loud → ops; the rule matches, but all that it sends is expected already)"},
		{"a rule that does not notify the notifier",
			`event: run.aborted, expect: [{rule: two}, {rule: two}, {rule: two, notifier: ops}]`,
			"(missing; two → ops; the rule matches, but does not notify ops)"},
		{"the wrong notifier", `event: run.aborted, expect: [{rule: two}, {rule: two, notifier: ops}]`,
			`(different; two → ops; notifier: "ops", got qa)`},
		{"nothing at all", `event: run.completed, expect: [{title: a}]`,
			"(missing; any rule → any notifier; nothing is sent)"},
		{"a vague expectation takes what others leave", loud + `, expect: [{}, {title: 3 failed, notifier: qa}]`,
			"ok"},
		{"whatever the order", loud + `, expect: [{rule: loud}, {notifier: ops}]`, "ok"},
	} {
		config := rulefiletest.Parse(t, testedRules+"  - {name: x, "+c.test+"}\n")
		if got := strings.TrimPrefix(summary(Run(config, nil)), "x="); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestAConditionThatShouldHaveMatchedIsTraced(t *testing.T) {
	config := rulefiletest.Parse(t, testedRules+`
  - {name: x, given: [{event: run.started}], event: run.completed, expect: [{rule: loud}, {rule: off}]}
`)
	f := Run(config, nil)[0].Failures
	if f[0].Condition == nil || len(f[0].Condition.Parts) != 2 || string(f[0].Condition.Value) != "false" ||
		f[1].Condition != nil {
		t.Errorf("got %+v", f)
	}
}

func TestFaultsOfRulesAreNoted(t *testing.T) {
	config := rulefiletest.Parse(t,
		testedRules+"  - {name: x, event: run.complet, payload: {note: a}, expect: [{rule: broken}]}\n")
	r := Run(config, nil)[0]
	if r.Passed || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "run.completed") ||
		!strings.Contains(r.Notes[1], "broken") {
		t.Errorf("notes: %q", r.Notes)
	}
	if !strings.HasPrefix(r.Failures[0].Reason, "the condition failed: ") {
		t.Errorf("reason: %q", r.Failures[0].Reason)
	}
}

func TestCoverageCountsTheRulesThatTestedEventsMatch(t *testing.T) {
	config := rulefiletest.Parse(t, testedRules+`
  - {name: one, given: [{event: run.aborted}], event: run.completed, payload: {failed: 1}, expect: []}
`)
	c := Cover(config.Rules, Run(config, nil))
	if c.Rules != 4 || c.Covered != 1 || c.Percent() != 25 || strings.Join(c.Missing, " ") != "broken two late" {
		t.Errorf("got %+v", c)
	}
	if none := (Coverage{}); none.Percent() != 100 {
		t.Errorf("of no rules %v%%", none.Percent())
	}
}

func TestResultsHoldNoSecrets(t *testing.T) {
	config := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [s]}]
notifiers:
  - name: ops
    type: hook
    url: "https://ops.example.com/{{ .payload.id }}?k=s3cret"
    headers: {Authorization: "s3cret {{ .payload.id }}", X-Run: "{{ .payload.id }}"}
rules: [{name: a, when: 'true', notify: [ops]}]
tests: [{name: x, event: run.completed, expect: []}]
`)
	const want = `{"headers":{"Authorization":"<secret>","X-Run":"<secret>"},"url":"https://ops.example.com/…"}`
	if got := string(Run(config, nil)[0].Failures[0].Got.Options); got != want {
		t.Errorf("got %s", got)
	}
}
