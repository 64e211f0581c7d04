package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/notifiers/preview"
)

const inThread = `{"channel":"#qa","thread":"run-7"}`

// failing is a message of one title with so many failing tests.
func failing(kv notifiers.KV, title, options string, n int) *notifiers.Message {
	m := titled(kv, title, options)
	m.Failures = notifierstest.ManyFailures(n, "Login works")
	return m
}

func TestAThreadHoldsMoreFailingTestsThanItsMessage(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		tests   int
		want    string
	}{
		"with a thread":                 {inThread, 12, "CQA a\n  CQA Failing tests: a\n"},
		"without a thread":              {`{"channel":"#qa"}`, 12, "CQA a\n"},
		"the message shows all":         {inThread, 10, "CQA a\n"},
		"with an update and a thread":   {`{"channel":"#qa","thread":"k","update":"u"}`, 12, "CQA a\n  CQA Failing tests: a\n"},
		"in person":                     {`{"dm":["U0BOB"],"thread":"k"}`, 12, "DU0BOB a\n  DU0BOB Failing tests: a\n"},
		"a reply is not broadcast":      {`{"channel":"#qa","thread":"k","broadcast":true}`, 12, "CQA a\n  CQA Failing tests: a\n"},
		"with more than a reply shows":  {inThread, 200, "CQA a\n  CQA Failing tests: a\n"},
		"an update without a thread":    {`{"channel":"#qa","update":"u"}`, 12, "CQA a\n"},
		"an event without failing ones": {inThread, 0, "CQA a\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			mustSend(t, slack.Notifier(""), failing(kv, "a", c.options, c.tests))
			if got := slack.transcript(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			for key := range kv.values {
				if strings.HasPrefix(key, "sent/") {
					t.Errorf("%s is left in the store", key)
				}
			}
		})
	}
}

func TestAMessageWithinAThreadHasItsFailingTestsThere(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	mustSend(t, n, titled(kv, "started", inThread), failing(kv, "ended", inThread, 12))
	mustSend(t, n, failing(kv, "again", `{"channel":"#qa","thread":"run-7","update":"run-7"}`, 12))
	want := "CQA again (changed 1)\n  CQA ended\n  CQA Failing tests: ended\n  CQA again\n  CQA Failing tests: again\n"
	if got := slack.transcript(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestAnotherAttemptPostsOnlyTheReplyThatIsMissing(t *testing.T) {
	for name, c := range map[string]struct{ answer, first, says string }{
		"limited":   {says("ratelimited"), "retry", ""},
		"away":      {"down", "retry", ""},
		"a fault":   {says("internal_error"), "retry", ""},
		"refused":   {says("msg_too_long"), "delivered", "not in the thread"},
		"no thread": {says("thread_not_found"), "delivered", "not in the thread"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			slack.script["chat.postMessage"] = []string{"", c.answer}
			receipt, err := slack.Notifier("").Send(t.Context(), failing(kv, "a", inThread, 12))
			if got := notifierstest.Outcome(err); strings.TrimSuffix(got, " after") != c.first ||
				!strings.Contains(receipt.Status, c.says) {
				t.Fatalf("%s, %v, %+v", got, err, receipt)
			}
			want := "CQA a\n"
			if c.first == "retry" {
				mustSend(t, slack.Notifier(""), failing(kv, "a", inThread, 12)) // as after a restart
				want += "  CQA Failing tests: a\n"
			}
			if got := slack.transcript(); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestAReplyHasAllFailingTestsByTen(t *testing.T) {
	m := failing(nil, "a", inThread, 50)
	reply, is := composeReply(m)
	if !is || len(reply.Blocks) < 5 || len(reply.Blocks) > 8 {
		t.Fatalf("%v, %d blocks", is, len(reply.Blocks))
	}
	text, err := json.Marshal(reply.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if !strings.Contains(string(text), fmt.Sprintf("WEB-%d Login", i+1)) {
			t.Errorf("WEB-%d is missing", i+1)
		}
	}
	if !strings.Contains(string(text), "and 1,000 more in Qase") {
		t.Errorf("the rest is missing in %s", text)
	}
	m.Failures = notifierstest.ManyFailures(200, strings.Repeat("long title ", 40))
	for i := range m.Failures.Items {
		m.Failures.Items[i].Reason = strings.Repeat("<reason> ", 40)
	}
	reply, _ = composeReply(m)
	units, items := 0, 0
	for _, b := range reply.Blocks {
		text := b["text"].(map[string]any)["text"].(string)
		if notifiers.Units(text) > maxSection {
			t.Errorf("a section has %d characters", notifiers.Units(text))
		}
		units += notifiers.Units(text)
		items += strings.Count(text, "• <https://app.qase.io/run/WEB/dashboard/7?source=logs&amp;search=WEB-")
	}
	if refused := refuses(reply.Text, "", ""); units > maxTexts || notifiers.Units(reply.Text) > maxText || refused != "" {
		t.Errorf("%d characters, text of %d %s", units, notifiers.Units(reply.Text), refused)
	}
	last := reply.Blocks[len(reply.Blocks)-1]["text"].(map[string]any)["text"].(string)
	if want := fmt.Sprintf("and %s more in Qase", commas(1200-items)); items < 20 || !strings.Contains(last, want) {
		t.Errorf("%d tests, then %q", items, last)
	}
}

func commas(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func TestAPreviewShowsTheReply(t *testing.T) {
	n := newFakeSlack(t).Notifier("")
	l, err := n.(interface {
		Layout(*notifiers.Message) (*preview.Layout, error)
	}).Layout(failing(nil, "a", inThread, 12))
	if err != nil {
		t.Fatal(err)
	}
	if text := markup.Join(l.Lines); !strings.Contains(text, "In the thread:") || strings.Count(text, "WEB-12 Login") != 1 ||
		strings.Count(text, "WEB-10 Login") != 2 {
		t.Errorf("got %s", text)
	}
}
