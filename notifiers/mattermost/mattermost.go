// Package mattermost sends messages to Mattermost, by incoming webhook.
package mattermost

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Config is what can be written for a notifier of type mattermost.
type Config struct {
	// URL of an incoming webhook, from the server's menu under Integrations.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type mattermost.
type Options struct {
	// Channel to post in, such as town-square, or @name of a person. Default: that of the webhook.
	Channel string `yaml:"channel" json:"channel,omitempty" as:"text"`
	// Who is mentioned: @name of a person or group, @here, @channel, @all; other text is written as it is.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"call"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "mattermost",
		Summary: "a message in a Mattermost channel, by incoming webhook",
		Config:  func() any { return &Config{Timeout: 10 * time.Second} },
		Sample: func() any {
			return &Config{WebhookURL: notifiers.NewSecret("https://mattermost.example.com/hooks/preview"), Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Concurrency: 2,
		// the server's default, RateLimitSettings.PerSec
		Rate:      notifiers.Rate{Messages: 10, Per: time.Second, Burst: 10},
		Delivered: delivered,
		Markup:    notifiers.Markdown,
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

// notifier posts to an incoming webhook.
type notifier struct {
	*httpclient.Service
	config   Config
	defaults json.RawMessage
}

func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	_, err := notifiers.MergeOptions[Options](nil, defaults)
	err = errors.Join(err, httpclient.CheckTimeout(c.Timeout), httpclient.CheckWebhookURL("webhook_url", c.WebhookURL,
		"Mattermost shows under Integrations, Incoming Webhooks: https://mattermost.example.com/hooks/…"))
	if err != nil {
		return nil, err
	}
	return &notifier{httpclient.NewService("Mattermost", "webhook_url", c.Timeout,
		httpclient.URLSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send posts the message. It is delivered when Mattermost says ok, and not by the status alone.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	return n.Deliver(ctx, httpclient.ServiceCall{Doing: "posting to the Mattermost webhook",
		URL: n.config.WebhookURL.Value(), Body: post}, classify)
}

// Preview implements [preview.Previewer].
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	post, _, err := n.compose(m)
	return httpclient.PreviewJSON(post, err)
}

// Layout implements [preview.Previewer].
func (n *notifier) Layout(m *notifiers.Message) (*preview.Layout, error) {
	return preview.Draw(n.compose(m))
}

// Probe asks whether the server is up. A webhook cannot be tried without posting.
func (n *notifier) Probe(ctx context.Context, _ []json.RawMessage) (string, error) {
	base, _, _ := strings.Cut(n.config.WebhookURL.Value(), "/hooks/")
	_, err := n.Deliver(ctx, httpclient.ServiceCall{Doing: "asking whether Mattermost is up", Method: http.MethodGet,
		URL: httpclient.WithSlash(base) + "api/v4/system/ping"},
		func(a httpclient.Answer) httpclient.Outcome {
			if a.Code == http.StatusOK && !json.Valid(a.Body) {
				return httpclient.Outcome{Class: httpclient.UnexpectedBody}
			}
			return httpclient.Outcome{}
		})
	if err != nil {
		return "", err
	}
	return "the server is up; whether it knows the webhook shows with the first message", nil
}

// classify knows the ids of the server's errors.
func classify(a httpclient.Answer) httpclient.Outcome {
	var said struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	if a.Code == http.StatusOK {
		if strings.TrimSpace(string(a.Body)) != "ok" {
			return httpclient.Outcome{Class: httpclient.UnexpectedBody, Detail: string(a.Body)}
		}
		return httpclient.Outcome{}
	}
	if json.Unmarshal(a.Body, &said) != nil {
		return httpclient.Outcome{}
	}
	v := httpclient.Outcome{Detail: strings.TrimSpace(said.ID + " " + said.Message)}
	is := func(part string) bool { return strings.HasPrefix(said.ID, "web.incoming_webhook."+part) }
	switch {
	case is("disabled"):
		v.Class, v.Reason = httpclient.Permanent, notifiers.ReasonAuth
		v.Advice = "let an admin enable incoming webhooks in the System Console"
	case is("invalid"), is("user"):
		v.Reason, v.Advice = notifiers.ReasonAuth, "make a new incoming webhook and put its URL into webhook_url"
	case is("channel_locked"):
		v.Class, v.Reason = httpclient.Permanent, notifiers.ReasonClient
		v.Advice = "the webhook is locked to its channel; leave channel out"
	case is("channel"), is("permissions"):
		v.Class, v.Reason = httpclient.Permanent, notifiers.ReasonClient
		v.Advice = "check channel: the last part of the channel's address, in which the webhook's owner may post"
	case is("text"), is("parse"):
		v.Class, v.Advice = httpclient.Permanent, "Mattermost does not take this message; change its title, body or options"
	}
	return v
}
