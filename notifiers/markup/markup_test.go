package markup_test

import (
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

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
		if n < total-len(lines) && !strings.Contains(m, strings.TrimSpace(notifiers.Ellipsis)) {
			t.Errorf("%d: nothing says that it was cut: %s", n, m)
		}
	}
}
