package notifiers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxServiceAnswer bounds what is read of a service's answer, which may repeat the whole message.
const maxServiceAnswer = 256 << 10

// service is what notifiers of chats and alarms have in common: JSON goes out, and the status of the answer says most.
type service struct {
	name    string // as people call it
	key     string // of the configuration: where the address comes from
	timeout time.Duration
	client  *http.Client
	mask    masker
}

// newService returns the service behind an address. secrets are never shown.
func newService(name, key string, timeout time.Duration, secrets ...string) *service {
	return &service{name, key, timeout, newHTTPClient(dialGuard{}), newMasker(secrets...)}
}

// serviceCall is one request.
type serviceCall struct {
	doing  string // for errors, such as "posting to the Discord webhook"
	method string // default POST
	url    string
	header map[string]string
	body   any // becomes JSON; nil for none
}

// verdict is what the body of an answer says over its status. Its zero value leaves all to the status.
type verdict struct {
	fate   fate
	detail string        // what is wrong, in the service's words
	after  time.Duration // the patience that it asks for
	reason string        // one of the Reason constants
	advice string        // what to do, if trying again does not help
}

// fate is what becomes of a message after an answer.
type fate int

const (
	byStatus fate = iota
	delivered
	again
	never
	gone    // the address is no more
	strange // it does not talk like the service, and so is something between us and it
)

// deliver makes one call. read looks at the answer's body.
func (s *service) deliver(ctx context.Context, c serviceCall, read func(answer) verdict) (Receipt, error) {
	a, err := s.call(ctx, c)
	if err != nil {
		return Receipt{}, err
	}
	v := read(a)
	if v.fate == byStatus {
		v.fate = fateOf(a.code)
	}
	if v.fate == strange && a.bodyErr != nil {
		return a.receipt(s.mask), s.mask.attemptError(ctx, c.doing+": reading the answer", a.bodyErr)
	}
	return a.receipt(s.mask), s.outcome(c.doing, a, v)
}

// call makes one request within the timeout and returns the answer, whatever its status.
func (s *service) call(ctx context.Context, c serviceCall) (answer, error) {
	attempt, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := c.request(attempt)
	if err != nil {
		return answer{}, &PermanentError{Err: fmt.Errorf("%s: %w", c.doing, s.mask.error(err))}
	}
	a, err := exchange(s.client, req, maxServiceAnswer)
	if err != nil {
		return answer{}, s.mask.attemptError(ctx, c.doing, err)
	}
	return a, nil
}

func (c serviceCall) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if c.body != nil {
		b, err := plainJSON(c.body, "")
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// fateOf is what a status alone means.
func fateOf(code int) fate {
	switch {
	case code >= 200 && code < 300:
		return delivered
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		return again
	case code == http.StatusGone:
		return gone
	}
	return never
}

// outcome is the error that steers what becomes of the message.
func (s *service) outcome(doing string, a answer, v verdict) error {
	failed := fmt.Errorf("%s: %s answered %s%s", doing, s.name, a.status, quoted(s.mask.mask(v.detail)))
	if v.after > 0 {
		a.retryAfter = min(max(v.after, a.retryAfter), maxRetryAfter)
	}
	advised := failed
	if v.advice != "" {
		advised = fmt.Errorf("%w: %s", failed, v.advice)
	}
	switch v.fate {
	case delivered:
		return nil
	case again:
		return a.again(s.reason(a, v), advised)
	case strange:
		return a.again(ReasonServer, fmt.Errorf("%w, but not in the form of its API: check %s; or it is in maintenance", failed, s.key))
	case gone:
		return &GoneError{Err: s.advised(failed, a, v)}
	}
	return &PermanentError{s.reason(a, v), s.advised(failed, a, v)}
}

// advised adds what to do about an answer that will come again.
func (s *service) advised(failed error, a answer, v verdict) error {
	switch {
	case v.advice != "":
		return fmt.Errorf("%w: %s", failed, v.advice)
	case a.code >= 300 && a.code < 400:
		return fmt.Errorf("%w: redirects are not followed; write the final address as %s%s", failed, s.key, onHost(a.location))
	case a.code == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: the message is too big; shorten its body", failed)
	}
	return fmt.Errorf("%w: check %s", failed, s.key)
}

func (s *service) reason(a answer, v verdict) string {
	switch {
	case v.reason != "":
		return v.reason
	case a.code == http.StatusTooManyRequests:
		return ReasonRate
	case a.code == http.StatusUnauthorized, a.code == http.StatusForbidden:
		return ReasonAuth
	case v.fate == again:
		return ReasonServer
	}
	return ReasonClient
}

// plainJSON encodes v with & < > as themselves.
func plainJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("writing the message: %w", err)
	}
	return b.Bytes(), nil
}

// jsonBytes is how long v is in JSON, or 0 if it cannot be written, which is told when it is.
func jsonBytes(v any) int {
	b, err := plainJSON(v, "")
	if err != nil {
		return 0
	}
	return len(b)
}

// previewJSON is a message as people can read it.
func previewJSON(message any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return plainJSON(message, "  ")
}

// seconds is a duration as services write it in JSON.
func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), maxRetryAfter.Seconds()) * float64(time.Second))
}

// checkWebhookURL checks an address that is a secret. example shows what one looks like.
func checkWebhookURL(key string, url Secret, example string) error {
	if !url.IsSet() {
		return &FieldError{key, errors.New("missing; write the address that " + example)}
	}
	if _, err := httpURL(url.Value()); err != nil {
		return &FieldError{key, errors.New("not a URL; write the address that " + example)}
	}
	return nil
}

// checkAPIURL checks the base address of an API, which is no secret.
func checkAPIURL(key, url, example string) error {
	u, err := httpURL(url)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return &FieldError{key, errors.New("not a base URL; write one such as " + example)}
	}
	return nil
}

// withSlash is a base URL to which a path can be appended.
func withSlash(base string) string { return strings.TrimSuffix(base, "/") + "/" }

// appendNew appends s unless it is there.
func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
