package http

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// basicAuth is a name and a password to log in with (RFC 7617).
type basicAuth struct {
	// Name to log in with.
	Username string `yaml:"username"`
	// Password to log in with.
	Password notifiers.Secret `yaml:"password" secret:"true"`
}

// checkAuth returns the faults of the login. There is at most one.
func (c Config) checkAuth(defaults json.RawMessage) (faults []error) {
	ways := c.authWays()
	if len(ways) > 1 {
		faults = append(faults, notifiers.Fault(ways[1], "%s is set too; keep one of them", ways[0]))
	}
	o, err := notifiers.MergeOptions[Options](nil, defaults)
	if err == nil && len(ways) > 0 {
		if err := checkOneLogin(ways[0], o); err != nil {
			faults = append(faults, err)
		}
	}
	if c.BasicAuth != nil && (c.BasicAuth.Username == "" || strings.Contains(c.BasicAuth.Username, ":")) {
		faults = append(faults, notifiers.Fault("basic_auth.username", "write a name without a colon"))
	}
	if c.OAuth2 != nil {
		faults = append(faults, c.OAuth2.Check()...)
	}
	return faults
}

// authWays returns the keys of the logins that are configured.
func (c Config) authWays() (ways []string) {
	if c.BasicAuth != nil {
		ways = append(ways, "basic_auth")
	}
	if c.Bearer.IsSet() {
		ways = append(ways, "bearer")
	}
	if c.OAuth2 != nil {
		ways = append(ways, "oauth2")
	}
	return ways
}

// checkOneLogin refuses options with a login of their own beside that of the notifier.
func checkOneLogin(way string, o Options) error {
	for name := range o.Headers {
		if strings.EqualFold(name, "Authorization") {
			return notifiers.Fault("headers", "Authorization is set by %s; keep one of them", way)
		}
	}
	if u, err := httpclient.ParseURL(o.URL); err == nil && u.User != nil {
		return notifiers.Fault("url", "it holds a name to log in with, and %s is set too; keep one of them", way)
	}
	return nil
}

// authorize sets the Authorization header, if the notifier logs in. cached reports that the login is a token from the
// cache, which the receiver may not accept any more.
func (n *notifier) authorize(ctx context.Context, h http.Header) (cached bool, err error) {
	switch {
	case n.config.BasicAuth != nil:
		r := http.Request{Header: h}
		r.SetBasicAuth(n.config.BasicAuth.Username, n.config.BasicAuth.Password.Value())
	case n.config.Bearer.IsSet():
		h.Set("Authorization", "Bearer "+n.config.Bearer.Value())
	case n.tokens != nil:
		var token *oauth2.Token
		if token, cached, err = n.tokens.Get(ctx); err != nil {
			return false, err
		}
		h.Set("Authorization", token.Type()+" "+token.AccessToken)
	}
	return cached, nil
}
