// Package mattermost sends messages to Mattermost, by incoming webhook.
package mattermost

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type mattermost.
type Config struct {
	// URL of an incoming webhook, from the server's menu under Integrations.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type mattermost.
type Options struct {
	// Channel to post in, such as town-square, or @name of a person. Default: that of the webhook.
	Channel string `yaml:"channel" json:"channel,omitempty" as:"text" empty:"inherit"`
	// Who is mentioned: @name of a person or group, @here, @channel, @all; other text is written as it is.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"call"`
}

//go:embed kind.yaml
var example string

// called are the texts that notify people.
var called = service.Mentions{Service: "Mattermost", Notify: isMention,
	Write: "the username of a person or group after @, such as @bob, or @here, @channel or @all"}

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "mattermost",
		Summary: "a message in a Mattermost channel, by incoming webhook",
		Config:  func() any { return &Config{Timeout: 10 * time.Second} },
		Sample: func() any {
			return &Config{WebhookURL: notifiers.NewSecret("https://mattermost.example.com/hooks/preview"),
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         service.New(define),
		Warn:        warn,
		Advise:      called.Advise,
		Refuse:      service.Refuse[Config](refuse),
		Concurrency: 2,
		// the server's default, RateLimitSettings.PerSec
		Rate:      notifiers.Rate{Messages: 10, Per: time.Second, Burst: 10},
		Delivered: delivered,
		Markup:    notifiers.Markdown,
		Digest:    notifiers.Room{Max: 3500},
		Limits: []notifiers.Limit{
			{Paths: "text", Max: 16_383},
			{Paths: "attachments[].fallback", Max: 1000},
			{Paths: "attachments[].footer", Max: 300},
			{Paths: "attachments", Max: 7900, Unit: notifiers.EscapedUnits}, // of old servers
		},
		Needs:   "`webhook_url`",
		Example: example,
	}
}

func delivered(notifiers.Receipt, string) string { return "Mattermost has posted it" }

// warn returns remarks on an address that Mattermost can only refuse.
func warn(config any) []notifiers.Advice {
	const write = "write the one of an incoming webhook: https://mattermost.example.com/hooks/…"
	address := config.(*Config).WebhookURL
	if all := httpclient.WarnWebhook(address, "Mattermost", write); all != nil {
		return all
	}
	switch u, err := httpclient.ParseURL(address.Value()); {
	case err != nil:
	case !strings.Contains(u.Path, "/hooks/"):
		return httpclient.WarnKey("webhook_url", "it is not the address of an incoming webhook, which has /hooks/", write)
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/hooks"):
		return httpclient.WarnKey("webhook_url", "it lacks the key of the webhook behind /hooks/", write)
	}
	return nil
}

func define(c Config, _ Options) service.Definition[Options, post] {
	webhook := service.Webhook("Mattermost", c.WebhookURL, c.ProxyURL, c.Timeout)
	return service.Definition[Options, post]{
		Endpoint: webhook, Refuse: refuse, Compose: compose, Classify: classify, Probe: probe,
		Faults: []error{webhook.CheckWebhook(
			"Mattermost shows under Integrations, Incoming Webhooks: https://mattermost.example.com/hooks/…")},
		Call: func(post) service.Call { return service.Call{Doing: "posting to the Mattermost webhook"} },
	}
}

// refuse returns remarks on the options of a message.
func refuse(o Options) (all []notifiers.Advice) {
	channel := notifiers.OneLine(o.Channel)
	if !regexp.MustCompile(`^([@#]?[a-z0-9][a-z0-9._-]{0,63})?$`).MatchString(channel) {
		all = append(all, notifiers.Unfit("channel", channel, "is not a valid channel",
			"write the last part of the channel's address, such as town-square, or the @name of a person"))
	}
	return all
}

// probe asks whether the server is up. A webhook cannot be tried without posting.
func probe(ctx context.Context, s *service.Service, _ []Options) (string, error) {
	base, _, _ := strings.Cut(s.URL, "/hooks/")
	_, err := s.Deliver(ctx, service.Call{Doing: "asking whether Mattermost is up", Method: http.MethodGet,
		URL: service.WithSlash(base) + "api/v4/system/ping"},
		func(a service.Answer) service.Outcome {
			if a.Code == http.StatusOK && !json.Valid(a.Body) {
				return service.Outcome{Class: service.UnexpectedBody}
			}
			return service.Outcome{}
		})
	if err != nil {
		return "", err
	}
	return "the server is up; whether it knows the webhook shows with the first message", nil
}

// classify reads the ids of the server's errors. A message is delivered if the body is ok; the status is not enough.
func classify(a service.Answer) service.Outcome {
	var said struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	if a.Code == http.StatusOK {
		if strings.TrimSpace(string(a.Body)) != "ok" {
			return service.Outcome{Class: service.UnexpectedBody, Detail: string(a.Body)}
		}
		return service.Outcome{}
	}
	if json.Unmarshal(a.Body, &said) != nil {
		return service.Outcome{}
	}
	v := service.Outcome{Detail: strings.TrimSpace(said.ID + " " + said.Message)}
	is := func(part string) bool { return strings.HasPrefix(said.ID, "web.incoming_webhook."+part) }
	switch {
	case is("disabled"):
		v.Class, v.Reason = service.Permanent, notifiers.ReasonAuth
		v.Advice = "let an admin enable incoming webhooks in the System Console"
	case is("invalid"), is("user"):
		v.Reason, v.Advice = notifiers.ReasonAuth, "make a new incoming webhook and put its URL into webhook_url"
	case is("channel_locked"):
		v.Class, v.Reason = service.Permanent, notifiers.ReasonClient
		v.Advice = "the webhook is locked to its channel; leave channel out"
	case is("channel"), is("permissions"):
		v.Class, v.Reason = service.Permanent, notifiers.ReasonClient
		v.Advice = "check channel: the last part of the channel's address, in which the webhook's owner may post"
	case is("text"), is("parse"):
		v.Class = service.Permanent
		v.Advice = "Mattermost does not take this message; change its title, body or options"
	}
	return v
}
