package yamldoc

import (
	"strings"
	"testing"

	"qaserelay/rules/diag"
)

// TestNoLineShowsASecret writes secrets at places where people put them by mistake, and reports a problem on each line.
func TestNoLineShowsASecret(t *testing.T) {
	const random, words = "pl4ntedS3cretV4lue77x", "plantedhiddenword"
	shown := 0
	check := func(text, secret string) {
		t.Helper()
		text = strings.ReplaceAll(text, "%", secret)
		r := &Reader{}
		d := r.Open(File{Name: "rules.yaml", Data: []byte(text)})
		for n := range d.lines {
			p := diag.Problem{Line: n + 1, Message: "unknown value " + secret, Hint: "not " + secret}
			if !strings.Contains(d.lines[n], secret) {
				p.Message, p.Hint = "", ""
			}
			d.show(&p)
			r.Problems = append(r.Problems, p)
		}
		for _, p := range r.Problems {
			if all := p.Message + p.Hint + p.Source; strings.Contains(all, secret) {
				t.Errorf("%s\nshows %s", text, all)
			}
			shown += strings.Count(p.Source, "*****")
		}
	}
	for _, text := range []string{ // places that only secrets have
		"a:\n\ttoken: %\n", "a:\n  token: |\n\t%\n", "\ta:\n\t\ttoken: |\n\t\t\t%\n\t\t\tx: %\n",
		"bearer %\n", "bearer:%\n", "- bearer:%\n", "bearer=%\n", "bearer = %\n", "{name: a, bearer:%}\n", "tokn:%\n",
		"a:\n  token: |\n  %\n", "a:\n  token: |\n%\n\n%\n  b: c\n", "a:\n  secrets:\n- %\n- %\n", "a:\n  token: |\n# %\n    %\n",
		"{type: unknown, headers: {X-Api: %}}\n", "{type: slack, headers: {X-Api: a, X-B: '%'}, x: 1}\n", "{header: {X-Api: [%]}}\n",
		"headers: {\n  X-Api: %\n}\n", "a:\n  headers:\n    X-Api: %\n", "headers: %\n", "{headers: {X-Api: \"a{{ .x }}%\"}}\n",
		"headers:\n  X-Api: a{{ .x }}%\n", "headers:\n  X-Api: {{ .%\n", "{endpoint_params: {assertion: %}}\n",
		"endpoint_params:\n  assertion: %\n", "url: htps://h.io/%\n", "url: https//h.io/%\n", "{url: \"htps:/h.io/%\", x: 1}\n",
		"url: h.io/%\n", "url: HTTPS://h.io/%\n", "webhook_url: htps://h.io/%\n", "token: {{ .%\n",
		"token: \"%\" # \"%\"\n", "{name: a, token: '%'} # was %\n", "url: htp://h.io/ # https://h.io/%\n",
		"webhook_url: https://h.io/% # https://h.io/%\n", "token: ${%-TEXT}\n", "{username: a, password %}\n", "basic_auth: a:%\n",
		"basic_auth: [a, %]\n", "X-Api: %\n", "headers: |\n  X-Api: %\n", "url: //h.io/%\n", "url: localhost:80/%\n",
		"url: https:h.io/%\n", "url: u:%@h.io\n", "proxy: u:%@h.io:80\n", "token_file: xoxb-12345-%\n",
	} {
		check(text, words)
		check(text, random)
	}
	for _, text := range []string{ // places that have other words as well
		"token: {{ .% }}\n", "token_file: %\n", "token: ${%}\n", "%: token\n", "{type: slack, %}\n", "%\n", "- %: x\n",
		"name: '%'\n", "x: y # %\n", "X-Api=%\n", "url: h.io # %\n",
	} {
		check(text, random)
	}
	if shown < 100 {
		t.Errorf("only %d secrets are masked", shown)
	}
}

// TestLinesKeepTheirWords shows lines that hold no secret as they are.
func TestLinesKeepTheirWords(t *testing.T) {
	text := `settings: {silences: {max: 30d}} # until 2026-12-28T10:00:00Z
server: ntfy.example.com:80
proxy_url: http://proxy.example.com:3128
url: "{{ link .url }}"
url: https://d111abc2defgh3.example.com
token_file: /run/secrets/a1b2c3d4e5f6g7h8
include: [./rules.d/a1b2c3d4e5f6g7h8.yaml]
token: ${API2KEY4PRODUCTION}
chat_id: "-1001234567890"
slack: U024BE7LA1
name: regression2026nightly
to: [team2sprint14]
title: "{{ .payload.failed_1 }} of {{ .payload.cases }} # {{ link .url }}"
when: 'payload.failed > 10 && token == "x" && tag in ["sha256checksum", "a"]'
headers:
  Content-Type: application/json
  X-Run: "{{ .payload.id }}"
  X-Env: prod
body: |
  Token bucket of the run: 3
  https://h.io
notify: [qa-slack, ops-2026-team] # both`
	for i, got := range masked(strings.Split(text, "\n")) {
		if want := strings.Split(text, "\n")[i]; got != want {
			t.Errorf("%s\nis shown as\n%s", want, got)
		}
	}
}
