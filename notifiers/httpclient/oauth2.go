package httpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"qaserelay/notifiers"
)

// OAuth2 are the settings of OAuth 2.0 client credentials (RFC 6749, section 4.4).
type OAuth2 struct {
	// Client ID at the token endpoint.
	ClientID string `yaml:"client_id"`
	// Client secret.
	ClientSecret notifiers.Secret `yaml:"client_secret" secret:"true"`
	// URL of the token endpoint.
	TokenURL string `yaml:"token_url"`
	// Scopes of the token.
	Scopes []string `yaml:"scopes"`
	// Further parameters of the token request, such as audience.
	EndpointParams map[string]string `yaml:"endpoint_params"`
	// How the client logs in to the token endpoint: basic (name and secret in the header) or post (in the form).
	// Default: basic, and post if the endpoint does not know the client by it.
	AuthStyle string `yaml:"auth_style"`
}

// Secrets returns the texts that must not be shown.
func (c OAuth2) Secrets() []string {
	secret := c.ClientSecret.Value()
	secrets := []string{secret, c.ClientID + ":" + secret}
	if u, err := url.Parse(c.TokenURL); err == nil && u.RawQuery != "" {
		secrets = append(secrets, u.RawQuery)
		for _, values := range u.Query() {
			secrets = append(secrets, values...)
		}
	}
	for key, value := range c.EndpointParams {
		if secretName.MatchString(key) {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// Check returns the faults of the settings.
func (c OAuth2) Check() (faults []error) {
	if c.ClientID == "" {
		faults = append(faults, notifiers.Fault("oauth2.client_id",
			"missing; write the name of the client at the token endpoint"))
	}
	if !c.ClientSecret.IsSet() {
		faults = append(faults, notifiers.Fault("oauth2.client_secret", "missing; write the secret of the client"))
	}
	if c.AuthStyle != "" && c.AuthStyle != "basic" && c.AuthStyle != "post" {
		faults = append(faults, notifiers.Fault("oauth2.auth_style", "%q is not valid; write basic or post", c.AuthStyle))
	}
	if u, err := ParseURL(c.TokenURL); err != nil || u.User != nil {
		faults = append(faults, AddressFault("oauth2.token_url", err,
			"write the address of the token endpoint, such as https://login.example.com/token"))
	}
	return faults
}

// TokenCache keeps the token of one client until shortly before it expires. It may be used from many goroutines, of
// which one at a time asks for a new token while the others wait.
type TokenCache struct {
	config clientcredentials.Config
	styles []oauth2.AuthStyle // ways to log in; the one that works remains
	client *http.Client
	turn   chan struct{} // holds one element while a goroutine uses or renews the token
	token  *oauth2.Token
}

// NewTokenCache returns an empty cache. client makes the requests for tokens.
func NewTokenCache(c *OAuth2, client *http.Client) *TokenCache {
	params := map[string][]string{}
	for key, value := range c.EndpointParams {
		params[key] = []string{value}
	}
	jsonClient := *client
	jsonClient.Transport = jsonAnswers{client.Transport}
	return &TokenCache{
		config: clientcredentials.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret.Value(), TokenURL: c.TokenURL,
			Scopes: c.Scopes, EndpointParams: params,
		},
		styles: authStyles(c.AuthStyle),
		client: &jsonClient,
		turn:   make(chan struct{}, 1),
	}
}

// Get returns a valid token, and whether it comes from the cache.
func (c *TokenCache) Get(ctx context.Context) (token *oauth2.Token, cached bool, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if c.token.Valid() {
		return c.token, true, nil
	}
	if token, err = c.request(context.WithValue(ctx, oauth2.HTTPClient, c.client)); err != nil {
		return nil, false, err
	}
	if !httpguts.ValidHeaderFieldValue(token.Type() + " " + token.AccessToken) {
		return nil, false, &notifiers.PermanentError{Reason: notifiers.ReasonAuth, Err: errors.New("the token holds a " +
			"line break or another control character, so it cannot be sent: check oauth2.token_url")}
	}
	c.token = token
	return token, false, nil
}

func authStyles(key string) []oauth2.AuthStyle {
	switch key {
	case "basic":
		return []oauth2.AuthStyle{oauth2.AuthStyleInHeader}
	case "post":
		return []oauth2.AuthStyle{oauth2.AuthStyleInParams}
	}
	return []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams}
}

// request asks the endpoint for a token. It logs in a second way only if the endpoint does not know the client by the
// first one, since each wrong login counts at the endpoint. If it knows the client by neither, the first error is
// returned.
func (c *TokenCache) request(ctx context.Context) (*oauth2.Token, error) {
	var unknown error
	for _, style := range c.styles {
		c.config.AuthStyle = style
		token, err := c.config.Token(ctx)
		switch {
		case err == nil:
			c.styles = []oauth2.AuthStyle{style}
			return token, nil
		case !isUnknownClient(err):
			return nil, err
		case unknown == nil:
			unknown = err
		}
	}
	return nil, unknown
}

// isUnknownClient reports whether an endpoint has not understood who asks (RFC 6749, section 5.2).
func isUnknownClient(err error) bool {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		return false
	}
	switch refused.ErrorCode {
	case "invalid_client":
		return true
	case "invalid_request":
		return strings.Contains(refused.ErrorDescription, "client_id")
	case "":
		return refused.Response.StatusCode == http.StatusUnauthorized
	}
	return false
}

// maxTokenAnswer bounds the part of an endpoint's answer that is read.
const maxTokenAnswer = 1 << 20

// jsonAnswers names answers in JSON as such, also where the endpoint calls them text/plain.
type jsonAnswers struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t jsonAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		resp.Header.Set("Content-Type", "application/json")
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Forget drops the token that a receiver has refused, unless it was replaced meanwhile.
func (c *TokenCache) Forget(ctx context.Context, authorization string) {
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

// TokenError classifies the failure to get a token. outer is the context of the caller, attempt the one with the
// timeout.
func (m Redactor) TokenError(outer, attempt context.Context, err error) error {
	const doing = "getting a token from oauth2.token_url"
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
	case attempt.Err() != nil:
		return m.AttemptError(outer, doing, attempt.Err())
	default:
		return m.AttemptError(outer, doing, ExplainTrust(err, "tls: {ca_file: …}"))
	}
	a := Answer{
		Code:       refused.Response.StatusCode,
		Status:     statusText(refused.Response.StatusCode),
		RetryAfter: parseRetryAfter(refused.Response.Header.Get("Retry-After"), time.Now()),
		Body:       refused.Body[:min(len(refused.Body), MaxReceipt)],
	}
	failed := a.Failed(doing, "it", a.Receipt(m).Response)
	if a.Code == http.StatusProxyAuthRequired {
		return ProxyRefusal(failed)
	}
	if reason := a.RetryReason(); reason != "" {
		return a.Retry(reason, failed)
	}
	keys := "token_url"
	if about := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}; a.Code < 300 ||
		slices.Contains(about, a.Code) {
		keys = "client_id, client_secret and scopes"
	}
	return &notifiers.PermanentError{Reason: notifiers.ReasonAuth, Err: fmt.Errorf("%w: check oauth2.%s", failed, keys)}
}
