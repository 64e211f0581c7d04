package teams

import (
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/notifiers/service"
)

func TestTeams(t *testing.T) {
	const secret = "hooks3cret"
	fails := func(code string) string { return `{"error":{"code":"` + code + `","message":"no ` + secret + `"}}` }
	const later = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
	notifierstest.Service{
		Kind: Kind(), Secrets: []string{secret, "/workflows/abc"}, StatusOnly: true,
		Config: func(base string, timeout time.Duration) any {
			return &Config{WebhookURL: notifiers.NewSecret(base + "/workflows/abc/triggers?sig=" + secret),
				Timeout: timeout}
		},
		Delivered: "the workflow has taken it; whether it posts the card shows in Teams, and otherwise in the workflow's run history",
		Title: func(b map[string]any) any {
			card := b["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)
			head := card["body"].([]any)[0].(map[string]any)["items"].([]any)[1].(map[string]any)
			return head["inlines"].([]any)[0].(map[string]any)["text"]
		},
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(202, "", "delivered", ""),
			notifierstest.On(200, "1", "delivered", ""),
			notifierstest.On(200, later, "retry", "make a workflow"),
			notifierstest.On(400, fails("TriggerInputSchemaMismatch"), "permanent", "Adaptive Cards"),
			notifierstest.On(400, fails("WorkflowTriggerIsNotEnabled"), "permanent", "turn the workflow on"),
			notifierstest.On(401, fails("DirectApiAuthorizationRequired"), "permanent", "let anyone call it"),
			notifierstest.On(404, fails("WorkflowNotFound"), "permanent", "deleted"),
			notifierstest.On(502, fails("NoResponse"), "retry", "NoResponse"),
		},
		Faults: map[string]notifierstest.Fault{
			"without an address": notifierstest.Blame(&Config{Timeout: 1}, ``, "webhook_url"),
			"without time":       notifierstest.Blame(&Config{WebhookURL: notifiers.NewSecret("https://hooks.example.com/s3cret")}, ``, "timeout"),
		},
	}.Run(t)
}

func TestACardIsAsLongAsTeamsCounts(t *testing.T) {
	for _, body := range []string{strings.Repeat("- \"quoted\" `x`\n", 3000), strings.Repeat("測試 ", 20_000)} {
		m := notifierstest.Message(func(m *notifiers.Message) { m.Body = body })
		p, _, err := compose(m, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := service.EmbeddedBytes(p); n > maxBytes || n < maxBytes*9/10 {
			t.Errorf("%d bytes", n)
		}
	}
}
