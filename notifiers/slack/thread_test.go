package slack

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestKeysOfThreadAndUpdate(t *testing.T) {
	const thread, update, both = `{"channel":"#qa","thread":"run-7"}`, `{"channel":"#qa","update":"run-7"}`,
		`{"channel":"#qa","thread":"run-7","update":"run-7"}`
	type sent struct{ title, options string }
	for name, c := range map[string]struct {
		sent []sent
		want string
	}{
		"without a key each message stands for itself": {[]sent{{"a", `{"channel":"#qa"}`}, {"b", `{"channel":"#qa"}`}},
			"CQA a\nCQA b\n"},
		"the first message begins the thread": {[]sent{{"a", thread}, {"b", thread}, {"c", thread}},
			"CQA a\n  CQA b\n  CQA c\n"},
		"another key is another thread": {[]sent{{"a", thread},
			{"b", `{"channel":"#qa","thread":"run-8"}`}}, "CQA a\nCQA b\n"},
		"a channel has its own keys": {[]sent{{"a", thread},
			{"b", `{"channel":"#dev","thread":"run-7"}`}, {"c", `{"channel":"qa","thread":"run-7"}`}},
			"CQA a\nCDEV b\n  CQA c\n"},
		"a broadcast is in the channel too": {[]sent{{"a", thread},
			{"b", `{"channel":"#qa","thread":"run-7","broadcast":true}`}}, "CQA a\n  CQA b (broadcast)\n"},
		"the first message is not broadcast": {[]sent{{"a",
			`{"channel":"#qa","thread":"run-7","broadcast":true}`}}, "CQA a\n"},
		"an update changes the message": {[]sent{{"a", update}, {"b", update}, {"c", update}},
			"CQA c (changed 2)\n"},
		"both change the first message and reply": {[]sent{{"a", both}, {"b", both}},
			"CQA b (changed 1)\n  CQA b\n"},
		"a thread can begin with an updated message": {[]sent{{"a", update}, {"b", update}, {"c", thread}},
			"CQA b (changed 1)\n  CQA c\n"},
		"the first message of a thread can be updated": {[]sent{{"a", thread}, {"b", thread}, {"c", update}},
			"CQA c (changed 1)\n  CQA b\n"},
		"a reply with a key of its own can be updated": {[]sent{{"a", thread},
			{"b", `{"channel":"#qa","thread":"run-7","update":"case-1"}`},
			{"c", `{"channel":"#qa","thread":"run-7","update":"case-1"}`}},
			"CQA a\n  CQA c (changed 1)\n"},
		"two keys with nothing behind them": {[]sent{{"a", `{"channel":"#qa","thread":"run-7","update":"case-1"}`},
			{"b", thread}, {"c", `{"channel":"#qa","update":"case-1"}`}}, "CQA c (changed 1)\n  CQA b\n"},
		"a key may be long": {[]sent{{"a", `{"channel":"#qa","thread":"` +
			strings.Repeat("k", 5000) + `"}`}, {"b", `{"channel":"#qa","thread":"` + strings.Repeat("k", 5000) + `"}`}},
			"CQA a\n  CQA b\n"},
		"an empty key is none": {[]sent{{"a", `{"channel":"#qa","thread":" "}`},
			{"b", `{"channel":"#qa","thread":"","update":""}`}}, "CQA a\nCQA b\n"},
		"a message in person can have a thread": {[]sent{{"a", `{"dm":["U0BOB"],"thread":"run-7"}`},
			{"b", `{"dm":["U0BOB"],"thread":"run-7"}`}, {"c", thread}}, "DU0BOB a\n  DU0BOB b\nCQA c\n"},
		"a message in person can be updated": {[]sent{{"a", `{"dm":["bob@bar.io"],"update":"run-7"}`},
			{"b", `{"dm":["bob@bar.io"],"update":"run-7"}`}}, "DU0BOB b (changed 1)\n"},
		"a channel of a rule comes before a dm": {[]sent{{"a", `{"channel":"#qa"}`}}, "CQA a\n"},
		"keys differ by their letters' size too": {[]sent{{"a", thread}, {"b", `{"channel":"#qa","thread":"RUN-7"}`}},
			"CQA a\nCQA b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			for _, one := range c.sent { // as after a restart, each by a notifier of its own
				defaults := ""
				if strings.HasPrefix(name, "a channel of a rule") {
					defaults = `{"dm":["U0BOB"]}`
				}
				mustSend(t, slack.Notifier(defaults), titled(kv, one.title, one.options))
			}
			if got := slack.transcript(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestAMessageThatIsGoneIsPostedAnew(t *testing.T) {
	for name, c := range map[string]struct{ options, method, code, want string }{
		"deleted, then updated":    {`{"channel":"#qa","update":"k"}`, "", "", "deleted a\nCQA b\nCQA c\n"},
		"deleted, then replied to": {`{"channel":"#qa","thread":"k"}`, "", "", "deleted a\nCQA b\n  CQA c\n"},
		"deleted, then both": {`{"channel":"#qa","thread":"k","update":"k"}`, "", "",
			"deleted a\nCQA b\n  CQA c\n"},
		"of another author now": {`{"channel":"#qa","update":"k"}`, "chat.update", "cant_update_message",
			"CQA a\nCQA b\n"},
		"too old to be changed": {`{"channel":"#qa","update":"k"}`, "chat.update", "edit_window_closed",
			"CQA a\nCQA b\n"},
		"in a deleted channel": {`{"channel":"#qa","update":"k"}`, "chat.update", "channel_not_found",
			"CQA a\nCQA b\n"},
		"in a thread that is closed": {`{"channel":"#qa","thread":"k"}`, "chat.postMessage",
			"cannot_reply_to_message", "CQA a\nCQA b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			n := slack.Notifier("")
			mustSend(t, n, titled(kv, "a", c.options))
			if c.method == "" {
				slack.delete()
			} else {
				slack.script[c.method] = []string{says(c.code)}
			}
			mustSend(t, n, titled(kv, "b", c.options))
			want := c.want
			if c.method == "" {
				switch c.options {
				case `{"channel":"#qa","update":"k"}`:
					want = "deleted a\nCQA c (changed 1)\n"
				case `{"channel":"#qa","thread":"k","update":"k"}`:
					want = "deleted a\nCQA c (changed 1)\n  CQA c\n"
				}
				mustSend(t, n, titled(kv, "c", c.options))
			}
			if got := slack.transcript(); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// sendUntilDelivered tries again as long as it is told to, as the relay does.
func sendUntilDelivered(t *testing.T, n notifiers.Notifier, m *notifiers.Message) {
	for range 100_000 {
		_, err := n.Send(t.Context(), m)
		var later *notifiers.RetryAfterError
		switch {
		case err == nil:
			return
		case !errors.As(err, &later) || later.After > 2*time.Second:
			t.Errorf("%s: %v", m.Title, err)
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%s is never delivered", m.Title)
}

func TestTwoRelaysBeginOneThreadTogether(t *testing.T) {
	for _, options := range []string{`{"channel":"#qa","thread":"k"}`, `{"channel":"#qa","update":"k"}`,
		`{"channel":"#qa","thread":"k","update":"k"}`, `{"channel":"#qa","thread":"k","update":"j"}`} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			relays := []notifiers.Notifier{slack.Notifier(""), slack.Notifier("")}
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() { sendUntilDelivered(t, relays[i%2], titled(kv, fmt.Sprint(i), options)) })
			}
			wg.Wait()
			roots, replies := 0, 0
			for _, m := range slack.Messages {
				if m.thread == "" {
					roots++
				} else {
					replies++
				}
			}
			wantReplies := map[bool]int{true: 11, false: 0}[strings.Contains(options, "thread") &&
				!strings.Contains(options, `"j"`)]
			if roots != 1 || replies != wantReplies {
				t.Errorf("%d messages and %d replies\n%s", roots, replies, slack.transcript())
			}
		})
	}
}

func TestOneWorkerWaitsForTheOtherOfItsRelay(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	first, finish := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	slack.before = func(string) {
		if calls.Add(1) == 1 {
			close(first)
			<-finish
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { mustSend(t, n, titled(kv, "a", `{"channel":"#qa","thread":"k"}`)) })
	<-first
	wg.Go(func() { mustSend(t, n, titled(kv, "b", `{"channel":"#qa","thread":"k"}`)) })
	mustSend(t, n, titled(kv, "c", `{"channel":"#qa","thread":"other"}`))
	close(finish)
	wg.Wait()
	if got := slack.transcript(); got != "CQA c\nCQA a\n  CQA b\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestAReservationEnds(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n, m := slack.Notifier(""), titled(kv, "b", `{"channel":"#qa","thread":"k"}`)
	if did, _ := kv.Swap(t.Context(), "message/qa/k", nil, []byte(`{"by":"another delivery"}`), 25*time.Second); !did {
		t.Fatal("not reserved")
	}
	_, err := n.Send(t.Context(), m)
	var later *notifiers.RetryAfterError
	if !errors.As(err, &later) || later.After != time.Second || notifiers.Reason(err) != notifiers.ReasonOther {
		t.Errorf("while another relay posts: %v", err)
	}
	kv.pass(25 * time.Second)
	mustSend(t, n, m)
	if did, _ := kv.Swap(t.Context(), "message/qa/j", nil, []byte(`{"by":"delivery c"}`), time.Minute); !did {
		t.Fatal("not reserved")
	}
	mustSend(t, n, titled(kv, "c", `{"channel":"#qa","thread":"j"}`)) // its own, of an attempt that was broken off
	if got := slack.transcript(); got != "CQA b\nCQA c\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestAFailedPostGivesItsKeyBack(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	for _, answer := range []string{says("internal_error"), says("not_in_channel"), "<html>"} {
		slack.script["chat.postMessage"] = []string{answer}
		if _, err := n.Send(t.Context(), titled(kv, "a",
			`{"channel":"#qa","thread":"k","update":"j"}`)); err == nil {
			t.Fatal("no error")
		}
		if len(kv.values) != 0 {
			t.Errorf("after %s there is %v", answer, kv.values)
		}
	}
	mustSend(t, n, titled(kv, "b", `{"channel":"#qa","thread":"k"}`))
	slack.script["chat.update"] = []string{says("ratelimited")}
	_, err := n.Send(t.Context(), titled(kv, "c", `{"channel":"#qa","update":"k"}`))
	notifierstest.Fails(t, err, "retry", "")
	mustSend(t, n, titled(kv, "c", `{"channel":"#qa","update":"k"}`))
	if got := slack.transcript(); got != "CQA c (changed 1)\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestKeysAreForgottenWithoutUse(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	send := func(title string) { mustSend(t, n, titled(kv, title, `{"channel":"#qa","thread":"k"}`)) }
	send("a")
	kv.pass(89 * 24 * time.Hour)
	old := kv.values["message/qa/k"]
	old.value = regexp.MustCompile(`"used":\d+`).ReplaceAll(old.value, []byte(`"used":1`)) // the last use is long ago
	kv.values["message/qa/k"] = old
	send("b")
	kv.pass(89 * 24 * time.Hour)
	send("c")
	kv.pass(2 * 24 * time.Hour)
	send("d")
	if got := slack.transcript(); got != "CQA a\n  CQA b\n  CQA c\nCQA d\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestWithoutAMemoryAMessageStandsForItself(t *testing.T) {
	slack := newFakeSlack(t)
	n := slack.Notifier("")
	m := titled(nil, "a", `{"channel":"#qa","thread":"k","update":"k"}`)
	mustSend(t, n, m, m)
	if got := slack.transcript(); got != "CQA a\nCQA a\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestAMemoryThatFailsMakesNoSecondThread(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	kv.fails = errors.New("the store is closed")
	if _, err := n.Send(t.Context(), titled(kv, "a",
		`{"channel":"#qa","thread":"k"}`)); notifierstest.Outcome(err) != "retry" || len(slack.calls) > 0 {
		t.Errorf("got %v after %v", err, slack.calls)
	}
	kv.fails = nil
	slack.before = func(string) { kv.mu.Lock(); kv.fails = errors.New("the store is closed"); kv.mu.Unlock() }
	r, err := n.Send(t.Context(), titled(kv, "a", `{"channel":"#qa","thread":"k"}`))
	if err != nil || !strings.Contains(r.Status, "200 OK; the key is not kept: the store is closed") {
		t.Errorf("a message that was sent: %v, %+v", err, r)
	}
}
