package builtin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/relay"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// inWords is a rule that writes a value of the event, V, into each place of a title and a body. The message options of
// the kinds' examples hold it too.
func inWords(targets []any) map[string]any {
	return map[string]any{
		"name": "in-words", "when": "true", "level": "error",
		"title": "A {{ .payload.title }} title",
		"body": strings.NewReplacer("{{ V }}", "{{ .payload.title }}", " V ", " .payload.title ").Replace(
			"**bold {{ V }}** and [a link to {{ V }}](https://author.example/run), {{ V }}{{ V }}\n\n" +
				"- {{ V }}\n- *{{ V }}* {{ link V \"https://author.example/run\" }}\n\n{{ V }} ends it. {{ mention V }}\n"),
		"notify": targets,
	}
}

// FuzzEventTextIsOnlyText puts a text into an event and looks at what would be sent by each kind of notifier: it may
// hold no mention, link, markup, header or part of a structure beyond what it holds for harmless words in the place of
// that text.
func FuzzEventTextIsOnlyText(f *testing.F) {
	for _, s := range hostileTexts() {
		f.Add(s)
	}
	var got *http.Request
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	f.Cleanup(receiver.Close)
	cfg := parse(f, strings.ReplaceAll(everything(f, inWords(targets(f))), "http://127.0.0.1:1", receiver.URL))
	f.Fuzz(func(t *testing.T, value string) {
		if value = strings.ToValidUTF8(value, ""); len(value) > 500 {
			return // truncation has tests of its own
		}
		hostile, harmless := messagesFor(t, cfg, value), messagesFor(t, cfg, harmlessLike(value))
		if len(hostile) != len(harmless) {
			t.Fatalf("%d messages, %d for harmless text", len(hostile), len(harmless))
		}
		for i, m := range hostile {
			sent := m.sent(t)
			for _, fault := range notifierstest.Escaping(m.kind.Markup, sent, harmless[i].sent(t)) {
				t.Errorf("%s, rule %s, %q: %s\n%s", m.notifier.Name, m.Rule, value, fault, sent)
			}
		}
		checkRequest(t, hostile, value, &got)
	})
}

func hostileTexts() []string {
	return []string{
		"harmless", "", "@everyone", "@here @channel @all", "<!channel> <@U024BE7LH> <!subteam^S1>",
		"<users/all> <at>Bob</at>", "tg://user?id=1",
		"[x](https://evil.example)", "<https://evil.example|x>", "https://evil.example/x www.evil.example evil.example",
		"![x](https://evil.example/p.png)",
		"**bold** *it* ~~no~~ `code` __u__ ||spoiler||", "# heading", "> quote", "- item", "1. item", "```\ncode\n```",
		"---", "===", "|a|b|\n|-|-|\n|c|d|",
		"<script>alert(1)</script>", "</b></a><a href=\"https://evil.example\">x</a>",
		"&lt;b&gt; &#64;everyone &amp;#60;", "a\r\nBcc: evil@evil.example\r\n\r\nbody",
		`","x":1,"y":"`, `\","x":1`, "{{DATE(2017-02-14T06:00:00Z)}}", "../../admin?a=b&c=d#e", "%2e%2e%2f",
		"evil@evil.example", "javascript:alert(1)",
		"\\", "\\\\`", "`", "a`b", "[", "]", "](https://evil.example)", "x](mention:U024BE7LH)", "mention:U024BE7LH", "165511591545143296", "&165511591545143296",
		"U024BE7LH", "#hashtag /command $TAG ~town-square :smile:", "<:x:1> <#1> <t:1>", "mailto:evil@evil.example", "<mailto:evil@evil.example>", "line\n\nline\n# line\n> line",
		"\u2028@here", "\u202eevil", "\x00\x01\x02\x0ehttps://evil.example\x0fx\x10", "*", "_a_", "~", "=", "\u2060@everyone", "@\u200beveryone", "＠everyone",
		"https\u2060://evil.example", "a://b", "\t# x", "    code", "<a@b.c>", "bob@author.example", "a\\\nb", "$$x$$", "<b>", "<B>x</B>", "&copy;",
		"\\\n[x\\\n](https://evil.example)", "a\\\n[x\\\r\n](mention:U024BE7LH)", "\\\r\n *", "\\\\\\\n*x\\\n* `y", "<B>x</B>*/",
	}
}

// message is a message for a notifier.
type message struct {
	notifiers.Message
	notifier rulefile.Notifier
	kind     notifiers.Kind
}

func (m message) sent(t *testing.T) []byte {
	t.Helper()
	sent, err := builtin.Preview(m.kind.Type, &m.Message, m.notifier.Defaults)
	if err != nil {
		t.Fatalf("%s: %v", m.notifier.Name, err)
	}
	return sent
}

// messagesFor decides about events that hold value in each place.
func messagesFor(t *testing.T, cfg *rulefile.File, value string) []message {
	t.Helper()
	var all []message
	for name, payload := range map[string]map[string]any{
		"defect.created": {"id": 2, "title": value, "severity": value, "actual_result": value},
		"run.started":    {"id": 2, "title": value, "description": value, "plan": map[string]any{"title": value}, "environment": value},
		"review.created": {"id": 2, "case_id": 25, "title": value, "reviewers": []any{map[string]any{"name": value}, map[string]any{"name": value}}},
	} {
		all = append(all, slices.DeleteFunc(messagesOf(t, cfg, name, payload), func(m message) bool {
			return m.Rule == "in-words" && name != "defect.created" // its message is the same for each event
		})...)
	}
	slices.SortStableFunc(all, func(a, b message) int { return strings.Compare(a.EventName, b.EventName) })
	return all
}

func messagesOf(t *testing.T, cfg *rulefile.File, name string, payload map[string]any) []message {
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
	var all []message
	for _, n := range cfg.Rules.Decide(ev, rules.State{Now: at}).Notifications {
		m := message{Message: relay.NewMessage("0pakhhu2g0001", ev, n)}
		m.Event = json.RawMessage(`{}`)
		for _, one := range cfg.Notifiers {
			if one.Name == n.Notifier {
				m.notifier = one
			}
		}
		for _, k := range builtin.Kinds() {
			if k.Type == m.notifier.Type {
				m.kind = k
			}
		}
		all = append(all, m)
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
func checkRequest(t *testing.T, all []message, value string, got **http.Request) {
	t.Helper()
	i := slices.IndexFunc(all, func(m message) bool { return m.notifier.Name == "http" && m.Rule == "in-words" })
	m := all[i]
	n, err := m.kind.New(m.notifier.Config, m.notifier.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Send(t.Context(), &m.Message); err != nil {
		t.Fatal(err)
	}
	r := *got
	query := r.URL.Query()
	switch {
	case strings.Count(r.URL.EscapedPath(), "/") != 2 || !strings.HasPrefix(r.URL.EscapedPath(), "/hook/"):
		t.Errorf("%q: the path is %s", value, r.URL.EscapedPath())
	case len(query) != 1 || len(query["about"]) != 1 || query.Get("about") != value:
		t.Errorf("%q: the query is %s", value, r.URL.RawQuery)
	case len(r.Header["X-About"]) != 1 || len(r.Header) > 10:
		t.Errorf("%q: the headers are %v", value, r.Header)
	}
}
