package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestAProbeOfATokenSaysWhatItFound(t *testing.T) {
	const all = "chat:write,users:read.email,channels:read,groups:read"
	for name, c := range map[string]struct {
		scopes, in string
		script     map[string]string
		want, err  string
	}{
		"all is well": {scopes: all, in: "qa qa-alerts x",
			want: "signed in as @relay in Acme; it is in #qa, #QA-alerts"},
		"an id of a channel": {scopes: all, in: "qa qa-alerts",
			want: "signed in as @relay in Acme; it is in #qa, #QA-alerts"},
		"not invited": {scopes: all, in: "qa",
			err: "the app is not in #QA-alerts, or there is no such channel: invite it there: /invite @relay"},
		"may post to public ones": {scopes: all + ",chat:write.public", in: "qa",
			want: "signed in as @relay in Acme; it is in #qa; it is not in #QA-alerts, where it can post only if that is public"},
		"sees no channels": {scopes: "chat:write,users:read.email",
			want: "signed in as @relay in Acme; whether it is in #qa, #QA-alerts can only be seen with the scopes channels:read and groups:read"},
		"sees public channels": {scopes: "chat:write,users:read.email,channels:read", in: "qa",
			want: "signed in as @relay in Acme; it is in #qa; whether it is in #QA-alerts can only be seen with the scopes channels:read and groups:read"},
		"cannot look up": {scopes: "chat:write,channels:read,groups:read", in: "qa qa-alerts",
			want: "signed in as @relay in Acme; email addresses cannot be looked up without the scope users:read.email; it is in #qa, #QA-alerts"},
		"cannot send": {scopes: "channels:read", err: "give the app the scope chat:write"},
		"a bad token": {scopes: all, script: map[string]string{"auth.test": says("invalid_auth")},
			err: "signing in to Slack: Slack answered invalid_auth: put a valid bot token"},
		"the list is refused": {scopes: all,
			script: map[string]string{"users.conversations": says("missing_scope")},
			want:   "signed in as @relay in Acme; whether it is in #qa, #QA-alerts can only be seen with the scopes channels:read and groups:read"},
		"the list fails": {scopes: all,
			script: map[string]string{"users.conversations": says("internal_error")},
			err:    "listing the app's channels: Slack answered internal_error"},
		"scopes that are not listed": {scopes: "", in: "qa qa-alerts",
			want: "signed in as @relay in Acme; it is in #qa, #QA-alerts"},
		"a second page of channels": {scopes: all,
			script: map[string]string{"users.conversations": `{"ok":true,"channels":[{"id":"C9","name":"qa"}],"response_metadata":{"next_cursor":"n"}}`}, in: "qa-alerts", want: "signed in as @relay in Acme; it is in #qa, #QA-alerts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slack := newFakeSlack(t)
			slack.scopes, slack.in = c.scopes, strings.Fields(c.in)
			for method, answer := range c.script {
				slack.script[method] = []string{answer}
			}
			n := slack.Notifier(`{"channel":"#qa"}`).(notifiers.Prober)
			got, err := n.Probe(t.Context(), []json.RawMessage{nil, []byte(`{"channel":"#QA-alerts"}`),
				[]byte(`{"dm":["U1"]}`)})
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestAProbeOfAWebhookSendsNothing(t *testing.T) {
	for answer, want := range map[string]string{
		"400 no_text": "delivered", "400 invalid_payload": "delivered", "404 no_service": "permanent",
		"403 invalid_token": "permanent", "503 ": "retry", "200 ok": "delivered",
	} {
		code, word, _ := strings.Cut(answer, " ")
		status := map[string]int{"200": 200, "400": 400, "403": 403, "404": 404, "503": 503}[code]
		found, err := webhookNotifier(t, notifierstest.Server(t, notifierstest.Reply(status, word, "")),
			time.Second).(notifiers.Prober).Probe(t.Context(), nil)
		if notifierstest.Outcome(err) != want || (err == nil) != strings.Contains(found, "the webhook is there") {
			t.Errorf("%s: %q, %v", answer, found, err)
		}
	}
}
