package ntfy

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/discord"
	"qaserelay/notifiers/googlechat"
	"qaserelay/notifiers/mattermost"
	"qaserelay/notifiers/pagerduty"
	"qaserelay/notifiers/teams"
	"qaserelay/notifiers/telegram"
)

func TestConfigErrorsOfServicesNameTheKey(t *testing.T) {
	hook := notifiers.NewSecret("https://hooks.example.com/s3cret")
	token := notifiers.NewSecret("110201543:AAHt0kens3cret")
	for name, c := range map[string]struct {
		kind     notifiers.Kind
		config   any
		defaults string
		key      string
	}{
		"teams without an address":      {teams.Kind(), &teams.Config{Timeout: 1}, ``, "webhook_url"},
		"teams without time":            {teams.Kind(), &teams.Config{WebhookURL: hook}, ``, "timeout"},
		"discord with half an address":  {discord.Kind(), &discord.Config{WebhookURL: notifiers.NewSecret("discord.com/s3cret"), Timeout: 1}, ``, "webhook_url"},
		"google chat with none":         {googlechat.Kind(), &googlechat.Config{Timeout: 1}, ``, "webhook_url"},
		"mattermost with none":          {mattermost.Kind(), &mattermost.Config{Timeout: 1}, ``, "webhook_url"},
		"telegram without a token":      {telegram.Kind(), &telegram.Config{APIURL: "https://x/", Timeout: 1}, ``, "token"},
		"telegram with half a token":    {telegram.Kind(), &telegram.Config{Token: notifiers.NewSecret("AAHt0kens3cret"), APIURL: "https://x/", Timeout: 1}, ``, "token"},
		"telegram with an odd API":      {telegram.Kind(), &telegram.Config{Token: token, APIURL: "https://x/?a=b", Timeout: 1}, ``, "api_url"},
		"telegram with an odd chat":     {telegram.Kind(), &telegram.Config{Token: token, APIURL: "https://x/", Timeout: 1}, `{"chat_id":"QA team"}`, "chat_id"},
		"telegram with an odd topic":    {telegram.Kind(), &telegram.Config{Token: token, APIURL: "https://x/", Timeout: 1}, `{"topic":"general"}`, "topic"},
		"pagerduty without a key":       {pagerduty.Kind(), &pagerduty.Config{APIURL: "https://x/", Timeout: 1}, ``, "routing_key"},
		"ntfy with two ways to log in":  {Kind(), &Config{Server: "https://x/", Token: hook, Username: "u", Password: hook, Timeout: 1}, ``, "token"},
		"ntfy without a password":       {Kind(), &Config{Server: "https://x/", Username: "u", Timeout: 1}, ``, "username"},
		"ntfy with an odd topic":        {Kind(), &Config{Server: "https://x/", Timeout: 1}, `{"topic":"a b"}`, "topic"},
		"ntfy with an odd priority":     {Kind(), &Config{Server: "https://x/", Timeout: 1}, `{"priority":"urgent!"}`, "priority"},
		"ntfy without a server":         {Kind(), &Config{Timeout: 1}, ``, "server"},
		"pagerduty with an odd address": {pagerduty.Kind(), &pagerduty.Config{RoutingKey: hook, APIURL: "events", Timeout: 1}, ``, "api_url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.kind.New(c.config, json.RawMessage(c.defaults))
			checkField(t, err, c.key)
		})
	}
}

func TestWhatCanBeTriedWithoutSending(t *testing.T) {
	for name, c := range map[string]struct {
		service serviceChannel
		says    string
		found   string
		fails   bool
	}{
		"telegram":               {telegramService(), `{"ok":true,"result":{"username":"qase_bot","title":"QA","type":"group"}}`, "the bot is @qase_bot; the chat -1001234567890 is the group “QA”", false},
		"telegram, wrong token":  {telegramService(), `{"ok":false,"description":"Unauthorized"}`, "", true},
		"mattermost":             {mattermostService(), `{"status":"OK"}`, "the server is up; whether it knows the webhook shows with the first message", false},
		"mattermost, other page": {mattermostService(), maintenance, "", true},
		"ntfy":                   {ntfyService(), `{"healthy":true}`, "the server is well and knows the credentials; whether they may write to the topic shows with the first message", false},
		"ntfy, not well":         {ntfyService(), `{"healthy":false}`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			n := c.service.make(t, server(t, slackSays(200, c.says, "")), 10*time.Second)
			found, err := n.(notifiers.Prober).Probe(t.Context(), nil)
			if found != c.found || (err != nil) != c.fails {
				t.Errorf("%q, %v", found, err)
			}
		})
	}
}

func TestTelegramSaysWhichChatItIs(t *testing.T) {
	for name, tt := range map[string]struct{ chat, want string }{
		"a group":            {`{"type":"group","title":"QA"}`, "the group “QA”"},
		"a large group":      {`{"type":"supergroup","title":"QA","username":"qa_team"}`, "the group “QA”"},
		"a channel":          {`{"type":"channel","title":"QA news","username":"qa_news"}`, "the channel “QA news”"},
		"a person":           {`{"type":"private","first_name":"Ann","last_name":"Lee"}`, "the private chat with “Ann Lee”"},
		"a name alone":       {`{"type":"private","username":"ann"}`, "the private chat with “@ann”"},
		"no type":            {`{"title":"QA"}`, "called “QA”"},
		"nothing to call it": {`{}`, "there"},
	} {
		t.Run(name, func(t *testing.T) {
			base := server(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/getMe") {
					_, _ = io.WriteString(w, `{"ok":true,"result":{"username":"qase_bot","title":"no chat"}}`)
					return
				}
				_, _ = io.WriteString(w, `{"ok":true,"result":`+tt.chat+`}`)
			})
			said, err := telegramService().make(t, base, patience).(notifiers.Prober).Probe(t.Context(), nil)
			if want := "; the chat -1001234567890 is " + tt.want; err != nil || !strings.HasSuffix(said, want) {
				t.Errorf("%q, %v", said, err)
			}
		})
	}
}
