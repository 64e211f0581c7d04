package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// escapingRules write a value of the event, {{ V }}, into all that a rule can write, once by templates and once by the default message.
const escapingRules = `
sources: [{name: qase, secrets: [s]}]
people: [{name: Ana López, email: ana@author.example, member_id: 40, slack: U0DIRECTORY}]
notifiers:
  - {name: slack, type: slack, token: t, channel: "#qa"}
  - {name: email, type: email, host: localhost, tls: none, from: Qase <qase@author.example>, to: [qa@author.example]}
  - {name: http, type: http, url: "http://127.0.0.1:1/hook"}
  - {name: teams, type: teams, webhook_url: "https://author.example/workflow"}
  - {name: discord, type: discord, webhook_url: "https://author.example/discord"}
  - {name: telegram, type: telegram, token: "1:t", chat_id: "-1001234567890"}
  - {name: googlechat, type: googlechat, webhook_url: "https://author.example/space"}
  - {name: mattermost, type: mattermost, webhook_url: "https://author.example/hooks/x"}
  - {name: pagerduty, type: pagerduty, routing_key: k}
  - {name: ntfy, type: ntfy, topic: qa}
rules:
  - {name: by-default, when: "true", notify: [slack, email, http, teams, discord, telegram, googlechat, mattermost, pagerduty, ntfy]}
  - name: in-words
    when: "true"
    level: error
    title: "A {{ V }} title"
    body: |
      **bold {{ V }}** and [a link to {{ V }}](https://author.example/run), {{ V }}{{ V }}

      - {{ V }}
      - *{{ V }}* {{ link V "https://author.example/run" }}

      {{ V }} ends it. {{ mention V }}
    notify:
      - {notifier: slack, mention: ["{{ V }}"]}
      - {notifier: email, subject: "about {{ V }}"}
      - notifier: http
        url: "SERVER/hook/{{ V }}?about={{ V }}"
        headers: {X-About: "{{ V }}"}
        body: '{"about": "so {{ V }}", "value": {{ json V }}}'
      - {notifier: teams, mention: [bob@author.example]}
      - {notifier: discord, mention: ["{{ V }}", "165511591545143296"], username: "{{ V }}"}
      - telegram
      - {notifier: googlechat, mention: ["{{ V }}", "@all"], thread: "{{ V }}"}
      - {notifier: mattermost, mention: ["{{ V }}", "@bob"]}
      - {notifier: pagerduty, dedup_key: "{{ V }}", source: "{{ V }}"}
      - {notifier: ntfy, tags: ["{{ V }}"], click: "https://author.example/{{ V }}"}
`

// FuzzEventTextIsOnlyText puts a text into an event, and looks at what would be sent to each channel: it may hold no mention, link,
// markup, header or part of a structure more than it does for harmless words in the place of that text.
func FuzzEventTextIsOnlyText(f *testing.F) {
	for _, s := range hostileTexts() {
		f.Add(s)
	}
	var asked *http.Request
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r }))
	f.Cleanup(receiver.Close)
	text := strings.ReplaceAll(strings.ReplaceAll(escapingRules, "SERVER", receiver.URL), "V }}", ".payload.title }}")
	text = strings.NewReplacer(`link V "`, `link .payload.title "`).Replace(text)
	config, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}}, rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
	if err := problems.Err(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if value = strings.ToValidUTF8(value, ""); len(value) > 500 {
			return // what is cut is told elsewhere
		}
		hostile, harmless := sendingsFor(t, config, value), sendingsFor(t, config, harmlessLike(value))
		for i, s := range hostile {
			for _, fault := range oracleFor(s.kind)(s.sent, harmless[i].sent) {
				t.Errorf("%s, rule %s, %q: %s\n%s", s.kind, s.rule, value, fault, s.sent)
			}
		}
		checkRequest(t, config, value, &asked)
	})
}

func hostileTexts() []string {
	return []string{
		"harmless", "", "@everyone", "@here @channel @all", "<!channel> <@U024BE7LH> <!subteam^S1>", "<users/all> <at>Bob</at>", "tg://user?id=1",
		"[x](https://evil.example)", "<https://evil.example|x>", "https://evil.example/x www.evil.example evil.example", "![x](https://evil.example/p.png)",
		"**bold** *it* ~~no~~ `code` __u__ ||spoiler||", "# heading", "> quote", "- item", "1. item", "```\ncode\n```", "---", "===", "|a|b|\n|-|-|\n|c|d|",
		"<script>alert(1)</script>", "</b></a><a href=\"https://evil.example\">x</a>", "&lt;b&gt; &#64;everyone &amp;#60;", "a\r\nBcc: evil@evil.example\r\n\r\nbody",
		`","x":1,"y":"`, `\","x":1`, "{{DATE(2017-02-14T06:00:00Z)}}", "../../admin?a=b&c=d#e", "%2e%2e%2f", "evil@evil.example", "javascript:alert(1)",
		"\\", "\\\\`", "`", "a`b", "[", "]", "](https://evil.example)", "x](mention:U024BE7LH)", "mention:U024BE7LH", "165511591545143296", "&165511591545143296",
		"U024BE7LH", "#hashtag /command $TAG ~town-square :smile:", "<:x:1> <#1> <t:1>", "mailto:evil@evil.example", "<mailto:evil@evil.example>", "line\n\nline\n# line\n> line",
		"\u2028@here", "\u202eevil", "\x00\x01\x02\x0ehttps://evil.example\x0fx\x10", "*", "_a_", "~", "=", "\u2060@everyone", "@\u200beveryone", "＠everyone",
		"https\u2060://evil.example", "a://b", "\t# x", "    code", "<a@b.c>", "bob@author.example", "a\\\nb", "$$x$$", "<b>", "<B>x</B>", "&copy;",
	}
}

// sending is what one rule sends by one kind of notifier.
type sending struct {
	rule, kind string
	sent       []byte
}

// sendingsFor decides about an event that says value wherever it can, and renders all messages.
func sendingsFor(t *testing.T, config *rulefile.File, value string) []sending {
	t.Helper()
	var all []sending
	for i, m := range messagesFor(t, config, value) {
		n := config.Notifiers[i%len(config.Notifiers)]
		sent, err := builtin.Preview(n.Type, m, n.Defaults)
		if err != nil {
			t.Fatalf("%s: %v", n.Type, err)
		}
		all = append(all, sending{m.Rule, n.Type, sent})
	}
	return all
}

func messagesFor(t *testing.T, config *rulefile.File, value string) []*notifiers.Message {
	t.Helper()
	all := messagesOf(t, config, "defect.created", map[string]any{"id": 2, "title": value, "severity": value, "actual_result": value})
	for _, e := range []struct {
		name    string
		payload map[string]any
	}{
		{"run.started", map[string]any{"id": 2, "title": value, "description": value, "plan": map[string]any{"title": value}, "environment": value}},
		{"review.created", map[string]any{"id": 2, "case_id": 25, "title": value, "reviewers": []any{map[string]any{"name": value}, map[string]any{"name": value}}}},
	} {
		all = append(all, messagesOf(t, config, e.name, e.payload)[:len(config.Notifiers)]...) // those by default
	}
	return all
}

func messagesOf(t *testing.T, config *rulefile.File, name string, payload map[string]any) []*notifiers.Message {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"event_name": name, "timestamp": 1767225600, "team_member_id": 41, "project_code": "ID", "payload": payload,
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ev, err := event.Parse("qase", body, at)
	if err != nil {
		t.Fatal(err)
	}
	var all []*notifiers.Message
	for _, n := range config.Rules.Decide(ev, rules.State{Now: at}).Notifications {
		m := relay.NewMessage("0pakhhu2g0001", ev, n)
		m.Event = json.RawMessage(`{}`)
		all = append(all, &m)
	}
	if len(all) != 2*len(config.Notifiers) {
		t.Fatalf("%d messages", len(all))
	}
	return all
}

// harmlessLike is value with one word in the place of each line that is not blank.
func harmlessLike(value string) string {
	return regexp.MustCompile(`[^\n\r\v\f\x{2028}\x{2029}\x{0085}]+`).ReplaceAllStringFunc(value, func(line string) string {
		if strings.TrimFunc(line, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) == "" {
			return line
		}
		return "word"
	})
}

// checkRequest sends the request of the rule that writes the value into its URL, headers and body.
func checkRequest(t *testing.T, config *rulefile.File, value string, asked **http.Request) {
	t.Helper()
	m := messagesFor(t, config, value)[len(config.Notifiers)+2]
	kind := builtin.Kinds()[2]
	n, err := kind.New(config.Notifiers[2].Config, config.Notifiers[2].Defaults)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	r := *asked
	query := r.URL.Query()
	switch {
	case strings.Count(r.URL.EscapedPath(), "/") != 2 || !strings.HasPrefix(r.URL.EscapedPath(), "/hook/"):
		t.Errorf("%q: the path is %s", value, r.URL.EscapedPath())
	case len(query) != 1 || len(query["about"]) != 1 || query.Get("about") != value:
		t.Errorf("%q: the query is %s", value, r.URL.RawQuery)
	case len(r.Header["X-About"]) != 1 || len(r.Header) > 7:
		t.Errorf("%q: the headers are %v", value, r.Header)
	}
}

// oracle looks at what is sent for hostile text, beside what is sent for harmless text, and says what is wrong.
type oracle func(hostile, harmless []byte) []string

// oracleFor returns the oracle of a kind. A new kind needs one.
func oracleFor(kind string) oracle {
	switch kind {
	case "slack":
		return slackOracle
	case "email":
		return mailOracle
	case "http":
		return structureOracle
	case "teams":
		return teamsOracle
	case "discord", "mattermost":
		return markdownOracle
	case "telegram", "googlechat":
		return htmlOracle
	case "pagerduty", "ntfy":
		return plainOracle
	}
	return func(_, _ []byte) []string { return []string{fmt.Sprintf("there is no oracle for %s", kind)} }
}
