package rulefile_test

import (
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestFaultsOfSummariesAreReportedWhereTheyAre(t *testing.T) {
	for entry, want := range map[string]string{
		`{name: w, at: "mon 09:00", project: WEB, source: a, notify: [c]}`:              "",
		`{name: w, at: "mon 09:00", project: WEB, notify: [c]}`:                         "needs source",
		`{name: w, at: "mon 25:00", project: WEB, source: a, notify: [c]}`:              `"25:00" is not a valid time of day`,
		`{name: w, project: WEB, source: a, notify: [c]}`:                               "needs at",
		`{name: w, at: "09:00", source: a, notify: [c]}`:                                "needs project",
		`{name: w, at: "09:00", project: WEBB, source: a, notify: [c]}`:                 `does not accept the project "WEBB"`,
		`{name: w, at: "09:00", project: WEB, source: aa, notify: [c]}`:                 `no source "aa"`,
		`{name: w, at: "09:00", project: WEB, source: a}`:                               "needs notify",
		`{name: w, at: "09:00", project: WEB, source: a, notify: [d]}`:                  `no notifier "d"`,
		`{name: w, at: "09:00", project: WEB, source: a, plans: [x], notify: [c]}`:      `"x" is not the number of a plan`,
		`{at: "09:00", project: WEB, source: a, notify: [c]}`:                           "a summary needs a name",
		`{name: r, at: "09:00", project: WEB, source: a, notify: [c]}`:                  `is named "r-summary", as another rule is`,
		`{name: w, at: "09:00", projects: [WEB], source: a, notify: [c]}`:               `unknown key "projects"`,
		`{name: w, at: ["mon 09:00", "9am"], project: WEB, source: a, notify: [c]}`:     `"9am" is not a valid time of day`,
		`{name: w, at: "09:00", project: WEB, source: a, notify: [c], always: "maybe"}`: "always",
	} {
		_, problems := rulefiletest.Check("rules.yaml", `
sources: [{name: a, secrets: [s], projects: [WEB]}, {name: b, secrets: [t]}]
notifiers: [{name: c, type: chat, token: t, channel: "#qa"}]
rules: [{name: r-summary, when: 'event_type == "run"', notify: [c]}]
summaries:
  - `+entry+"\n")
		text := ""
		if err := problems.Err(); err != nil {
			text = err.Error()
		}
		if want == "" && text != "" || !strings.Contains(text, want) || want != "" && !strings.Contains(text, "rules.yaml:6:") {
			t.Errorf("%s:\ngot %s\nwant %s", entry, text, want)
		}
	}
}
