package ruletest

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestPeopleAreComparedHoweverTheyAreNamed has an email to three people. What was sent is shown as a rule names people,
// so that it can be the expectation.
func TestPeopleAreComparedHoweverTheyAreNamed(t *testing.T) {
	const sent = `["Bob Bar","Ana López","eve@x.io"]`
	for expected, want := range map[string]string{
		sent:                                  "ok",
		`["eve@x.io", Ana López, bob@bar.io]`: "ok",
		`[dev, eve@x.io]`:                     "ok",
		`[U024BE7LH, 12, eve@x.io]`:           "ok",
		`dev`:                                 "ok",
		`Bob Bar`:                             "ok",
		`EVE@x.io`:                            "ok",
		`{contains: López}`:                   "ok",
		`{matches: "^Ana"}`:                   "ok",
		`{matches: "^zoe"}`:                   `matches ^zoe, got ` + sent,
		`[Bob Bar]`:                           `["Bob Bar"], got ` + sent,
		`[dev, zoe@x.io]`:                     `["dev","zoe@x.io"], got ` + sent,
		`Zoe`:                                 `"Zoe", got ` + sent,
	} {
		c := rulefiletest.Parse(t, fmt.Sprintf(`
sources: [{name: qase, secrets: [s]}]
people:
  - {name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH, team: dev}
  - {name: Ana López, email: ana@bar.io, member_id: 12, team: dev}
notifiers: [{name: mail, type: hook, url: "https://ops.example.com"}]
rules: [{name: r, when: 'true', notify: [{notifier: mail, to: [dev, eve@x.io]}]}]
tests: [{name: t, event: run.completed, expect: [{to: %s}]}]
`, expected))
		got := "ok"
		for _, f := range Run(c, nil)[0].Failures {
			for _, d := range f.Fields {
				got = strings.TrimSpace(d.Expected + ", got " + d.Got)
			}
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", expected, got, want)
		}
	}
}
