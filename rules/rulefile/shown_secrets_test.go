package rulefile_test

import (
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestProblemsShowNoSecret writes secrets as YAML does not read them, at each kind of place.
func TestProblemsShowNoSecret(t *testing.T) {
	const secret = "S3CRETxyz"
	shown := 0
	for _, place := range []string{
		"sources:\n- name: qase\n  secrets: %\n",
		"sources:\n- name: qase\n  secrets:\n  - %\n  - b\n",
		"sources: [{name: qase, secrets: [s], api_token: %}]\n",
		"sources:\n- name: qase\n  secrets: [s]\n  api_token: %\n",
		"sources: [{name: qase, secret: %}]\n",
		"notifiers:\n- name: a\n  type: chat\n  token: %\n  x: 1\n",
		"notifiers: [{name: a, type: chat, token: %, chanel: \"#qa\"}]\n",
		"notifiers: [{name: a, type: chat, passwort: %}]\n",
		"x-common: {token: %}\nnotifiers: [{name: a, type: chat}]\n",
	} {
		for _, value := range []string{"*S", "&S", "!S", "!S abc", "%S", "@S", "`S", ">S", "|S", `"S`, "'S", "-S", "- S", "? S",
			": S", "{S}", "{S", "{a: S}", "[S]", "[[S], S]", "[S", "#S", "abc #S", "abc # S", "abc S: x", "S: x", `"abc"S`, "'abc' S",
			"${X:-S}", "${A}S", "“S”", "S”", "~S", `"\S"`, `"\xS"`, `"S "`, "!!str S", "!!int S", "!!binary S", "null # S", `"S\nS"`,
			"? [S]", "|\n    S\n    S", ">\n    S"} {
			text := strings.ReplaceAll(place, "%", strings.ReplaceAll(value, "S", secret))
			_, problems := rulefiletest.Check("rules.yaml", text)
			for _, p := range problems {
				if all := p.Error() + p.Hint + p.Source; strings.Contains(all, secret) {
					t.Errorf("%s\nshows %s", text, all)
				}
				if strings.Contains(p.Source, "*****") {
					shown++
				}
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d problems have masked lines", shown)
	}
}
