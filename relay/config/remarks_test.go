package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/relay/config"
	"qaserelay/rules/diag"
)

const remarkRules = `
sources: [{name: qase, secrets: [a-secret-of-its-own]}]
people:
  - {name: Ana López, email: ana@example.com, member_id: 12, slack: U024BE7LA, team: qa}
  - {name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH, team: dev}
notifiers:
  - {name: slack, type: slack, token: xoxb-1234567890-abcdefghij, channel: "#qa"}
  - {name: bare, type: slack, token: xoxb-1234567890-abcdefghij}
  - {name: mail, type: email, host: smtp.example.com, from: qase@example.com}
  - {name: tg, type: telegram, token: "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", chat_id: "-100123"}
rules:
`

// problemsOf returns the problems of a rules file.
func problemsOf(t *testing.T, text string) diag.Problems {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems := config.Load([]string{file}, config.LoadOptions{AllowUnset: true})
	return problems
}

func TestRenderedOptionsAreHeldAgainstTheService(t *testing.T) {
	for name, c := range map[string]struct{ when, notify, says string }{
		"a fixed channel that Slack does not know": {"run.completed", `{notifier: slack, channel: "#QA Alerts"}`,
			`"#QA Alerts" is not the name of a channel`},
		"capitals from the event": {"run.completed", `{notifier: slack, channel: "#qa-{{ .project_code }}"}`,
			"for the example of run.completed"},
		"an empty part": {"run.completed", `{notifier: slack, channel: "#env-{{ .entity.environment }}"}`,
			"a part of it is empty"},
		"an empty channel where the notifier has one": {"run.completed",
			`{notifier: slack, channel: "{{ .entity.environment }}"}`, "that of the notifier holds"},
		"an empty channel where it has none": {"run.completed",
			`{notifier: bare, channel: "{{ .entity.environment }}"}`, "there is none"},
		"a title as a chat": {"review.created", `{notifier: tg, chat_id: "{{ .payload.title }}"}`,
			"is not a valid chat ID"},
		"a default for a missing part": {"run.completed",
			`{notifier: slack, channel: "#env-{{ .entity.environment | default \"none\" }}"}`, ""},
		"small letters": {"run.completed", `{notifier: slack, channel: "#qa-{{ .project_code | lower }}"}`, ""},
		"a condition that requires the part": {`run.completed" && entity.environment != nil && "a" == "a`,
			`{notifier: slack, channel: "#env-{{ .entity.environment }}"}`, ""},
		"an address of the event": {"review.reviewer_added", `{notifier: mail, to: "{{ .payload.reviewer.email }}"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := problemsOf(t, remarkRules+`  - {name: r, when: 'event_name == "`+c.when+`"', notify: [`+c.notify+"]}\n")
			if c.says == "" {
				if len(problems) > 0 {
					t.Errorf("got %v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Line != 12 || !strings.Contains(problems[0].Message, c.says) {
				t.Errorf("got %v, want one that says %q in line 12", problems, c.says)
			}
		})
	}
}

func TestTitlesThatPrintGarbageAreWarnedOf(t *testing.T) {
	for title, says := range map[string]string{
		`{{ $verb := "%d" }}{{ printf $verb .payload.title }}`:    `"%!d(string=`,
		`{{ $layout := "YYYY-MM-DD" }}{{ date $layout .time }}`:   `"YYYY"`,
		`{{ printf "%d%%" .payload.id }} of {{ .payload.title }}`: "",
		`100%! (really) {{ .payload.title }}`:                     "",
	} {
		problems := problemsOf(t, remarkRules+`  - {name: r, when: 'event_name == "review.created"', notify: [slack], title: '`+
			title+"'}\n")
		if got := problems.Error(); says == "" && got != "" || !strings.Contains(got, says) {
			t.Errorf("%s: got %q, want %q", title, got, says)
		}
	}
}
