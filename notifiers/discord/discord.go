// Package discord sends messages to Discord, as embeds by webhook.
package discord

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type discord.
type Config struct {
	// URL of a webhook, from the channel's settings under Integrations.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type discord.
type Options struct {
	// Id of a thread in the webhook's channel to post in. Default: the channel itself.
	ThreadID string `yaml:"thread_id" json:"thread_id,omitempty" as:"text"`
	// Who is mentioned: user ids (digits), roles (& and digits), @here, @everyone; other text is written as @text.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"call"`
	// Name that the message comes from. Default: that of the webhook.
	Username string `yaml:"username" json:"username,omitempty" as:"text"`
}

//go:embed kind.yaml
var example string

// called are the texts that notify people.
var called = service.Mentions{Service: "Discord",
	Notify: func(s string) bool {
		return s == "@here" || s == "@everyone" || isSnowflake(strings.TrimPrefix(s, "&"))
	},
	Write: "a user ID (digits; Copy User ID in Discord), a role ID with & before it, @here or @everyone"}

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "discord",
		Summary: "a message in a Discord channel, by webhook",
		Config:  func() any { return &Config{Timeout: 10 * time.Second} },
		Sample: func() any {
			return &Config{WebhookURL: notifiers.NewSecret("https://discord.com/api/webhooks/1/preview"),
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         service.New(define),
		Warn:        warn,
		Advise:      called.Advise,
		Refuse:      service.Refuse[Config](refuse),
		Concurrency: 2,
		Rate:        notifiers.Rate{Messages: 5, Per: 2 * time.Second, Burst: 5}, // as X-RateLimit headers say
		Delivered:   delivered,
		Markup:      notifiers.Markdown,
		Digest:      notifiers.Room{Max: 3500},
		Limits: []notifiers.Limit{
			{Paths: "embeds[].title", Max: 256},
			{Paths: "embeds[].description", Max: 4096},
			{Paths: "embeds[].footer.text", Max: 2048},
			{Paths: "embeds[].fields[].name", Max: 256},
			{Paths: "embeds[].fields[].value", Max: 1024},
			{Paths: "embeds[].title embeds[].description embeds[].footer.text embeds[].fields[].name " +
				"embeds[].fields[].value", Max: 6000, Total: true},
			{Paths: "content", Max: 2000},
		},
		Needs:   "`webhook_url`",
		Notes:   "an embed; only people in `mention` are notified",
		Example: example,
	}
}

// delivered names the message that Discord returns. A receipt with a truncated answer does not have it.
func delivered(r notifiers.Receipt, _ string) string {
	var post struct {
		ID        string `json:"id"`
		ChannelID string `json:"channel_id"`
	}
	if json.Unmarshal([]byte(r.Response), &post) != nil {
		return "posted; the answer is too long to show here"
	}
	return fmt.Sprintf("Discord has posted it to the channel %s, as message %s", post.ChannelID, post.ID)
}

// warn returns remarks on an address that Discord can only refuse.
func warn(config any) []notifiers.Advice {
	const write = "write the one that Discord shows under Edit Channel, Integrations, Webhooks: " +
		"https://discord.com/api/webhooks/…"
	address := config.(*Config).WebhookURL
	switch u, err := httpclient.ParseURL(address.Value()); {
	case err != nil || !httpclient.IsBelow(u, "discord.com") && !httpclient.IsBelow(u, "discordapp.com"):
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/slack"), strings.HasSuffix(u.Path, "/github"):
		return httpclient.WarnKey("webhook_url", "it takes messages in the form of another service",
			"write it without "+u.Path[strings.LastIndex(strings.TrimSuffix(u.Path, "/"), "/"):]+" at its end")
	case !strings.HasPrefix(u.Path, "/api/") || !strings.Contains(u.Path, "/webhooks/"):
		return httpclient.WarnKey("webhook_url", "it is not the address of a webhook, which has /api/webhooks/", write)
	}
	return httpclient.WarnWebhook(address, "Discord", write)
}

func define(c Config, _ Options) service.Definition[Options, post] {
	webhook := service.Webhook("Discord", c.WebhookURL, c.ProxyURL, c.Timeout)
	return service.Definition[Options, post]{
		Endpoint: webhook, Refuse: refuse, Compose: compose, Classify: classify, Probe: probe,
		Faults: []error{webhook.CheckWebhook(
			"Discord shows under Edit Channel, Integrations, Webhooks: https://discord.com/api/webhooks/…")},
		Call: func(p post) service.Call {
			query := map[string]string{"wait": "true"} // Discord answers when it has stored the message
			if p.thread != "" {
				query["thread_id"] = p.thread
			}
			return service.Call{Doing: "posting to the Discord webhook", Query: query}
		},
	}
}

// refuse returns remarks on the options of a message.
func refuse(o Options) (all []notifiers.Advice) {
	if thread := notifiers.OneLine(o.ThreadID); strings.Trim(thread, "0123456789") != "" {
		all = append(all, notifiers.Unfit("thread_id", thread, "is not valid",
			"write the digits that Discord shows under Copy Thread ID"))
	}
	if name := notifiers.OneLine(o.Username); name != "" && !isUsername(name) {
		unused := notifiers.Unfit("username", name, "is a name that Discord refuses, so the webhook's own is used",
			"leave out @, #, :, and the words discord and clyde")
		unused.Wrong = false
		all = append(all, unused)
	}
	return all
}

// isUsername reports whether a webhook may post under a name (https://discord.com/developers/docs/resources/user).
func isUsername(name string) bool {
	lower := strings.ToLower(name)
	forbidden := func(part string) bool { return strings.Contains(lower, part) }
	return !slices.ContainsFunc([]string{"discord", "clyde", "@", "#", ":", "```"}, forbidden) &&
		lower != "everyone" && lower != "here"
}

// probe asks Discord for the webhook itself.
func probe(ctx context.Context, s *service.Service, _ []Options) (string, error) {
	var hook struct {
		Name      string `json:"name"`
		ChannelID string `json:"channel_id"`
	}
	_, err := s.Deliver(ctx, service.Call{Doing: "asking for the Discord webhook", Method: http.MethodGet},
		func(a service.Answer) service.Outcome {
			if v := classify(a); v.Class != service.ByStatus || a.Code >= 300 {
				return v
			}
			if json.Unmarshal(a.Body, &hook) != nil || hook.ChannelID == "" {
				return service.Outcome{Class: service.UnexpectedBody}
			}
			return service.Outcome{}
		})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the webhook “%s” posts to the channel %s", notifiers.OneLine(hook.Name),
		notifiers.OneLine(hook.ChannelID)), nil
}

// classify reads Discord's error codes (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json).
func classify(a service.Answer) service.Outcome {
	var said struct {
		ID         string  `json:"id"` // of the message, or of the webhook
		Message    string  `json:"message"`
		Code       int     `json:"code"`
		RetryAfter float64 `json:"retry_after"`
		Errors     json.RawMessage
	}
	if err := json.Unmarshal(a.Body, &said); a.Code == http.StatusOK && (err != nil || said.ID == "") {
		return service.Outcome{Class: service.UnexpectedBody, Detail: string(a.Body)}
	}
	v := service.Outcome{Detail: strings.TrimSpace(said.Message + " " + string(said.Errors)),
		Seconds: said.RetryAfter}
	switch said.Code {
	case 10015:
		v.Class, v.Reason = service.Gone, notifiers.ReasonAuth
		v.Advice = "the webhook was deleted; make a new one and put its URL into webhook_url"
	case 50027:
		v.Class, v.Reason = service.Permanent, notifiers.ReasonAuth
		v.Advice = "put the webhook's whole URL into webhook_url"
	case 10003, 10008, 50083, 160005:
		v.Class = service.Permanent
		v.Advice = "check thread_id: the thread has to be in the webhook's channel, and open"
	case 220001, 220002, 220003:
		v.Class = service.Permanent
		v.Advice = "the webhook's channel is a forum; write the thread_id of one of its posts"
	case 50006, 50035:
		v.Class, v.Advice = service.Permanent, "Discord does not take this message; change its title, body or options"
	}
	return v
}
