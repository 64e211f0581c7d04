package rulebook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/rules/diag"
)

func TestTheLineOfAProblemIsShownWithoutSecrets(t *testing.T) {
	const text = `sources: [{name: qase, secrets: [s3cret-one]}]
notifiers:
  - {name: ops, type: http, url: "https://x/s3cret", tokn: s3cret}
rules:
  - name: failed
    when: event_name == "run.completd"
    notify: [{notifier: ops, headers: {X-Key: s3cret}, hedaers: {X: 1}}, opss]
    tokn: s3cret
`
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	var masker Masker
	for _, tt := range []struct {
		line   int
		fault  string
		before string // nil if the line is not shown
		at     string
	}{
		{6, `"run.completd"`, `    when: event_name == `, `"run.completd"`},
		{8, "tokn", "    ", "tokn"},
		{3, "tokn", "", ""},
		{1, "secrets", "", ""},
		{7, "hedaers", "", ""}, // behind a secret
		{7, "[{", "    notify: ", "[{notifier"},
	} {
		source := lines[tt.line-1]
		got := masker.Line(diag.Problem{File: file, Line: tt.line, Col: strings.Index(source, tt.fault) + 1, Source: source})
		if tt.at == "" && got != nil || tt.at != "" && (len(got) != 2 || got[0] != tt.before || got[1] != tt.at) {
			t.Errorf("%d, %s: got %q", tt.line, tt.fault, got)
		}
		if strings.Contains(strings.Join(got, ""), "s3cret") {
			t.Errorf("%d, %s: a secret is shown: %q", tt.line, tt.fault, got)
		}
	}
	for name, p := range map[string]diag.Problem{"another text": {File: file, Line: 6, Col: 1, Source: "when: x"}, "no file": {File: file + "x", Line: 6,
		Col: 1, Source: lines[5]}, "no line": {File: file}, "a line that is not there": {File: file, Line: 99, Source: "x"}} {
		if got := masker.Line(p); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
