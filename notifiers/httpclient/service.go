package httpclient

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

	"qaserelay/notifiers"
)

// maxServiceAnswer bounds what is read of a service's answer, which may repeat the whole message.
const maxServiceAnswer = 256 << 10

// Service is what notifiers of chats and alarms have in common: JSON goes out, and the status of the answer says most.
type Service struct {
	name    string // as people call it
	key     string // of the configuration: where the address comes from
	timeout time.Duration
	client  *http.Client
	mask    Redactor
}

// NewService returns the service behind an address. secrets are never shown.
func NewService(name, key string, timeout time.Duration, secrets ...string) *Service {
	return &Service{name, key, timeout, NewClient(DialGuard{}), NewRedactor(secrets...)}
}

// ServiceCall is one request.
type ServiceCall struct {
	Doing  string // for errors, such as "posting to the Discord webhook"
	Method string // default POST
	URL    string
	Header map[string]string
	Body   any // becomes JSON; nil for none
}

// Outcome is what the body of an answer says beyond its status. The zero value leaves everything to the status.
type Outcome struct {
	Class  Class
	Detail string        // what is wrong, in the service's words
	After  time.Duration // how long to wait before the next attempt
	Reason string        // one of the Reason constants
	Advice string        // what to do, if trying again does not help
}

// Class classifies an answer.
type Class int

// The classes of answers.
const (
	ByStatus       Class = iota // the status decides
	delivered                   // the service has accepted the message
	Retry                       // another attempt may succeed
	Permanent                   // no attempt will succeed
	Gone                        // the address does not exist any more
	UnexpectedBody              // the body is not in the form of the service's API: something else answered
)

// Deliver makes one call. read looks at the answer's body.
func (s *Service) Deliver(ctx context.Context, c ServiceCall, read func(Answer) Outcome) (notifiers.Receipt, error) {
	a, err := s.call(ctx, c)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	v := read(a)
	if v.Class == ByStatus {
		v.Class = classOf(a.Code)
	}
	if v.Class == UnexpectedBody && a.BodyErr != nil {
		return a.Receipt(s.mask), s.mask.AttemptError(ctx, c.Doing+": reading the answer", a.BodyErr)
	}
	return a.Receipt(s.mask), s.outcome(c.Doing, a, v)
}

// call makes one request within the timeout and returns the answer, whatever its status.
func (s *Service) call(ctx context.Context, c ServiceCall) (Answer, error) {
	attempt, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := c.request(attempt)
	if err != nil {
		return Answer{}, &notifiers.PermanentError{Err: fmt.Errorf("%s: %w", c.Doing, s.mask.Error(err))}
	}
	a, err := Exchange(s.client, req, maxServiceAnswer)
	if err != nil {
		return Answer{}, s.mask.AttemptError(ctx, c.Doing, err)
	}
	return a, nil
}

func (c ServiceCall) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if c.Body != nil {
		b, err := plainJSON(c.Body, "")
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.Header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// classOf classifies a status.
func classOf(code int) Class {
	switch {
	case code >= 200 && code < 300:
		return delivered
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		return Retry
	case code == http.StatusGone:
		return Gone
	}
	return Permanent
}

// outcome is the error that steers what becomes of the message.
func (s *Service) outcome(doing string, a Answer, v Outcome) error {
	failed := fmt.Errorf("%s: %s answered %s%s", doing, s.name, a.Status, quoted(s.mask.Redact(v.Detail)))
	if v.After > 0 {
		a.retryAfter = min(max(v.After, a.retryAfter), maxRetryAfter)
	}
	advised := failed
	if v.Advice != "" {
		advised = fmt.Errorf("%w: %s", failed, v.Advice)
	}
	switch v.Class {
	case delivered:
		return nil
	case Retry:
		return a.Retry(s.reason(a, v), advised)
	case UnexpectedBody:
		return a.Retry(notifiers.ReasonServer,
			fmt.Errorf("%w, but not in the form of its API: check %s; or it is in maintenance", failed, s.key))
	case Gone:
		return &notifiers.GoneError{Err: s.advised(failed, a, v)}
	}
	return &notifiers.PermanentError{Reason: s.reason(a, v), Err: s.advised(failed, a, v)}
}

// advised adds what to do about an answer that will come again.
func (s *Service) advised(failed error, a Answer, v Outcome) error {
	switch {
	case v.Advice != "":
		return fmt.Errorf("%w: %s", failed, v.Advice)
	case a.Code >= 300 && a.Code < 400:
		return fmt.Errorf("%w: redirects are not followed; write the final address as %s%s", failed, s.key,
			onHost(a.location))
	case a.Code == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: the message is too big; shorten its body", failed)
	}
	return fmt.Errorf("%w: check %s", failed, s.key)
}

func (s *Service) reason(a Answer, v Outcome) string {
	switch {
	case v.Reason != "":
		return v.Reason
	case a.Code == http.StatusTooManyRequests:
		return notifiers.ReasonRate
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden:
		return notifiers.ReasonAuth
	case v.Class == Retry:
		return notifiers.ReasonServer
	}
	return notifiers.ReasonClient
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

// JSONBytes is how long v is in JSON, or 0 if it cannot be written, which is told when it is.
func JSONBytes(v any) int {
	b, err := plainJSON(v, "")
	if err != nil {
		return 0
	}
	return len(b)
}

// PreviewJSON is a message as people can read it.
func PreviewJSON(message any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return plainJSON(message, "  ")
}

// Seconds is a duration as services write it in JSON.
func Seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), maxRetryAfter.Seconds()) * float64(time.Second))
}

// CheckWebhookURL checks an address that is a secret. example shows what one looks like.
func CheckWebhookURL(key string, url notifiers.Secret, example string) error {
	if !url.IsSet() {
		return &notifiers.FieldError{Key: key, Err: errors.New("missing; write the address that " + example)}
	}
	if _, err := ParseURL(url.Value()); err != nil {
		return &notifiers.FieldError{Key: key, Err: errors.New("not a URL; write the address that " + example)}
	}
	return nil
}

// CheckAPIURL checks the base address of an API, which is not a secret.
func CheckAPIURL(key, url, example string) error {
	u, err := ParseURL(url)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return &notifiers.FieldError{Key: key, Err: errors.New("not a base URL; write one such as " + example)}
	}
	return nil
}

// WithSlash is a base URL to which a path can be appended.
func WithSlash(base string) string { return strings.TrimSuffix(base, "/") + "/" }

// AppendNew appends s unless it is there.
func AppendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
