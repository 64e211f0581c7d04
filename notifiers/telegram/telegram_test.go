package telegram

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func suite() notifierstest.Service {
	const token = "110201543:AAHt0kens3cret"
	fails := func(description, parameters string) string {
		return `{"ok":false,"description":"` + description + `","parameters":{` + parameters + `}}`
	}
	good := notifiers.NewSecret(token)
	return notifierstest.Service{
		Kind: Kind(), Secrets: []string{token, "AAHt0kens3cret"},
		Config: func(base string, timeout time.Duration) any {
			return &Config{Token: good, APIURL: base, Timeout: timeout}
		},
		Options:   `{"chat_id":"-1001234567890"}`,
		OK:        `{"ok":true,"result":{"message_id":7,"chat":{"title":"QA"}}}`,
		Delivered: "Telegram has posted it to the chat “QA”, as message 7",
		Title:     func(b map[string]any) any { return b["text"] },
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(200, `{"ok":false}`, "retry", "api_url"),
			notifierstest.On(429, fails("Too Many Requests: retry after 7", `"retry_after":7`), "retry after",
				"Too Many Requests"),
			notifierstest.On(400, fails("Bad Request: group chat was upgraded to a supergroup chat",
				`"migrate_to_chat_id":-1009876543210`), "permanent", "-1009876543210"),
			notifierstest.On(400, fails("Bad Request: chat not found", ""), "permanent", "check chat_id"),
			notifierstest.On(400, fails("Bad Request: message thread not found", ""), "permanent", "topic"),
			notifierstest.On(400, fails("Bad Request: can't parse entities", ""), "permanent", "change its title"),
			notifierstest.On(401, fails("Unauthorized", ""), "permanent", "@BotFather"),
			notifierstest.On(404, fails("Not Found", ""), "permanent", "@BotFather"),
			notifierstest.On(403, fails("Forbidden: bot was blocked by the user", ""), "permanent", "press Start"),
			notifierstest.On(403, fails("Forbidden: bot was kicked from the supergroup chat", ""), "permanent",
				"add the bot"),
		},
		Faults: map[string]notifierstest.Fault{
			"without a token": notifierstest.Blame(&Config{APIURL: "https://x/", Timeout: 1}, ``, "token"),
			"with half a token": notifierstest.Blame(&Config{Token: notifiers.NewSecret("AAHt0kens3cret"),
				APIURL: "https://x/", Timeout: 1}, ``, "token"),
			"with an odd API": notifierstest.Blame(&Config{Token: good, APIURL: "https://x/?a=b", Timeout: 1}, ``,
				"api_url"),
			"with an odd chat": notifierstest.Blame(&Config{Token: good, APIURL: "https://x/", Timeout: 1},
				`{"chat_id":"QA team"}`, "chat_id"),
			"with an odd topic": notifierstest.Blame(&Config{Token: good, APIURL: "https://x/", Timeout: 1},
				`{"topic":"general"}`, "topic"),
		},
	}
}

func TestTelegram(t *testing.T) { suite().Run(t) }

func TestAWrongTokenIsFoundWithoutSending(t *testing.T) {
	n := suite().New(t, notifierstest.Server(t,
		notifierstest.Reply(200, `{"ok":false,"description":"Unauthorized"}`, "")))
	if found, err := n.(notifiers.Prober).Probe(t.Context(), nil); err == nil {
		t.Errorf("found %q", found)
	}
}

func TestTelegramSaysWhichChatItIs(t *testing.T) {
	for name, tt := range map[string]struct{ chat, want string }{
		"a group":       {`{"type":"group","title":"QA"}`, "the group “QA”"},
		"a large group": {`{"type":"supergroup","title":"QA","username":"qa_team"}`, "the group “QA”"},
		"a channel":     {`{"type":"channel","title":"QA news","username":"qa_news"}`, "the channel “QA news”"},
		"a person": {`{"type":"private","first_name":"Ann","last_name":"Lee"}`,
			"the private chat with “Ann Lee”"},
		"a name alone":       {`{"type":"private","username":"ann"}`, "the private chat with “@ann”"},
		"no type":            {`{"title":"QA"}`, "called “QA”"},
		"nothing to call it": {`{}`, "there"},
	} {
		t.Run(name, func(t *testing.T) {
			base := notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/getMe") {
					_, _ = io.WriteString(w, `{"ok":true,"result":{"username":"qase_bot","title":"no chat"}}`)
					return
				}
				_, _ = io.WriteString(w, `{"ok":true,"result":`+tt.chat+`}`)
			})
			said, err := suite().New(t, base).(notifiers.Prober).Probe(t.Context(), nil)
			if want := "the bot is @qase_bot; the chat -1001234567890 is " + tt.want; err != nil || said != want {
				t.Errorf("%q, %v", said, err)
			}
		})
	}
}
