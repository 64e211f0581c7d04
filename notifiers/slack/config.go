package slack

import (
	_ "embed"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Config are the settings of a notifier of type slack: webhook_url or token.
type Config struct {
	// URL of an incoming webhook, which posts to the one channel it was made for.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Bot token (xoxb-…) with the scope chat:write.
	Token notifiers.Secret `yaml:"token" secret:"true"`
	// Base URL of Slack's Web API, for GovSlack or a test server. Default: https://slack.com/api/.
	APIURL string `yaml:"api_url"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type slack.
type Options struct {
	// Where a bot token posts: a channel such as #qa, or its id. An incoming webhook has its own channel.
	Channel string `yaml:"channel" json:"channel,omitempty" as:"text" empty:"inherit"`
	// Who gets the message as a direct message, in place of the channel of the notifier: people and teams of people:,
	// email addresses, member ids (U…), people of the event. Each gets their own; {to: […], together: true} opens one
	// conversation of at most eight people. With a channel beside it, the message goes to both. Needs a bot token.
	DM []string `yaml:"dm" json:"dm,omitempty" as:"member" carries:"true" each:"8,channel"`
	// Who is mentioned: people and teams of people:, email addresses, member ids (U…), user groups (S…), @here,
	// @channel, @everyone; other text is written as @text. Addresses are looked up in Slack with a bot token that has
	// the scope users:read.email.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"mention"`
	// Messages of the same key, within a channel and a project, make one thread: the first begins it, the others are
	// replies. {key: …, across: projects} makes one for all projects. Needs a bot token.
	Thread notifiers.Key `yaml:"thread" json:"thread,omitzero" as:"key"`
	// true also shows a reply in the channel.
	Broadcast bool `yaml:"broadcast" json:"broadcast,omitempty"`
	// The earlier message of the same key, within a channel and a project, is changed, in place of a new one. With thread
	// of the same key the text is also a reply below it. {key: …, across: projects} holds for all projects. Needs a bot
	// token.
	Update notifiers.Key `yaml:"update" json:"update,omitzero" as:"key"`
	// Block Kit blocks in place of the usual layout, with templates in their texts. Title and body remain for
	// notifications.
	Blocks any `yaml:"blocks" json:"blocks,omitempty" as:"blocks"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "slack",
		Summary: "a message in a Slack channel, by bot token or incoming webhook",
		Config: func() any {
			return &Config{APIURL: "https://slack.com/api/", Timeout: 10 * time.Second}
		},
		Sample: func() any {
			return &Config{Token: notifiers.NewSecret("preview"), APIURL: "https://slack.com/api/",
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Missing:     missing,
		Warn:        warn,
		Advise:      advise,
		Refuse:      notifiers.Refusing(func(c Config, o Options) []notifiers.Advice { return o.tidy().refuse(c) }),
		Concurrency: 8,                                             // of many channels, each with its rate
		Rate:        notifiers.Rate{Messages: 1, Per: time.Second}, // https://docs.slack.dev/apis/web-api/rate-limits
		Target:      target,
		Account: func(config any) string {
			c := config.(*Config)
			return c.Token.Value() + c.WebhookURL.Value()
		},
		Delivered: delivered,
		Jointly:   func(config any) bool { return config.(*Config).WebhookURL.IsSet() },
		Markup:    notifiers.Mrkdwn,
		Digest:    notifiers.Room{Max: 2800},
		Limits: []notifiers.Limit{
			{Paths: "text", Max: 4000},
			{Paths: "blocks[].text.text attachments[].blocks[].text.text", Max: 3000},
			{Paths: "attachments[].blocks[].elements[].text", Max: 2000},
			{Paths: "attachments[].fallback", Max: 2000},
		},
		Needs: "`webhook_url`, or `token` and `channel`",
		Notes: "`api_url` for GovSlack; header, body and a line of facts beside a bar in the level's color, and a " +
			"link button; see [below](#slack)",
		RatePer: "for each channel",
		Example: example,
	}
}

// delivered names the channel, which Slack returns to a token.
func delivered(r notifiers.Receipt, _ string) string {
	var answer struct {
		Channel string `json:"channel"`
	}
	if json.Unmarshal([]byte(r.Response), &answer) != nil || answer.Channel == "" {
		return "Slack has posted it to the webhook's channel"
	}
	return "Slack has posted it to " + answer.Channel
}

func missing(config any, options map[string]bool) (what, hint string) {
	if !config.(*Config).Token.IsSet() || options["channel"] || options["dm"] {
		return "", ""
	}
	return "has no channel to post to", `add channel: "#qa" here or on the notifier, or dm: bob@example.com`
}

// target names the channel, of which Slack takes one message a second. All messages of a webhook go to one channel.
func target(defaults, options json.RawMessage) string {
	o, err := readOptions(defaults, options)
	if err != nil {
		return "" // Send says so
	}
	return o.target()
}

// readOptions merges a message's options over those of the notifier. A channel of the message overrides dm of the
// notifier.
func readOptions(defaults, own json.RawMessage) (Options, error) {
	o, err := notifiers.MergeOptions[Options](defaults, own)
	if err != nil {
		return o, err
	}
	if mine, err := notifiers.MergeOptions[Options](nil, own); err == nil && mine.Channel != "" && mine.DM == nil {
		o.DM = nil
	}
	return o.tidy(), nil
}

// tidy returns the options with their texts in one line.
func (o Options) tidy() Options {
	o.Channel = notifiers.OneLine(o.Channel)
	return o
}

// target names the destination of a message as it is written: a channel in lower case without #, or the people of dm.
func (o Options) target() string {
	if o.DM != nil {
		return "@" + strings.Join(slices.Sorted(slices.Values(o.DM)), ",")
	}
	return strings.ToLower(strings.TrimPrefix(o.Channel, "#"))
}

// check returns all faults of the settings, joined.
func (c Config) check() error {
	var faults []error
	switch {
	case c.WebhookURL.IsSet() && c.Token.IsSet():
		faults = append(faults, notifiers.Fault("webhook_url", "there is a token too; write one of them"))
	case !c.WebhookURL.IsSet() && !c.Token.IsSet():
		faults = append(faults, notifiers.Fault("token", "missing; write a bot token here, or a webhook_url"))
	}
	if c.WebhookURL.IsSet() {
		if _, err := httpclient.ParseURL(c.WebhookURL.Value()); err != nil {
			faults = append(faults, httpclient.AddressFault("webhook_url", err,
				"not a URL; write one such as https://hooks.slack.com/services/…"))
		}
	}
	if _, err := httpclient.ParseURL(c.APIURL); err != nil {
		faults = append(faults, httpclient.AddressFault("api_url", err, "not a URL; write one such as https://slack.com/api/"))
	}
	return errors.Join(append(faults, httpclient.CheckTimeout(c.Timeout))...)
}
