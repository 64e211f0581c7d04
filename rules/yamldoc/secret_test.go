package yamldoc

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLinesAreShownWithoutSecrets(t *testing.T) {
	for line, want := range map[string]string{
		`  - {name: s, type: slack, token: "xoxb-SECRET", chanel: "#qa"}`: `  - {name: s, type: slack, token: "****-******", chanel: "#qa"}`,
		`    tokn: xoxbSECRET`:                             `    tokn: **********`,
		`    pasword: 'SECRET'   # mine`:                   `    pasword: '******'   # mine`,
		`secrets: ["${A}", "${B:-SECRET}", x${C}]`:         `secrets: ["${A}", "${B:-******}", *****]`,
		`secrets: ["SECRET", ${VAR}]`:                      `secrets: ["******", ${VAR}]`,
		`token: ${SLACK_TOKEN}`:                            `token: ${SLACK_TOKEN}`,
		`token: "${SLACK_TOKEN}", x: y`:                    `token: "${SLACK_TOKEN}", x: y`,
		`token_file: /run/secrets/slack`:                   `token_file: /run/secrets/slack`,
		`title: "Run {{ .payload.id }} failed"`:            `title: "Run {{ .payload.id }} failed"`,
		`url: "https://ops.example.com/SECRET?k=SECRET"`:   `url: "https://ops.example.com/******?********"`,
		`url: "https://ops.example.com/SECRET/{{ .x }}/a"`: `url: "https://ops.example.com/******/{{ .x }}/*"`,
		`proxy: http://user:SECRET@proxy.example.com:3128`: `proxy: http://***********@proxy.example.com:3128`,
		`headers: {Authorization: Bearer SECRET}`:          `headers: {Authorization: ****** ******}`,
		`channel: "#qa"`:                                   `channel: "#qa"`,
		`{url: "https://x.io/äöüßäöüß", bearer: SECRET}`:   `{url: "https://x.io/********", bearer: ******}`,
		`{token: äöüßäöüß, secret: SECRET, x: y}`:          `{token: ********, secret: ******, x: y}`,
		`webhook_url: "https://h.io/SECRET/b"`:             `webhook_url: "https://h.io/********"`,
		`webhook_url: ${A:-https://h.io:8/SECRET} # mine`:  `webhook_url: ${A:-https://h.io:8/******} # mine`,
		`webhook_url: "https://h.io/a,SECRET"`:             `webhook_url: "**************,******"`,
		`webhook_url: SECRET`:                              `webhook_url: ******`,
		`url: "http://u:12345/SECRET@h.io"`:                `url: "http://*******/***********"`,
		`proxy_url: "http://u:SECRET@h.io:8"`:              `proxy_url: "http://********@h.io:8"`,
		`proxy_url: "http://u:SECRET@SECRET@h.io"`:         `proxy_url: "***************************"`,
		`proxy_url: "http://u:12345/SECRET@h.io"`:          `proxy_url: "**************************"`,
		`token: {SECRET}`:                                  `token: *******}`,
		`password: {a: SECRET}`:                            `password: *** ******}`,
		`headers: {X-Trace: a, Authorization: SECRET}`:     `headers: {X-Trace: a, Authorization: ******}`,
		`token: >SECRET`:                                   `token: *******`,
		`token: |- # below`:                                `token: |- # below`,
		`token: #SECRET`:                                   `token: *******`,
		`token: # below`:                                   `token: # below`,
		`token: abc #SECRET`:                               `token: *** *******`,
		`token: ${A} # mine`:                               `token: ${A} # mine`,
		`token: "abc"SECRET, channel: x`:                   `token: "***"******, channel: x`,
		`token: 'abc' SECRET # mine`:                       `token: '***' ****** # mine`,
		`secrets: [[SECRET], "SECRET"], x: y`:              `secrets: [[******], "******"], x: y`,
		`token: ${A:-SECRET}, x: y`:                        `token: ${A:-******}, x: y`,
		`token: "${A:-${B:-SECRET}}"`:                      `token: "${A:-${B:-******}}"`,
		`token: "${A:-SECRET}SECRET"`:                      `token: "****-*************"`,
		`url: "https://x.io/${A}/SECRET"`:                  `url: "https://x.io/${A}/******"`,
		`bearer: {{ .token }}`:                             `bearer: {{ .token }}`,
	} {
		if got := masked([]string{line})[0]; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", line, got, want)
		}
	}
	below := masked(strings.Split("sources:\n  - name: qase\n    secrets:\n      - SECRET\n    - SECRET\n    projects: [WEB]\n"+
		"x:\n  key: |\n    SECRET\n    SECRET\n  y: z", "\n"))
	if text := strings.Join(below, "\n"); strings.Contains(text, "SECRET") || !strings.Contains(text, "projects: [WEB]") ||
		!strings.Contains(text, "y: z") {
		t.Errorf("got:\n%s", text)
	}
}

func TestSecretsAreTrimmedOrFaulty(t *testing.T) {
	for text, want := range map[string]string{
		"abc\n": "abc", "abc\r\n": "abc", "\uFEFFabc": "abc", "a b": "a b",
		"abc ": "! has a space at its end", " abc": "! has a space at its beginning", "abc\u00a0": "! has a space at its end",
		"a\nb": "! has more than one line", "a\x00b\x00": "! has a NUL in it, as UTF-16 has; save it as UTF-8",
		"\xff\xfea\x00": "! is UTF-16; save it as UTF-8", "a\x07b": "! has a character in it that cannot be sent",
	} {
		clean, fault := CleanSecret(text, false)
		if fault != "" {
			clean = "! " + fault
		}
		if clean != want {
			t.Errorf("%q: got %q, want %q", text, clean, want)
		}
	}
	if clean, fault := CleanSecret("a password ", true); clean != "a password " || fault != "" {
		t.Errorf("a password: got %q, %q", clean, fault)
	}
}

// TestMaskedLinesKeepTheirColumns also where bytes and letters differ, so that the caret below stands at its place.
func TestMaskedLinesKeepTheirColumns(t *testing.T) {
	parts := []string{"token: ", "webhook_url: ", "url: ", "https://", "ä", "@", "/", "?", "{", "}", "{{ ", " }}", "[", "]", `"`, "'",
		",", " #", "${A}", "${A:-", "x", "1", ": ", "- ", "|", "\t", "日本", "secrets: "}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var line strings.Builder
		for range random.IntN(14) {
			line.WriteString(parts[random.IntN(len(parts))])
		}
		got := masked([]string{line.String()})[0]
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(line.String()) {
			t.Fatalf("%s\nis shown as\n%s", line.String(), got)
		}
	}
}
