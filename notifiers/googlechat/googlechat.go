// Package googlechat sends messages to Google Chat, as cards by webhook.
package googlechat

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type googlechat.
type Config struct {
	// URL of a webhook, from the space's menu under Apps & integrations.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type googlechat.
type Options struct {
	// Thread key: messages with the same key are in one thread. Default: no thread.
	Thread notifiers.Key `yaml:"thread" json:"thread,omitzero" as:"key"`
	// Who is mentioned: user ids (digits) or @all; other text is written as @text.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"call"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "googlechat",
		Summary: "a card in a Google Chat space, by webhook",
		Config:  func() any { return &Config{Timeout: 10 * time.Second} },
		Sample: func() any {
			return &Config{WebhookURL: notifiers.NewSecret(
				"https://chat.googleapis.com/v1/spaces/preview/messages?key=k&token=t"), Timeout: time.Second}
		},
		Options:     Options{},
		New:         service.New(define),
		Warn:        warn,
		Advise:      called.Advise,
		Refuse:      service.Refuse[Config](refuse),
		Concurrency: 2,
		// https://developers.google.com/workspace/chat/limits
		Rate:      notifiers.Rate{Messages: 1, Per: time.Second, Burst: 1},
		Delivered: delivered,
		Markup:    notifiers.HTML,
		Digest:    notifiers.Room{Max: 18_000, Unit: notifiers.Bytes},
		Limits: []notifiers.Limit{
			{Max: 32_000, Unit: notifiers.Bytes},
		},
		Needs:   "`webhook_url`",
		Notes:   "a card",
		Example: example,
	}
}

func delivered(notifiers.Receipt, string) string {
	return "Google Chat has posted it to the webhook's space"
}

// warn returns remarks on an address that Google Chat can only refuse.
func warn(config any) []notifiers.Advice {
	const write = "write the one that the space shows under Apps & integrations, Webhooks: " +
		"https://chat.googleapis.com/v1/spaces/…"
	address := config.(*Config).WebhookURL
	switch u, err := httpclient.ParseURL(address.Value()); {
	case err == nil && httpclient.IsBelow(u, "chat.googleapis.com") &&
		(u.Query().Get("key") == "" || u.Query().Get("token") == ""):
		return httpclient.WarnKey("webhook_url", "it lacks its key or token", "write the whole URL, with ?key=…&token=…")
	}
	return httpclient.WarnWebhook(address, "Google Chat", write)
}

func define(c Config, _ Options) service.Definition[Options, post] {
	webhook := service.Webhook("Google Chat", c.WebhookURL, c.ProxyURL, c.Timeout)
	return service.Definition[Options, post]{
		Endpoint: webhook, Compose: compose, Classify: classify,
		Faults: []error{webhook.CheckWebhook(
			"the space shows under Apps & integrations, Webhooks: https://chat.googleapis.com/v1/spaces/…")},
		Call: func(p post) service.Call {
			call := service.Call{Doing: "posting to the Google Chat webhook"}
			if p.Thread != nil { // a thread that does not exist any more is begun anew
				call.Query = map[string]string{"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"}
			}
			return call
		},
	}
}

// refuse returns no remarks: any text can be a thread, and an unknown mention is written as text.
func refuse(Options) []notifiers.Advice { return nil }

// classify reads the errors of Google's APIs (https://cloud.google.com/apis/design/errors).
func classify(a service.Answer) service.Outcome {
	var said struct {
		Name  string `json:"name"`
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	err := json.Unmarshal(a.Body, &said)
	if a.Code == http.StatusOK && (err != nil || said.Name == "") {
		return service.Outcome{Class: service.UnexpectedBody, Detail: string(a.Body)}
	}
	v := service.Outcome{Detail: strings.TrimSpace(said.Error.Status + " " + said.Error.Message)}
	switch a.Code {
	case http.StatusBadRequest:
		v.Advice = "Google Chat does not take this message; change its title, body or options, or check webhook_url"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		v.Reason = notifiers.ReasonAuth
		v.Advice = "make a new webhook in the space and put its whole URL, with key and token, into webhook_url"
	}
	return v
}
