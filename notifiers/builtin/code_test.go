package builtin_test

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message/mail"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/rules/rulefile"
)

const traceback = "def test_a(*args):\n\tassert x[0] == \"<b>\" & y_z\n\n    # end of   it"

// withCode is a rule whose body holds a value as a block of code, and another one within a line.
func withCode(targets []any) map[string]any {
	return map[string]any{
		"name": "with-code", "when": "true", "title": "T",
		"body": "```\n{{ .payload.actual_result }}\n```\n\nin `{{ .payload.severity }}`, **{{ .payload.title }}**\n\n" +
			"| a | b |\n|---|---|\n| {{ .payload.title }} | z |\n",
		"notify": targets,
	}
}

func codeMessages(t *testing.T, cfg *rulefile.File, code, span string) []message {
	t.Helper()
	all := messagesOf(t, cfg, "defect.created", map[string]any{"id": 2, "title": "two\nlines", "severity": span,
		"actual_result": code})
	return slices.DeleteFunc(all, func(m message) bool { return m.Rule != "with-code" })
}

func TestCodeIsExactlyTheTextOfTheEventInEachChannel(t *testing.T) {
	cfg := parse(t, everything(t, withCode(targets(t))))
	messages := codeMessages(t, cfg, traceback, "a*b_c* [d] <e>")
	if len(messages) < 10 {
		t.Fatalf("%d messages", len(messages))
	}
	for _, m := range messages {
		if m.kind.Type == "http" {
			continue // the body is what the rule says
		}
		shown := strings.ReplaceAll(shownText(t, m.kind, m.sent(t)), "\n \n", "\n\n")
		for _, want := range []string{traceback, "a*b_c* [d] <e>"} {
			spaced := strings.ReplaceAll(want, "\t", "    ") // in Teams, Google Chat and the text of emails
			indented := strings.ReplaceAll(strings.ReplaceAll(want, "\n", "\n    "), "\n    \n", "\n\n")
			if !slices.ContainsFunc([]string{want, spaced, indented}, func(s string) bool {
				return strings.Contains(shown, s)
			}) {
				t.Errorf("%s: no %q in\n%s", m.notifier.Name, want, shown)
			}
		}
	}
}

func TestAValueWithMarksOfCodeStaysCode(t *testing.T) {
	cfg := parse(t, everything(t, withCode(targets(t))))
	for _, m := range codeMessages(t, cfg, "a\n```\n[x](https://evil.example)\n````\nb", "``[y](https://evil.example)`") {
		lines := markup.Lines(m.Body)
		for _, l := range lines {
			for _, r := range l.Runs {
				if r.URL != "" || strings.Contains(r.Text, "evil") && !r.Code && !l.Pre {
					t.Fatalf("%s", m.Body)
				}
			}
		}
	}
}

// FuzzAValueInCodeIsThatCode puts a text into code and a table, and reads the body as channels read it.
func FuzzAValueInCodeIsThatCode(f *testing.F) {
	for _, s := range append(hostileTexts(), "``` ```` `", "~~~\n```", "a\n\n\nb", "`", "` ` ``", "|", "\\|`", "\t`x", "  ", "x\x01``") {
		f.Add(s, s)
	}
	cfg := parse(f, everything(f, withCode([]any{"slack"})))
	f.Fuzz(func(t *testing.T, code, span string) {
		if code, span = strings.ToValidUTF8(code, ""), strings.ToValidUTF8(span, ""); len(code)+len(span) > 500 {
			return
		}
		for _, m := range codeMessages(t, cfg, code, span) {
			var blocks, spans []string
			for _, l := range markup.Lines(m.Body) {
				if l.Pre {
					blocks = append(blocks, l.Text())
				}
				for _, r := range l.Runs {
					if r.URL != "" {
						t.Errorf("a link in %q", m.Body)
					}
					if r.Code {
						spans = append(spans, strings.TrimSpace(r.Text))
					}
				}
			}
			table := slices.Index(blocks, "a         | b") // the table is code too
			if table < 0 {
				t.Fatalf("no table in %q", m.Body)
			}
			if got, want := strings.Join(blocks[:table], "\n"), code; fields(got) != fields(want) {
				t.Errorf("%q became %q in %q", code, got, m.Body)
			}
			if got := strings.Join(spans, ""); fields(got) != fields(span) {
				t.Errorf("%q became %q in %q", span, got, m.Body)
			}
		}
	})
}

// fields returns the words of a text as channels show them.
func fields(s string) string {
	return strings.Join(strings.Fields(notifiers.CleanText(strings.ReplaceAll(s, "\uFDD0", "\uFFFD"))), " ")
}

// shownText returns the texts of what is sent, without the marks and escapes of the channel.
func shownText(t *testing.T, kind notifiers.Kind, sent []byte) string {
	t.Helper()
	if kind.Type == "email" {
		return textsOfMail(t, sent)
	}
	var v any
	if err := json.Unmarshal(sent, &v); err != nil {
		t.Fatalf("%s: %v", kind.Type, err)
	}
	all := strings.ReplaceAll(strings.Join(textsOf(v), "\n"), "\u00A0", " ")
	switch kind.Markup {
	case notifiers.HTML, notifiers.Mrkdwn:
		return html.UnescapeString(all)
	}
	return all
}

// textsOf returns all texts of a JSON document, in order of the document for lists.
func textsOf(v any) (all []string) {
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, x := range v {
			all = append(all, textsOf(x)...)
		}
	case map[string]any:
		if inlines, isBlock := v["inlines"].([]any); isBlock { // the line of a card
			line := ""
			for _, x := range inlines {
				line += x.(map[string]any)["text"].(string)
			}
			return []string{line}
		}
		for _, x := range v {
			all = append(all, textsOf(x)...)
		}
	}
	return all
}

// textsOfMail returns the texts of both parts of an email.
func textsOfMail(t *testing.T, sent []byte) (all string) {
	t.Helper()
	r, err := mail.CreateReader(bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	for part, err := r.NextPart(); err != io.EOF; part, err = r.NextPart() {
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			t.Fatal(err)
		}
		all += html.UnescapeString(strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	return all
}
