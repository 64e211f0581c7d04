package httpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"qaserelay/notifiers"
)

// MaxReceipt is how much of an answer is kept for people to read.
const MaxReceipt = 4 << 10

// maxRetryAfter is the longest that a receiver can make us wait before the next attempt.
const maxRetryAfter = time.Hour

// UserAgent is how we introduce ourselves.
const UserAgent = "qase-relay"

// NewClient returns a client with its own pool of connections. It follows no redirects, since those would take
// the message and its secrets elsewhere, and uses no proxy but one that it is given by a route.
func NewClient(g DialGuard) *http.Client {
	dialer := g.Dialer()
	dialer.Timeout, dialer.KeepAlive = 10*time.Second, 30*time.Second
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Answer is what an HTTP server said.
type Answer struct {
	Code       int
	Status     string // such as "200 OK"
	retryAfter time.Duration
	location   string
	Header     http.Header
	Body       []byte // its beginning
	BodyErr    error  // why the body could not be read
}

// Exchange sends req and reads at most limit bytes of the answer. A body that cannot be read is not an error here,
// since the status may be all that matters.
func Exchange(client *http.Client, req *http.Request, limit int64) (Answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	var body []byte
	if resp.Body != http.NoBody {
		body, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	}
	return Answer{
		Code:       resp.StatusCode,
		Status:     statusText(resp.StatusCode),
		retryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		location:   resp.Header.Get("Location"),
		Header:     resp.Header,
		Body:       body,
		BodyErr:    err,
	}, nil
}

// statusText is the standard text for code: the one on the wire is free text.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// Receipt keeps the beginning of the answer, without secrets.
func (a Answer) Receipt(m Redactor) notifiers.Receipt {
	text := strings.ToValidUTF8(string(a.Body), "\uFFFD")
	if len(text) > MaxReceipt || len(a.Body) >= MaxReceipt {
		return notifiers.Receipt{Status: a.Status, Response: m.redactTruncated(notifiers.CutBytes(text, MaxReceipt))}
	}
	return notifiers.Receipt{Status: a.Status, Response: notifiers.CutBytes(m.Redact(text), MaxReceipt)}
}

// parseRetryAfter reads a Retry-After header, in seconds or as a date (RFC 9110, section 10.2.3), and returns a
// duration from zero, for none, to maxRetryAfter.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value = strings.TrimSpace(value); value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// Retry is an error worth another attempt, but not before the receiver's Retry-After.
func (a Answer) Retry(reason string, err error) error {
	if a.retryAfter > 0 {
		return &notifiers.RetryAfterError{After: a.retryAfter, Reason: reason, Err: err}
	}
	return &notifiers.TransientError{Reason: reason, Err: err}
}

// AttemptError classifies an error that came instead of an answer. Permanent ones stay so; all others are worth
// another attempt. outer is the context of the caller, as opposed to the one with our own timeout.
func (m Redactor) AttemptError(outer context.Context, doing string, err error) error {
	var permanent *notifiers.PermanentError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &permanent):
		return &notifiers.PermanentError{Reason: permanent.Reason, Err: fmt.Errorf("%s: %w", doing, permanent.Err)}
	case errors.Is(outer.Err(), context.Canceled):
		return &notifiers.TransientError{Reason: notifiers.ReasonCanceled,
			Err: fmt.Errorf("%s: stopped before there was an answer: %w", doing, outer.Err())}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &notifiers.TransientError{Reason: notifiers.ReasonTimeout, Err: fmt.Errorf("%s: no answer in time", doing)}
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer,
		Err: fmt.Errorf("%s: %w", doing, m.Error(plainly(err)))}
}

// plainly says in words what the network libraries say in terms of their own.
func plainly(err error) error {
	err = RedactURL(err)
	text := strings.ReplaceAll(err.Error(), "net/http: HTTP/1.x transport connection broken: ", "")
	switch {
	case errors.Is(err, io.EOF):
		text = strings.TrimSuffix(text, "EOF") + "the connection was closed before there was an answer"
	case errors.Is(err, io.ErrUnexpectedEOF):
		text = strings.TrimSuffix(text, "unexpected EOF") + "the connection was closed in the middle of the answer"
	case text == err.Error():
		return err
	}
	return errors.New(text)
}

// WithQuery adds parameters to a URL that was checked.
func WithQuery(raw string, parameters map[string]string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	q := u.Query()
	for key, value := range parameters {
		q.Set(key, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// maxSMTPAnswers is how much a mail server may say in one attempt, its certificates included.
const maxSMTPAnswers = 256 << 10

var errTalkative = errors.New("the server does not stop talking")

func CheckTimeout(d time.Duration) error {
	if d <= 0 {
		return &notifiers.FieldError{Key: "timeout", Err: errors.New("must be more than zero, such as 15s")}
	}
	return nil
}

// ParseURL parses an absolute http or https URL. Its errors do not quote it, since it may hold secrets.
func ParseURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("url: there is none; write where to send to, such as url: https://example.com/hook")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("url: not an address to send to; write one that begins with https:// or http:// and a host")
	}
	return u, nil
}

// proxyAnswer says what a proxy's answer to CONNECT means.
func proxyAnswer(code int) error {
	failed := fmt.Errorf("the proxy answered %s", statusText(code))
	switch code {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return proxyRefusal(failed)
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer, Err: failed}
}

// maxQuote is how many characters of a receiver's text stand in an error.
const maxQuote = 200

// quoted is the beginning of what a receiver said, as one line to be appended. Pages for browsers are left out.
func quoted(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	if said == "" || strings.HasPrefix(said, "<") && !strings.HasPrefix(said, "<secret>") {
		return ""
	}
	if runes := []rune(said); len(runes) > maxQuote {
		said = string(runes[:maxQuote-1]) + "…"
	}
	return " (“" + strings.Map(printableRune, said) + "”)"
}

func printableRune(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// onHost names the host that a redirect leads to: the rest of it may be secret.
func onHost(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return ""
	}
	return " (it leads to " + u.Scheme + "://" + u.Host + ")"
}
