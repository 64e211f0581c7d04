package rules_test

import (
	"fmt"
	"testing"

	"qaserelay/rules"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile/rulefiletest"
)

const (
	failedRun = `{"id": 7, "cases": 14, "passed": 10, "failed": 3, "blocked": 1}`
	passedRun = `{"id": 7, "cases": 14, "passed": 14, "failed": 0, "blocked": 0}`
)

// decideOne returns the message of one rule with the given keys.
func decideOne(t *testing.T, settings, rule, event, payload string) rules.Notification {
	t.Helper()
	file := rulefiletest.WithRules(fmt.Sprintf("  - {name: r, when: \"true\", %snotify: [qa]}\n", rule)) + settings
	d := rulefiletest.NewWorld().Decide(t, rulefiletest.Parse(t, file), event, payload)
	if len(d.Notifications) != 1 || len(d.Results[0].Notes) > 0 {
		t.Fatalf("%s: %+v", event, d)
	}
	return d.Notifications[0]
}

func TestTheStateSaysWhatHasHappened(t *testing.T) {
	const blocked, partial = `{"id": 7, "cases": 9, "passed": 8, "failed": 0, "blocked": 1}`, `{"id": 7, "cases": 9, "passed": 8, "failed": 0}`
	for _, c := range []struct{ rule, event, payload, want string }{
		{"", "run.completed", failedRun, "FAILED"},
		{"level: warning, ", "run.completed", failedRun, "FAILED"},
		{"level: info, ", "run.completed", failedRun, "FAILED"},
		{"level: success, ", "run.completed", failedRun, "SUCCESS"},
		{"", "run.completed", passedRun, "PASSED"},
		{"level: info, ", "run.completed", passedRun, "PASSED"},
		{"level: error, ", "run.completed", passedRun, "ERROR"},
		{"", "run.completed", blocked, "BLOCKED"},
		{"", "run.completed", partial, "INCOMPLETE"},
		{"level: success, ", "run.completed", partial, "SUCCESS"},
		{"", "run.completed", `{"id": 7}`, "COMPLETED"},
		{"", "run.aborted", `{"id": 7}`, "ABORTED"},
		{"level: error, ", "run.aborted", `{"id": 7}`, "ABORTED"},
		{"", "run.started", `{"id": 7}`, "STARTED"},
		{"", "defect.created", `{"id": 7, "severity": "Critical"}`, "CRITICAL"},
		{"", "defect.created", `{"id": 7, "severity": "minor"}`, "NEW DEFECT"},
		{"level: error, ", "defect.created", `{"id": 7, "severity": "critical"}`, "ERROR"},
		{"", "review.approval_status_changed", `{"id": 7, "status": "approved"}`, "APPROVED"},
		{"", "review.approval_status_changed", `{"id": 7, "status": "request changes"}`, "CHANGES REQUESTED"},
		{"level: info, ", "review.merged", `{"id": 7}`, "INFO"},
		{"", "goal.reached_at_last", `{"id": 7}`, "REACHED AT LAST"},
		{"", "ping", `{}`, "EVENT"},
	} {
		if n := decideOne(t, "", c.rule, c.event, c.payload); n.ShownLabel() != c.want {
			t.Errorf("%s of %s with {%s}: got %s, want %s", c.event, c.payload, c.rule, n.ShownLabel(), c.want)
		}
	}
}

func TestTheSignIsTheEmojiOfTheLevel(t *testing.T) {
	const none = "settings: {emoji: false}\n"
	for _, c := range []struct{ settings, rule, event, payload, want string }{
		{"", "", "run.completed", failedRun, "🔴"},
		{"settings: {emoji: true}\n", "", "run.completed", passedRun, "✅"},
		{"", "level: warning, ", "run.completed", failedRun, "⚠️"},
		{"", "", "run.started", `{"id": 7}`, ""},
		{none, "", "run.completed", failedRun, ""},
		{none, "level: error, title: a, ", "run.completed", failedRun, ""},
		{"", "title: The nightly run failed, ", "run.completed", failedRun, "🔴"},
		{"", `title: "❌ failed", `, "run.completed", failedRun, ""},
		{"", `title: " ⚠ failed", `, "run.completed", failedRun, ""},
		{"", `title: "{{ if .payload.failed }}🚨{{ end }}failed", `, "run.completed", failedRun, ""},
		{"", `title: ":red_circle: failed", `, "run.completed", failedRun, ""},
		{"", `title: ":rotating_light: failed", `, "run.completed", failedRun, ""},
		{"", `title: "🐛 failed", `, "run.completed", failedRun, "🔴"},
		{"", `title: ":bug: failed", `, "run.completed", failedRun, "🔴"},
		{"", `title: "failed ✅", `, "run.completed", failedRun, "🔴"},
		{"", "", "defect.created", `{"id": 7, "title": "✅ Login", "severity": "blocker"}`, "🔴"},
	} {
		n := decideOne(t, c.settings, c.rule, c.event, c.payload)
		if n.Sign != c.want {
			t.Errorf("%s of %s with {%s%s}: got %q, want %q", c.event, c.payload, c.settings, c.rule, n.Sign, c.want)
		}
		if n.Sign != "" && message.HasSign(n.Title) {
			t.Errorf("%s: the title %q has the sign too", c.event, n.Title)
		}
	}
}

func TestATitleOfTheRuleLeavesNoNumberOut(t *testing.T) {
	const aborted = `{"id": 7, "cases": 14, "passed": 2, "untested": 12}`
	for _, c := range []struct{ rule, event, payload, title, body string }{
		{"", "run.completed", failedRun, "Run 7: 3 of 14 test cases failed", "10 passed · 1 blocked (71% passed)"},
		{"title: Red, ", "run.completed", failedRun, "Red", "**3 of 14 test cases failed**\n\n10 passed · 1 blocked (71% passed)"},
		{"", "run.completed", passedRun, "Run 7: all 14 test cases passed", ""},
		{"title: Green, ", "run.completed", passedRun, "Green", "**all 14 test cases passed**"},
		{"title: Done, ", "run.completed", `{"id": 7}`, "Done", ""},
		{"", "run.aborted", aborted, "Run 7 was aborted: 12 of 14 test cases not run", "2 passed (14% passed)"},
		{"title: Stopped, ", "run.aborted", aborted, "Stopped", "**12 of 14 test cases not run**\n\n2 passed (14% passed)"},
		{"title: Stopped, body: own, ", "run.aborted", aborted, "Stopped", "own"},
	} {
		if n := decideOne(t, "", c.rule, c.event, c.payload); n.Title != c.title || n.Body != c.body {
			t.Errorf("%s of %s with {%s}: got %q and %q", c.event, c.payload, c.rule, n.Title, n.Body)
		}
	}
}
