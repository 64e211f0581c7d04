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
		"C:\\dir\\\n*x*\\":          "C:\\\\dir&#92;\\\n\\*x\\*&#92;",
		"tab\tand\u2028line\u0085x": "tab and\\\nline\\\nx",
	} {
		if got := EscapeMarkdown(in); got != want {
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

func TestMarksAroundNothingAreLeftOut(t *testing.T) {
	for text, want := range map[string]string{
		"Branch: **{{ .no }}**, run":                        "Branch: , run",
		"**{{ .no }}**":                                     "",
		"a _{{ .no }}_ ~~{{ .no }}~~ b":                     "a   b",
		"**{{ .blank }}**.":                                 ".",
		"***{{ .no }}***.":                                  ".",
		"**_{{ .no }}_**.":                                  ".",
		"**{{ .no }}{{ .no }}**.":                           ".",
		"**{{ .no }}{{ .v }}**.":                            "**x\\***.",
		"**{{ if .no }}{{ .no }}{{ end }}**.":               ".",
		"**{{ with .v }}{{ . }}{{ end }}**.":                "**x\\***.",
		"**{{ range .none }}{{ . }}{{ end }}**.":            ".",
		"**{{ .v }}{{ .no }}**.":                            "**x\\***.",
		"*{{ .v }}{{ .no }}*.":                              "*x\\**.",
		"\\*{{ .no }}*":                                     "\\**",
		"{{ range .list }}*{{ end }}":                       "***",
		"* {{ .no }}\n* {{ .v }}":                           "* \n* x\\*",
		"**{{ .no }}*":                                      "***",
		"**a**{{ .no }}**b**":                               "**ab**",
		"`code` **{{ .no }}** and `/*{{ .no }}*/`":          "`code`  and `/**/`",
		"```\n/*{{ .no }}*/\n```\n**{{ .no }}** `{{ .v }}`": "```\n/**/\n```\n `x*`",
	} {
		vars := map[string]any{"v": "x*", "no": "", "blank": " ", "none": []any{}, "list": []any{1, 2, 3}}
		compiled, faults := New(nil, Options{}).Compile("body", text, FormMarkdown)
		if compiled == nil {
			t.Fatal(text, faults)
		}
		r := NewRenderer(Context{Vars: vars})
		defer r.Close()
		for range 2 { // texts of one Renderer share memory
			if got, err := r.Render(compiled); err != nil || got != want {
				t.Errorf("%q: got %q, want %q: %v", text, got, want, err)
			}
		}
	}
	for text, want := range map[string]string{
		"*{{ .no }}*, _{{ .no }}_!": ", !", "`*{{ .no }}*`": "`**`", "*{{ .v }}*": "*x*",
	} {
		compiled, faults := New(nil, Options{}).Compile("text", text, FormMrkdwn)
		if compiled == nil {
			t.Fatal(text, faults)
		}
		got, err := compiled.Render(Context{Vars: map[string]any{"v": "x", "no": ""}})
		if err != nil || got != want {
			t.Errorf("%q in Slack's markup: got %q, want %q: %v", text, got, want, err)
		}
	}
}
