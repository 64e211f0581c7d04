package markup_test

import (
	"encoding/json"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
)

// TestMessagesOfServicesKeepWithinTheirLimits holds what would be sent against what each service documents.
func TestMessagesOfServicesKeepWithinTheirLimits(t *testing.T) {
	for name, text := range map[string]string{
		"words":     strings.Repeat("word ", 20_000),
		"lines":     strings.Repeat("a line\n\n", 12_000),
		"one word":  strings.Repeat("x", 100_000),
		"emoji":     strings.Repeat("👩‍👩‍👧", 10_000),
		"code":      "```\n" + strings.Repeat("if a < b && c > d {\n", 5_000) + "```\n",
		"table":     "|a|b|\n|-|-|\n" + strings.Repeat("|x|<y>|\n", 10_000),
		"links":     strings.Repeat("[label](https://example.com/"+strings.Repeat("p", 500)+") ", 200),
		"styles":    strings.Repeat("**a** *b* ~~c~~ `d` ", 5_000),
		"entities":  strings.Repeat("&lt;", 25_000),
		"stars":     strings.Repeat("\\*", 25_000),
		"quotes":    strings.Repeat(">", 5_000) + " deep",
		"lists":     strings.Repeat("- ", 2_000) + "deep",
		"emphasis":  strings.Repeat("*a _b ", 5_000),
		"backticks": strings.Repeat("`", 20_000) + "x",
	} {
		for _, kind := range kindTypes()[3:] {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				mentions, err := json.Marshal(map[string]any{"mention": strings.Fields(strings.Repeat("165511591545143296 @bob bob@bar.io ", 1000))})
				if err != nil {
					t.Fatal(err)
				}
				m := SharedTestMessage(func(m *notifiers.Message) {
					m.Title, m.Body, m.Rule, m.Thread, m.Options, m.Fields = text, text, text, text, mentions, manyFields(text)
				})
				got, err := builtin.Preview(kind, m, goldenDefaults(kind))
				if err != nil {
					t.Fatal(err)
				}
				checkServiceLimits(t, kind, got)
			})
		}
	}
}

func checkServiceLimits(t *testing.T, kind string, got []byte) {
	t.Helper()
	var compact, post map[string]any
	if err := json.Unmarshal(got, &post); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(got, &compact)
	small, err := httpclient.PlainJSON(compact, "")
	if err != nil {
		t.Fatal(err)
	}
	at := func(v any, path ...any) string {
		for _, p := range path {
			switch p := p.(type) {
			case string:
				v = v.(map[string]any)[p]
			case int:
				v = v.([]any)[p]
			}
		}
		s, _ := v.(string)
		return s
	}
	limit := func(what string, size, limit int) {
		if size > limit || size == 0 {
			t.Errorf("%s: %d, not 1 to %d", what, size, limit)
		}
	}
	switch kind {
	case "teams":
		limit("bytes", len(small), 28_000)
	case "discord":
		limit("title", notifiers.Units(at(post, "embeds", 0, "title")), 256)
		limit("description", notifiers.Units(at(post, "embeds", 0, "description")), 4096)
		limit("footer", notifiers.Units(at(post, "embeds", 0, "footer", "text")), 2048)
		limit("content", notifiers.Units(at(post, "content")), 2000)
		total := notifiers.Units(at(post, "embeds", 0, "title")) + notifiers.Units(at(post, "embeds", 0, "description")) + notifiers.Units(at(post, "embeds", 0, "footer", "text"))
		for _, f := range post["embeds"].([]any)[0].(map[string]any)["fields"].([]any) {
			limit("the name of a field", notifiers.Units(at(f, "name")), 256)
			limit("the value of a field", notifiers.Units(at(f, "value")), 1024)
			total += notifiers.Units(at(f, "name")) + notifiers.Units(at(f, "value"))
		}
		limit("all texts", total, 6000)
	case "telegram":
		limit("text", notifiers.Units(at(post, "text")), 4096)
	case "googlechat":
		limit("bytes", len(small), 32_000)
	case "mattermost":
		limit("text", notifiers.Units(at(post, "text")), 16_383)
		limit("fallback", notifiers.Units(at(post, "attachments", 0, "fallback")), 1000)
		limit("footer", notifiers.Units(at(post, "attachments", 0, "footer")), 300)
		attachments, err := json.Marshal(post["attachments"])
		if err != nil {
			t.Fatal(err)
		}
		limit("attachments", notifiers.Units(string(attachments)), 7900)
	case "pagerduty":
		limit("summary", notifiers.Units(at(post, "payload", "summary")), 1024)
		limit("key", len(at(post, "dedup_key")), 255)
		limit("bytes", len(small), 512_000)
	case "ntfy":
		limit("message", len(at(post, "message")), 4096)
		limit("title", notifiers.Units(at(post, "title")), 300)
	}
}

func TestACutBodyKeepsItsMarkupWhole(t *testing.T) {
	lines := markup.Lines("**bold and *both* of it** then [a link](https://example.com/x) and `code`.\n\n> quoted\n\n```\nfirst\nsecond\n```\n\nthe end")
	markdown, html := markup.Markdown(markup.EscapeMarkdown), markup.HTML(markup.EscapeHTML)
	total := notifiers.Units(markup.Join(lines)) + 1
	for n := range total {
		cutOff := markup.Truncate(lines, n)
		m, h := markdown.Write(cutOff), html.Write(cutOff)
		if strings.Count(m, markup.Fence)%2 == 1 || strings.Count(m, "[") != strings.Count(m, "](") {
			t.Errorf("%d: %s", n, m)
		}
		for _, tag := range []string{"b", "i", "a", "code", "pre", "blockquote"} {
			if strings.Count(h, "<"+tag+">")+strings.Count(h, "<"+tag+" ") != strings.Count(h, "</"+tag+">") {
				t.Errorf("%d: %s", n, h)
			}
		}
		if n < total-len(lines) && !strings.Contains(m, strings.TrimSpace(notifiers.Mark)) {
			t.Errorf("%d: nothing says that it was cut: %s", n, m)
		}
	}
}
