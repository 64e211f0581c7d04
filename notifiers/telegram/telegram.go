// Package telegram sends messages to Telegram, by a bot.
package telegram

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Config is what can be written for a notifier of type telegram.
type Config struct {
	// Token of the bot, from @BotFather.
	Token notifiers.Secret `yaml:"token" secret:"true"`
	// Base URL of the Bot API, for a server of one's own. Default: https://api.telegram.org/.
	APIURL string `yaml:"api_url"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type telegram.
type Options struct {
	// Chat to write to: its id, such as -1001234567890, or the @name of a public channel.
	ChatID string `yaml:"chat_id" json:"chat_id,omitempty" as:"text"`
	// Topic of a forum to write to, by its number. Default: the general one.
	Topic string `yaml:"topic" json:"topic,omitempty" as:"text"`
	// true sends without a sound.
	Silent bool `yaml:"silent" json:"silent,omitempty"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "telegram",
		Summary: "a message in a Telegram chat, by a bot",
		Config: func() any {
			return &Config{APIURL: "https://api.telegram.org/", Timeout: 10 * time.Second}
		},
		Sample: func() any {
			return &Config{Token: notifiers.NewSecret("1:preview"), APIURL: "https://api.telegram.org/", Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Missing:     missing,
		Concurrency: 4,
		// https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
		Rate:      notifiers.Rate{Messages: 1, Per: time.Second, Burst: 1},
		Target:    func(defaults, own json.RawMessage) string { return target(defaults, own) },
		Account:   func(config any) string { return config.(*Config).Token.Value() },
		Delivered: delivered,
		Markup:    notifiers.HTML,
		Limits: []notifiers.Limit{
			{Paths: "text", Max: 4096},
		},
		Needs:   "`token`, `chat_id`",
		Notes:   "`api_url` for a server of your own",
		RatePer: "for each chat",
		Example: example,
	}
}

// delivered names the chat of the message that Telegram returns. The receipt holds too little of a long one to read it.
func delivered(r notifiers.Receipt, _ string) string {
	var answer struct {
		Result struct {
			MessageID int `json:"message_id"`
			Chat      struct {
				Title     string `json:"title"`
				FirstName string `json:"first_name"`
				Username  string `json:"username"`
			} `json:"chat"`
		} `json:"result"`
	}
	if json.Unmarshal([]byte(r.Response), &answer) != nil {
		return "it is posted; the answer is too long to be told here"
	}
	to := answer.Result.Chat
	return fmt.Sprintf("Telegram has posted it to the chat “%s”, as message %d",
		cmp.Or(to.Title, to.FirstName, to.Username), answer.Result.MessageID)
}

func missing(_ any, options map[string]bool) (what, hint string) {
	if options["chat_id"] {
		return "", ""
	}
	return "has no chat to write to", `add chat_id: "-1001234567890" here or on the notifier`
}

// target is the chat that a message goes to; the limits are for each.
func target(defaults, own json.RawMessage) string {
	o, err := notifiers.MergeOptions[Options](defaults, own)
	if err != nil {
		return ""
	}
	return notifiers.OneLine(o.ChatID)
}

// notifier writes as a bot.
type notifier struct {
	*httpclient.Service
	config   Config
	defaults json.RawMessage
}

func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	o, err := notifiers.MergeOptions[Options](nil, defaults)
	faults := []error{err, httpclient.CheckTimeout(c.Timeout),
		httpclient.CheckAPIURL("api_url", c.APIURL, "https://api.telegram.org/")}
	if !regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`).MatchString(c.Token.Value()) {
		faults = append(faults, &notifiers.FieldError{Key: "token",
			Err: errors.New("not a bot's token; write the one that @BotFather gave, such as 110201543:AAH…")})
	}
	if o.ChatID == "" {
		o.ChatID = "0" // comes with the message
	}
	if err := errors.Join(append(faults, o.check())...); err != nil {
		return nil, err
	}
	_, secret, _ := strings.Cut(c.Token.Value(), ":")
	return &notifier{httpclient.NewService("Telegram", "api_url", c.Timeout, c.Token.Value(), secret), c, defaults}, nil
}

// check returns what is wrong with where a message goes.
func (o Options) check() error {
	if !regexp.MustCompile(`^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$`).MatchString(o.ChatID) {
		return &notifiers.FieldError{Key: "chat_id",
			Err: fmt.Errorf("%q is not a chat; write an id such as -1001234567890, or the @name of a public channel",
				notifiers.Cut(o.ChatID, 100))}
	}
	if !regexp.MustCompile(`^[0-9]{0,18}$`).MatchString(o.Topic) {
		return &notifiers.FieldError{Key: "topic", Err: fmt.Errorf("%q is not a topic number", notifiers.Cut(o.Topic, 100))}
	}
	return nil
}

// Send calls sendMessage.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	return n.Deliver(ctx, httpclient.ServiceCall{Doing: "writing to the Telegram chat " + post.ChatID,
		URL: n.method("sendMessage"), Body: post}, classify)
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

// Probe asks who the bot is, and whether it knows the chats.
func (n *notifier) Probe(ctx context.Context, options []json.RawMessage) (string, error) {
	var me struct{ Result chat }
	call := httpclient.ServiceCall{Doing: "asking Telegram who the bot is", URL: n.method("getMe")}
	if err := n.ask(ctx, call, &me); err != nil {
		return "", err
	}
	found := "the bot is @" + notifiers.OneLine(me.Result.Username)
	var chats []string
	for _, o := range append([]json.RawMessage{n.defaults}, options...) {
		if id := target(n.defaults, o); id != "" {
			chats = httpclient.AppendNew(chats, id)
		}
	}
	for _, id := range chats {
		c := httpclient.ServiceCall{Doing: "asking for the Telegram chat " + id, URL: n.method("getChat"),
			Body: map[string]string{"chat_id": id}}
		var chat struct{ Result chat }
		if err := n.ask(ctx, c, &chat); err != nil {
			return found, err
		}
		found += "; the chat " + id + " is " + chat.Result.String()
	}
	return found, nil
}

// chat is what Telegram tells of a chat or a bot (https://core.telegram.org/bots/api#chatfullinfo).
type chat struct {
	Type, Title, Username string
	FirstName             string `json:"first_name"`
	LastName              string `json:"last_name"`
}

// words says for people which chat it is.
func (c chat) String() string {
	name := notifiers.OneLine(cmp.Or(c.Title, strings.TrimSpace(c.FirstName+" "+c.LastName)))
	if name == "" && c.Username != "" {
		name = "@" + notifiers.OneLine(c.Username)
	}
	kind := map[string]string{"group": "the group", "supergroup": "the group", "channel": "the channel",
		"private": "the private chat with"}[c.Type]
	switch {
	case name == "":
		return "there"
	case kind == "":
		return "called “" + name + "”"
	}
	return kind + " “" + name + "”"
}

// ask calls a method that changes nothing.
func (n *notifier) ask(ctx context.Context, c httpclient.ServiceCall, result any) error {
	_, err := n.Deliver(ctx, c, func(a httpclient.Answer) httpclient.Outcome {
		// An answer that cannot be read does not come from Telegram; classify reports it.
		_ = json.Unmarshal(a.Body, result)
		return classify(a)
	})
	return err
}

// method is the address of a method. It holds the token.
func (n *notifier) method(name string) string {
	return httpclient.WithSlash(n.config.APIURL) + "bot" + n.config.Token.Value() + "/" + name
}

// classify reads what Telegram says (https://core.telegram.org/bots/api#making-requests).
func classify(a httpclient.Answer) httpclient.Outcome {
	var said struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
		Parameters  struct {
			Migrated   int64   `json:"migrate_to_chat_id"`
			RetryAfter float64 `json:"retry_after"` // seconds
		} `json:"parameters"`
	}
	err := json.Unmarshal(a.Body, &said)
	v := httpclient.Outcome{Detail: said.Description, After: httpclient.Seconds(said.Parameters.RetryAfter)}
	is := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(strings.ToLower(said.Description), w) {
				return true
			}
		}
		return false
	}
	switch {
	case a.Code == http.StatusOK && (err != nil || !said.OK):
		v.Class = httpclient.UnexpectedBody
	case said.Parameters.Migrated != 0:
		v.Advice = fmt.Sprintf("the group has become a supergroup; write chat_id: %q",
			strconv.FormatInt(said.Parameters.Migrated, 10))
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusNotFound && is("not found"):
		v.Reason, v.Advice = notifiers.ReasonAuth, "put the bot's token from @BotFather into token, and check api_url"
	case is("blocked by the user", "user is deactivated", "initiate conversation"):
		v.Reason, v.Advice = notifiers.ReasonClient, "the receiver has to open the bot and press Start"
	case is("kicked", "not a member", "chat not found", "have no rights", "not enough rights", "need administrator"):
		v.Reason = notifiers.ReasonClient
		v.Advice = "check chat_id, and add the bot to the chat with the right to write there"
	case is("thread not found", "topic_closed"):
		v.Advice = "check topic: the number of an open topic of this chat"
	case a.Code == http.StatusBadRequest:
		v.Advice = "Telegram does not take this message; change its title, body or options"
	}
	return v
}
