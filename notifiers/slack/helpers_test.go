package slack

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
)

// channel is one way to send, as the contract suite sees it.
type channel struct {
	name    string
	secrets []string
	// answers are what the receiver may say, and what that means.
	answers []answerCase
	// at makes a notifier that sends to a raw TCP address.
	at func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier
	// accepting makes a notifier whose receiver takes everything and counts the ids of what it got.
	accepting func(t *testing.T, seen func(id string)) notifiers.Notifier
}

type answerCase struct {
	name  string
	make  func(t *testing.T) notifiers.Notifier
	want  string // delivered, again, not before, never, gone
	after time.Duration
	// reason, if any, is the Reason; says is part of the error's text.
	reason, says string
}

// outcome names what err means for the delivery.
func outcome(err error) string {
	var p *notifiers.PermanentError
	var r *notifiers.RetryAfterError
	var g *notifiers.GoneError
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &g):
		return "gone"
	case errors.As(err, &p):
		return "never"
	case errors.As(err, &r):
		return "not before"
	}
	return "again"
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

func endless(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		for {
			if _, err := w.Write([]byte(strings.Repeat("x", 4000) + testBearer)); err != nil {
				return
			}
		}
	}
}

const testBearer = "bearer-s3cr3t-value"

// server serves requests until the test ends.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// checkField fails unless err blames key and holds no secret.
func checkField(t *testing.T, err error, key string) {
	t.Helper()
	var fe *notifiers.FieldError
	if !errors.As(err, &fe) || fe.Field() != key || strings.Contains(err.Error(), "secret!!") || strings.Contains(err.Error(), "/secret") {
		t.Errorf("%s: got %v", key, err)
	}
}
