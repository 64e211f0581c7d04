package main

import (
	"cmp"
	"encoding/json"
	"fmt"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/config"
)

// meaning says what it means that a kind of notifier has delivered, by its answer: a service may have posted the message, or only
// taken it.
func meaning(out config.Out, t trial) string {
	var said struct {
		Channel   string // of Slack
		ID        string // of Discord and ntfy
		ChannelID string `json:"channel_id"`
		Topic     string
		DedupKey  string `json:"dedup_key"`
		Result    struct {
			MessageID int `json:"message_id"`
			Chat      struct {
				Title, Username string
				FirstName       string `json:"first_name"`
			}
		}
	}
	if json.Unmarshal([]byte(t.Response), &said) != nil && (out.Spec.Type == "discord" || out.Spec.Type == "telegram") {
		return "it is posted; the answer is too long to be told here" // of a longer message, it holds all of it
	}
	switch out.Spec.Type {
	case "slack":
		if said.Channel == "" {
			return "Slack has posted it to the webhook's channel"
		}
		return "Slack has posted it to " + said.Channel
	case "email":
		return "the mail server has taken it; whether it arrives is up to those behind it, so look there, in the spam too"
	case "teams":
		return "the workflow has taken it; whether it posts the card shows in Teams, and otherwise in the workflow's run history"
	case "discord":
		return fmt.Sprintf("Discord has posted it to the channel %s, as message %s", said.ChannelID, said.ID)
	case "telegram":
		chat := said.Result.Chat
		return fmt.Sprintf("Telegram has posted it to the chat “%s”, as message %d", cmp.Or(chat.Title, chat.FirstName, chat.Username), said.Result.MessageID)
	case "googlechat":
		return "Google Chat has posted it to the webhook's space"
	case "mattermost":
		return "Mattermost has posted it"
	case "pagerduty":
		return fmt.Sprintf("PagerDuty has taken it for the alert %s; to resolve that: %s notify %s --level success", said.DedupKey, terminal.Program(), out.Spec.Name)
	case "ntfy":
		return "ntfy has taken it for all who subscribe to " + said.Topic
	}
	return "the receiver has taken it"
}
