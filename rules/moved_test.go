package rules_test

import (
	"strings"
	"testing"
	"time"

	"qaserelay/rules/failures"
	"qaserelay/rules/memory"
	"qaserelay/rules/rulefile/rulefiletest"
)

// TestASeriesUnderTheTitleOfItsEnvironmentIsMoved has what versions have stored that took the title of an environment, by the
// Qase API, for its slug.
func TestASeriesUnderTheTitleOfItsEnvironmentIsMoved(t *testing.T) {
	set := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [secret], api_token: t}]
notifiers: [{name: qa, type: chat}]
rules: [{name: r, when: event_name == "run.completed", title: "{{ .previous.id }}, {{ .failures.compared.run }}", notify: [qa]}]
`).Rules
	w := rulefiletest.NewWorld()
	w.Now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	end := func(id, environment string) string {
		ev := rulefiletest.Event(t, "run.completed", `{"id":`+id+`,"cases":14,"passed":13,"failed":1,"title":"Nightly"}`, w.Now)
		run := known(result(1, "Login", "Auth", "timeout"))
		facts := failures.Facts{Run: &run, Entity: map[string]any{"plan": map[string]any{"id": 3}, "environment": environment}}
		if environment == "stg" {
			facts.Entity["environment_title"] = "Staging"
		}
		ev.Facts = facts.Encode()
		title := w.DecideEvent(set, ev).Notifications[0].Title
		w.Now = w.Now.Add(24 * time.Hour)
		return title
	}
	end("1", "Staging")
	if got := end("2", "stg"); got != "1, 1" {
		t.Errorf("the first run under the slug is compared with %q", got)
	}
	if got := end("3", "stg"); got != "2, 2" {
		t.Errorf("the second one is compared with %q", got)
	}
	keys := 0
	for key, value := range w.Kept() {
		if value == nil { // deleted
			continue
		}
		if strings.HasPrefix(key, "cases:") || strings.HasPrefix(key, "finished:") {
			keys++
		}
		if strings.Contains(key, "Staging") {
			t.Errorf("%s is left", key)
		}
	}
	list := memory.ReadSeries(w.Kept()[memory.SeriesListKey("qase", "WEB")])
	if keys != 2 || len(list) != 1 || list[0].Environment != "stg" {
		t.Errorf("%d keys, series %+v", keys, list)
	}
}
