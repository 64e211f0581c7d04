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
)

func TestDiscordCallsOnlyWhomTheOptionsName(t *testing.T) {
	var post discordPost
	post.mention([]string{"165511591545143296", "&165511591545143297", "@here", "@everyone", "Bob", "<@1>", "12345", "165511591545143296", ""})
	if want := `<@165511591545143296> <@&165511591545143297> @here @everyone @` + markup.Joiner + `Bob @\<@` + markup.Joiner + `1\> @` + markup.Joiner + `12345 <@165511591545143296>`; post.Content != want {
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
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		_, _ = w.Write([]byte(`{"id":"1"}`))
	})
	n := discordService().make(t, url, 10*time.Second)
	m := SharedTestMessage(func(m *notifiers.Message) { m.Options = json.RawMessage(`{"thread_id":"42"}`) })
	if _, err := n.Send(t.Context(), m); err != nil || query != "thread_id=42&wait=true" {
		t.Errorf("%q, %v", query, err)
	}
	m.Options = json.RawMessage(`{"thread_id":"42&wait=false"}`)
	if _, err := n.Send(t.Context(), m); outcome(err) != "never" || !strings.Contains(err.Error(), "Copy Thread ID") {
		t.Errorf("got %v", err)
	}
}

func TestDiscordTellsWhereAWebhookPosts(t *testing.T) {
	n := discordService().make(t, server(t, slackSays(200, `{"id":"1","name":"Qase","channel_id":"456"}`, "")), 10*time.Second)
	if found, err := n.(notifiers.Prober).Probe(t.Context(), nil); err != nil || found != "the webhook “Qase” posts to the channel 456" {
		t.Errorf("%q, %v", found, err)
	}
	n = discordService().make(t, server(t, slackSays(204, "", "")), 10*time.Second)
	if found, err := n.(notifiers.Prober).Probe(t.Context(), nil); outcome(err) != "again" {
		t.Errorf("no answer: %q, %v", found, err)
	}
	n = discordService().make(t, server(t, slackSays(404, `{"code":10015}`, "")), 10*time.Second)
	if _, err := n.(notifiers.Prober).Probe(t.Context(), nil); outcome(err) != "gone" {
		t.Errorf("got %v", err)
	}
}

func TestAFieldOfLinksIsNotTooLongForDiscord(t *testing.T) {
	link := "[a](https://example.com/" + strings.Repeat("x", 150) + ") "
	fields := discordFieldsOf(&notifiers.Message{Fields: []notifiers.Field{{Name: "Links", Value: strings.Repeat(link, 7)}}})
	if len(fields) != 1 || fields[0].Value == "" || notifiers.Units(fields[0].Value) > 1024 {
		t.Errorf("got %+v", fields)
	}
}
