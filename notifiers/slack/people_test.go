package slack

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/notifiers/preview"
)

func TestWhoIsMentionedIsFoundByAddress(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier(`{"channel":"#qa"}`)
	m := titled(kv, "a",
		`{"mention":["U024BE7LH","Bob Bar <BOB@bar.io>","ana@bar.io","Eve <eve@x.io>","Zoe","@here"]}`)
	slack.users["BOB@bar.io"] = "U0BOB"
	r, err := n.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if got := slack.Messages[0].title(); got != "*a* <@U024BE7LH> <@U0BOB> <@U0ANA> @Eve @Zoe <!here>" {
		t.Errorf("text: %s", got)
	}
	if want := "200 OK; Eve <eve@x.io> is not mentioned: looking up eve@x.io: Slack answered users_not_found"; !strings.HasPrefix(r.Status, want) {
		t.Errorf("status: %s", r.Status)
	}
	lookups := func() int {
		return len(slices.DeleteFunc(slices.Clone(slack.calls),
			func(c string) bool { return c != "users.lookupByEmail" }))
	}
	mustSend(t, n, m)
	kv.pass(59 * time.Minute)
	mustSend(t, slack.Notifier(`{"channel":"#qa"}`), m)
	if got := lookups(); got != 3 {
		t.Errorf("%d lookups within the hour, want 3", got)
	}
	kv.pass(2 * time.Minute)
	mustSend(t, n, m)
	if got := lookups(); got != 4 {
		t.Errorf("%d lookups after an hour, want 4: who was not found is looked up again", got)
	}
	kv.pass(24 * time.Hour)
	mustSend(t, n, m)
	if got := lookups(); got != 7 {
		t.Errorf("%d lookups after a day, want 7", got)
	}
}

func TestWhoeverCouldNotBeWrittenToIsAskedForAgain(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n, m := slack.Notifier(""), titled(kv, "a", `{"dm":["eve@x.io"]}`)
	fails := func(when string) {
		if _, err := n.Send(t.Context(), m); notifierstest.Outcome(err) != "permanent" {
			t.Errorf("%s: %v", when, err)
		}
	}
	fails("without an account")
	slack.users["eve@x.io"] = "U0EVE"
	fails("within a minute")
	asked := kv.values["user/eve@x.io"]
	asked.value = regexp.MustCompile(`"at":\d+`).ReplaceAll(asked.value, []byte(`"at":1`)) // that was long ago
	kv.values["user/eve@x.io"] = asked
	mustSend(t, n, m)
	if got := slack.transcript(); got != "DU0EVE a\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestALookupThatFailsTakesNothingFromTheMessage(t *testing.T) {
	for answer, c := range map[string]struct {
		status string
		again  bool // the next message asks again
	}{
		says("internal_error"): {"internal_error", true},
		says("ratelimited"):    {"ratelimited", true},
		"<html>maintenance":    {"maintenance", true},
		`{"ok":false,"error":"missing_scope","needed":"users:read.email"}`: {"give the app the scope users:read.email",
			false},
		says("invalid_auth"): {"invalid_auth", false},
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			n := slack.Notifier(`{"channel":"#qa","mention":["Bob <bob@bar.io>"]}`)
			slack.script["users.lookupByEmail"] = []string{answer}
			r, err := n.Send(t.Context(), titled(kv, "a", ""))
			if err != nil || slack.Messages[0].title() != "*a* @Bob" || !strings.Contains(r.Status, c.status) {
				t.Errorf("%v, %s, status %q", err, slack.transcript(), r.Status)
			}
			mustSend(t, n, titled(kv, "b", ""))
			if got := slack.Messages[1].title() == "*b* <@U0BOB>"; got != c.again {
				t.Errorf("asked again: %v", got)
			}
		})
	}
}

func TestOneMessageLooksUpSoMany(t *testing.T) {
	slack := newFakeSlack(t)
	options := `{"channel":"#qa","mention":["a@x.io"` + strings.Repeat(`,"a@x.io"`, 30) + `]}`
	mustSend(t, slack.Notifier(""), titled(nil, "a", options))
	if len(slack.calls) != maxLookups+1 {
		t.Errorf("%d calls", len(slack.calls))
	}
}

func TestMessagesInPerson(t *testing.T) {
	for name, c := range map[string]struct{ dm, want, says string }{
		"to a member id":                  {`["U0ZOE"]`, "DU0ZOE a\n", ""},
		"to an address":                   {`["bob@bar.io"]`, "DU0BOB a\n", ""},
		"to a person of the directory":    {`["Bob Bar <bob@bar.io>"]`, "DU0BOB a\n", ""},
		"to several, in one conversation": {`["bob@bar.io","ana@bar.io","U0ZOE"]`, "GU0ANAU0BOBU0ZOE a\n", ""},
		"to no person":                    {`[]`, "", "names no person"},
		"to an unknown address": {`["eve@x.io"]`, "",
			"invite eve@x.io to the workspace, or write their member id: people: [{email: eve@x.io, slack: U…}]"},
		"to a mere name":                    {`["Zoe"]`, "", "Slack cannot write to @Zoe"},
		"to a channel, not a person":        {`["@here"]`, "", "Slack cannot write to @here"},
		"to a group, not a person":          {`["SAZ94GDB8"]`, "", "Slack cannot write to SAZ94GDB8"},
		"to more than a conversation takes": {`["U1","U2","U3","U4","U5","U6","U7","U8","U9"]`, "", "at most 8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slack, kv := newFakeSlack(t), newTestMemory()
			n := slack.Notifier(`{"channel":"#qa"}`)
			_, err := n.Send(t.Context(), titled(kv, "a", `{"dm":`+c.dm+`}`))
			if got := slack.transcript(); got != c.want {
				t.Errorf("got\n%swant\n%s(%v)", got, c.want, err)
			}
			if (err == nil) != (c.says == "") || err != nil &&
				(notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestAConversationIsOpenedOnce(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	mustSend(t, n, titled(kv, "a", `{"dm":["U2","U1"]}`), titled(kv, "b", `{"dm":["U1","U2"]}`))
	if got := strings.Join(slack.calls, " "); got != "conversations.open chat.postMessage chat.postMessage" {
		t.Errorf("calls: %s", got)
	}
}

func TestALookupForAMessageInPersonIsTriedAgain(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	slack.script["users.lookupByEmail"] = []string{says("internal_error")}
	m := titled(kv, "a", `{"dm":["bob@bar.io"]}`)
	_, err := n.Send(t.Context(), m)
	notifierstest.Fails(t, err, "retry", "")
	mustSend(t, n, m)
	if got := slack.transcript(); got != "DU0BOB a\n" {
		t.Errorf("got\n%s", got)
	}
	slack.script["conversations.open"] = []string{`{"ok":false,"error":"missing_scope","needed":"mpim:write"}`}
	_, err = n.Send(t.Context(), titled(kv, "a", `{"dm":["U1","U2"]}`))
	notifierstest.Fails(t, err, "permanent", "scope mpim:write")
}

func TestErrorsSayWhereAndWhatToDo(t *testing.T) {
	for answer, want := range map[string]string{
		says("not_in_channel"):    "posting to #qa: Slack answered not_in_channel: check the channel's name, and invite the app to #qa: /invite @your-app",
		says("channel_not_found"): "posting to #qa: Slack answered channel_not_found: check the channel's name, and invite the app to #qa: /invite @your-app",
		says("is_archived"):       "posting to #qa: Slack answered is_archived: unarchive #qa, or write another one",
		says("token_revoked"):     "posting to #qa: Slack answered token_revoked: put a valid bot token (xoxb-…) of an installed app into token",
		`{"ok":false,"error":"missing_scope","needed":"chat:write"}`: "posting to #qa: Slack answered missing_scope: give the app the scope chat:write in OAuth & Permissions, and install it again",
	} {
		slack := newFakeSlack(t)
		slack.script["chat.postMessage"] = []string{answer}
		_, err := slack.Notifier("").Send(t.Context(), titled(nil, "a", `{"channel":"#qa"}`))
		var permanent *notifiers.PermanentError
		if !errors.As(err, &permanent) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestAnIncomingWebhookDoesWhatItCan(t *testing.T) {
	m := titled(newTestMemory(), "a",
		`{"channel":"#qa","thread":"k","update":"k","broadcast":true,"dm":["Bob <bob@bar.io>","U1"],"mention":["@here"]}`)
	b, err := testSlack(t, &Config{WebhookURL: notifiers.NewSecret("https://hooks.example.com/x"),
		APIURL: "https://slack.com/api/", Timeout: 1}).(preview.Previewer).Preview(m)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"text": "*a* @Bob <@U1> <!here>\n`) || strings.Contains(string(b), `"channel"`) {
		t.Errorf("got %s", b)
	}
}
