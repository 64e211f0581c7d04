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

func TestMarksAroundAnyTextAreEmphasis(t *testing.T) {
	for in, want := range map[string]string{
		"**(3)**x":          "(3)",
		"x**(3)**":          "(3)",
		"失败**「x」**了":        "「x」",
		"失败*「x」*了":          "「x」",
		"失败_x_了":            "x",
		"**a:**b and **c**": "a:c",
		"a~~(b)~~c":         "(b)",
		"2*(3+4)*5":         "",
		"snake_case_name":   "",
		"2 ** 3 ** 4":       "",
		"a * b * c":         "",
	} {
		got := ""
		for _, l := range markup.Lines(in) {
			for _, r := range l.Runs {
				if r.Bold || r.Italic || r.Strike {
					got += r.Text
				}
			}
		}
		if got != want {
			t.Errorf("%s: emphasis on %q, want it on %q", in, got, want)
		}
	}
}

func TestAShortenedTextHasNoHalfOfASpan(t *testing.T) {
	const code = "see ``[x](https://evil.example) ` ``, then `y` and it`s *all*"
	for n := 3; n < len(code); n++ {
		for _, l := range markup.Lines(markup.Shorten(code, n)) {
			for _, r := range l.Runs {
				if r.URL != "" || strings.Contains(r.Text, "evil") && !r.Code {
					t.Errorf("%d: %q", n, markup.Shorten(code, n))
				}
			}
		}
	}
}

func TestMarkdownKeepsCodeWhole(t *testing.T) {
	w := markup.Markdown(markup.EscapeMarkdown)
	for _, code := range []string{"a", "a`b", "`a``", " a ", "```", "a\n```\nb\n\n  c\t"} {
		for _, in := range []markup.Line{{Pre: true}, {}} {
			if !in.Pre && strings.Contains(code, "\n") {
				continue // a span is one line
			}
			lines := []markup.Line{}
			for s := range strings.SplitSeq(code, "\n") {
				l := in
				l.Runs = []markup.Run{{Text: s, Code: !in.Pre}}
				lines = append(lines, l)
			}
			if got := markup.Join(markup.Lines(w.Write(lines))); got != strings.TrimRight(code, "\n") {
				t.Errorf("%q became %q", code, got)
			}
		}
	}
}
