package mattermost

import (
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func suite() notifierstest.Service {
	const secret = "hooks3cret"
	fails := func(id string) string { return `{"id":"web.incoming_webhook.` + id + `.app_error","message":"no"}` }
	return notifierstest.Service{
		Kind: Kind(), Secrets: []string{secret},
		Config: func(base string, timeout time.Duration) any {
			return &Config{WebhookURL: notifiers.NewSecret(base + "/hooks/" + secret), Timeout: timeout}
		},
		OK:        "ok",
		Delivered: "Mattermost has posted it",
		Title:     func(b map[string]any) any { return b["text"] },
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(400, fails("invalid"), "permanent", "make a new incoming webhook"),
			notifierstest.On(404, fails("channel"), "permanent", "check channel"),
			notifierstest.On(403, fails("channel_locked"), "permanent", "leave channel out"),
			notifierstest.On(403, fails("permissions"), "permanent", "may post"),
			notifierstest.On(501, fails("disabled"), "permanent", "System Console"),
			notifierstest.On(400, fails("text"), "permanent", "change its title"),
			notifierstest.On(500, fails("general"), "retry", "general"),
		},
		Faults: map[string]notifierstest.Fault{
			"without an address": notifierstest.Blame(&Config{Timeout: 1}, ``, "webhook_url"),
			"without time":       notifierstest.Blame(&Config{WebhookURL: notifiers.NewSecret("https://mattermost.example.com/hooks/s3cret")}, ``, "timeout"),
		},
	}
}

func TestMattermost(t *testing.T) { suite().Run(t) }

func TestTheServerIsAskedWithoutSending(t *testing.T) {
	for answer, want := range map[string]string{
		`{"status":"OK"}`:         "the server is up; whether it knows the webhook shows with the first message",
		notifierstest.Maintenance: "",
	} {
		n := suite().New(t, notifierstest.Server(t, notifierstest.Reply(200, answer, "")))
		found, err := n.(notifiers.Prober).Probe(t.Context(), nil)
		if found != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", answer, found, err)
		}
	}
}
