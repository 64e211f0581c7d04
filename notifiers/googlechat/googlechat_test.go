package googlechat

import (
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestGoogleChat(t *testing.T) {
	const secret = "hooks3cret"
	fails := func(status, message string) string {
		return `{"error":{"status":"` + status + `","message":"` + message + `"}}`
	}
	notifierstest.Service{
		Kind: Kind(), Secrets: []string{secret, "/v1/spaces/AAA"},
		Config: func(base string, timeout time.Duration) any {
			return &Config{WebhookURL: notifiers.NewSecret(base + "/v1/spaces/AAA/messages?key=k3y0&token=" + secret),
				Timeout: timeout}
		},
		OK:        `{"name":"spaces/AAA/messages/1"}`,
		Delivered: "Google Chat has posted it to the webhook's space",
		Title:     func(b map[string]any) any { return b["fallbackText"] },
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(200, `{}`, "retry", "webhook_url"),
			notifierstest.On(400, fails("INVALID_ARGUMENT", "Message cannot be empty."), "permanent",
				"change its title"),
			notifierstest.On(403, fails("PERMISSION_DENIED", "The caller does not have permission"), "permanent",
				"make a new webhook"),
			notifierstest.On(404, fails("NOT_FOUND", "Space not found"), "permanent", "make a new webhook"),
			notifierstest.On(429, fails("RESOURCE_EXHAUSTED", "Resource has been exhausted"), "retry", "exhausted"),
		},
		Faults: map[string]notifierstest.Fault{
			"without an address": notifierstest.Blame(&Config{Timeout: 1}, ``, "webhook_url"),
			"without time":       notifierstest.Blame(&Config{WebhookURL: notifiers.NewSecret("https://chat.example.com/s3cret")}, ``, "timeout"),
		},
	}.Run(t)
}
