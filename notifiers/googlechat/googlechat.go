// Package googlechat sends messages to Google Chat, as cards by webhook.
package googlechat

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

// Config is what can be written for a notifier of type googlechat.
type Config struct {
	// URL of a webhook, from the space's menu under Apps & integrations.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type googlechat.
type Options struct {
	// Messages with the same text here stand in one thread. Default: each in its own.
	Thread string `yaml:"thread" json:"thread,omitempty" as:"text"`
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
		New:         newNotifier,
		Concurrency: 2,
		// https://developers.google.com/workspace/chat/limits
		Rate:      notifiers.Rate{Messages: 1, Per: time.Second, Burst: 1},
		Delivered: delivered,
		Markup:    notifiers.HTML,
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

// notifier posts to a webhook.
type notifier struct {
	*httpclient.Service
	config   Config
	defaults json.RawMessage
}

func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	_, err := notifiers.MergeOptions[Options](nil, defaults)
	err = errors.Join(err, httpclient.CheckTimeout(c.Timeout), httpclient.CheckWebhookURL("webhook_url", c.WebhookURL,
		"the space shows under Apps & integrations, Webhooks: https://chat.googleapis.com/v1/spaces/…"))
	if err != nil {
		return nil, err
	}
	return &notifier{httpclient.NewService("Google Chat", "webhook_url", c.Timeout,
		httpclient.URLSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send posts the message; one whose thread is gone begins a new one.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	url := n.config.WebhookURL.Value()
	if post.Thread != nil {
		url = httpclient.WithQuery(url, map[string]string{"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"})
	}
	return n.Deliver(ctx, httpclient.ServiceCall{Doing: "posting to the Google Chat webhook", URL: url, Body: post},
		classify)
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

// classify knows the errors of Google's APIs (https://cloud.google.com/apis/design/errors).
func classify(a httpclient.Answer) httpclient.Outcome {
	var said struct {
		Name  string `json:"name"`
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	err := json.Unmarshal(a.Body, &said)
	if a.Code == http.StatusOK && (err != nil || said.Name == "") {
		return httpclient.Outcome{Class: httpclient.UnexpectedBody, Detail: string(a.Body)}
	}
	v := httpclient.Outcome{Detail: strings.TrimSpace(said.Error.Status + " " + said.Error.Message)}
	switch a.Code {
	case http.StatusBadRequest:
		v.Advice = "Google Chat does not take this message; change its title, body or options, or check webhook_url"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		v.Reason = notifiers.ReasonAuth
		v.Advice = "make a new webhook in the space and put its whole URL, with key and token, into webhook_url"
	}
	return v
}
