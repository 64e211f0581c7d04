// Package googlechat sends messages to Google Chat, as cards by webhook.
package googlechat

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
)

// Google Chat takes messages of up to 32,000 bytes (https://developers.google.com/workspace/chat/create-messages).
const (
	googleBytes    = 28_000
	googleTitle    = 500
	googleURL      = 1000
	googleThread   = 1000
	googleMentions = 2000
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
			return &Config{WebhookURL: notifiers.NewSecret("https://chat.googleapis.com/v1/spaces/preview/messages?key=k&token=t"), Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Concurrency: 2,
		Rate:        notifiers.Rate{Messages: 1, Per: time.Second, Burst: 1}, // https://developers.google.com/workspace/chat/limits
		Delivered:   delivered,
		Markup:      notifiers.HTML,
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
	return &notifier{httpclient.NewService("Google Chat", "webhook_url", c.Timeout, httpclient.URLSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send posts the message; one whose thread is gone begins a new one.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	url := n.config.WebhookURL.Value()
	if post.Thread != nil {
		url = httpclient.WithQuery(url, map[string]string{"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"})
	}
	return n.Deliver(ctx, httpclient.ServiceCall{Doing: "posting to the Google Chat webhook", URL: url, Body: post}, classify)
}

// Preview returns the message as Google Chat would get it.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	post, err := n.compose(m)
	return httpclient.PreviewJSON(post, err)
}

// classify knows the errors of Google's APIs (https://cloud.google.com/apis/design/errors).
func classify(a httpclient.Answer) httpclient.Verdict {
	var said struct {
		Name  string `json:"name"`
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	err := json.Unmarshal(a.Body, &said)
	if a.Code == http.StatusOK && (err != nil || said.Name == "") {
		return httpclient.Verdict{Fate: httpclient.Strange, Detail: string(a.Body)}
	}
	v := httpclient.Verdict{Detail: strings.TrimSpace(said.Error.Status + " " + said.Error.Message)}
	switch a.Code {
	case http.StatusBadRequest:
		v.Advice = "Google Chat does not take this message; change its title, body or options, or check webhook_url"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		v.Reason, v.Advice = notifiers.ReasonAuth, "make a new webhook in the space and put its whole URL, with key and token, into webhook_url"
	}
	return v
}

// googlePost is a message as the API has it.
type googlePost struct {
	Text         string         `json:"text,omitempty"`
	FallbackText string         `json:"fallbackText"`
	Cards        []googleCard   `json:"cardsV2"`
	Thread       *googleThreads `json:"thread,omitempty"`
}

type googleThreads struct {
	Key string `json:"threadKey"`
}

type googleCard struct {
	ID   string `json:"cardId"`
	Card struct {
		Sections []googleSection `json:"sections"`
	} `json:"card"`
}

type googleSection struct {
	Widgets []googleWidget `json:"widgets"`
}

// drawWidget has one of its fields.
type googleWidget struct {
	Paragraph *googleText     `json:"textParagraph,omitempty"`
	Labelled  *googleLabelled `json:"decoratedText,omitempty"`
	Columns   *googleColumns  `json:"columns,omitempty"`
	Buttons   *googleButtons  `json:"buttonList,omitempty"`
}

type googleLabelled struct {
	Label string `json:"topLabel"`
	Text  string `json:"text"`
	Wrap  bool   `json:"wrapText"`
}

type googleColumns struct {
	Items []googleColumn `json:"columnItems"`
}

type googleColumn struct {
	Widgets []googleWidget `json:"widgets"`
}

type googleText struct {
	Text string `json:"text"`
}

type googleButtons struct {
	Buttons []googleButton `json:"buttons"`
}

type googleButton struct {
	Text    string `json:"text"`
	OnClick struct {
		Link struct {
			URL string `json:"url"`
		} `json:"openLink"`
	} `json:"onClick"`
}

// compose lays a message out as a card: the linked title with a dot in the level's colour, the body, fields, where it comes from,
// and a button. Mentions stand above it, since cards have none.
func (n *notifier) compose(m *notifiers.Message) (googlePost, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return googlePost{}, err
	}
	post := googlePost{Text: googleMentionsOf(o.Mention), FallbackText: markup.Neutralize(markup.Title(m, googleTitle), true)}
	if key := notifiers.Cut(notifiers.OneLine(o.Thread), googleThread); key != "" {
		post.Thread = &googleThreads{key}
	}
	title := googleEscape(markup.Title(m, googleTitle))
	link := markup.MessageURL(m, googleURL)
	if link != "" {
		title = `<a href="` + markup.EscapeHTML(link) + `">` + title + "</a>"
	}
	head := googleWidget{Paragraph: &googleText{`<font color="` + notifiers.LevelColor(m.Level) + `">●</font> <b>` + title + "</b>"}}
	foot := []googleWidget{{Paragraph: &googleText{`<font color="#64748b">` + googleEscape(markup.Origin(m)) + "</font>"}}}
	if link != "" {
		button := googleButton{Text: "Open in Qase"}
		button.OnClick.Link.URL = link
		foot = append(foot, googleWidget{Buttons: &googleButtons{[]googleButton{button}}})
	}
	fields := markup.FitFields(m, googleFields, func(widgets []googleWidget) bool { return httpclient.JSONBytes(widgets) <= googleBytes/2 })
	return markup.FitLines(markup.Lines(notifiers.Cut(m.Body, googleBytes)), func(lines []markup.Line) googlePost {
		widgets := []googleWidget{head}
		if body := googleMarkup().Write(lines); strings.TrimSpace(body) != "" {
			widgets = append(widgets, googleWidget{Paragraph: &googleText{body}})
		}
		widgets = append(widgets, fields...)
		whole := post
		whole.Cards = []googleCard{{ID: "qase"}}
		whole.Cards[0].Card.Sections = []googleSection{{append(widgets, foot...)}}
		return whole
	}, func(p googlePost) bool { return httpclient.JSONBytes(p) <= googleBytes }), nil
}

// googleFields lays fields out two in a row, each a small name with its value below.
func googleFields(fields []markup.Field) []googleWidget {
	var widgets []googleWidget
	for pair := range slices.Chunk(fields, 2) {
		var row []googleColumn
		for _, f := range pair {
			text := googleLabelled{Label: markup.Neutralize(f.Name, true), Text: googleMarkup().Line(f.Value), Wrap: true}
			row = append(row, googleColumn{[]googleWidget{{Labelled: &text}}})
		}
		if len(row) == 1 {
			widgets = append(widgets, row[0].Widgets...)
			continue
		}
		widgets = append(widgets, googleWidget{Columns: &googleColumns{row}})
	}
	return widgets
}

// googleMentionsOf calls people in the text of a message. What is no mention has the meaning of < taken, which is all that
// makes mentions and links there.
func googleMentionsOf(all []string) string {
	var calls string
	for _, who := range all {
		who = notifiers.OneLine(who)
		var s string
		switch {
		case who == "@all":
			s = "<users/all>"
		case who != "" && len(who) <= 40 && strings.Trim(who, "0123456789") == "":
			s = "<users/" + who + ">"
		case strings.Trim(who, "@") != "":
			s = markup.NeutralizeMarks(markup.Neutralize("@"+notifiers.Cut(strings.TrimLeft(who, "@"), 100), true))
			s = strings.NewReplacer("<", "‹", ">", "›").Replace(s)
		}
		if notifiers.Units(calls)+notifiers.Units(s) >= googleMentions {
			break
		}
		calls = strings.TrimSpace(calls + " " + s)
	}
	return calls
}

// googleMarkup is the HTML of cards (https://developers.google.com/workspace/chat/format-messages#card-formatting), which has no
// code and no quotes.
func googleMarkup() markup.Writer {
	m := markup.HTML(googleEscape)
	m.Adapt = nil
	style := m.Style
	m.Style = func(r markup.Run, s string) string {
		if r.Code {
			r.Code, s = false, "`"+s+"`"
		}
		return style(r, s)
	}
	m.Pre = func(lines []string) string { return googleEscape(markup.KeepSpaces(strings.Join(lines, "\n"), true)) }
	m.Quote = markup.Prefixed("│ ")
	return m
}

// googleEscape is text without any meaning to a card of Google Chat.
func googleEscape(s string) string { return markup.EscapeHTML(markup.Neutralize(s, true)) }
