package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// login is what a receiver sees of the ways to log in.
func login(t *testing.T, edit func(*Config), serve http.HandlerFunc) notifiers.Notifier {
	t.Helper()
	c := &Config{Timeout: 10 * time.Second}
	edit(c)
	n, err := newNotifier(c, fmt.Appendf(nil, `{"url":%q}`, notifierstest.Server(t, serve)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func oauth2To(url string) func(*Config) {
	return func(c *Config) {
		c.OAuth2 = notifierstest.OAuth2(url)
	}
}

func TestHTTPLogsInAsConfigured(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*Config)
		want string
	}{
		"not at all": {func(*Config) {}, ""},
		"with name and password": {func(c *Config) {
			c.BasicAuth = &basicAuth{Username: "u", Password: notifiers.NewSecret("pässword")}
		}, "Basic dTpww6Rzc3dvcmQ="},
		"with a token": {func(c *Config) { c.Bearer = notifiers.NewSecret(notifierstest.AccessToken) },
			"Bearer " + notifierstest.AccessToken},
		"with a token from endpoint": {oauth2To(notifierstest.TokenEndpoint(t, new(atomic.Int32))), "Bearer " +
			notifierstest.AccessToken + "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			n := login(t, tt.edit, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") })
			for range 2 {
				if _, err := n.Send(t.Context(), notifierstest.Message()); err != nil || got != tt.want {
					t.Errorf("got %q, want %q: %v", got, tt.want, err)
				}
			}
		})
	}
}

func TestOneTokenServesManyRequestsUntilItIsRefused(t *testing.T) {
	var given atomic.Int32
	var refused sync.Map
	n := login(t, oauth2To(notifierstest.TokenEndpoint(t, &given)), func(w http.ResponseWriter, r *http.Request) {
		if _, bad := refused.Load(r.Header.Get("Authorization")); bad {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	sendAll := func() {
		t.Helper()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := n.Send(t.Context(), notifierstest.Message()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	sendAll()
	if given.Load() != 1 {
		t.Errorf("%d tokens for 16 requests at once", given.Load())
	}
	refused.Store("Bearer "+notifierstest.AccessToken+"-1", true)
	sendAll()
	if given.Load() != 2 {
		t.Errorf("%d tokens after one was refused", given.Load())
	}
	refused.Store("Bearer "+notifierstest.AccessToken+"-2", true)
	refused.Store("Bearer "+notifierstest.AccessToken+"-3", true)
	if _, err := n.Send(t.Context(), notifierstest.Message()); notifierstest.Outcome(err) != "permanent" ||
		notifiers.Reason(err) != notifiers.ReasonAuth {
		t.Errorf("a new token that is refused too: %s: %v", notifierstest.Outcome(err), err)
	}
}

func tokenAnswer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func TestWhatTheTokenEndpointSaysIsClassed(t *testing.T) {
	for name, tt := range map[string]struct {
		serve        http.HandlerFunc
		want, reason string
		says         string
	}{
		"wrong secret": {notifierstest.Echo(401, nil, notifierstest.ClientSecret), "permanent", notifiers.ReasonAuth,
			"check oauth2.client_id, client_secret"},
		"no such scope": {notifierstest.Echo(400, nil, notifierstest.ClientSecret), "permanent", notifiers.ReasonAuth,
			"scopes"},
		"not there": {notifierstest.Echo(404, nil, notifierstest.ClientSecret), "permanent", notifiers.ReasonAuth,
			"check oauth2.token_url"},
		"redirect": {notifierstest.Echo(302,
			http.Header{"Location": {"http://127.0.0.1/" + notifierstest.ClientSecret}}, notifierstest.ClientSecret),
			"permanent", notifiers.ReasonAuth, "token_url"},
		"down": {notifierstest.Echo(503, nil, notifierstest.ClientSecret), "retry", notifiers.ReasonServer,
			"503"},
		"busy": {notifierstest.Echo(429, http.Header{"Retry-After": {"7"}}, notifierstest.ClientSecret),
			"retry after", notifiers.ReasonRate, "429"},
		"an error as 200": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		}, "permanent", notifiers.ReasonAuth, "invalid_client"},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>log in") }, "retry",
			notifiers.ReasonServer, "json"},
		"drips":  {notifierstest.Drip(200), "retry", notifiers.ReasonTimeout, "no answer in time"},
		"no end": {notifierstest.Endless(200, testBearer), "retry", notifiers.ReasonServer, "token_url"},
		"no token": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, "retry",
			notifiers.ReasonServer, "access_token"},
		"a token of two lines": {tokenAnswer(`{"access_token":"line1\nline2"}`), "permanent", notifiers.ReasonAuth,
			"cannot be sent: check oauth2.token_url"},
		"a type with a control character": {tokenAnswer(`{"access_token":"x","token_type":"Bear\u0001er"}`), "permanent",
			notifiers.ReasonAuth, "cannot be sent: check oauth2.token_url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint := notifierstest.Server(t, tt.serve)
			n := login(t, func(c *Config) {
				oauth2To(endpoint)(c)
				if name == "drips" {
					c.Timeout = 300 * time.Millisecond
				}
			}, func(http.ResponseWriter, *http.Request) { t.Error("the receiver was called without a token") })
			start := time.Now()
			receipt, err := n.Send(t.Context(), notifierstest.Message())
			if notifierstest.Outcome(err) != tt.want || notifiers.Reason(err) != tt.reason ||
				!strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %s, %s: %v", notifierstest.Outcome(err), notifiers.Reason(err), err)
			}
			if took := time.Since(start); took > notifierstest.Patience {
				t.Errorf("took %s", took)
			}
			notifierstest.NoSecrets(t, []string{notifierstest.ClientSecret}, receipt, err)
		})
	}
}

func TestHTTPShowsNoLoginInItsAnswers(t *testing.T) {
	endpoint := notifierstest.TokenEndpoint(t, new(atomic.Int32))
	for name, tt := range map[string]struct {
		edit    func(*Config)
		secrets []string
	}{
		"basic": {func(c *Config) { c.BasicAuth = &basicAuth{"user", notifiers.NewSecret("p4ssw0rd-s3cret")} },
			[]string{"p4ssw0rd-s3cret", "user:" + "p4ssw0rd-s3cret"}},
		"bearer": {func(c *Config) { c.Bearer = notifiers.NewSecret(testBearer) }, []string{testBearer}},
		"oauth2": {oauth2To(endpoint), []string{notifierstest.AccessToken, notifierstest.ClientSecret}},
		"keys": {func(c *Config) {
			c.SigningSecret = []notifiers.Secret{notifiers.NewSecret("0ld-s3cret"), notifiers.NewSecret(testSigning)}
		},
			[]string{"0ld-s3cret", testSigning}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, code := range []int{200, 400, 403, 410, 500} {
				receipt, err := login(t, tt.edit, notifierstest.Echo(code, nil, testSigning)).Send(t.Context(),
					notifierstest.Message())
				notifierstest.NoSecrets(t, tt.secrets, receipt, err)
				if receipt.Response == "" {
					t.Error("the receiver said nothing")
				}
			}
		})
	}
}

func TestHTTPLoginsThatCannotBeAreBlamedOnTheirKey(t *testing.T) {
	good := oauth2To("https://login.example.com/token")
	for name, tt := range map[string]struct {
		edit     func(*Config)
		defaults string
		key      string
	}{
		"two ways":         {func(c *Config) { c.BasicAuth = &basicAuth{Username: "u"}; c.Bearer = notifiers.NewSecret("x") }, ``, "bearer"},
		"token and oauth2": {func(c *Config) { good(c); c.Bearer = notifiers.NewSecret("x") }, ``, "oauth2"},
		"a header and a way": {func(c *Config) { c.Bearer = notifiers.NewSecret("x") },
			`{"headers":{"authorization":"secret!!"}}`, "headers"},
		"a name in the url": {func(c *Config) { c.Bearer = notifiers.NewSecret("x") },
			`{"url":"https://u:secret!!@x.io/"}`, "url"},
		"no name":   {func(c *Config) { c.BasicAuth = &basicAuth{} }, ``, "basic_auth.username"},
		"no client": {func(c *Config) { good(c); c.OAuth2.ClientID = "" }, ``, "oauth2.client_id"},
		"no client secret": {func(c *Config) { good(c); c.OAuth2.ClientSecret = notifiers.Secret{} }, ``,
			"oauth2.client_secret"},
		"no endpoint":    {func(c *Config) { good(c); c.OAuth2.TokenURL = "login/secret" }, ``, "oauth2.token_url"},
		"no CA":          {func(c *Config) { c.TLS.CA = "secret!!" }, ``, "tls.ca"},
		"no key":         {func(c *Config) { c.TLS.Cert = "x" }, ``, "tls.key"},
		"no certificate": {func(c *Config) { c.TLS.Key = notifiers.NewSecret("x") }, ``, "tls.cert"},
		"no pair": {func(c *Config) { c.TLS.Cert = "x"; c.TLS.Key = notifiers.NewSecret("secret!!") }, ``,
			"tls.cert"},
		"CA and no check": {func(c *Config) { c.TLS.CA = notifierstest.NewPEM(t).CA; c.TLS.InsecureSkipVerify = true },
			``, "tls.insecure_skip_verify"},
		"no proxy": {func(c *Config) { c.ProxyURL = notifiers.NewSecret("ftp://u:secret!!@x") }, ``,
			"proxy_url"},
		"an empty key": {func(c *Config) { c.SigningSecret = []notifiers.Secret{notifiers.NewSecret("")} }, ``,
			"signing_secret"},
		"a short key": {func(c *Config) { c.SigningSecret = []notifiers.Secret{notifiers.NewSecret("whsk_c2VjcmV0ISE=")} }, ``, "signing_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Config{Timeout: 1}
			tt.edit(c)
			_, err := newNotifier(c, json.RawMessage(tt.defaults))
			notifierstest.WantKey(t, err, tt.key)
		})
	}
	n, err := newNotifier(&Config{Timeout: time.Second, Bearer: notifiers.NewSecret("x")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.Send(t.Context(), notifierstest.Message(func(m *notifiers.Message) {
		m.Options = json.RawMessage(`{"url":"http://127.0.0.1:1/","headers":{"Authorization":"mine"}}`)
	}))
	var field *notifiers.FieldError
	if notifierstest.Outcome(err) != "permanent" || !errors.As(err, &field) || field.Key != "headers" {
		t.Errorf("a rule that logs in beside the notifier: %v", err)
	}
}

func TestNoTokenComesFromTheMetadataOfACloud(t *testing.T) {
	n := login(t, oauth2To("http://169.254.169.254/token"),
		func(http.ResponseWriter, *http.Request) { t.Error("it was called without a token") })
	_, err := n.Send(t.Context(), notifierstest.Message())
	notifierstest.RefusesMetadata(t, err)
}
