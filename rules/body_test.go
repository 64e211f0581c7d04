package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestTheMessageIsEscapedForTheBody holds that options and bodies of notifiers can hold the message that the rule made,
// in the form of the Content-Type.
func TestTheMessageIsEscapedForTheBody(t *testing.T) {
	const title, payload = `A&B=50%&id=999 "<b>"`, `{"id":2,"title":"A&B=50%&id=999 \"<b>\""}`
	for _, c := range []struct{ contentType, body, want string }{
		{"", `{"t": "{{ .title }}", "b": {{ .body }}, "u": "{{ .url }}"}`,
			`{"t": "A&B=50%&id=999 \"<b>\"", "b": "**x**", "u": "https://app.qase.io/run/WEB/dashboard/2"}`},
		{"application/x-www-form-urlencoded", "text={{ .payload.title }}&id={{ .payload.id }}",
			"text=A%26B%3D50%25%26id%3D999+%22%3Cb%3E%22&id=2"},
		{"application/X-WWW-form-urlencoded; charset=utf-8", "text={{ .title }}", "text=A%26B%3D50%25%26id%3D999+%22%3Cb%3E%22"},
		{"application/xml", "<a t=\"{{ .title }}\">{{ .text }}</a>",
			"<a t=\"A&amp;B=50%&amp;id=999 &#34;&lt;b&gt;&#34;\">**x**</a>"},
		{"text/xml", "<a>{{ .title }}</a>", "<a>A&amp;B=50%&amp;id=999 &#34;&lt;b&gt;&#34;</a>"},
		{"text/html", "{{ .title }}", "A&amp;B=50%&amp;id=999 &#34;&lt;b&gt;&#34;"},
		{"text/plain", "{{ .title }}", title},
		{"application/vnd.x+json", `["{{ .title }}"]`, `["A&B=50%&id=999 \"<b>\""]`},
	} {
		headers := ""
		if c.contentType != "" {
			headers = "headers: {content-type: " + quote(c.contentType) + "}, "
		}
		for _, where := range []string{"rule", "notifier"} {
			of := map[string]string{where: ", " + headers + "body: " + quote(c.body)}
			cfg := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: hook, url: "https://e.x/"`+of["notifier"]+`}]
rules:
  - {name: a, when: 'true', title: "{{ .payload.title }}", body: "**x**", notify: [{notifier: ops`+of["rule"]+`}]}
`)
			d := rulefiletest.NewWorld().Decide(t, cfg, "run.completed", payload)
			var o struct{ Body string }
			if err := json.Unmarshal(d.Notifications[0].Options, &o); err != nil || o.Body != c.want {
				t.Errorf("%s of the %s: got %s, %v\nwant %s", c.contentType, where, o.Body, err, c.want)
			}
		}
	}
}

// quote writes a text in single quotes for YAML.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// TestNoTemplateDecidesForLong renders templates that multiply what an event brings. Each ends within the budget of the
// event, by a default message with a note.
func TestNoTemplateDecidesForLong(t *testing.T) {
	numbers := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d,", i)
		}
		return "[" + b.String() + "1]"
	}
	payload := `{"id":2,"tags":` + numbers(30_000) + `,"few":` + numbers(200) + `,"name":"` + strings.Repeat("y", 300_000) +
		`","text":"` + strings.Repeat("{name}", 30_000) + `","re":"` + strings.Repeat(".{0,1000}", 300) + `z"}`
	const spent, long = "more than 64 MiB or 250 ms", "more than 262144 bytes"
	for body, want := range map[string]string{
		`{{ .payload.text | replace "{name}" .payload.name }}`:                                       "",
		`{{ join .payload.name .payload.tags }}`:                                                     long,
		`{{ regexReplaceAll "name" .payload.text .payload.name }}`:                                   long,
		`{{ regexReplaceAll "(name)" .payload.text "$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1" }}`:              long,
		`{{ regexReplaceAllLiteral "name" .payload.text .payload.name }}`:                            long,
		`{{ $l := .payload.few }}{{ range .payload.few }}{{ $l = concat $l $l }}{{ end }}`:           spent,
		`{{ $l := list 1 }}{{ range .payload.few }}{{ $l = list $l $l }}{{ end }}{{ $l }}`:           spent,
		`{{ $s := "x" }}{{ range .payload.few }}{{ $s = print $s $s }}{{ end }}`:                     spent,
		`{{ len (.payload.tags | uniq) }}`:                                                           "",
		`{{ range .payload.tags }}{{ if has . $.payload.tags }}{{ end }}{{ end }}`:                   spent,
		`{{ range .payload.tags }}{{ if join "," $.payload.tags | contains "z" }}{{ end }}{{ end }}`: spent,
		`{{ range .payload.tags }}{{ $x := sortAlpha $.payload.tags }}{{ end }}`:                     spent,
		`{{ range .payload.tags }}{{ $x := toJson $.payload.tags }}{{ end }}`:                        spent,
		`{{ range .payload.tags }}{{ $x := $.payload.name | upper | lower }}{{ end }}`:               spent,
		`{{ range .payload.few }}{{ $x := splitn "" 300000 $.payload.name }}{{ end }}`:               spent,
		`{{ regexMatch "(a|aa)+[0-9]{1,500}.{0,900}q" .payload.name }}`:                              spent,
		`{{ regexMatch .payload.re .payload.name }}`:                                                 "may have 200 bytes",
		`{{ printf "%1000000d" 1 }}`:                                                                 "widths and precisions up to 999",
		`{{ printf "%[1]s%[1]s%[1]s" .payload.name }}`:                                               long,
		`{{ len (indent 100 (replace "{" "\n" .payload.text)) }}`:                                    "",
		`{{ chunk (len .payload.none) .payload.few }}`:                                               "chunk needs a size of 1 or more, not 0",
		`{{ div 1 (len .payload.none) }}`:                                                            "div by 0",
		`{{ mod 1 (len .payload.none) }}`:                                                            "mod by 0",
	} {
		c := rulefiletest.Parse(t, rulefiletest.WithRules("  - {name: a, when: 'true', title: own, body: "+quote(body)+
			", notify: [qa]}\n  - {name: b, when: 'true', notify: [qa]}\n"))
		d := rulefiletest.NewWorld().Decide(t, c, "run.completed", payload)
		notes := strings.Join(d.Results[0].Notes, " ")
		if (notes == "") != (want == "") || !strings.Contains(notes, want) {
			t.Errorf("%s: got notes %.300s, want %q", body, notes, want)
		}
		if len(d.Notifications) != 2 || d.Notifications[1].Title == "" || len(d.Results[1].Notes) > 0 {
			t.Errorf("%s: the other rule lost its message: %v", body, d.Results[1].Notes)
		}
	}
}
