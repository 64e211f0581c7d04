package notifiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxReceipt is how much of an answer is kept for people to read.
const maxReceipt = 4 << 10

// maxRetryAfter is the longest that a receiver can make us wait before the next attempt.
const maxRetryAfter = time.Hour

// userAgent is how we introduce ourselves.
const userAgent = "qase-relay"

// newHTTPClient returns a client with its own pool of connections. It follows no redirects, since those would take
// the message and its secrets elsewhere, and uses no proxy but one that it is given by a route.
func newHTTPClient(g dialGuard) *http.Client {
	dialer := g.dialer()
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

// answer is what an HTTP server said.
type answer struct {
	code       int
	status     string // such as "200 OK"
	retryAfter time.Duration
	location   string
	header     http.Header
	body       []byte // its beginning
	bodyErr    error  // why the body could not be read
}

// exchange sends req and reads at most limit bytes of the answer. A body that cannot be read is no error here,
// since the status may be all that matters.
func exchange(client *http.Client, req *http.Request, limit int64) (answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	var body []byte
	if resp.Body != http.NoBody {
		body, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	}
	return answer{
		code:       resp.StatusCode,
		status:     statusText(resp.StatusCode),
		retryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		location:   resp.Header.Get("Location"),
		header:     resp.Header,
		body:       body,
		bodyErr:    err,
	}, nil
}

// statusText is the standard text for code: the one on the wire is free text.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// receipt keeps the beginning of the answer, without secrets.
func (a answer) receipt(m masker) Receipt {
	text := strings.ToValidUTF8(string(a.body), "\uFFFD")
	if len(text) > maxReceipt || len(a.body) >= maxReceipt {
		return Receipt{Status: a.status, Response: m.maskCut(cutBytes(text, maxReceipt))}
	}
	return Receipt{Status: a.status, Response: cutBytes(m.mask(text), maxReceipt)}
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

// again says that another attempt is worth it, but not before the receiver's Retry-After.
func (a answer) again(reason string, err error) error {
	if a.retryAfter > 0 {
		return &RetryAfterError{After: a.retryAfter, Reason: reason, Err: err}
	}
	return &transientError{reason, err}
}

// attemptError classifies an error that came instead of an answer. Permanent ones stay so; all others are worth
// another attempt. outer is the context of the caller, as opposed to the one with our own timeout.
func (m masker) attemptError(outer context.Context, doing string, err error) error {
	var permanent *PermanentError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &permanent):
		return &PermanentError{permanent.Reason, fmt.Errorf("%s: %w", doing, permanent.Err)}
	case errors.Is(outer.Err(), context.Canceled):
		return &transientError{ReasonCanceled, fmt.Errorf("%s: stopped before there was an answer: %w", doing, outer.Err())}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &transientError{ReasonTimeout, fmt.Errorf("%s: no answer in time", doing)}
	}
	return &transientError{ReasonServer, fmt.Errorf("%s: %w", doing, m.error(plainly(err)))}
}

// plainly says in words what the network libraries say in terms of their own.
func plainly(err error) error {
	err = redactURL(err)
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
