package ntfy

import (
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func suite() notifierstest.Service {
	secret := notifiers.NewSecret("hooks3cret")
	return notifierstest.Service{
		Kind: Kind(), Secrets: []string{secret.Value()},
		Config: func(base string, timeout time.Duration) any {
			return &Config{Server: base, Username: "phil", Password: secret, Timeout: timeout}
		},
		Options:   `{"topic":"qa"}`,
		OK:        `{"id":"x1","event":"message","topic":"qa"}`,
		Delivered: "ntfy has taken it for all who subscribe to qa",
		Title:     func(b map[string]any) any { return b["title"] },
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(200, `{}`, "retry", "server"),
			notifierstest.On(403, `{"code":40301,"http":403,"error":"forbidden"}`, "permanent", "check token"),
			notifierstest.On(400, `{"code":40009,"http":400,"error":"invalid request: topic invalid"}`, "permanent",
				"topic"),
			notifierstest.On(429, `{"code":42901,"http":429,"error":"limit reached: too many requests"}`, "retry",
				"too many"),
			notifierstest.On(507, `{"code":50701,"http":507,"error":"cannot publish"}`, "retry", ""),
		},
		Faults: map[string]notifierstest.Fault{
			"with two ways to log in": notifierstest.Blame(&Config{Server: "https://x/", Token: secret, Username: "u",
				Password: secret, Timeout: 1}, ``, "token"),
			"without a password": notifierstest.Blame(&Config{Server: "https://x/", Username: "u", Timeout: 1}, ``,
				"username"),
			"with an odd topic": notifierstest.Blame(&Config{Server: "https://x/", Timeout: 1}, `{"topic":"a b"}`,
				"topic"),
			"with an odd priority": notifierstest.Blame(&Config{Server: "https://x/", Timeout: 1},
				`{"priority":"urgent!"}`, "priority"),
			"without a server": notifierstest.Blame(&Config{Timeout: 1}, ``, "server"),
		},
	}
}

func TestNtfy(t *testing.T) { suite().Run(t) }

func TestTheServerIsAskedWithoutSending(t *testing.T) {
	for answer, want := range map[string]string{
		`{"healthy":true}`:  "the server is well and knows the credentials; whether they may write to the topic shows with the first message",
		`{"healthy":false}`: "",
	} {
		n := suite().New(t, notifierstest.Server(t, notifierstest.Reply(200, answer, "")))
		found, err := n.(notifiers.Prober).Probe(t.Context(), nil)
		if found != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", answer, found, err)
		}
	}
}
