// Package http sends messages as HTTP requests of any form.
package http

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Config are the settings of a notifier of type http.
type Config struct {
	// File that holds the url, in place of url, without templates; relative to the folder the relay is started in.
	URLFile notifiers.Secret `yaml:"url_file" secret:"file"`
	// Longest time for one attempt, from dialling to the end of the answer. Default: 15s.
	Timeout time.Duration `yaml:"timeout"`
	// Secrets that sign every request by Standard Webhooks 1.0: "whsec_" and base64, any other text as it is (base64 of a
	// key also decoded), or "whsk_" and the base64 of an ed25519 private key. With several, as while changing them, each signs.
	SigningSecret []notifiers.Secret `yaml:"signing_secret" secret:"true"`
	// Name and password to log in with. Of basic_auth, bearer and oauth2 there can be one.
	BasicAuth *basicAuth `yaml:"basic_auth"`
	// Token to log in with.
	Bearer notifiers.Secret `yaml:"bearer" secret:"true"`
	// Gets tokens with OAuth 2.0 client credentials.
	OAuth2 *httpclient.OAuth2 `yaml:"oauth2"`
	// TLS settings: trusted authorities and a client certificate.
	TLS httpclient.TLS `yaml:"tls"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Hosts that a url from a rule may name; needed where an event chooses the host. *.example.com is every subdomain.
	AllowHosts []string `yaml:"allow_hosts"`
	// Lets a notifier with allow_hosts send to loopback and private addresses.
	AllowPrivate bool `yaml:"allow_private"`
}

// Options are the message options of type http.
type Options struct {
	// Request method. Default: POST.
	Method string `yaml:"method" json:"method,omitempty" as:"text"`
	// URL of the request, http:// or https://.
	URL string `yaml:"url" json:"url,omitempty" as:"url" secret:"masked" empty:"inherit"`
	// Headers of the request; those of a rule are added to those of the notifier.
	Headers map[string]string `yaml:"headers" json:"headers,omitempty" as:"header" secret:"masked"`
	// Body of the request. Default: a JSON object with delivery_id, rule, level, title, body, url and event, and at
	// the end of a run failures, failures_total and failures_new.
	Body string `yaml:"body" json:"body,omitempty" as:"json"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:        "http",
		Summary:     "an HTTP request to any URL, optionally signed",
		Config:      func() any { return &Config{Timeout: 15 * time.Second} },
		Sample:      func() any { return &Config{Timeout: time.Second} },
		Options:     Options{},
		New:         newNotifier,
		Missing:     missing,
		Warn:        warn,
		Refuse:      refuse,
		Concurrency: 16,
		Markup:      notifiers.JSON,
		Limits:      []notifiers.Limit{}, // the receiver decides
		Needs:       "`url` or `url_file`",
		Notes: "without `body`, a JSON object with the message and its `event`, or of a digest `count`, `events` and `more`; " +
			"`signing_secret` signs as [Standard Webhooks](https://www.standardwebhooks.com), with several " +
			"secrets while they are changed; one of `basic_auth: {username, password}`, `bearer`, `oauth2: " +
			"{client_id, client_secret, token_url, scopes}`; `tls: {ca_file, cert_file, key_file, " +
			"server_name}`; `proxy_url`; a host that an event chooses needs `allow_hosts`, and " +
			"`allow_private` for private addresses",
		Example: example,
	}
}

func missing(config any, options map[string]bool) (what, hint string) {
	if options["url"] || config.(*Config).URLFile.IsSet() {
		return "", ""
	}
	return "has no address to send to", "add url: https://example.com/hook here or on the notifier"
}

// notifier sends each message as one HTTP request.
type notifier struct {
	config   Config
	defaults json.RawMessage
	signers  []signer
	tokens   *httpclient.TokenCache // nil without oauth2
	usual    call                   // of messages without options of their own; without a URL if there is no valid one
	client   *http.Client
	route    httpclient.Route
	last     atomic.Pointer[mask]
}

// newNotifier checks the settings and returns a notifier. It does not use the network.
func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	defaults = c.withURL(defaults)
	faults := append([]error{c.checkURLFile(), httpclient.CheckTimeout(c.Timeout), checkHTTPDefaults(defaults)}, c.checkAuth(defaults)...)
	signers, err := signersOf(c.SigningSecret)
	if err != nil {
		faults = append(faults, notifiers.Fault("signing_secret", "%w", err))
	}
	if err := checkAllowHosts(c.AllowHosts); err != nil {
		faults = append(faults, notifiers.Fault("allow_hosts", "%w", err))
	}
	route := httpclient.Route{Guard: c.guard()}
	if route.TLS, err = c.TLS.Client("tls."); err != nil {
		faults = append(faults, err)
	}
	if route.Proxy, err = httpclient.ParseProxy(c.ProxyURL); err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	n := &notifier{config: c, defaults: defaults, signers: signers, client: route.Client(), route: route}
	if c.OAuth2 != nil {
		n.tokens = httpclient.NewTokenCache(c.OAuth2, httpclient.Route{TLS: route.TLS, Proxy: route.Proxy}.Client())
	}
	if usual, err := n.address(nil); err == nil {
		n.usual = usual
	}
	return n, nil
}

// guard decides which addresses messages may go to.
func (c Config) guard() httpclient.DialGuard {
	return httpclient.DialGuard{PublicOnly: len(c.AllowHosts) > 0 && !c.AllowPrivate}
}

// withURL returns the message options of the notifier with the URL of url_file.
func (c Config) withURL(defaults json.RawMessage) json.RawMessage {
	options := map[string]any{}
	if !c.URLFile.IsSet() || len(defaults) > 0 && json.Unmarshal(defaults, &options) != nil {
		return defaults
	}
	options["url"] = c.URLFile.Value()
	merged, err := json.Marshal(options)
	if err != nil {
		return defaults // what was JSON can be written as JSON
	}
	return merged
}

func (c Config) checkURLFile() error {
	if strings.Contains(c.URLFile.Value(), "{{") {
		return notifiers.Fault("url_file", "the URL of a file cannot have templates; write it as url")
	}
	return nil
}

// Preview returns the body of the request.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return nil, err
	}
	call := call{written: o.Body}
	if call.method, err = parseMethod(o.Method); err != nil {
		return nil, err
	}
	err = call.fill(m)
	return call.body, err
}
