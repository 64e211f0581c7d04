package slack_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// hostileRules put a text of the event wherever a message of Slack can have one.
const hostileRules = `
sources: [{name: qase, secrets: [s]}]
people: [{name: Ana López, email: ana@example.com, member_id: 40, slack: U024BE7LA, team: qa}]
notifiers:
  - {name: plain, type: slack, token: t, channel: "#qa"}
rules:
  - name: usual
    when: "true"
    title: "{{ .payload.text }}"
    body: "**{{ .payload.text }}** {{ .payload.text }}\n\n- {{ .payload.text }}\n\n{{ link .payload.text .payload.text }} {{ mention .payload.text }}"
    notify: [{notifier: plain, mention: ["{{ .payload.text }}", "@{{ .payload.text }}", "{{ mention .payload.text }}"]}]
  - name: own
    when: "true"
    title: fixed
    body: fixed
    notify:
      - notifier: plain
        blocks:
          - {type: section, text: {type: mrkdwn, text: "{{ .payload.text }} *{{ .payload.text }}*"}}
          - {type: section, text: {type: plain_text, text: "{{ .payload.text }}"}}
          - {type: context, elements: [{type: mrkdwn, text: "{{ mention .payload.text }}{{ .payload.text }}"}]}
          - {type: actions, elements: [{type: button, text: {type: plain_text, text: go}, url: "https://example.com/?q={{ .payload.text }}"}]}
`

// mentionTag begins a mention in Slack, and leadsAway what leads away from it.
var (
	mentionTag = regexp.MustCompile(`<[@!#]`)
	leadsAway  = regexp.MustCompile(`<(https?:|mailto:)[^>|]*`)
)

// FuzzAnEventIsTextInSlack puts a text through rules and notifier. It must neither call anybody, nor add blocks, nor
// lead anywhere but where the rule leads.
func FuzzAnEventIsTextInSlack(f *testing.F) {
	for _, s := range []string{"<!channel>", "<@U024BE7LA>", "@here", "here", "U999ZZZ999", "qa", "S0123456789",
		"https://evil.example", "<https://evil.example|x>",
		"a\n> b", "`x` ```y```", `"}}],"type":"x"`, "*b* _i_ ~s~", "&lt;!here&gt;", "x\u2028<!here>", "a, @channel, qa",
		"[x](https://evil.example)", "<#C1>", "javascript:alert(1)", ""} {
		f.Add(s)
	}
	config, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(hostileRules)}},
		rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
	if err := problems.Err(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		payload, err := json.Marshal(map[string]any{"event_name": "custom.event",
			"payload": map[string]any{"id": 1, "text": text}, "project_code": "WEB", "team_member_id": 0})
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		ev, err := event.Parse("qase", payload, at)
		if err != nil {
			t.Fatal(err)
		}
		d := config.Rules.Decide(ev, rules.State{Now: at, Get: func(string) ([]byte, error) { return nil, nil }})
		for _, n := range d.Notifications {
			m := &notifiers.Message{ID: "1", Message: n.Message, Options: n.Options, CreatedAt: at}
			sent, err := builtin.Preview("slack", m, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkOnlyText(t, n.Rule, sent, calledByName(text))
		}
	})
}

// calledByName reports whether a text is a name of the directory, by which the rule calls on purpose.
func calledByName(text string) bool {
	return strings.Contains(strings.ToLower(text), "ana") || strings.Contains(text, "40") ||
		strings.Contains(text, "U024BE7LA")
}

func checkOnlyText(t *testing.T, rule string, sent []byte, called bool) {
	t.Helper()
	var post struct {
		Text   string
		Parse  string
		Blocks []struct{ Type string }
	}
	if err := json.Unmarshal(sent, &post); err != nil {
		t.Fatal(err)
	}
	if post.Parse != "none" || len(post.Blocks) > 4 || rule == "own" && len(post.Blocks) < 1 {
		t.Errorf("%s has become other blocks: %s", rule, sent)
	}
	walkTexts(sent, func(kind, s string) {
		if kind != "plain_text" && mentionTag.MatchString(s) && !called {
			t.Errorf("%s mentions people: %q", rule, s)
		}
		if rule == "own" && kind == "mrkdwn" && leadsAway.MatchString(s) {
			t.Errorf("%s leads somewhere: %q", rule, s)
		}
	})
}

// walkTexts calls yield for each text of a message with the type of its object, or "" for the top.
func walkTexts(sent []byte, yield func(kind, text string)) {
	var tree any
	_ = json.Unmarshal(sent, &tree)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			kind, _ := v["type"].(string)
			if text, isText := v["text"].(string); isText {
				yield(kind, text)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(tree)
}
