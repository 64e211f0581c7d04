package template_test

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/template"
)

func TestAllFaultsOfATemplateAreReported(t *testing.T) {
	partials := map[string]string{
		"fine": "x", "broken": "{{ uper .payload.x }}", "loop": `{{ template "loop" . }}`,
		"a": `{{ template "b" . }}`, "b": `{{ template "a" . }}`, "c": `{{ template "a" . }}`,
	}
	ts := template.New(partials, template.Options{})
	var got strings.Builder
	write := func(text string, faults []diag.Finding) {
		fmt.Fprintln(&got, text)
		for _, f := range faults {
			fmt.Fprintf(&got, "    %d:%d %s (%s)\n", f.At.Line, f.At.Col+1, f.Message, f.Hint)
		}
	}
	for _, text := range []string{
		`ä {{ .payload.title | uper }} {{ lowr "x" }} {{ payload.id }} {{ title }} {{ foo }} {{ rule }}`,
		`{{ template "nope" . }} {{ template "broken" . }} {{ template "loop" . }}`,
		"one\n{{ .payload.id",
		"{{ .payload.id }",
		"{{ .payload.id\n{{ .payload.x }} {{ .y",
		`{{ if .payload.failed }} x {{ range .payload.x }}`,
		`{{ end }} {{ else }}`,
		`{{ if .payload.x }} {{ endif }}`,
		`{{ if .payload.x }} {{ elif .y }} {{ end }}`,
		`{{ #if .payload.x }} {{ /if }}`,
		`{{ foreach .payload.x }} {{ end }}`,
		`{{ if .payload.failed == 3 }}x{{ end }}`,
		`{{ if .payload.failed > 3 }}x{{ end }}`,
		`{{ if .payload.failed && .payload.x }}x{{ end }}`,
		`{{ if !.payload.failed }}x{{ end }}`,
		`{{ .payload.a + .payload.b }}`,
		`{{ .payload.case-id }}`,
		`{{ default 'none' .payload.x }}`,
		`{{ default "none .payload.x }}`,
		`{{ if }}x{{ end }}`,
		`{{ }}`,
		`{{ $x }}`,
		`{{ upper (.payload.x }}`,
		`{{ upper .payload.x) }}`,
		`{{/* open`,
		`{{ define "y" }}{{ end }}`,
		`{{ "x" 3 }}`,
		`{{ 3 | upper | 4 }}`,
		`{{ .payload.x || .payload.y }}`,
		`{{ .payload..x }}`,
		`{{ 1st }}`,
		`{{ range $i, $x, $y := .payload.x }}{{ end }}`,
		`{{ else if .x }}`,
	} {
		c, faults := ts.Compile("x", text, template.FormMarkdown)
		write(text, faults)
		if c != nil {
			t.Errorf("%s: got no fault", text)
		}
	}
	for _, name := range []string{"fine", "broken", "loop", "a", "b", "c"} {
		write(name, ts.Check(name))
	}
	rulefiletest.Golden(t, "testdata/faults.golden", got.String())
}

func TestAURLWhoseHostIsTemplatedIsFound(t *testing.T) {
	for text, want := range map[string]bool{
		"https://hooks.example.com/x":             false,
		"https://hooks.example.com/{{ .rule }}":   false,
		"https://hooks.example.com?q={{ .rule }}": false,
		"https://hooks.example.com{{ .rule }}":    true,
		"https://{{ .payload.host }}/x":           true,
		"{{ .payload.url }}":                      true,
		"https:/{{ .payload.url }}":               true,
		"https://user:{{ .p }}@example.com/":      true,
		"":                                        false,
	} {
		if got := template.HostIsTemplated(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
