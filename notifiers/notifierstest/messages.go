package notifierstest

import (
	"encoding/json"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/rules/message"
)

// Message returns a message as the relay makes it, with edits.
func Message(edit ...func(*notifiers.Message)) *notifiers.Message {
	m := &notifiers.Message{
		ID: "01JDELIVERY0000000000000001",
		Message: message.Message{
			Rule:  "failed-run",
			Level: "error",
			Label: "FAILED",
			Sign:  "🔴",
			Title: "Run 7 of WEB failed: 3 of 40 cases",
			Body:  "**3** of 40 cases failed.",
			URL:   "https://app.qase.io/run/WEB/dashboard/7",
		},
		EventName: "run.completed",
		Project:   "WEB",
		Thread:    "qase/WEB/run/7",
		CreatedAt: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC),
		Event: json.RawMessage(
			`{"event_name":"run.completed", "timestamp":1763894000,` +
				`"payload":{"id":7,"failed":3},"project_code":"WEB"}`),
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

// ManyFields returns more fields than any channel shows.
func ManyFields(text string) []notifiers.Field {
	fields := make([]notifiers.Field, 30)
	for i := range fields {
		fields[i] = notifiers.Field{Name: text, Value: text}
	}
	return fields
}

// Messages returns the messages of the golden files, by name.
func Messages() map[string]*notifiers.Message {
	mention := json.RawMessage(
		`{"mention":["U024BE7LH","@here","SAZ94GDB8","bob@bar.io","<!channel>"],"channel":"#qa"}`)
	to := func(m *notifiers.Message) {
		if m.Options == nil {
			m.Options = json.RawMessage(`{"to":["Bob Bär <bob@bar.io>"]}`)
		}
	}
	set := map[string]*notifiers.Message{
		"plain": Message(to),
		"rich":  Message(to, func(m *notifiers.Message) { m.Body = RichBody }),
		"hostile": Message(to, func(m *notifiers.Message) {
			m.Title = "<!channel> *x* _y_ `z` <b>\r\nBcc: evil@x.io"
			m.Body = HostileBody
		}),
		"fields":      Message(to, func(m *notifiers.Message) { m.Fields = fields() }),
		"only-fields": Message(to, func(m *notifiers.Message) { m.Body = ""; m.Fields = fields()[:1] }),
		"hostile-fields": Message(to, func(m *notifiers.Message) {
			for _, line := range strings.Split(HostileBody, "\n") {
				m.Fields = append(m.Fields, notifiers.Field{Name: line, Value: line})
			}
		}),
		"no-body": Message(to, func(m *notifiers.Message) { m.Body = "" }),
		"no-url":  Message(to, func(m *notifiers.Message) { m.URL = "" }),
		"bad-url": Message(to, func(m *notifiers.Message) { m.URL = "javascript:alert(1)" }),
		"unicode": Message(to, func(m *notifiers.Message) {
			m.Title = "👩‍👩‍👧 Prüfung 日本語 \u200f"
			m.Body = "🏳️‍🌈 e\u0301 \xff ﷽ **粗体**字"
		}),
		"rtl": Message(to, func(m *notifiers.Message) {
			m.Title = "הבדיקה נכשלה 7"
			m.Body = "שלוש **בדיקות** נכשלו\n\n- אחת\n- שתיים"
		}),
		"no-sign":  Message(to, func(m *notifiers.Message) { m.Sign = "" }),
		"mentions": Message(func(m *notifiers.Message) { m.Options, m.URL = mention, "" }),

		"failures": Message(to, func(m *notifiers.Message) { m.Failures = Failures(); m.Fields = fields()[:2] }),
		"failures-many": Message(to, func(m *notifiers.Message) {
			m.Failures = ManyFailures(60, "Login works on every page")
		}),
		"failures-group":   Message(to, func(m *notifiers.Message) { m.Failures = groupedFailures() }),
		"failures-unknown": Message(to, func(m *notifiers.Message) { m.Failures = unknownFailures() }),
		"hostile-failures": Message(to, func(m *notifiers.Message) {
			m.Failures = FailuresOf(HostileBody, "https://app.qase.io/run/WEB/dashboard/7?source=logs&search=WEB-25")
		}),
	}
	for _, level := range []string{"info", "success", "warning", "error"} {
		set["level-"+level] = Message(to, func(m *notifiers.Message) {
			m.Level, m.Label, m.Sign = level, "", message.Sign(level)
		})
	}
	return set
}

// fields returns fields as rules make them: values from an event are escaped.
func fields() []notifiers.Field {
	return []notifiers.Field{
		{Name: "Plan", Value: "Smoke \\*all\\*"},
		{Name: "Environment", Value: "Staging"},
		{Name: "Project", Value: "WEB"},
		{Name: "Duration", Value: "1 h 12 min"},
		{Name: "Run by", Value: "Bob Bar"},
	}
}

// RichBody is a body with each kind of Markdown.
const RichBody = `# Nightly on staging

**3** of *40* cases ~~passed~~ failed in ` + "`suite_login`" + `, see [the run](https://app.qase.io/run/WEB/dashboard/7?a=1&b=2).
This is a second line with un**believ**able emphasis and **bold with _italic_ inside**.

## What failed

1. Login with an expired password
   - on Chrome
   - on Firefox
     - only on Linux
2. Upload of a big file

   A second paragraph of the item.

- [ ] a plain bullet
- another one with https://example.com/bare_link_with_underscores

> Quoted from the run's comment
> on two lines
>
> > and nested

| Case | Result | Time |
|:-----|:------:|-----:|
| Login | failed | 12 s |
| Upload of a *big* file | passed | 1,240 s |
| 日本語 | ✅ | 3 s |

` + "```go\nif a < b && c > d {\n\tfmt.Println(\"`x`\")\n}\n```" + `

![a screenshot](https://example.com/shot.png)

---

Mail <qa@example.com> or visit <https://example.com>.
`

// HostileBody is a body that tries to be more than text in each channel.
const HostileBody = "<!channel> <@U1> <!here|x> <script>alert(1)</script> <img src=x onerror=alert(1)>\n\n" +
	"<div onclick=\"x\">\nblock html\n</div>\n\n" +
	"[x](javascript:alert(1)) [y](javascript&#58;alert(1)) [z](data:text/html,<script>) <javascript:alert(1)>\n" +
	"![i](javascript:alert(1)) [rel](/path) [a|b](https://example.com/a|b>c)\n\n" +
	"\\*not bold\\* \\_not italic\\_ \\~not struck\\~ \\`not code\\` snake_case_name 2*3*4 &lt;!channel&gt; &#60;!everyone&#62;\n\n" +
	"\\> not a quote\n\n" +
	"` `` `` ` and ``a`b``\n\n" +
	"```\n``\u0060 <!channel> &amp; </code>\n```\n\n" +
	"- [link](mailto:a@b.io) [bad](mailto:) [u](https://user:pw@host/<x>)\n\x00\x07 bell\u202e rtl override\n"
