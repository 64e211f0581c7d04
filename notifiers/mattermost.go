package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Mattermost takes 16,383 characters of text, and old servers 7,900 of attachments as JSON.
const (
	mattermostAttachment = 7000
	mattermostTitle      = 1000
	mattermostText       = 4000
	mattermostURL        = 1000
	mattermostFields     = 3000 // of JSON
	mattermostFooter     = 250
)

// mattermostConfig is what can be written for a notifier of type mattermost.
type mattermostConfig struct {
	// URL of an incoming webhook, from the server's menu under Integrations.
	WebhookURL Secret `yaml:"webhook_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// mattermostOptions are the message options of type mattermost.
type mattermostOptions struct {
	// Channel to post in, such as town-square, or @name of a person. Default: that of the webhook.
	Channel string `yaml:"channel" json:"channel,omitempty" as:"text"`
	// Who is mentioned: @name of a person or group, @here, @channel, @all; other text is written as it is.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"call"`
}

func mattermostKind() Kind {
	return Kind{
		Type:    "mattermost",
		Summary: "a message in a Mattermost channel, by incoming webhook",
		Config:  func() any { return &mattermostConfig{Timeout: 10 * time.Second} },
		Sample: func() any {
			return &mattermostConfig{WebhookURL: NewSecret("https://mattermost.example.com/hooks/preview"), Timeout: time.Second}
		},
		Options:     mattermostOptions{},
		New:         newMattermost,
		Concurrency: 2,
		Rate:        Rate{Messages: 10, Per: time.Second, Burst: 10}, // the server's default, RateLimitSettings.PerSec
	}
}

// mattermostNotifier posts to an incoming webhook.
type mattermostNotifier struct {
	*service
	config   mattermostConfig
	defaults json.RawMessage
}

func newMattermost(config any, defaults json.RawMessage) (Notifier, error) {
	c := *config.(*mattermostConfig)
	_, err := mergeOptions[mattermostOptions](nil, defaults)
	err = errors.Join(err, checkTimeout(c.Timeout), checkWebhookURL("webhook_url", c.WebhookURL,
		"Mattermost shows under Integrations, Incoming Webhooks: https://mattermost.example.com/hooks/…"))
	if err != nil {
		return nil, err
	}
	return &mattermostNotifier{newService("Mattermost", "webhook_url", c.Timeout, urlSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send posts the message. It is delivered when Mattermost says ok, and not by the status alone.
func (n *mattermostNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	post, err := n.compose(m)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	return n.deliver(ctx, serviceCall{doing: "posting to the Mattermost webhook", url: n.config.WebhookURL.Value(), body: post}, readMattermost)
}

// Preview returns the message as Mattermost would get it.
func (n *mattermostNotifier) Preview(m *Message) ([]byte, error) {
	post, err := n.compose(m)
	return previewJSON(post, err)
}

// Probe asks whether the server is up. A webhook cannot be tried without posting.
func (n *mattermostNotifier) Probe(ctx context.Context, _ []json.RawMessage) (string, error) {
	base, _, _ := strings.Cut(n.config.WebhookURL.Value(), "/hooks/")
	_, err := n.deliver(ctx, serviceCall{doing: "asking whether Mattermost is up", method: http.MethodGet, url: withSlash(base) + "api/v4/system/ping"},
		func(a answer) verdict {
			if a.code == http.StatusOK && !json.Valid(a.body) {
				return verdict{fate: strange}
			}
			return verdict{}
		})
	if err != nil {
		return "", err
	}
	return "the server is up; whether it knows the webhook shows with the first message", nil
}

// readMattermost knows the ids of the server's errors.
func readMattermost(a answer) verdict {
	var said struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	if a.code == http.StatusOK {
		if strings.TrimSpace(string(a.body)) != "ok" {
			return verdict{fate: strange, detail: string(a.body)}
		}
		return verdict{}
	}
	if json.Unmarshal(a.body, &said) != nil {
		return verdict{}
	}
	v := verdict{detail: strings.TrimSpace(said.ID + " " + said.Message)}
	is := func(part string) bool { return strings.HasPrefix(said.ID, "web.incoming_webhook."+part) }
	switch {
	case is("disabled"):
		v.fate, v.reason, v.advice = never, ReasonAuth, "let an admin enable incoming webhooks in the System Console"
	case is("invalid"), is("user"):
		v.reason, v.advice = ReasonAuth, "make a new incoming webhook and put its URL into webhook_url"
	case is("channel_locked"):
		v.fate, v.reason, v.advice = never, ReasonClient, "the webhook is locked to its channel; leave channel out"
	case is("channel"), is("permissions"):
		v.fate, v.reason, v.advice = never, ReasonClient, "check channel: the last part of the channel's address, in which the webhook's owner may post"
	case is("text"), is("parse"):
		v.fate, v.advice = never, "Mattermost does not take this message; change its title, body or options"
	}
	return v
}

// mattermostPost is a message as an incoming webhook takes it.
type mattermostPost struct {
	Channel     string                      `json:"channel,omitempty"`
	Text        string                      `json:"text"`
	Attachments []mattermostAttachmentShape `json:"attachments"`
}

type mattermostAttachmentShape struct {
	Fallback string            `json:"fallback"`
	Color    string            `json:"color"`
	Text     string            `json:"text"`
	Fields   []mattermostField `json:"fields,omitempty"`
	Footer   string            `json:"footer,omitempty"` // plain text
}

type mattermostField struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"` // two in a row
}

// compose lays a message out: title and mentions as text, since notifications show it; below it body, fields and origin beside a bar in
// the level's colour.
func (n *mattermostNotifier) compose(m *Message) (mattermostPost, error) {
	o, err := mergeOptions[mattermostOptions](n.defaults, m.Options)
	if err != nil {
		return mattermostPost{}, err
	}
	post := mattermostPost{Channel: oneLine(o.Channel), Text: mattermostTop(m, o.Mention)}
	shape := mattermostAttachmentShape{
		Fallback: fitText(titleLine(m, mattermostTitle), mattermostTitle, mattermostEscape), Color: levelColor(m.Level),
		Fields: mattermostFieldsOf(m), Footer: inert(cut(originLine(m), mattermostFooter), true),
	}
	markup := markdownMarkup(mattermostEscape)
	return fitLines(richLines(cut(m.Body, 2*mattermostAttachment)), func(lines []richLine) mattermostPost {
		whole, attachment := post, shape
		attachment.Text = strings.TrimSpace(markup.write(lines))
		whole.Attachments = []mattermostAttachmentShape{attachment}
		return whole
	}, func(p mattermostPost) bool { return mattermostUnits(p.Attachments) <= mattermostAttachment }), nil
}

func mattermostFieldsOf(m *Message) []mattermostField {
	markup := markdownMarkup(mattermostEscape)
	return fitFields(m, func(fields []richField) (written []mattermostField) {
		for _, f := range fields {
			written = append(written, mattermostField{mattermostEscape(f.name), markup.line(f.value), true})
		}
		return written
	}, func(written []mattermostField) bool { return mattermostUnits(written) <= mattermostFields })
}

// mattermostUnits counts as the server does: with its own encoder, which writes < > & as six characters.
func mattermostUnits(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 0 // the shapes are ours
	}
	return units(string(b))
}

// mattermostTop is the title, linked and bold, and who is mentioned.
func mattermostTop(m *Message, mentions []string) string {
	top := fitText(titleLine(m, mattermostTitle), mattermostTitle, mattermostEscape)
	if link := messageURL(m, mattermostURL); link != "" {
		top = "[" + top + "](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(link) + ")"
	}
	top = "**" + top + "**"
	for _, who := range mentions {
		s := mattermostMention(oneLine(who))
		if s == "" {
			continue
		}
		if units(top)+units(s) >= mattermostText {
			break
		}
		top += " " + s
	}
	return top
}

// mattermostMention is who itself where that is a name to call, or plain text.
func mattermostMention(who string) string {
	if regexp.MustCompile(`^@[a-z0-9][a-z0-9._-]{0,63}$`).MatchString(who) {
		return who
	}
	return mattermostEscape(cut(who, 100))
}

// mattermostEscape is text without any meaning to Mattermost: its Markdown resolves entities, and makes emoji of :names:.
func mattermostEscape(s string) string {
	if s = inert(s, true); strings.Count(s, ":") > 1 {
		s = regexp.MustCompile(`:([A-Za-z0-9_+-]+:)`).ReplaceAllString(s, ":"+joiner+"$1")
	}
	return escapeMarks(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s))
}
