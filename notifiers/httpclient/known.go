package httpclient

import (
	"net/url"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/rules/placeholder"
)

// knownHosts are the services that take messages at a host or below a domain.
var knownHosts = []struct{ host, service string }{
	{"slack.com", "Slack"}, {"slack-gov.com", "Slack"}, {"discord.com", "Discord"}, {"discordapp.com", "Discord"},
	{"webhook.office.com", "Microsoft Teams"}, {"outlook.office.com", "Microsoft Teams"},
	{"logic.azure.com", "Microsoft Teams"}, {"chat.googleapis.com", "Google Chat"}, {"api.telegram.org", "Telegram"},
	{"pagerduty.com", "PagerDuty"}, {"ntfy.sh", "ntfy"},
}

// pages are the hosts at which people read their chats.
var pages = []string{"chat.google.com", "mail.google.com", "teams.microsoft.com", "teams.live.com", "discord.gg", "t.me",
	"app.slack.com"}

// WarnWebhook returns the warnings of a webhook_url that is not one of the service: a placeholder, or an address at the
// host of another service. A host that is not known may be a proxy or a compatible server. write is what to write.
func WarnWebhook(address notifiers.Secret, service, write string) []notifiers.Advice {
	u, err := ParseURL(address.Value())
	if err != nil {
		return nil // the constructor says so
	}
	if IsPlaceholder(u.RequestURI()) || IsPlaceholder(u.Hostname()) {
		return WarnKey("webhook_url", "it is a placeholder, which delivers nothing", write)
	}
	host := strings.ToLower(u.Hostname())
	if host == "example.com" || host == "example.org" || host == "example.net" {
		return WarnKey("webhook_url", host+" is a placeholder, not a host of "+service, write)
	}
	for _, page := range pages {
		if IsBelow(u, page) {
			return WarnKey("webhook_url", host+" shows chats to people and takes no messages", write)
		}
	}
	for _, known := range knownHosts {
		if known.service != service && IsBelow(u, known.host) {
			return WarnKey("webhook_url", host+" is a host of "+known.service+", not of "+service, write)
		}
	}
	return nil
}

// WarnKey returns one warning about a key of a notifier.
func WarnKey(key, message, hint string) []notifiers.Advice {
	return []notifiers.Advice{{Path: []string{key}, Message: message, Hint: hint}}
}

// WrongKey returns one error about a key of a notifier, whose value the service can only refuse.
func WrongKey(key, message, hint string) []notifiers.Advice {
	return []notifiers.Advice{{Path: []string{key}, Wrong: true, Message: message, Hint: hint}}
}

// IsBelow reports whether a URL has the host, or one of its subdomains.
func IsBelow(u *url.URL, host string) bool {
	return strings.HasSuffix("."+strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), "."+host)
}

// IsPlaceholder reports whether a credential, or an address from its path on, is an example that waits to be replaced.
func IsPlaceholder(text string) bool { return placeholder.Is(text) }
