package notifiers

import (
	"encoding/json"
	"strings"
	"testing"
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
				m := testMessage(func(m *Message) {
					m.Title, m.Body, m.Rule, m.Thread, m.Options, m.Fields = text, text, text, text, mentions, manyFields(text)
				})
				got, err := Preview(kind, m, goldenDefaults(kind))
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
	small, err := plainJSON(compact, "")
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
		limit("title", units(at(post, "embeds", 0, "title")), 256)
		limit("description", units(at(post, "embeds", 0, "description")), 4096)
		limit("footer", units(at(post, "embeds", 0, "footer", "text")), 2048)
		limit("content", units(at(post, "content")), 2000)
		total := units(at(post, "embeds", 0, "title")) + units(at(post, "embeds", 0, "description")) + units(at(post, "embeds", 0, "footer", "text"))
		for _, f := range post["embeds"].([]any)[0].(map[string]any)["fields"].([]any) {
			limit("the name of a field", units(at(f, "name")), 256)
			limit("the value of a field", units(at(f, "value")), 1024)
			total += units(at(f, "name")) + units(at(f, "value"))
		}
		limit("all texts", total, 6000)
	case "telegram":
		limit("text", units(at(post, "text")), 4096)
	case "googlechat":
		limit("bytes", len(small), 32_000)
	case "mattermost":
		limit("text", units(at(post, "text")), 16_383)
		limit("fallback", units(at(post, "attachments", 0, "fallback")), 1000)
		limit("footer", units(at(post, "attachments", 0, "footer")), 300)
		attachments, err := json.Marshal(post["attachments"])
		if err != nil {
			t.Fatal(err)
		}
		limit("attachments", units(string(attachments)), 7900)
	case "pagerduty":
		limit("summary", units(at(post, "payload", "summary")), 1024)
		limit("key", len(at(post, "dedup_key")), 255)
		limit("bytes", len(small), 512_000)
	case "ntfy":
		limit("message", len(at(post, "message")), 4096)
		limit("title", units(at(post, "title")), 300)
	}
}

func TestACutBodyKeepsItsMarkupWhole(t *testing.T) {
	lines := richLines("**bold and *both* of it** then [a link](https://example.com/x) and `code`.\n\n> quoted\n\n```\nfirst\nsecond\n```\n\nthe end")
	markdown, html := markdownMarkup(escapeMarks), htmlMarkup(escapeTags)
	for n := range textUnits(lines) {
		cutOff := cutLines(lines, n)
		m, h := markdown.write(cutOff), html.write(cutOff)
		if strings.Count(m, fence)%2 == 1 || strings.Count(m, "[") != strings.Count(m, "](") {
			t.Errorf("%d: %s", n, m)
		}
		for _, tag := range []string{"b", "i", "a", "code", "pre", "blockquote"} {
			if strings.Count(h, "<"+tag+">")+strings.Count(h, "<"+tag+" ") != strings.Count(h, "</"+tag+">") {
				t.Errorf("%d: %s", n, h)
			}
		}
		if n < textUnits(lines)-len(lines) && !strings.Contains(m, strings.TrimSpace(mark)) {
			t.Errorf("%d: nothing says that it was cut: %s", n, m)
		}
	}
}
