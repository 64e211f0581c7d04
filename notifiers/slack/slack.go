// Package slack sends messages to Slack, with a bot token or to an incoming webhook.
package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
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

// Preview implements [preview.Previewer]. It returns the message without lookups in Slack.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	c, err := n.preview(m)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(c.post, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the Slack message: %w", err)
	}
	return append(readableJSON(b), '\n'), nil
}

// Layout implements [preview.Previewer].
func (n *notifier) Layout(m *notifiers.Message) (*preview.Layout, error) {
	c, err := n.preview(m)
	return c.layout(), err
}

// preview composes a message with the name of its destination.
func (n *notifier) preview(m *notifiers.Message) (composed, error) {
	o, err := readOptions(n.defaults, m.Options)
	if err != nil {
		return composed{}, err
	}
	if n.config.WebhookURL.IsSet() {
		o = o.forWebhook()
	}
	c := compose(m, o)
	c.below, c.hasBelow = composeReply(m)
	c.hasBelow = c.hasBelow && o.Thread.Of(m) != ""
	if c.post.Channel = o.Channel; o.DM != nil {
		names := make([]string, len(o.DM))
		for i, who := range o.DM {
			names[i] = displayName(who)
		}
		c.post.Channel = strings.Join(names, ", ")
	}
	return c, nil
}

// readableJSON writes & < > as themselves again, which the encoder of blocks does not.
func readableJSON(b []byte) []byte {
	// An escaped backslash comes first, so that the characters behind it are not taken for an escape.
	return []byte(strings.NewReplacer(`\\`, `\\`, `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b)))
}
