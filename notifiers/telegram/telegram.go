// Package telegram sends messages to Telegram, by a bot.
package telegram

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type telegram.
type Config struct {
	// Token of the bot, from @BotFather.
	Token notifiers.Secret `yaml:"token" secret:"true"`
	// Base URL of the Bot API, for your own server. Default: https://api.telegram.org/.
	APIURL string `yaml:"api_url"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type telegram.
type Options struct {
	// Chat to write to: its id, such as -1001234567890, or the @name of a public channel.
	ChatID string `yaml:"chat_id" json:"chat_id,omitempty" as:"text" empty:"inherit"`
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
			return &Config{Token: notifiers.NewSecret("1:preview"), APIURL: "https://api.telegram.org/",
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         service.New(define),
		Warn:        warn,
		Refuse:      service.Refuse[Config](refuse),
		Missing:     missing,
		Concurrency: 4,
		// https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
		Rate:      notifiers.Rate{Messages: 1, Per: time.Second, Burst: 1},
		Target:    target,
		Account:   func(config any) string { return config.(*Config).Token.Value() },
		Delivered: delivered,
		Markup:    notifiers.HTML,
		Digest:    notifiers.Room{Max: 3500, Line: 12},
		Limits: []notifiers.Limit{
			{Paths: "text", Max: 4096},
		},
		Needs:   "`token`, `chat_id`",
		Notes:   "`api_url` for a server of your own",
		RatePer: "for each chat",
		Example: example,
	}
}

// delivered names the chat of the message that Telegram returns. A receipt with a truncated answer does not have it.
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
		return "posted; the answer is too long to show here"
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

// target returns the chat that a message goes to. Each chat has the rate of its own.
func target(defaults, own json.RawMessage) string {
	o, err := notifiers.MergeOptions[Options](defaults, own)
	if err != nil {
		return ""
	}
	return notifiers.OneLine(o.ChatID)
}

// minSecret is fewer than the characters that a bot's token has behind its colon.
const minSecret = 30

// warn returns remarks on a token that Telegram itself can only refuse.
func warn(config any) []notifiers.Advice {
	c := config.(*Config)
	u, err := httpclient.ParseURL(c.APIURL)
	_, secret, _ := strings.Cut(c.Token.Value(), ":")
	if err == nil && httpclient.IsBelow(u, "api.telegram.org") && !httpclient.IsPlaceholder(c.Token.Value()) && len(secret) < minSecret {
		return httpclient.WarnKey("token", "it is too short for the token of a bot",
			"write the whole one that @BotFather gave, such as 110201543:AAH…")
	}
	return nil
}

func define(c Config, o Options) service.Definition[Options, post] {
	var badToken error
	if !regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`).MatchString(c.Token.Value()) {
		badToken = notifiers.Fault("token",
			"not a bot's token; write the one that @BotFather gave, such as 110201543:AAH…")
		if strings.HasPrefix(c.Token.Value(), "bot") {
			badToken = notifiers.Fault("token", "bot is not a part of the token; write it from its number on, such as 110201543:AAH…")
		}
	}
	o.ChatID = cmp.Or(o.ChatID, "1") // without one the messages have their own
	token := c.Token.Value()
	_, secret, _ := strings.Cut(token, ":")
	methods := service.WithSlash(c.APIURL) + "bot" + token + "/"
	return service.Definition[Options, post]{
		Endpoint: service.Endpoint{Service: "Telegram", Key: "api_url", URL: methods, Timeout: c.Timeout, Proxy: c.ProxyURL,
			Secrets: []string{token, secret}},
		Faults: []error{service.CheckBase("api_url", c.APIURL, "https://api.telegram.org/"), badToken,
			notifiers.Faults(refuse(o))},
		Refuse: refuse, Compose: compose, Classify: classify, Probe: probe,
		Call: func(p post) service.Call {
			return service.Call{Doing: "writing to the Telegram chat " + p.ChatID, URL: methods + "sendMessage"}
		},
	}
}

// refuse returns remarks on the destination of a message.
func refuse(o Options) (all []notifiers.Advice) {
	chat, topic := notifiers.OneLine(o.ChatID), notifiers.OneLine(o.Topic)
	if chat == "" {
		all = append(all, notifiers.Advice{Path: []string{"chat_id"}, Wrong: true, Message: "there is none",
			Hint: `write one such as "-1001234567890" here or on the notifier`})
	} else if !regexp.MustCompile(`^(-?[1-9][0-9]{0,19}|@[A-Za-z][A-Za-z0-9_]{0,63})$`).MatchString(chat) {
		all = append(all, notifiers.Unfit("chat_id", chat, "is not a valid chat ID",
			"write an id such as -1001234567890, or the @name of a public channel"))
	}
	if !regexp.MustCompile(`^[0-9]{0,18}$`).MatchString(topic) {
		all = append(all, notifiers.Unfit("topic", topic, "is not a valid topic number",
			"write the last number of the address of a message in the topic"))
	}
	return all
}

// probe asks for the bot and for the chats.
func probe(ctx context.Context, s *service.Service, all []Options) (string, error) {
	me, err := ask(ctx, s, service.Call{Doing: "asking Telegram who the bot is", URL: s.URL + "getMe"})
	if err != nil {
		return "", err
	}
	found := "the bot is @" + notifiers.OneLine(me.Username)
	var asked []string
	for _, o := range all {
		id := notifiers.OneLine(o.ChatID)
		if id == "" || slices.Contains(asked, id) {
			continue
		}
		asked = append(asked, id)
		chat, err := ask(ctx, s, service.Call{Doing: "asking for the Telegram chat " + id, URL: s.URL + "getChat",
			Body: map[string]string{"chat_id": id}})
		if err != nil {
			return found, err
		}
		found += "; the chat " + id + " is " + chat.String()
	}
	return found, nil
}

// chat is a chat or a bot (https://core.telegram.org/bots/api#chatfullinfo).
type chat struct {
	Type, Title, Username string
	FirstName             string `json:"first_name"`
	LastName              string `json:"last_name"`
}

// String describes the chat for people.
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
func ask(ctx context.Context, s *service.Service, c service.Call) (chat, error) {
	var answer struct{ Result chat }
	_, err := s.Deliver(ctx, c, func(a service.Answer) service.Outcome {
		// An answer that cannot be read does not come from Telegram; classify reports it.
		_ = json.Unmarshal(a.Body, &answer)
		return classify(a)
	})
	return answer.Result, err
}

// classify reads an answer of the Bot API (https://core.telegram.org/bots/api#making-requests).
func classify(a service.Answer) service.Outcome {
	var said struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
		Parameters  struct {
			Migrated   int64   `json:"migrate_to_chat_id"`
			RetryAfter float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	err := json.Unmarshal(a.Body, &said)
	v := service.Outcome{Detail: said.Description, Seconds: said.Parameters.RetryAfter}
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
		v.Class = service.UnexpectedBody
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
