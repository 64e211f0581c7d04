package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"qaserelay/cmd/qase-relay/demo"
	"qaserelay/cmd/qase-relay/terminal"
)

// answers plays the services: it accepts or refuses a message by the path of the request.
func answers(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	said := map[string]string{
		"/api/chat.postMessage":    `{"ok":true,"channel":"C0123","ts":"1.2"}`,
		"/slack":                   "ok",
		"/mattermost":              "ok",
		"/discord":                 `{"id":"99","channel_id":"456"}`,
		"/cut":                     `{"id":"99","channel_id":"456","content":"` + strings.Repeat("x", 8000) + `"}`,
		"/space":                   `{"name":"spaces/A/messages/B"}`,
		"/ntfy/":                   `{"id":"x","topic":"qa","event":"message"}`,
		"/pager/v2/enqueue":        `{"status":"success","message":"Event processed","dedup_key":"qase-relay/test"}`,
		"/bot1:s3cret/sendMessage": `{"ok":true,"result":{"message_id":7,"chat":{"id":-100123,"title":"QA"}}}`,
	}[r.URL.Path]
	switch r.URL.Path {
	case "/teams", "/pager/v2/enqueue":
		w.WriteHeader(http.StatusAccepted)
	case "/gone":
		w.WriteHeader(http.StatusGone)
	case "/refused":
		w.WriteHeader(http.StatusForbidden)
	case "/busy":
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	_, _ = io.WriteString(w, said)
}

func TestNotifySaysInWordsWhatCameBack(t *testing.T) {
	services := httptest.NewServer(http.HandlerFunc(answers))
	t.Cleanup(services.Close)
	mail, err := demo.NewReceivers()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); mail.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })

	port := strconv.Itoa(mail.SMTPPort())
	for name, tt := range map[string]struct {
		kind, config string
		code         int
		says         string
	}{
		"slack": {"slack", `token: xoxb-s3cret, channel: "#qa", api_url: URL/api/`, terminal.ExitOK,
			`Slack has posted it to C0123\n`},
		"slack webhook": {"slack", `webhook_url: URL/slack`, terminal.ExitOK,
			`Slack has posted it to the webhook's channel`},
		"email": {"email", `host: 127.0.0.1, port: ` + port + `, tls: none, from: a@x.io, to: [b@x.io]`,
			terminal.ExitOK, `the mail server has accepted it(.|\n)*answer: 250`},
		"http": {"http", `url: URL/hook`, terminal.ExitOK, `the receiver has accepted it\n  answer: 200 OK`},
		"teams": {"teams", `webhook_url: URL/teams`, terminal.ExitOK,
			`the workflow has taken it; whether it posts(.|\n)*answer: 202 Accepted`},
		"discord":       {"discord", `webhook_url: URL/discord`, terminal.ExitOK, `to the channel 456, as message 99`},
		"a long answer": {"discord", `webhook_url: URL/cut`, terminal.ExitOK, `posted; the answer is too long`},
		"telegram": {"telegram", `token: "1:s3cret", chat_id: "-100123", api_url: URL`, terminal.ExitOK,
			`to the chat “QA”, as message 7`},
		"googlechat": {"googlechat", `webhook_url: URL/space`, terminal.ExitOK, `Google Chat has posted it`},
		"mattermost": {"mattermost", `webhook_url: URL/mattermost`, terminal.ExitOK, `Mattermost has posted it`},
		"pagerduty": {"pagerduty", `routing_key: 00000000000000000000000000s3cret, api_url: URL/pager`, terminal.ExitOK,
			`for the alert qase-relay/test; to resolve that: .*notify it --level success`},
		"ntfy": {"ntfy", `topic: qa, server: URL/ntfy`, terminal.ExitOK, `for all who subscribe to qa`},
		"gone": {"http", `url: URL/gone`, terminal.ExitWrong, `410 Gone(.|\n)*pause the notifier`},
		"refused": {"discord", `webhook_url: URL/refused`, terminal.ExitWrong,
			`403 Forbidden(.|\n)*check webhook_url(.|\n)*dead letter`},
		"busy": {"teams", `webhook_url: URL/busy`, terminal.ExitWrong,
			`429(.|\n)*asks for a later attempt: a relay would try again after 7s`},
		"away": {"email", `host: 127.0.0.1, port: 1, tls: none, from: a@x.io, to: [b@x.io]`, terminal.ExitWrong,
			`refused(.|\n)*this may be temporary`},
		"without a recipient": {"email", `host: 127.0.0.1, port: ` + port + `, tls: none, from: a@x.io`, terminal.ExitWrong,
			`there is no recipient(.|\n)*dead letter`},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeRules(t, fmt.Sprintf(
				"sources: [{name: qase, secrets: [s]}]\nnotifiers: [{name: it, type: %s, %s}]\nrules: []\n",
				tt.kind, strings.ReplaceAll(tt.config, "URL", services.URL)))
			var out strings.Builder
			s := &terminal.Screen{Writer: &out, Columns: 80}
			code := run(t.Context(), []string{"notify", "it", "--rules", file},
				&terminal.Console{In: strings.NewReader(""), Out: s, Err: s})
			if code != tt.code || !regexp.MustCompile(tt.says).MatchString(out.String()) ||
				strings.Contains(out.String(), "s3cret") {
				t.Errorf("exit code %d:\n%s", code, &out)
			}
		})
	}
}
