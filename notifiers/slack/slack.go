// Package slack sends messages to Slack, with a bot token or to an incoming webhook.
package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// notifier posts messages with a bot token or to an incoming webhook.
type notifier struct {
	config   Config
	defaults json.RawMessage
	client   *http.Client
	mask     httpclient.Redactor
	keys     *keyLocks
}

// newNotifier checks the settings and returns a notifier. It does not use the network.
func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	if err := c.check(); err != nil {
		return nil, err
	}
	o, err := readOptions(nil, defaults)
	if err != nil {
		return nil, err
	}
	if _, isList := o.Blocks.([]any); o.Blocks != nil && !isList {
		return nil, notifiers.Fault("blocks", "not a list; write - {type: section, …}")
	}
	if !strings.HasSuffix(c.APIURL, "/") {
		c.APIURL += "/"
	}
	proxy, err := httpclient.ParseProxy(c.ProxyURL)
	if err != nil {
		return nil, err
	}
	secrets := append(httpclient.URLSecrets(c.ProxyURL.Value()), c.Token.Value())
	if c.WebhookURL.IsSet() {
		secrets = append(secrets, httpclient.URLSecrets(c.WebhookURL.Value())...)
	}
	return &notifier{c, defaults, httpclient.Route{Proxy: proxy}.Client(), httpclient.NewRedactor(secrets...),
		&keyLocks{}}, nil
}

// Send posts the message. The message is delivered if Slack answers ok; the HTTP status alone is not enough.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	o, err := readOptions(n.defaults, m.Options)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	if err := notifiers.Refused(o.refuse(n.config)); err != nil {
		return notifiers.Receipt{}, err
	}
	if n.config.WebhookURL.IsSet() {
		attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
		defer cancel()
		return n.postWebhook(attempt, compose(m, o.forWebhook()).post)
	}
	return n.sendByToken(ctx, m, o)
}

// forWebhook returns the options that an incoming webhook supports. It posts to its own channel, and mentions the
// people of dm.
func (o Options) forWebhook() Options {
	return Options{Mention: append(slices.Clip(o.DM), o.Mention...), Blocks: o.Blocks}
}
