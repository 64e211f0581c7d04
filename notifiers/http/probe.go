package http

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Probe implements [notifiers.Prober]. It connects to the known hosts, with TLS for https, and gets a token if there is
// oauth2. It makes no request to a receiver, which might act on it; so basic_auth, bearer and signatures stay
// unchecked.
func (n *notifier) Probe(ctx context.Context, options []json.RawMessage) (string, error) {
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	mask := httpclient.NewRedactor(n.secrets()...)
	hosts, err := n.knownHosts(options)
	if err != nil {
		return "", &notifiers.PermanentError{Err: err}
	}
	var found []string
	for _, u := range hosts {
		said, err := n.route.Reach(attempt, u)
		if err != nil {
			return "", mask.AttemptError(ctx, "connecting to "+u.String(),
				httpclient.ExplainTrust(err, "tls: {ca_file: …}"))
		}
		found = append(found, said)
	}
	if n.tokens != nil {
		if _, _, err := n.tokens.Get(attempt); err != nil {
			return "", mask.TokenError(ctx, attempt, err)
		}
		found = append(found, "got a token for oauth2")
	}
	if len(found) == 0 {
		return "nothing could be checked, since the url comes from events", nil
	}
	return strings.Join(found, "; ") + "; no request was made to a receiver", nil
}

// knownHosts returns scheme and host of the URLs of the notifier and of messages, each once.
func (n *notifier) knownHosts(options []json.RawMessage) ([]*url.URL, error) {
	var all []*url.URL
	for _, own := range append([]json.RawMessage{nil}, options...) {
		o, err := notifiers.MergeOptions[Options](n.defaults, own)
		if err != nil {
			return nil, err
		}
		if o.URL == "" {
			continue
		}
		u, err := httpclient.ParseURL(o.URL)
		if err != nil {
			return nil, err
		}
		if err := n.config.checkHost(u, own); err != nil {
			return nil, err
		}
		host := &url.URL{Scheme: u.Scheme, Host: u.Host}
		if !slices.ContainsFunc(all, func(other *url.URL) bool { return *other == *host }) {
			all = append(all, host)
		}
	}
	return all, nil
}
