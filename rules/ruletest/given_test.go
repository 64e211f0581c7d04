package ruletest

import (
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestEarlierEventsAreAboutTheTestedEntity has earlier events without an id: they are about the run, defect … of the
// tested event, unless they are another event of its name.
func TestEarlierEventsAreAboutTheTestedEntity(t *testing.T) {
	for _, c := range []struct{ name, test, title string }{
		{"neither gives an id", `given: [{event: run.started, payload: {title: Nightly}}], event: run.completed`, "Nightly"},
		{"the tested event gives one", `given: [{event: run.started, payload: {title: Nightly}}], event: run.completed,
			payload: {id: 7}`, "Nightly"},
		{"and a project", `given: [{event: run.started, payload: {title: Nightly}}], event: run.completed,
			payload: {id: 7}, project_code: WEB`, "Nightly"},
		{"and a source", `given: [{event: run.started, payload: {title: Nightly}}], event: run.completed, source: other`,
			"Nightly"},
		{"each gives its own", `given: [{event: run.started, payload: {id: 3, title: Nightly}}], event: run.completed,
			payload: {id: 7}`, ""},
		{"another event of the name", `given: [{event: run.started, payload: {id: 2, title: Nightly}},
			{event: run.completed, payload: {title: Other}}], event: run.completed, payload: {id: 7}`, ""},
		{"another entity", `given: [{event: defect.created, payload: {title: Nightly}}], event: run.completed`, ""},
		{"a shared step has a hash", `given: [{event: shared_step.created, payload: {title: Nightly}}],
			event: shared_step.updated, payload: {hash: abc}`, "Nightly"},
		{"an alias", `given: [{event: run.started, payload: &p {title: Nightly, id: 9}}], event: run.completed, payload: *p`,
			"Nightly"},
	} {
		config := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [s]}, {name: other, secrets: [t]}]
notifiers: [{name: qa, type: chat, channel: "#qa"}]
rules: [{name: r, when: 'true', title: "{{ .entity.title }}", body: x, notify: [qa]}]
tests: [{name: x, `+c.test+`, expect: [{title: "?"}]}]
`)
		got := Run(config, nil)[0].Failures[0].Fields[0].Got
		if nightly := strings.Contains(got, "Nightly"); nightly != (c.title != "") {
			t.Errorf("%s: got the title %q, want %q", c.name, got, c.title)
		}
	}
}

func TestTextsThatNearlyAgreeHaveAHint(t *testing.T) {
	for want, hint := range map[string]string{
		"qa":      `write "#qa"`,
		"@qa":     `write "#qa"`,
		"#QA":     `write "#qa"`,
		"#qa-web": "",
		"":        "",
	} {
		config := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: qa, type: chat, channel: "#qa"}]
rules: [{name: r, when: 'true', notify: [qa]}]
tests: [{name: x, event: run.completed, expect: [{channel: "`+want+`"}]}]
`)
		got := Run(config, nil)[0].Failures[0].Fields[0].Hint
		if hint == "" && got != "" || !strings.HasSuffix(got, hint) {
			t.Errorf("%q: got the hint %q, want %q", want, got, hint)
		}
	}
}
