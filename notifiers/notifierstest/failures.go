package notifierstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/rules/message"
)

// Failures are failing tests as the relay finds them: of 15, four are listed.
func Failures() *message.Failures {
	url := func(code string) string {
		return "https://app.qase.io/run/WEB/dashboard/7?source=logs&search=" + code
	}
	return &message.Failures{
		Items: []message.Failure{
			{Code: "WEB-25", Title: "Login works", URL: url("WEB-25"), Suite: "Auth", New: true,
				Reason: "expected 200, got 500", Owner: "Ana López"},
			{Code: "WEB-40", Title: "Logout", URL: url("WEB-40"), Suite: "Auth", New: true, Reason: "timeout after 30 s",
				Rate: "flaky, 6 of 10", Times: 3},
			{Code: "WEB-31", Title: "Pay by card", URL: url("WEB-31"), Suite: "Shop / Checkout", Status: "invalid",
				Since: "4 runs, since Mon 08:00", Defect: "defect 12", Link: "https://app.qase.io/defect/WEB/view/12"},
			{Title: "a_test[chrome-1] without a case", Reason: "AssertionError: <b> & 1 < 2"},
		},
		Total: 15, New: 2,
		Flaky:      []message.Failure{{Code: "WEB-3", Title: "Search", URL: url("WEB-3")}},
		Fixed:      []message.Failure{{Code: "WEB-7", Title: "Sort", URL: url("WEB-7")}, {Code: "WEB-9", Title: "Filter"}},
		FixedTotal: 12, Muted: 1, Note: "15 of 16 are known so far.", Trend: "▇▇▆▇▅", Before: "before 79%",
		Owners: []string{"Ana López"}, Markdown: "- the tests as Markdown",
	}
}

// ManyFailures are so many failing tests with a title each. Of these, the first 3 are new.
func ManyFailures(n int, title string) *message.Failures {
	f := &message.Failures{Total: n + 1000, New: 3}
	for i := range n {
		code := fmt.Sprint("WEB-", i+1)
		f.Items = append(f.Items, message.Failure{Code: code, Title: title, Suite: "Shop / Checkout", New: i < 3,
			Reason: "expected 200, got 500", URL: "https://app.qase.io/run/WEB/dashboard/7?source=logs&search=" + code})
	}
	return f
}

// groupedFailures have a reason that most of them share.
func groupedFailures() *message.Failures {
	f := ManyFailures(20, "Login works")
	for i := range f.Items[:18] {
		f.Items[i].Reason = "connection refused"
	}
	f.Groups = []message.FailureGroup{{Reason: "connection refused", Count: 1018, Examples: f.Items[:5]}}
	f.Owners = []string{"Ana López", "Bob Bär"}
	return f
}

// unknownFailures are those of which only the number is known.
func unknownFailures() *message.Failures {
	return &message.Failures{Total: 3, New: 3,
		Note: "Which tests failed could not be found out: the Qase API did not answer in 20 s."}
}

// FailuresOf are failing tests all of whose texts are s, with the same address.
func FailuresOf(s, url string) *message.Failures {
	one := message.Failure{Code: s, Title: s + "!", URL: url, Suite: s, Reason: s, Status: s, New: true, Since: s, Rate: s,
		Defect: s, Link: url, Owner: s, Times: 2}
	other, grouped := one, one
	other.Code, other.New, grouped.Reason = "", false, "the reason of a group: "+s
	return &message.Failures{
		Items: []message.Failure{one, grouped, other}, Total: 3, New: 2, Flaky: []message.Failure{one},
		Fixed: []message.Failure{one, other}, FixedTotal: 2, Note: s, Trend: s, Before: s, Owners: []string{s, s},
		Groups: []message.FailureGroup{{Reason: grouped.Reason, Count: 1, Examples: []message.Failure{grouped}}},
	}
}

// failingTests checks what would be sent for failing tests: texts from outside are only text, links are whole, and no
// limit is exceeded.
func (s Suite) failingTests(t *testing.T) {
	to := json.RawMessage(`{"to":["bob@bar.io"]}`)
	send := func(t *testing.T, edit func(*notifiers.Message)) []byte {
		t.Helper()
		sent, err := s.preview(Message(func(m *notifiers.Message) {
			m.Options, m.URL = to, "https://author.example/run"
			edit(m)
		}))
		if err != nil {
			t.Fatal(err)
		}
		return sent
	}
	t.Run("are only text", func(t *testing.T) {
		harmless := send(t, func(m *notifiers.Message) { m.Failures = FailuresOf("words", m.URL) })
		for _, text := range hostileTestTexts() {
			sent := send(t, func(m *notifiers.Message) { m.Failures = FailuresOf(text, m.URL) })
			for _, fault := range Escaping(s.Kind.Markup, sent, harmless) {
				t.Errorf("%q: %s\n%s", text, fault, sent)
			}
		}
	})
	t.Run("never lead elsewhere", func(t *testing.T) {
		for _, url := range []string{"javascript:alert(1)", "https://e.example/" + strings.Repeat("x", 5000), "<b>", "//e"} {
			sent := string(send(t, func(m *notifiers.Message) { m.Failures = FailuresOf("words", url) }))
			if s.Kind.Type != "http" && (strings.Contains(sent, "javascript:") || strings.Contains(sent, "e.example")) {
				t.Errorf("%.50s is in %s", url, sent)
			}
		}
	})
	t.Run("fit", func(t *testing.T) {
		for name, text := range LongTexts() {
			text := notifiers.Cut(text, 2000) // the Qase API gives fewer
			for fields := range 2 {
				s.fits(t, name, send(t, func(m *notifiers.Message) {
					m.Failures = ManyFailures(message.MaxFailures, text)
					for i := range m.Failures.Items {
						m.Failures.Items[i].Reason, m.Failures.Items[i].Suite = text, text
					}
					m.Failures.Note, m.Failures.Fixed = text, m.Failures.Items[:20]
					m.Failures.Groups = []message.FailureGroup{{Reason: text + "!", Count: 12, Examples: m.Failures.Items[:5]}}
					m.Fields = ManyFields(text)[:30*fields]
				}))
			}
		}
	})
}

// fits checks the limits of a message.
func (s Suite) fits(t *testing.T, name string, sent []byte) {
	t.Helper()
	if len(s.Kind.Limits) == 0 {
		return
	}
	var doc any
	if err := json.Unmarshal(sent, &doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, l := range s.Kind.Limits {
		if strings.Contains(l.Paths, "content") || strings.Contains(l.Paths, "fields") || strings.Contains(l.Paths, "elements") {
			continue // these messages may have no such parts
		}
		checkLimit(t, l, doc)
	}
}

// hostileTestTexts are texts that try to be more than text in one of the channels.
func hostileTestTexts() []string {
	return []string{
		"@everyone", "@here @channel @all", "<!channel> <@U024BE7LH> <!subteam^S1>", "<users/all> <at>Bob</at>",
		"[x](https://evil.example)", "<https://evil.example|x>", "https://evil.example/x www.evil.example",
		"**bold** *it* ~~no~~ `code` __u__ ||spoiler||", "# heading", "> quote", "- item", "1. item", "```\ncode\n```",
		"<script>alert(1)</script>", "</b></a><a href=\"https://evil.example\">x</a>", "&lt;b&gt; &#64;everyone",
		"a\r\nBcc: evil@evil.example\r\n\r\nbody", `","x":1,"y":"`, "{{DATE(2017-02-14T06:00:00Z)}}", "](https://evil.example)",
		"x](mention:U024BE7LH)", "#hashtag /command $TAG ~town-square", "<#1> <t:1>", "\\", "`", "*", "_a_", "~", "\x1b[31mred\x1b[0m",
		"line\n# line\n> line", "\u202eevil", "\x00@here",
	}
}
