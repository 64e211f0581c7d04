package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

// TestEveryEventArrivesInEveryChannel compares the default message about the example of each event with a golden file:
// the JSON for Slack and Teams, the headers and text of the email, and the body for HTTP. The tests of package email
// cover its HTML.
func TestEveryEventArrivesInEveryChannel(t *testing.T) {
	config, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(`
sources: [{name: qase, secrets: [s]}]
people: [{name: Ana López, email: ana@example.com, member_id: 40, slack: U024BE7LH}]
notifiers:
  - {name: slack, type: slack, token: t, channel: "#qa"}
  - {name: email, type: email, host: localhost, tls: none, from: Qase <qase@example.com>, to: [qa@example.com]}
  - {name: http, type: http, url: "http://127.0.0.1/"}
  - {name: teams, type: teams, webhook_url: "https://example.com/workflow"}
rules: [{name: everything, when: "true", notify: [slack, email, http, teams]}]
summaries:
  - {name: qa-week, at: "mon 09:00", project: ID, notify: [slack, email, http, teams]}
  - {name: qa-day, at: "09:00", project: ID, notify: [slack, email, http, teams]}
`)}}, rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for _, e := range catalog.All() {
		t.Run(e.Name, func(t *testing.T) {
			rulefiletest.Golden(t, filepath.Join("testdata", "messages", e.Name+".txt"), arrivals(t, config, e.Example))
		})
	}
}

// arrivals decides about an event and returns the message of each notifier.
func arrivals(t *testing.T, config *rulefile.File, body []byte) string {
	t.Helper()
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ev, err := event.Parse("qase", body, at)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for i, n := range config.Rules.Decide(ev, rules.State{Now: at}).Notifications {
		m := relay.NewMessage("0pakhhu2g0001", ev, n)
		m.Event = ev.Body
		sent, err := builtin.Preview(n.Notifier, &m, config.Notifiers[i].Defaults)
		if err != nil {
			t.Fatal(err)
		}
		var whole bytes.Buffer
		enc := json.NewEncoder(&whole)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(n.FullBody()); n.Notifier == "http" &&
			(err != nil || !bytes.Contains(sent, bytes.TrimSpace(whole.Bytes()))) {
			t.Errorf("the body is not the one that rules speak of: %s", sent)
		}
		fmt.Fprintf(&out, "=== %s\n\n%s\n\n", n.Notifier, legible(t, n.Notifier, sent))
	}
	return out.String()
}

// legible returns a message in a readable form.
func legible(t *testing.T, notifier string, sent []byte) string {
	t.Helper()
	if notifier != "email" {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, sent, "", "  "); err != nil {
			t.Fatal(err)
		}
		return pretty.String()
	}
	m, err := mail.CreateReader(bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := m.Header.Subject()
	if err != nil {
		t.Fatal(err)
	}
	part, err := m.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(part.Body); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("To: %s\nSubject: %s\n\n%s", m.Header.Get("To"), subject,
		strings.TrimSpace(strings.ReplaceAll(text.String(), "\r\n", "\n")))
}
