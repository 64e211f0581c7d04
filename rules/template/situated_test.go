package template

import (
	"strings"
	"testing"

	"qaserelay/rules/value"
)

// renderBody renders a body of Markdown with the value v, and the partials code and cell.
func renderBody(t testing.TB, body string, v any) string {
	t.Helper()
	set := New(map[string]string{"code": "```\n{{ .v }}\n```", "value": "{{ .v }}"}, Options{})
	compiled, faults := set.Compile("body", body, FormMarkdown)
	if compiled == nil {
		t.Fatal(faults)
	}
	got, err := compiled.Render(Context{Vars: map[string]any{"v": v, "other": "<i>*", "empty": ""}})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCodeShowsAValueAsItIs(t *testing.T) {
	const code = "def t(*a):\n\tassert x[0] == \"<b>\"\n\n    # end"
	for _, c := range []struct{ name, body, value, want string }{
		{"a block", "```\n{{ .v }}\n```", code, "```\n" + code + "\n```"},
		{"within a line", "```\nE: {{ .v }}!\n```", "a*\n_b", "```\nE: a*\n_b!\n```"},
		{"a fence in the value", "```\n{{ .v }}\n```\nend", "a\n```\n*b*", "````\na\n```\n*b*\n````\nend"},
		{"a longer one", "```go\n{{ .v }}\n```", "`````", "``````go\n`````\n``````"},
		{"tildes", "~~~\n{{ .v }}\n~~~", "~~~ ```", "~~~~\n~~~ ```\n~~~~"},
		{"a block without an end", "```\n{{ .v }}", "[x](y)\n```", "````\n[x](y)\n```"},
		{"indented code", "a\n\n    {{ .v }}\n\nb", "x*\ny_", "a\n\n    x*\n    y_\n\nb"},
		{"a list", "- ```\n  {{ .v }}\n  ```", "x*\n  y", "- ```\n  x*\n    y\n  ```"},
		{"a quote", "> ```\n> {{ .v }}\n> ```", "x*\n```", "> ````\n> x*\n> ```\n> ````"},
		{"two values", "```\n{{ .v }}{{ .other }}\n```\n{{ .other }}", "``", "```\n``<i>*\n```\n\\<i\\>\\*"},
		{"a partial", "{{ template \"code\" . }}", "*x*", "```\n*x*\n```"},
		{"in a partial", "```\n{{ template \"value\" . }}\n```", "*x*", "```\n*x*\n```"},
		{"a branch", "{{ if .v }}```\n{{ end }}{{ .v }}{{ if .v }}\n```{{ end }}", "*x*", "```\n*x*\n```"},
		{"line ends of Windows", "```\n{{ .v }}\n```", "a\r\nb*", "```\na\nb*\n```"},
		{"a span", "in `{{ .v }}_x*`", "a*b [c]", "in `a*b [c]_x*`"},
		{"a mark in a span", "`{{ .v }}`.", "a`b", "``a`b``."},
		{"marks at the ends of a span", "`{{ .v }}`", "`a``", "``` `a`` ```"},
		{"blanks at the ends of a span", "`{{ .v }}`", " *a ", "`  *a  `"},
		{"marks that a control character parts", "`{{ .v }}`", "`\x01``\u202E`", "````` ```` `````"},
		{"a span of two marks", "``{{ .v }}``", "a``b", "```a``b```"},
		{"lines in a span", "`{{ .v }}`", "a\n\n# b", "`a  # b`"},
		{"a span of nothing", "x `{{ .v }}` y", "", "x  y"},
		{"a mark that opens no span", "it`s {{ .v }}", "*a*", "it`s \\*a\\*"},
		{"an escaped mark", "\\`{{ .v }}`", "*a*", "\\`\\*a\\*`"},
		{"prose beside code", "`x` {{ .v }}", "[a](b)", "`x` \\[a\\](b)"},
		{"a value that looks like a placeholder", "`{{ .v }}`", "\uFDD0*", "`\uFFFD*`"},
		{"a row", "| a | b |\n|---|---|\n| {{ .v }} | x |", "a\nb|c", "| a | b |\n|---|---|\n| a b\\|c | x |"},
		{"code in a row", "| a |\n|---|\n| `{{ .v }}` |", "a\nb|*c", "| a |\n|---|\n| `a b\\|*c` |"},
		{"no row", "a | {{ .v }}", "a\nb", "a | a\\\nb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := renderBody(t, c.body, c.value); got != c.want {
				t.Errorf("got:\n%q\nwant:\n%q", got, c.want)
			}
		})
	}
}

func TestCodeShowsTheTextOfLinksAndMentions(t *testing.T) {
	for _, v := range []any{value.Link{Text: "run *7*", URL: "https://x.example"}, value.Mention{Name: "run *7*"}} {
		if got := renderBody(t, "`{{ .v }}`", v); got != "`run *7*`" {
			t.Errorf("%T: %s", v, got)
		}
	}
}

func TestAValueBesideAMarkHasNoBlanksAtItsEnds(t *testing.T) {
	for body, want := range map[string]string{
		"**{{ .v }}** x":                   "**a** x",
		"x _{{ .v }}_":                     "x _a_",
		"~~{{ .v }} {{ .v }}~~":            "~~a a~~",
		"{{ .v }}.":                        "a .",
		"**{{ if .v }}{{ .v }}{{ end }}**": "**a**",
	} {
		if got := renderBody(t, body, "a "); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestALongSpanKeepsItsEnd(t *testing.T) {
	got := renderBody(t, "`{{ .v }}` and {{ .v }}", strings.Repeat("[x](https://evil.example) ", 5_000))
	if len(got) > maxOutputBytes || !strings.Contains(got[:2*maxSpan], "…`") {
		t.Errorf("%d bytes: %s", len(got), got[:100])
	}
}

func TestCodeInSlackMarkupShowsAValueAsItIs(t *testing.T) {
	set := New(nil, Options{})
	for body, want := range map[string]string{
		"```{{ .v }}```":      "```a*_`b` &lt;!here&gt;\nˋˋˋ c```",
		"`{{ .v }}` {{ .w }}": "`a*_ˋbˋ &lt;!here&gt; ˋˋˋ c` \u2060*\u2060x\u2060*\u2060",
		"```\nx``` {{ .w }}":  "```\nx``` \u2060*\u2060x\u2060*\u2060",
		"it`s\n{{ .w }}":      "it`s\n\u2060*\u2060x\u2060*\u2060",
	} {
		compiled, faults := set.Compile("blocks", body, FormMrkdwn)
		if compiled == nil {
			t.Fatal(faults)
		}
		got, err := compiled.Render(Context{Vars: map[string]any{"v": "a*_`b` <!here>\n``` c", "w": "*x*"}})
		if err != nil || got != want {
			t.Errorf("%s: got %q, want %q, %v", body, got, want, err)
		}
	}
}
