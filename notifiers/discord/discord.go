// Package discord sends messages to Discord, as embeds by webhook.
package discord

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
)

// Discord's limits in characters (https://discord.com/developers/docs/resources/message#embed-object-embed-limits). All
// texts of an embed together have 6000.
const (
	discordTitle   = 256
	discordBody    = 4000
	discordTexts   = 5900 // all texts of an embed, with some to spare
	discordFields  = 1500
	discordValue   = 1024
	discordContent = 2000
	discordURL     = 2000
	discordName    = 80
)

// Config is what can be written for a notifier of type discord.
type Config struct {
	// URL of a webhook, from the channel's settings under Integrations.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
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

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "discord",
		Summary: "a message in a Discord channel, by webhook",
		Config:  func() any { return &Config{Timeout: 10 * time.Second} },
		Sample: func() any {
			return &Config{WebhookURL: notifiers.NewSecret("https://discord.com/api/webhooks/1/preview"), Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Concurrency: 2,
		Rate:        notifiers.Rate{Messages: 5, Per: 2 * time.Second, Burst: 5}, // what the answers' X-RateLimit headers say
		Delivered:   delivered,
		Markup:      notifiers.Markdown,
		Limits: []notifiers.Limit{
			{Paths: "embeds[].title", Max: 256},
			{Paths: "embeds[].description", Max: 4096},
			{Paths: "embeds[].footer.text", Max: 2048},
			{Paths: "embeds[].fields[].name", Max: 256},
			{Paths: "embeds[].fields[].value", Max: 1024},
			{Paths: "embeds[].title embeds[].description embeds[].footer.text embeds[].fields[].name embeds[].fields[].value", Max: 6000, Total: true},
			{Paths: "content", Max: 2000},
		},
		Needs:   "`webhook_url`",
		Notes:   "an embed; nobody but those in `mention` is called, whatever a text holds",
		Example: example,
	}
}

// delivered names the message that Discord returns. The receipt holds too little of a long one to read it.
func delivered(r notifiers.Receipt, _ string) string {
	var post struct {
		ID        string `json:"id"`
		ChannelID string `json:"channel_id"`
	}
	if json.Unmarshal([]byte(r.Response), &post) != nil {
		return "it is posted; the answer is too long to be told here"
	}
	return fmt.Sprintf("Discord has posted it to the channel %s, as message %s", post.ChannelID, post.ID)
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
		"Discord shows under Edit Channel, Integrations, Webhooks: https://discord.com/api/webhooks/…"))
	if err != nil {
		return nil, err
	}
	return &notifier{httpclient.NewService("Discord", "webhook_url", c.Timeout, httpclient.URLSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send posts the message and waits until Discord has kept it.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, thread, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	query := map[string]string{"wait": "true"}
	if thread != "" {
		query["thread_id"] = thread
	}
	return n.Deliver(ctx, httpclient.ServiceCall{
		Doing: "posting to the Discord webhook", URL: httpclient.WithQuery(n.config.WebhookURL.Value(), query), Body: post,
	}, classify)
}

// Preview returns the message as Discord would get it.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	post, _, err := n.compose(m)
	return httpclient.PreviewJSON(post, err)
}

// Probe asks Discord for the webhook itself.
func (n *notifier) Probe(ctx context.Context, _ []json.RawMessage) (string, error) {
	var hook struct {
		Name      string `json:"name"`
		ChannelID string `json:"channel_id"`
	}
	_, err := n.Deliver(ctx, httpclient.ServiceCall{Doing: "asking for the Discord webhook", Method: http.MethodGet, URL: n.config.WebhookURL.Value()},
		func(a httpclient.Answer) httpclient.Verdict {
			if v := classify(a); v.Fate != httpclient.ByStatus || a.Code >= 300 {
				return v
			}
			if json.Unmarshal(a.Body, &hook) != nil || hook.ChannelID == "" {
				return httpclient.Verdict{Fate: httpclient.Strange}
			}
			return httpclient.Verdict{}
		})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the webhook “%s” posts to the channel %s", notifiers.OneLine(hook.Name), notifiers.OneLine(hook.ChannelID)), nil
}

// classify knows Discord's error codes (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json).
func classify(a httpclient.Answer) httpclient.Verdict {
	var said struct {
		ID         string  `json:"id"` // of the message, or of the webhook
		Message    string  `json:"message"`
		Code       int     `json:"code"`
		RetryAfter float64 `json:"retry_after"` // seconds
		Errors     json.RawMessage
	}
	if err := json.Unmarshal(a.Body, &said); a.Code == http.StatusOK && (err != nil || said.ID == "") {
		return httpclient.Verdict{Fate: httpclient.Strange, Detail: string(a.Body)}
	}
	v := httpclient.Verdict{Detail: strings.TrimSpace(said.Message + " " + string(said.Errors)), After: httpclient.Seconds(said.RetryAfter)}
	switch said.Code {
	case 10015:
		v.Fate, v.Reason, v.Advice = httpclient.Gone, notifiers.ReasonAuth, "the webhook was deleted; make a new one and put its URL into webhook_url"
	case 50027:
		v.Fate, v.Reason, v.Advice = httpclient.Never, notifiers.ReasonAuth, "put the webhook's whole URL into webhook_url"
	case 10003, 10008, 50083, 160005:
		v.Fate, v.Advice = httpclient.Never, "check thread_id: the thread has to be in the webhook's channel, and open"
	case 220001, 220002, 220003:
		v.Fate, v.Advice = httpclient.Never, "the webhook's channel is a forum; write the thread_id of one of its posts"
	case 50006, 50035:
		v.Fate, v.Advice = httpclient.Never, "Discord does not take this message; change its title, body or options"
	}
	return v
}

// discordPost is a message as a webhook takes it.
type discordPost struct {
	Content         string          `json:"content,omitempty"`
	Username        string          `json:"username,omitempty"`
	Embeds          []discordEmbed  `json:"embeds"`
	AllowedMentions discordMentions `json:"allowed_mentions"`
}

type discordEmbed struct {
	Title       string         `json:"title"`
	URL         string         `json:"url,omitempty"`
	Description string         `json:"description,omitempty"`
	Color       int            `json:"color"`
	Fields      []discordField `json:"fields,omitempty"`
	Footer      discordFooter  `json:"footer"`
	Timestamp   *time.Time     `json:"timestamp,omitempty"`
}

type discordField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

type discordFooter struct {
	Text string `json:"text"`
}

// discordMentions names all who may be mentioned: nobody but them is, whatever the texts hold.
type discordMentions struct {
	Parse []string `json:"parse"`
	Users []string `json:"users,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

// compose lays a message out, and returns the thread that it goes to.
func (n *notifier) compose(m *notifiers.Message) (discordPost, string, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return discordPost{}, "", err
	}
	thread := notifiers.OneLine(o.ThreadID)
	if strings.Trim(thread, "0123456789") != "" {
		return discordPost{}, "", fmt.Errorf("thread_id: %q is none; write the digits that Discord shows under Copy Thread ID", notifiers.Cut(thread, 100))
	}
	embed := discordEmbed{
		Title:  discordText(markup.FitText(markup.Title(m, discordTitle), discordTitle, notifiers.Units, discordText)),
		URL:    markup.MessageURL(m, discordURL),
		Color:  notifiers.ColorNumber(m.Level),
		Fields: discordFieldsOf(m),
		Footer: discordFooter{markup.Neutralize(markup.Origin(m), false)},
	}
	room := min(discordBody, discordTexts-notifiers.Units(embed.Title)-notifiers.Units(embed.Footer.Text)-unitsOf(embed.Fields))
	embed.Description = markup.FitLines(markup.Lines(notifiers.Cut(m.Body, 4*discordBody)), discordMarkup().Write, func(s string) bool { return notifiers.Units(s) <= room })
	if !m.CreatedAt.IsZero() {
		at := m.CreatedAt.UTC()
		embed.Timestamp = &at
	}
	post := discordPost{Username: notifiers.Cut(notifiers.OneLine(o.Username), discordName), Embeds: []discordEmbed{embed}}
	post.mention(o.Mention)
	return post, thread, nil
}

// discordFieldsOf lays fields out side by side. Their texts together have at most discordFields characters.
func discordFieldsOf(m *notifiers.Message) []discordField {
	return markup.FitFields(m, func(fields []markup.Field) (written []discordField) {
		for _, f := range fields {
			written = append(written, discordField{discordText(f.Name), discordMarkup().Line(f.Value), true})
		}
		return written
	}, func(written []discordField) bool {
		long := func(f discordField) bool { return notifiers.Units(f.Value) > discordValue }
		return unitsOf(written) <= discordFields && !slices.ContainsFunc(written, long)
	})
}

func unitsOf(fields []discordField) (n int) {
	for _, f := range fields {
		n += notifiers.Units(f.Name) + notifiers.Units(f.Value)
	}
	return n
}

// mention calls people and roles above the embed, within which Discord tells nobody.
func (p *discordPost) mention(all []string) {
	p.AllowedMentions.Parse = []string{}
	for _, who := range all {
		who = notifiers.OneLine(who)
		var s string
		switch id, isRole := strings.CutPrefix(who, "&"); {
		case who == "@here", who == "@everyone":
			s = who
			if !slices.Contains(p.AllowedMentions.Parse, "everyone") {
				p.AllowedMentions.Parse = append(p.AllowedMentions.Parse, "everyone")
			}
		case isRole && isSnowflake(id):
			s = "<@&" + id + ">"
			p.AllowedMentions.Roles = httpclient.AppendNew(p.AllowedMentions.Roles, id)
		case isSnowflake(who):
			s = "<@" + who + ">"
			p.AllowedMentions.Users = httpclient.AppendNew(p.AllowedMentions.Users, who)
		case strings.Trim(who, "@") != "":
			s = discordText("@" + notifiers.Cut(strings.TrimLeft(who, "@"), 100))
		}
		if notifiers.Units(p.Content)+notifiers.Units(s) >= discordContent || len(p.AllowedMentions.Users) > 100 || len(p.AllowedMentions.Roles) > 100 {
			return
		}
		p.Content = strings.TrimSpace(p.Content + " " + s)
	}
}

// isSnowflake reports whether s is an id as Discord makes them.
func isSnowflake(s string) bool { return regexp.MustCompile(`^[0-9]{15,20}$`).MatchString(s) }

// discordMarkup is Discord's Markdown (https://support.discord.com/hc/en-us/articles/210298617), which links to no mailbox.
func discordMarkup() markup.Writer {
	m := markup.Markdown(discordText)
	style := m.Style
	m.Style = func(r markup.Run, s string) string {
		if address, isMail := strings.CutPrefix(r.URL, "mailto:"); isMail {
			r.URL = ""
			if address != r.Text {
				return style(r, s) + " (" + discordText(address) + ")"
			}
		}
		return style(r, s)
	}
	return m
}

// discordText is text without any meaning to Discord.
func discordText(s string) string {
	return strings.NewReplacer("<", `\<`, ">", `\>`).Replace(markup.EscapeMarkdown(markup.Neutralize(s, false)))
}
