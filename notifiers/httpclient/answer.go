package httpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/http/httpguts"

	"qaserelay/notifiers"
)

// MaxReceipt bounds the part of an answer that a receipt keeps.
const MaxReceipt = 4 << 10

// maxRetryAfter bounds the time that a receiver can delay the next attempt by.
const maxRetryAfter = time.Hour

// Answer is the answer of an HTTP server.
type Answer struct {
	Code       int
	Status     string        // such as "200 OK"
	RetryAfter time.Duration // least time until the next attempt, or 0
	Header     http.Header
	Body       []byte // its beginning
	BodyErr    error  // error of reading the body
}

// Exchange sends req and reads at most limit bytes of the answer's body. A body that cannot be read is not an error,
// since the status alone may matter. A redirect is an answer too.
func Exchange(client *http.Client, req *http.Request, limit int64) (Answer, error) {
	if err := checkHost(req.Host); err != nil {
		return Answer{}, err
	}
	resp, err := roundTrip(client, req)
	if err != nil {
		if refused := checkHeader(req.Header); refused != nil {
			err = refused // the transport does not send such a request
		}
		return Answer{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusProxyAuthRequired { // only proxies answer so
		return Answer{}, ProxyRefusal(fmt.Errorf("the proxy answered %s", statusText(resp.StatusCode)))
	}
	var body []byte
	if resp.Body != http.NoBody {
		body, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	}
	return Answer{
		Code:       resp.StatusCode,
		Status:     statusText(resp.StatusCode),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		Header:     resp.Header,
		Body:       body,
		BodyErr:    err,
	}, nil
}

// roundTrip sends req as a client does, but without its preparations for redirects, which are not followed.
func roundTrip(client *http.Client, req *http.Request) (*http.Response, error) {
	if login := req.URL.User; login != nil && req.Header.Get("Authorization") == "" {
		password, _ := login.Password()
		req.SetBasicAuth(login.Username(), password)
	}
	resp, err := client.Transport.RoundTrip(req)
	var record tls.RecordHeaderError
	if errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/" {
		return nil, http.ErrSchemeMismatch
	}
	return resp, err
}

// checkHost returns a permanent error for a header Host that no attempt can send. It does not quote it, since it may be
// secret.
func checkHost(host string) error {
	if host, err := httpguts.PunycodeHostPort(host); err != nil || !httpguts.ValidHostHeader(host) {
		return notifiers.Permanent("the header Host cannot be sent, since its value is not a host: write one such as " +
			"hooks.example.com")
	}
	return nil
}

// checkHeader returns a permanent error for headers that no attempt can send. It does not quote them, since they may be
// secret.
func checkHeader(header http.Header) error {
	for name, values := range header {
		if slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return notifiers.Permanent("the header %s cannot be sent, since its value holds a line break or another "+
				"control character: write it without", name)
		}
	}
	return nil
}

// statusText returns the standard text of a status, since the one on the wire is free text.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// Receipt returns the status and the beginning of the body without secrets. Of a web page it returns the title and the
// first lines of the text.
func (a Answer) Receipt(m Redactor) notifiers.Receipt {
	text := strings.ToValidUTF8(string(a.Body), "\uFFFD")
	if len(a.Body) >= MaxReceipt {
		text = m.secrets.HideTruncated(strings.TrimSuffix(text, "\uFFFD")) // half a character
	} else {
		text = m.Redact(text) // before a part of it is shown
	}
	if a.IsPage() {
		text = m.Redact(pageText(text))
	}
	return notifiers.Receipt{Status: a.Status, Response: notifiers.CutBytes(text, MaxReceipt)}
}

// IsPage reports whether the body is a page for browsers.
func (a Answer) IsPage() bool {
	return strings.HasPrefix(http.DetectContentType(a.Body), "text/html")
}

// IsRedirect reports whether the answer leads to another address.
func (a Answer) IsRedirect() bool { return a.Code >= 300 && a.Code < 400 }

// RedirectAdvice tells to write the final address as key. It names the host of that address, since its rest may be
// secret.
func (a Answer) RedirectAdvice(key string) string {
	advice := "redirects are not followed; write the final address as " + key
	if u, err := url.Parse(a.Header.Get("Location")); err == nil && u.Host != "" {
		advice += " (it leads to " + u.Scheme + "://" + u.Host + ")"
	}
	return advice
}

// Failed returns the error of an answer: the activity that failed, the server's name and status, and the beginning of
// said, the server's words without secrets.
func (a Answer) Failed(doing, server, said string) error {
	return fmt.Errorf("%s: %s answered %s%s", doing, server, a.Status, quoted(said))
}

// RetryReason returns the reason of a status that may pass by itself, or "".
func (a Answer) RetryReason() string {
	switch {
	case a.Code == http.StatusTooManyRequests:
		return notifiers.ReasonRate
	case a.Code == http.StatusRequestTimeout, a.Code == http.StatusTooEarly, a.Code >= 500:
		return notifiers.ReasonServer
	}
	return ""
}

// Retry returns an error worth another attempt, but not before RetryAfter.
func (a Answer) Retry(reason string, err error) error {
	if a.RetryAfter > 0 {
		return &notifiers.RetryAfterError{After: min(a.RetryAfter, maxRetryAfter), Reason: reason, Err: err}
	}
	return &notifiers.TransientError{Reason: reason, Err: err}
}

// parseRetryAfter reads a Retry-After header, in seconds or as a date (RFC 9110, section 10.2.3). Without one it
// returns 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value = strings.TrimSpace(value); value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return Seconds(seconds)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Seconds returns a delay that a server gives in seconds, at most an hour.
func Seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), maxRetryAfter.Seconds()) * float64(time.Second))
}

// AttemptError classifies an error without an answer. Permanent errors stay permanent; all others are worth another
// attempt. outer is the context of the caller, as opposed to the one with the timeout of the attempt.
func (m Redactor) AttemptError(outer context.Context, doing string, err error) error {
	var permanent *notifiers.PermanentError
	var timeout interface{ Timeout() bool }
	var lookup *net.DNSError
	switch {
	case errors.As(err, &permanent):
		return &notifiers.PermanentError{Reason: permanent.Reason, Err: fmt.Errorf("%s: %w", doing, permanent.Err)}
	case errors.Is(outer.Err(), context.Canceled):
		return &notifiers.TransientError{Reason: notifiers.ReasonCanceled,
			Err: fmt.Errorf("%s: stopped before there was an answer: %w", doing, outer.Err())}
	case errors.As(err, &lookup):
		return &notifiers.TransientError{Reason: notifiers.ReasonDNS,
			Err: fmt.Errorf("%s: %w", doing, m.Error(plainly(err)))}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &notifiers.TransientError{Reason: notifiers.ReasonTimeout,
			Err: fmt.Errorf("%s: no answer in time", doing)}
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer,
		Err: fmt.Errorf("%s: %w", doing, m.Error(plainly(err)))}
}

// plainly puts errors of the network libraries in plain words.
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

// maxQuote bounds the characters of a server's text in an error.
const maxQuote = 200

// quoted returns the beginning of a server's text as one line to be appended, and nothing of a page for browsers.
func quoted(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	if said == "" || strings.HasPrefix(said, "<") && !strings.HasPrefix(said, notifiers.Hidden) {
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
