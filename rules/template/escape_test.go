package template

import (
	"strings"
	"testing"
)

func TestEscapeMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"Nightly regression":        "Nightly regression",
		"Test run 2022/04/21":       "Test run 2022/04/21",
		"a_b_c and _x_":             "a_b_c and \\_x\\_",
		"# head":                    "\\# head",
		"1. one":                    "1\\. one",
		"3 of 14":                   "3 of 14",
		"- item\n\n    code":        "\\- item\\\ncode",
		"a & b &amp; c":             "a & b \\&amp; c",
		"<b>":                       "\\<b\\>",
		"| a | b":                   "\\| a \\| b",
		"":                          "",
		"bob@bar.io https://x.io/":  "bob@bar.io https://x.io/",
		"tab\tand\u2028line\u0085x": "tab and\\\nline\\\nx",
	} {
		if got := escapeMarkdown(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzAValueInSlackMarkupIsText(f *testing.F) {
	for _, s := range []string{"<!channel>", "*a*", "> q", "a\n> b", "`x`", "&lt;", "snake_case", "\xff<", "_a_ ~b~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := mrkdwnText(s)
		if strings.ContainsAny(got, "<>") || strings.Contains(got, "```") {
			t.Errorf("%q became %q", s, got)
		}
		plain := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(got)
		if strings.Contains(plain, "&") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestATextInBlocksThatIsNotInABlockIsOneLine(t *testing.T) {
	compiled, faults := New(nil, Options{}).Compile("blocks", "{{ .a }}", FormBlocks)
	if compiled == nil {
		t.Fatal(faults)
	}
	if got, err := compiled.Render(Context{Vars: map[string]any{"a": "x\ny"}}); err != nil || got != "x y" {
		t.Errorf("got %q, %v", got, err)
	}
}
