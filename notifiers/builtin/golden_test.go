package builtin

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run the test with -update and look at git diff):\n%s", path, got)
	}
}

// SharedTestMessage is a message as the relay makes it; edit changes it.
func SharedTestMessage(edit ...func(*notifiers.Message)) *notifiers.Message {
	m := &notifiers.Message{
		ID:        "01JDELIVERY0000000000000001",
		Rule:      "failed-run",
		Level:     "error",
		Title:     "Run 7 of WEB failed: 3 of 40 cases",
		Body:      "**3** of 40 cases failed.",
		URL:       "https://app.qase.io/run/WEB/dashboard/7",
		EventName: "run.completed",
		Project:   "WEB",
		Thread:    "qase/WEB/run/7",
		CreatedAt: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC),
		Event:     json.RawMessage(`{"event_name":"run.completed", "timestamp":1763894000,"payload":{"id":7,"failed":3},"project_code":"WEB"}`),
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

const richBody = `# Nightly on staging

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

const hostileBody = "<!channel> <@U1> <!here|x> <script>alert(1)</script> <img src=x onerror=alert(1)>\n\n" +
	"<div onclick=\"x\">\nblock html\n</div>\n\n" +
	"[x](javascript:alert(1)) [y](javascript&#58;alert(1)) [z](data:text/html,<script>) <javascript:alert(1)>\n" +
	"![i](javascript:alert(1)) [rel](/path) [a|b](https://example.com/a|b>c)\n\n" +
	"\\*not bold\\* \\_not italic\\_ \\~not struck\\~ \\`not code\\` snake_case_name 2*3*4 &lt;!channel&gt; &#60;!everyone&#62;\n\n" +
	"\\> not a quote\n\n" +
	"` `` `` ` and ``a`b``\n\n" +
	"```\n``\u0060 <!channel> &amp; </code>\n```\n\n" +
	"- [link](mailto:a@b.io) [bad](mailto:) [u](https://user:pw@host/<x>)\n\x00\x07 bell\u202e rtl override\n"

// testFields are fields as rules make them: what comes from an event is escaped.
var testFields = []notifiers.Field{{Name: "Plan", Value: "Smoke \\*all\\*"}, {Name: "Environment", Value: "Staging"}, {Name: "Project", Value: "WEB"}, {Name: "By", Value: "Bob Bar"}, {Name: "Took", Value: "1 h 12 min"}}

// goldenMessages are the messages that every channel must render well.
func goldenMessages() map[string]*notifiers.Message {
	mention := json.RawMessage(`{"mention":["U024BE7LH","@here","SAZ94GDB8","bob@bar.io","<!channel>"],"channel":"#qa"}`)
	to := func(m *notifiers.Message) {
		if m.Options == nil {
			m.Options = json.RawMessage(`{"to":["Bob Bär <bob@bar.io>"]}`)
		}
	}
	set := map[string]*notifiers.Message{
		"plain": SharedTestMessage(to),
		"rich":  SharedTestMessage(to, func(m *notifiers.Message) { m.Body = richBody }),
		"hostile": SharedTestMessage(to, func(m *notifiers.Message) {
			m.Title = "<!channel> *x* _y_ `z` <b>\r\nBcc: evil@x.io"
			m.Body = hostileBody
		}),
		"fields":      SharedTestMessage(to, func(m *notifiers.Message) { m.Fields = testFields }),
		"only-fields": SharedTestMessage(to, func(m *notifiers.Message) { m.Body = ""; m.Fields = testFields[:1] }),
		"hostile-fields": SharedTestMessage(to, func(m *notifiers.Message) {
			for _, line := range strings.Split(hostileBody, "\n") {
				m.Fields = append(m.Fields, notifiers.Field{Name: line, Value: line})
			}
		}),
		"no-body": SharedTestMessage(to, func(m *notifiers.Message) { m.Body = "" }),
		"no-url":  SharedTestMessage(to, func(m *notifiers.Message) { m.URL = "" }),
		"bad-url": SharedTestMessage(to, func(m *notifiers.Message) { m.URL = "javascript:alert(1)" }),
		"unicode": SharedTestMessage(to, func(m *notifiers.Message) {
			m.Title = "👩‍👩‍👧 Prüfung 日本語 \u200f"
			m.Body = "🏳️‍🌈 e\u0301 \xff ﷽ **粗体**字"
		}),
		"rtl": SharedTestMessage(to, func(m *notifiers.Message) {
			m.Title = "הבדיקה נכשלה 7"
			m.Body = "שלוש **בדיקות** נכשלו\n\n- אחת\n- שתיים"
		}),
		"mentions": SharedTestMessage(func(m *notifiers.Message) { m.Options = mention }, func(m *notifiers.Message) { m.URL = "" }),
	}
	for _, level := range []string{"info", "success", "warning", "error"} {
		set["level-"+level] = SharedTestMessage(to, func(m *notifiers.Message) { m.Level = level })
	}
	return set
}

func TestRenderedMessagesAreAsTheyWere(t *testing.T) {
	for name, m := range goldenMessages() {
		for _, kind := range kindTypes() {
			if kind == "email" && strings.Contains(string(m.Options), "channel") {
				continue // a message for chats, without anybody to mail it to
			}
			t.Run(kind+"/"+name, func(t *testing.T) {
				got, err := Preview(kind, m, goldenDefaults(kind))
				if err != nil {
					t.Fatal(err)
				}
				again, err := Preview(kind, m, goldenDefaults(kind))
				if err != nil || !bytes.Equal(got, again) {
					t.Errorf("a second rendering differs (%v)", err)
				}
				golden(t, filepath.Join("golden", kind, name+suffixOf(kind)), got)
			})
		}
	}
}

func kindTypes() (types []string) {
	for _, k := range Kinds() {
		types = append(types, k.Type)
	}
	return types
}

func suffixOf(kind string) string {
	if kind == "email" {
		return ".eml"
	}
	return ".json"
}

// goldenDefaults are the options that a notifier of a kind needs.
func goldenDefaults(kind string) json.RawMessage {
	switch kind {
	case "telegram":
		return json.RawMessage(`{"chat_id":"-1001234567890"}`)
	case "ntfy":
		return json.RawMessage(`{"topic":"qa"}`)
	}
	return nil
}
