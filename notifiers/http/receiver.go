package http

import (
	"net/url"
	"regexp"
	"sync"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// receiver is a service that has a type of its own, at the addresses where it takes messages.
type receiver struct {
	service, kind, keys string         // keys are those that a notifier of this type needs
	hosts               []string       // and their subdomains; none for any
	path                *regexp.Regexp // of the address
	effect              string         // of the default body; it refuses the body if that is empty
}

// receivers are the services that have a type of their own.
var receivers = sync.OnceValue(func() []receiver {
	const cards = " takes only cards, and drops everything else without a word, such as the default body"
	return []receiver{
		{service: "Slack", kind: "slack", keys: "webhook_url", hosts: []string{"hooks.slack.com", "hooks.slack-gov.com"},
			path: regexp.MustCompile(`^/services/`)},
		{service: "Slack", kind: "slack", keys: "token and channel", hosts: []string{"slack.com", "slack-gov.com"},
			path: regexp.MustCompile(`^/api/`)},
		{service: "Discord", kind: "discord", keys: "webhook_url", hosts: []string{"discord.com", "discordapp.com"},
			path: regexp.MustCompile(`/webhooks/`)},
		{service: "PagerDuty", kind: "pagerduty", keys: "routing_key", hosts: []string{"pagerduty.com"},
			path: regexp.MustCompile(`^/v2/`)},
		{service: "Telegram", kind: "telegram", keys: "token and chat_id", hosts: []string{"api.telegram.org"},
			path: regexp.MustCompile(`^/bot`)},
		{service: "Google Chat", kind: "googlechat", keys: "webhook_url", hosts: []string{"chat.googleapis.com"},
			path: regexp.MustCompile(`^/v1/spaces/`)},
		{service: "Microsoft Teams", kind: "teams", keys: "webhook_url", hosts: []string{"webhook.office.com", "outlook.office.com"},
			path: regexp.MustCompile(`^/webhook`)},
		{service: "Microsoft Teams", kind: "teams", keys: "webhook_url",
			hosts: []string{"logic.azure.com", "api.powerplatform.com"},
			path:  regexp.MustCompile(`/workflows/`), effect: "a workflow of Microsoft Teams" + cards},
		{service: "Mattermost", kind: "mattermost", keys: "webhook_url", path: regexp.MustCompile(`/hooks/[a-z0-9]{26}/?$`)},
		{service: "ntfy", kind: "ntfy", keys: "topic", hosts: []string{"ntfy.sh"}, path: regexp.MustCompile(`^/[-\w]+$`),
			effect: "ntfy shows the default body, a JSON object, as it is"},
	}
})

// warnReceiver warns of a message with the default body to a service that takes messages in a form of its own.
func warnReceiver(o Options) []notifiers.Advice {
	u, err := httpclient.ParseURL(o.URL)
	if err != nil || o.Body != "" {
		return nil
	}
	for _, r := range receivers() {
		if !r.isAt(u) {
			continue
		}
		effect := r.effect
		if effect == "" {
			effect = r.service + " refuses the default body of type http"
		}
		return []notifiers.Advice{{Path: []string{"url"}, Wrong: r.effect == "", Whole: true, Message: effect,
			Hint: "make it a notifier of type: " + r.kind + ", with " + r.keys + ", or write a body: as " + r.service + " takes it"}}
	}
	return nil
}

func (r receiver) isAt(u *url.URL) bool {
	at := len(r.hosts) == 0
	for _, host := range r.hosts {
		at = at || httpclient.IsBelow(u, host)
	}
	return at && r.path.MatchString(u.Path)
}
