package slack

import (
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// warn returns remarks on credentials that Slack can only refuse.
func warn(config any) []notifiers.Advice {
	c := config.(*Config)
	if c.WebhookURL.IsSet() {
		return c.warnWebhook()
	}
	return c.warnToken()
}

func (c *Config) warnWebhook() []notifiers.Advice {
	const write = "write the one that Slack shows under Incoming Webhooks: https://hooks.slack.com/services/…"
	u, err := httpclient.ParseURL(c.WebhookURL.Value())
	switch {
	case err != nil:
		return nil
	case httpclient.IsBelow(u, "slack.com") && !httpclient.IsBelow(u, "hooks.slack.com"):
		return httpclient.WarnKey("webhook_url", u.Hostname()+" has no incoming webhooks",
			write+", or a token in place of webhook_url")
	case httpclient.IsBelow(u, "hooks.slack.com") && !strings.HasPrefix(u.Path, "/services/"):
		return httpclient.WarnKey("webhook_url", "it is not the address of an incoming webhook", write)
	}
	return httpclient.WarnWebhook(c.WebhookURL, "Slack", write)
}

func (c *Config) warnToken() []notifiers.Advice {
	const write = "write the Bot User OAuth Token of the app, which begins with xoxb-"
	token := c.Token.Value()
	lower := strings.ToLower(token)
	switch {
	case strings.HasPrefix(lower, "xapp-"):
		return httpclient.WrongKey("token", "xapp- begins an app-level token, which cannot post", write)
	case strings.HasPrefix(lower, "bearer "):
		return httpclient.WrongKey("token", "Bearer is not a part of the token, and the relay adds it",
			"write the token alone, from xoxb- on")
	case strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "http://"):
		return httpclient.WrongKey("token", "it is a URL, not a token", "write the URL of a webhook as webhook_url")
	case httpclient.IsPlaceholder(token), strings.Contains(token, "{{"): // reported with the file
	case strings.HasPrefix(lower, "xoxp-"):
		return httpclient.WarnKey("token", "xoxp- begins the token of a user, in whose name messages would be posted", write)
	case !strings.HasPrefix(lower, "xox") && strings.HasPrefix(c.APIURL, "https://slack.com/"):
		return httpclient.WarnKey("token", "it does not begin like a token of Slack", write)
	case strings.HasPrefix(lower, "xox") && !strings.HasPrefix(lower, "xoxb-") && !strings.HasPrefix(lower, "xoxe."):
		return httpclient.WarnKey("token", token[:5]+" does not begin a bot token", write)
	}
	return nil
}
