package report

import (
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

func TestWhatKeepsMessagesBackIsALineForEachRule(t *testing.T) {
	const head = `
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: qa, type: slack, token: xoxb-1, channel: c}]
rules:
  - name: r
    when: event_name == "run.completed"
    notify: [qa]
    `
	now := time.Date(2026, 11, 27, 16, 0, 0, 0, time.UTC) // a Friday
	for _, c := range []struct{ keys, want string }{
		{`throttle: {by: [payload.id], every: 10m, at_most: 3, send_last: true}`,
			"at most 3 per payload.id in 10 min, then the last one held back"},
		{`active: {days: [mon-fri], hours: "09:00-18:00"}`,
			"outside mon–fri 09:00–18:00 UTC held until the window opens (next: Mon 30 Nov 09:00)"},
		{`after: {wait: 1h, repeat: {every: 1h, at_most: 2}} | unless: 'event_name == "run.deleted"'`,
			`after 1 h, unless event_name == "run.deleted", then 2 reminders`},
		{`group: {by: [project_code], wait: 30s}`,
			"one digest per project_code 30 s after the first message, in the default layout"},
		{`group: {wait: 10m, quiet: 1m, title: "{{ .count }} runs"}`,
			"one digest 1 min after the last message, at the latest 10 min after the first, with group.title and the default body"},
		{`group: {wait: 30s} | body: "{{ .more }} more"`,
			"one digest 30 s after the first message, with the default title and the body of the rule"},
		{`group: {wait: 30s, body: "{{ .count }}"} | title: "a title"`,
			"one digest 30 s after the first message, with the default title and group.body"},
		{`group: {at: "18:00", empty: send} | title: "{{ .count }}"`,
			"one digest, every day 18:00 UTC (next: Fri 27 Nov 18:00), also when nothing happened, with the title of the rule and the default body"},
	} {
		text := head + strings.ReplaceAll(c.keys, " | ", "\n    ") + "\n"
		file, problems := lint.Parse([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}},
			rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
		if problems.Err() != nil {
			t.Fatalf("%s: %v", c.keys, problems)
		}
		if got := Timings(file.Rules.All(), now); len(got) != 1 || got[0].Text != c.want {
			t.Errorf("%s:\n got %+v\nwant %s", c.keys, got, c.want)
		}
	}
}
