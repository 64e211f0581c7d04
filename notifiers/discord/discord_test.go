package discord

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/rules/message"
)

func suite() notifierstest.Service {
	const secret = "hooks3cret"
	return notifierstest.Service{
		Kind: Kind(), Secrets: []string{secret, "/webhooks/1"},
		Config: func(base string, timeout time.Duration) any {
			return &Config{WebhookURL: notifiers.NewSecret(base + "/api/webhooks/1/" + secret), Timeout: timeout}
		},
		OK:        `{"id":"123","channel_id":"456"}`,
		Delivered: "Discord has posted it to the channel 456, as message 123",
		Title:     func(b map[string]any) any { return b["embeds"].([]any)[0].(map[string]any)["title"] },
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(204, "", "delivered", ""),
			notifierstest.On(200, "{}", "retry", "not in the form"),
			notifierstest.On(200, "null", "retry", "not in the form"),
			notifierstest.On(429, `{"message":"You are being rate limited.","retry_after":6.5,"global":false}`,
				"retry after", "rate limited"),
			notifierstest.On(404, `{"message":"Unknown Webhook","code":10015}`, "gone", "deleted"),
			notifierstest.On(401, `{"message":"Invalid Webhook Token","code":50027}`, "permanent", "whole URL"),
			notifierstest.On(400, `{"message":"Invalid Form Body","code":50035,"errors":{"embeds":["0"]}}`, "permanent",
				"change its title"),
			notifierstest.On(400,
				`{"message":"Webhooks posted to forum channels must have a thread_name or thread_id","code":220001}`,
				"permanent", "forum"),
			notifierstest.On(404, `{"message":"Unknown Channel","code":10003}`, "permanent", "thread_id"),
		},
		Faults: map[string]notifierstest.Fault{
			"half an address": notifierstest.Blame(&Config{WebhookURL: notifiers.NewSecret("discord.com/s3cret"),
				Timeout: 1}, ``, "webhook_url"),
			"without time": notifierstest.Blame(&Config{WebhookURL: notifiers.NewSecret("https://discord.com/s3cret")},
				``, "timeout"),
		},
	}
}

func TestDiscord(t *testing.T) { suite().Run(t) }

func TestDiscordCallsOnlyWhomTheOptionsName(t *testing.T) {
	var post post
	post.mention([]string{"165511591545143296", "&165511591545143297", "@here", "@everyone", "Bob", "<@1>", "12345",
		"165511591545143296", ""})
	if want := `<@165511591545143296> <@&165511591545143297> @here @everyone @` + markup.Joiner + `Bob @\<@` +
		markup.Joiner + `1\> @` + markup.Joiner + `12345 <@165511591545143296>`; post.Content != want {
		t.Errorf("content %q, want %q", post.Content, want)
	}
	if !slices.Equal(post.AllowedMentions.Parse, []string{"everyone"}) ||
		!slices.Equal(post.AllowedMentions.Users, []string{"165511591545143296"}) ||
		!slices.Equal(post.AllowedMentions.Roles, []string{"165511591545143297"}) {
		t.Errorf("%+v", post.AllowedMentions)
	}
}

func TestDiscordWaitsForTheMessageAndPostsInTheThread(t *testing.T) {
	var query string
	url := notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		_, _ = w.Write([]byte(`{"id":"1"}`))
	})
	n := suite().New(t, url)
	m := notifierstest.Message(func(m *notifiers.Message) { m.Options = json.RawMessage(`{"thread_id":"42"}`) })
	if _, err := n.Send(t.Context(), m); err != nil || query != "thread_id=42&wait=true" {
		t.Errorf("%q, %v", query, err)
	}
	m.Options = json.RawMessage(`{"thread_id":"42&wait=false"}`)
	_, err := n.Send(t.Context(), m)
	notifierstest.Fails(t, err, "permanent", "Copy Thread ID")
}

func TestDiscordTellsWhereAWebhookPosts(t *testing.T) {
	n := suite().New(t, notifierstest.Server(t,
		notifierstest.Reply(200, `{"id":"1","name":"Qase","channel_id":"456"}`, "")))
	if found, err := n.(notifiers.Prober).Probe(t.Context(), nil); err != nil ||
		found != "the webhook “Qase” posts to the channel 456" {
		t.Errorf("%q, %v", found, err)
	}
	n = suite().New(t, notifierstest.Server(t, notifierstest.Reply(204, "", "")))
	_, err := n.(notifiers.Prober).Probe(t.Context(), nil)
	notifierstest.Fails(t, err, "retry", "")
	n = suite().New(t, notifierstest.Server(t, notifierstest.Reply(404, `{"code":10015}`, "")))
	_, err = n.(notifiers.Prober).Probe(t.Context(), nil)
	notifierstest.Fails(t, err, "gone", "")
}

func TestAFieldOfLinksIsNotTooLongForDiscord(t *testing.T) {
	link := "[a](https://example.com/" + strings.Repeat("x", 150) + ") "
	fields, _ := fitFields(&notifiers.Message{Message: message.Message{Fields: []message.Field{{Name: "Links",
		Value: strings.Repeat(link, 7)}}}})
	if len(fields) != 1 || fields[0].Value == "" || notifiers.Units(fields[0].Value) > 1024 {
		t.Errorf("got %+v", fields)
	}
}
