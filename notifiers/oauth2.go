package notifiers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// oauth2Config is how to get a token for a client of its own right (RFC 6749, section 4.4).
type oauth2Config struct {
	// Name of the client at the token endpoint.
	ClientID string `yaml:"client_id"`
	// Secret of the client.
	ClientSecret Secret `yaml:"client_secret" secret:"true"`
	// Address of the token endpoint.
	TokenURL string `yaml:"token_url"`
	// What the token is to be good for.
	Scopes []string `yaml:"scopes"`
	// More parameters of the request for a token, such as audience.
	EndpointParams map[string]string `yaml:"endpoint_params"`
}

// secrets lists what must not be shown.
func (c oauth2Config) secrets() []string {
	secret := c.ClientSecret.Value()
	return []string{secret, c.ClientID + ":" + secret}
}

func (c oauth2Config) check() (faults []error) {
	if c.ClientID == "" {
		faults = append(faults, &FieldError{"oauth2.client_id", errors.New("missing; write the name of the client at the token endpoint")})
	}
	if !c.ClientSecret.IsSet() {
		faults = append(faults, &FieldError{"oauth2.client_secret", errors.New("missing; write the secret of the client")})
	}
	if u, err := httpURL(c.TokenURL); err != nil || u.User != nil {
		faults = append(faults, &FieldError{"oauth2.token_url", errors.New("write the address of the token endpoint, such as https://login.example.com/token")})
	}
	return faults
}

// tokenCache keeps the token of one client until shortly before it expires. It may be used from many goroutines, of which one at a time
// asks for a new token while the others wait.
type tokenCache struct {
	config clientcredentials.Config
	client *http.Client
	turn   chan struct{} // holds one element while somebody has the token in hand
	token  *oauth2.Token
}

func newTokenCache(c *oauth2Config, client *http.Client) *tokenCache {
	params := map[string][]string{}
	for key, value := range c.EndpointParams {
		params[key] = []string{value}
	}
	return &tokenCache{
		config: clientcredentials.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret.Value(), TokenURL: c.TokenURL,
			Scopes: c.Scopes, EndpointParams: params,
		},
		client: client,
		turn:   make(chan struct{}, 1),
	}
}

// get returns a token that is good for a while, and whether it was there before.
func (c *tokenCache) get(ctx context.Context) (token *oauth2.Token, cached bool, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if c.token.Valid() {
		return c.token, true, nil
	}
	if token, err = c.config.Token(context.WithValue(ctx, oauth2.HTTPClient, c.client)); err != nil {
		return nil, false, err
	}
	c.token = token
	return token, false, nil
}

// forget drops the token that a receiver did not take, unless it was replaced meanwhile.
func (c *tokenCache) forget(ctx context.Context, authorization string) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return
	}
	if c.token != nil && strings.HasSuffix(authorization, " "+c.token.AccessToken) {
		c.token = nil
	}
}

// tokenError classifies the failure to get a token. outer is the context of the caller, attempt the one with our timeout.
func (m masker) tokenError(outer, attempt context.Context, err error) error {
	const doing = "getting a token from oauth2.token_url"
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
	case attempt.Err() != nil:
		return m.attemptError(outer, doing, attempt.Err())
	default:
		return m.attemptError(outer, doing, explainTrust(err, "tls: {ca_file: …}"))
	}
	a := answer{
		code:       refused.Response.StatusCode,
		status:     statusText(refused.Response.StatusCode),
		retryAfter: parseRetryAfter(refused.Response.Header.Get("Retry-After"), time.Now()),
		body:       refused.Body[:min(len(refused.Body), maxReceipt)],
	}
	failed := fmt.Errorf("%s: it answered %s%s", doing, a.status, quoted(a.receipt(m).Response))
	switch {
	case a.code == http.StatusTooManyRequests:
		return a.again(ReasonRate, failed)
	case a.code == http.StatusRequestTimeout, a.code == http.StatusTooEarly, a.code >= 500:
		return a.again(ReasonServer, failed)
	case a.code < 300, a.code == http.StatusBadRequest, a.code == http.StatusUnauthorized, a.code == http.StatusForbidden:
		return &PermanentError{ReasonAuth, fmt.Errorf("%w: check oauth2.client_id, client_secret and scopes", failed)}
	}
	return &PermanentError{ReasonAuth, fmt.Errorf("%w: check oauth2.token_url", failed)}
}
