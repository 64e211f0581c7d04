// Package service makes notifiers for services that take a message as JSON over HTTP, such as chats and alarms.
//
// A kind describes its service by a [Definition]. [New] turns that into the notifier: it merges the options, composes,
// sends, redacts and classifies the answer.
package service

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Definition describes how messages go to one service. Options are the message options of the kind, and Post is a
// message as the service takes it.
type Definition[Options, Post any] struct {
	Endpoint
	// Faults are those of the settings and of the notifier's message options; nil ones do not count.
	Faults []error
	// Refuse returns remarks on the options of a message (see [notifiers.Kind]). Nil takes all options.
	Refuse func(Options) []notifiers.Advice
	// Compose lays out a message. The function that it returns makes the preview of the same message.
	Compose func(*notifiers.Message, Options) (Post, func() *preview.Layout, error)
	// Call returns the request of a post, whose body is the post unless the call has one.
	Call func(Post) Call
	// Classify reads the answer to a post.
	Classify func(Answer) Outcome
	// Probe verifies the settings; see [notifiers.Prober]. all are the options of the notifier, and those of messages.
	// A nil Probe means that nothing can be verified without sending.
	Probe func(ctx context.Context, s *Service, all []Options) (string, error)
}

// Endpoint is the place that a service takes messages at.
type Endpoint struct {
	Service string // name for people
	Key     string // key of the configuration that the address comes from
	URL     string // address of the calls without one
	Timeout time.Duration
	Proxy   notifiers.Secret // address of the proxy for all calls; without one the environment names it
	Secrets []string         // texts that must not be shown
}

// Webhook returns the endpoint of a webhook, whose whole address is a secret.
func Webhook(service string, url, proxy notifiers.Secret, timeout time.Duration) Endpoint {
	return Endpoint{Service: service, Key: "webhook_url", URL: url.Value(), Timeout: timeout, Proxy: proxy,
		Secrets: httpclient.URLSecrets(url.Value())}
}

// CheckWebhook checks the address of a webhook. origin completes the sentence “write the address that …”.
func (e Endpoint) CheckWebhook(origin string) error {
	_, err := httpclient.ParseURL(e.URL)
	fault := "not a URL"
	if e.URL == "" {
		fault = "missing"
	} else if err == nil {
		return nil
	}
	return httpclient.AddressFault(e.Key, err, fault+"; write the address that "+origin)
}

// CheckBase checks the base address of an API, which is not a secret.
func CheckBase(key, url, example string) error {
	u, err := httpclient.ParseURL(url)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return httpclient.AddressFault(key, err, "not a base URL; write one such as "+example)
	}
	return nil
}

// WithSlash returns a base URL to which a path can be appended.
func WithSlash(base string) string { return strings.TrimSuffix(base, "/") + "/" }

// New returns the New function of a kind. define gets the settings and the message options of a notifier.
func New[Config, Options, Post any](define func(Config, Options) Definition[Options, Post],
) func(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	return func(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
		o, err := notifiers.MergeOptions[Options](nil, defaults)
		d := define(*config.(*Config), o)
		proxy, badProxy := httpclient.ParseProxy(d.Proxy)
		faults := append([]error{err, badProxy, httpclient.CheckTimeout(d.Timeout)}, d.Faults...)
		if err := errors.Join(faults...); err != nil {
			return nil, err
		}
		secrets := append(httpclient.URLSecrets(d.Proxy.Value()), d.Secrets...)
		s := &Service{d.Endpoint, httpclient.Route{Proxy: proxy}.Client(), httpclient.NewRedactor(secrets...)}
		n := &notifier[Options, Post]{d, s, defaults}
		if d.Probe == nil {
			return n, nil
		}
		return prober[Options, Post]{n}, nil
	}
}

// Refuse returns the Refuse function of a kind whose definitions have the given one.
func Refuse[Config, Options any](remarks func(Options) []notifiers.Advice,
) func(config any, defaults, own json.RawMessage) []notifiers.Advice {
	return notifiers.Refusing(func(_ Config, o Options) []notifiers.Advice { return remarks(o) })
}

// notifier sends messages to one service.
type notifier[Options, Post any] struct {
	definition Definition[Options, Post]
	service    *Service
	defaults   json.RawMessage
}

// Send implements [notifiers.Notifier].
func (n *notifier[Options, Post]) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	call := n.definition.Call(post)
	if call.Body == nil {
		call.Body = post
	}
	return n.service.Deliver(ctx, call, n.definition.Classify)
}

// Preview implements [preview.Previewer].
func (n *notifier[Options, Post]) Preview(m *notifiers.Message) ([]byte, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return nil, err
	}
	return encode(post, "  ")
}

// Layout implements [preview.Previewer].
func (n *notifier[Options, Post]) Layout(m *notifiers.Message) (*preview.Layout, error) {
	return preview.Draw(n.compose(m))
}

func (n *notifier[Options, Post]) compose(m *notifiers.Message) (post Post, layout func() *preview.Layout, err error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return post, nil, err
	}
	if n.definition.Refuse != nil {
		if err := notifiers.Refused(n.definition.Refuse(o)); err != nil {
			return post, nil, err
		}
	}
	return n.definition.Compose(m, o)
}

// prober is a notifier that can be tried without sending.
type prober[Options, Post any] struct{ *notifier[Options, Post] }

// Probe implements [notifiers.Prober].
func (p prober[Options, Post]) Probe(ctx context.Context, options []json.RawMessage) (string, error) {
	var all []Options
	for _, own := range append([]json.RawMessage{nil}, options...) {
		if o, err := notifiers.MergeOptions[Options](p.defaults, own); err == nil {
			all = append(all, o)
		}
	}
	return p.definition.Probe(ctx, p.service, all)
}

// Service makes calls to one service.
type Service struct {
	Endpoint
	client *http.Client
	mask   httpclient.Redactor
}

// Call is one request.
type Call struct {
	Doing  string            // activity for errors, such as "posting to the Discord webhook"
	Method string            // default: POST
	URL    string            // default: that of the endpoint
	Query  map[string]string // parameters that are added to the URL
	Header map[string]string
	Body   any // is sent as JSON; nil for none
}

// Deliver makes one call. read classifies the answer.
func (s *Service) Deliver(ctx context.Context, c Call, read func(Answer) Outcome) (notifiers.Receipt, error) {
	a, err := s.exchange(ctx, c)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	v := read(a)
	if v.Class == ByStatus {
		v.Class = classOf(a)
	}
	if v.Class == UnexpectedBody && a.BodyErr != nil {
		return a.Receipt(s.mask), s.mask.AttemptError(ctx, c.Doing+": reading the answer", a.BodyErr)
	}
	return a.Receipt(s.mask), s.outcome(c.Doing, a, v)
}

// maxAnswer bounds the part of an answer that is read. A service may repeat the whole message.
const maxAnswer = 256 << 10

// exchange makes one request within the timeout and returns the answer, whatever its status.
func (s *Service) exchange(ctx context.Context, c Call) (Answer, error) {
	attempt, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	req, err := s.request(attempt, c)
	if err != nil {
		return Answer{}, notifiers.Permanent("%s: %w", c.Doing, s.mask.Error(err))
	}
	a, err := httpclient.Exchange(s.client, req, maxAnswer)
	if err != nil {
		return Answer{}, s.mask.AttemptError(ctx, c.Doing, err)
	}
	return a, nil
}

func (s *Service) request(ctx context.Context, c Call) (*http.Request, error) {
	var body io.Reader
	if c.Body != nil {
		b, err := encode(c.Body, "")
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	address := withQuery(cmp.Or(c.URL, s.URL), c.Query)
	req, err := http.NewRequestWithContext(ctx, cmp.Or(c.Method, http.MethodPost), address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", httpclient.UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.Header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// withQuery adds parameters to a URL that was checked.
func withQuery(raw string, parameters map[string]string) string {
	u, err := url.Parse(raw)
	if err != nil || len(parameters) == 0 {
		return raw
	}
	q := u.Query()
	for key, value := range parameters {
		q.Set(key, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// encode encodes v as JSON with & < > as themselves.
func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("writing the message: %w", err)
	}
	return b.Bytes(), nil
}

// EmbeddedBytes returns the length of v in JSON as a text within other JSON, where quotes and backslashes are escaped.
func EmbeddedBytes(v any) int {
	b, err := encode(v, "")
	if err != nil {
		return 0
	}
	return JSONBytes(string(b))
}

// JSONBytes returns the length of v in JSON, or 0 if v cannot be encoded; sending it fails then.
func JSONBytes(v any) int {
	b, err := encode(v, "")
	if err != nil {
		return 0
	}
	return len(b)
}
