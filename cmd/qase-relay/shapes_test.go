package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

// shapes are, for each type, a notifier and the entries of notify that name it: the plain name, options, people.
func shapes() map[string][]string {
	return map[string][]string{
		"slack": {`token: xoxb-1-2-abcdefghijkl, channel: "#qa"`, `n`,
			`{notifier: n, channel: "#qa-{{ .project_code | lower }}", thread: "run-{{ .payload.id }}", broadcast: true}`,
			`{notifier: n, thread: {key: "release", across: projects}, update: "run-{{ .payload.id }}"}`,
			`{notifier: n, mention: [Bob Bar, qa, "{{ .actor }}", "@here", Zoe]}`,
			`{notifier: n, dm: [dev, "{{ .payload.people }}"], except: "{{ .actor }}"}`,
			`{notifier: n, dm: {to: [Bob Bar, ana@example.com], together: true}, channel: "#qa"}`},
		"email": {`host: localhost, tls: none, from: "Qase <qase@example.com>", to: [lead@example.com]`, `n`,
			`{notifier: n, subject: "{{ .title }}: {{ .level }}", thread: "run-{{ .payload.id }}", reply_to: Bob Bar}`,
			`{notifier: n, to: [dev, "{{ .payload.people }}", 12], cc: [qa, Zoe <zoe@example.com>], except: "{{ .actor }}"}`,
			`{notifier: n, to: "{{ .payload.people }}", except: [eve@example.com, dev]}`},
		"http": {`url: "https://ops.example.com/hook"`, `n`,
			`{notifier: n, method: PUT, url: "https://ops.example.com/run/{{ .payload.id }}", headers: {X-Level: "{{ .level }}"}}`,
			`{notifier: n, body: '{"text": "{{ .title }}", "more": "{{ .text }}", "facts": {{ json .fields }}, "by": "{{ .actor }}"}'}`},
		"teams": {`webhook_url: "https://example.com/workflow"`, `n`,
			`{notifier: n, mention: [bob@example.com, qa, "{{ .actor }}", Zoe]}`},
		"discord": {`webhook_url: "https://discord.com/api/webhooks/1/abc"`, `n`,
			`{notifier: n, thread_id: "42", username: "Qase {{ .project_code }}"}`,
			`{notifier: n, mention: ["80351110224678912", "@here", "{{ .actor }}", Zoe]}`},
		"telegram": {`token: "110201543:AAHexampleexampleexampleexampleexam", chat_id: "-1001234567890"`, `n`,
			`{notifier: n, chat_id: "@qa_runs", topic: 7, silent: true}`},
		"googlechat": {`webhook_url: "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t"`, `n`,
			`{notifier: n, thread: "run-{{ .payload.id }}"}`, `{notifier: n, mention: ["@all", "{{ .actor }}"]}`},
		"mattermost": {`webhook_url: "https://chat.example.com/hooks/x"`, `n`, `{notifier: n, channel: qa}`,
			`{notifier: n, mention: ["@lead", "@here", "{{ .actor }}"]}`},
		"pagerduty": {`routing_key: example0example0example0example0`, `n`,
			`{notifier: n, action: trigger, dedup_key: "run-{{ .payload.id }}", severity: critical, source: "{{ .project_code }}"}`},
		"ntfy": {`topic: qase`, `n`,
			`{notifier: n, topic: "qa-{{ .project_code }}", priority: high, tags: [red_circle], click: "{{ .entity.url }}"}`},
	}
}

// TestEachShapeOfAnEntryOfNotify compares what each type of notifier sends for each shape of an entry with a golden
// file: the notes, the options, and how the message differs from that of the plain name.
func TestEachShapeOfAnEntryOfNotify(t *testing.T) {
	all := shapes()
	for _, kind := range builtin.Kinds() {
		t.Run(kind.Type, func(t *testing.T) {
			entries := all[kind.Type]
			if len(entries) < 3 {
				t.Fatalf("there are %d shapes", len(entries))
			}
			var out strings.Builder
			_, plain := sentBy(t, kind.Type, entries[0], "n")
			for _, entry := range entries[1:] {
				notes, messages := sentBy(t, kind.Type, entries[0], entry)
				fmt.Fprintf(&out, "### notify: [%s]\n%s", entry, notes)
				for _, one := range messages {
					fmt.Fprintf(&out, "%s\n", one.differenceTo(plain[0]))
				}
			}
			rulefiletest.Golden(t, filepath.Join("testdata", "shapes", kind.Type+".txt"), out.String())
		})
	}
}

// sentMessage is a message with its options, as they are sent.
type sentMessage struct{ options, text string }

// differenceTo returns the options, and the lines that are not those of another message.
func (m sentMessage) differenceTo(other sentMessage) string {
	var out strings.Builder
	fmt.Fprintf(&out, "options: %s\n", m.options)
	mine, theirs := strings.Split(m.text, "\n"), strings.Split(other.text, "\n")
	for _, line := range theirs {
		if !slices.Contains(mine, line) {
			fmt.Fprintf(&out, "- %s\n", line)
		}
	}
	for _, line := range mine {
		if !slices.Contains(theirs, line) {
			fmt.Fprintf(&out, "+ %s\n", line)
		}
	}
	return out.String()
}

// sentBy returns the notes and the messages of a rule with one entry of notify about a run.
func sentBy(t *testing.T, kind, notifier, entry string) (notes string, messages []sentMessage) {
	t.Helper()
	file, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(`
sources: [{name: qase, secrets: [s3cret-s3cret-s3cret]}]
people:
  - {name: Bob Bar, email: bob@example.com, member_id: 40, slack: U024BE7LH, team: dev}
  - {name: Ana López, email: ana@example.com, member_id: 12, team: qa}
notifiers: [{name: n, type: ` + kind + `, ` + notifier + `}]
rules: [{name: r, when: 'event_name == "run.completed"', notify: [` + entry + `]}]
`)}}, rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
	if file == nil {
		t.Fatal(problems.Err())
	}
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ev, err := event.Parse("qase", []byte(`{"event_name": "run.completed", "timestamp": 1767603600, "project_code": "WEB",
		"team_member_id": 40, "payload": {"id": 7, "title": "Nightly <b> & co", "cases": 14, "passed": 10, "failed": 3,
		"blocked": 1, "people": [{"name": "Eve", "email": "eve@example.com"}, {"name": "Bob Bar", "email": "bob@example.com"},
		{"name": "Nemo"}]}}`), at)
	if err != nil {
		t.Fatal(err)
	}
	d := file.Rules.Decide(ev, rules.State{Now: at})
	for _, note := range d.Results[0].Notes {
		notes += "note: " + note + "\n"
	}
	for _, n := range d.Notifications {
		for _, remark := range file.Rules.Remarks(n) {
			notes += "remark: " + remark.String() + "\n"
		}
		m := relay.NewMessage("0pakhhu2g0001", ev, n)
		m.Event = ev.Body
		sent, err := builtin.Preview(kind, &m, file.Notifiers[0].Defaults)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, sentMessage{string(n.Options), strings.TrimSpace(legible(t, kind, sent))})
	}
	return notes, messages
}
