package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// slackConfig is what can be written for a notifier of type slack: webhook_url or token.
type slackConfig struct {
	// URL of an incoming webhook, which posts to the one channel it was made for.
	WebhookURL Secret `yaml:"webhook_url" secret:"true"`
	// Bot token (xoxb-…) with the scope chat:write.
	Token Secret `yaml:"token" secret:"true"`
	// Base URL of Slack's Web API, for GovSlack or a test server. Default: https://slack.com/api/.
	APIURL string `yaml:"api_url"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// slackOptions are the message options of type slack.
type slackOptions struct {
	// Where a bot token posts: a channel such as #qa, or its id. An incoming webhook has its own channel.
	Channel string `yaml:"channel" json:"channel,omitempty" as:"text"`
	// Who is mentioned: member ids (U…), user groups (S…), @here, @channel, @everyone; other text is written as @text.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"mention"`
}

func slackKind() Kind {
	return Kind{
		Type:    "slack",
		Summary: "a message in a Slack channel, by bot token or incoming webhook",
		Config: func() any {
			return &slackConfig{APIURL: "https://slack.com/api/", Timeout: 10 * time.Second}
		},
		Sample: func() any {
			return &slackConfig{Token: NewSecret("preview"), APIURL: "https://slack.com/api/", Timeout: time.Second}
		},
		Options:     slackOptions{},
		New:         newSlack,
		Missing:     slackMissing,
		Concurrency: 2,
		Rate:        Rate{Messages: 1, Per: time.Second}, // https://docs.slack.dev/apis/web-api/rate-limits
		Target:      slackTarget,
	}
}

// slackTarget names the channel, of which Slack takes one message a second. All messages of a webhook go to one channel.
func slackTarget(defaults, options json.RawMessage) string {
	o, err := mergeOptions[slackOptions](defaults, options)
	if err != nil {
		return "" // Send says so
	}
	return oneLine(o.Channel)
}

func slackMissing(config any, options map[string]bool) (what, hint string) {
	if !config.(*slackConfig).Token.IsSet() || options["channel"] {
		return "", ""
	}
	return "has no channel to post to", `add channel: "#qa" here or on the notifier`
}

// slackNotifier posts messages with a bot token or to an incoming webhook.
type slackNotifier struct {
	config   slackConfig
	defaults json.RawMessage
	client   *http.Client
	mask     masker
}

func newSlack(config any, defaults json.RawMessage) (Notifier, error) {
	c := *config.(*slackConfig)
	if err := c.check(); err != nil {
		return nil, err
	}
	if _, err := mergeOptions[slackOptions](nil, defaults); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(c.APIURL, "/") {
		c.APIURL += "/"
	}
	secrets := []string{c.Token.Value()}
	if c.WebhookURL.IsSet() {
		secrets = append(secrets, urlSecrets(c.WebhookURL.Value())...)
	}
	return &slackNotifier{c, defaults, newHTTPClient(dialGuard{}), newMasker(secrets...)}, nil
}

// check returns all that is wrong, joined.
func (c slackConfig) check() error {
	var faults []error
	switch {
	case c.WebhookURL.IsSet() && c.Token.IsSet():
		faults = append(faults, &FieldError{"webhook_url", errors.New("there is a token too; write one of them")})
	case !c.WebhookURL.IsSet() && !c.Token.IsSet():
		faults = append(faults, &FieldError{"token", errors.New("missing; write a bot token here, or a webhook_url")})
	}
	if c.WebhookURL.IsSet() {
		if _, err := httpURL(c.WebhookURL.Value()); err != nil {
			faults = append(faults, fieldError("webhook_url", errors.New("not a URL; write one such as https://hooks.slack.com/services/…")))
		}
	}
	if _, err := httpURL(c.APIURL); err != nil {
		faults = append(faults, &FieldError{"api_url", errors.New("not a URL; write one such as https://slack.com/api/")})
	}
	return errors.Join(append(faults, checkTimeout(c.Timeout))...)
}

// Send posts the message. It is delivered when Slack says ok, and not by the HTTP status alone.
func (n *slackNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	o, err := mergeOptions[slackOptions](n.defaults, m.Options)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	o.Channel = oneLine(o.Channel)
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	post := slackMessage(m, o)
	if n.config.WebhookURL.IsSet() {
		return n.postWebhook(ctx, attempt, post)
	}
	if o.Channel == "" {
		return Receipt{}, &PermanentError{Err: errors.New(
			`channel: there is none; write one on the notifier or in the rule, such as channel: "#qa"`)}
	}
	return n.postMessage(ctx, attempt, post)
}

// Preview returns the message as Slack would get it.
func (n *slackNotifier) Preview(m *Message) ([]byte, error) {
	o, err := mergeOptions[slackOptions](n.defaults, m.Options)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(slackMessage(m, o), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the Slack message: %w", err)
	}
	return append(readableJSON(b), '\n'), nil
}

// readableJSON writes & < > as themselves again, which the encoder of blocks does not.
func readableJSON(b []byte) []byte {
	// A backslash that stands for itself comes first, so that what follows it is left alone.
	return []byte(strings.NewReplacer(`\\`, `\\`, `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b)))
}
