package builtin

import (
	"qaserelay/notifiers"
	"qaserelay/notifiers/discord"
	"qaserelay/notifiers/email"
	"qaserelay/notifiers/googlechat"
	"qaserelay/notifiers/http"
	"qaserelay/notifiers/mattermost"
	"qaserelay/notifiers/ntfy"
	"qaserelay/notifiers/pagerduty"
	"qaserelay/notifiers/slack"
	"qaserelay/notifiers/teams"
	"qaserelay/notifiers/telegram"
)

// Kinds returns the kinds of notifiers, in the order of the documentation.
func Kinds() []notifiers.Kind {
	return []notifiers.Kind{
		slack.Kind(),
		email.Kind(),
		http.Kind(),
		teams.Kind(),
		discord.Kind(),
		telegram.Kind(),
		googlechat.Kind(),
		mattermost.Kind(),
		pagerduty.Kind(),
		ntfy.Kind(),
	}
}
