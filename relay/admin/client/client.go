// Package client asks the admin API of a running relay.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"qaserelay/notifiers/redact"
)

const (
	// maxAnswerBytes is far above the size of the largest event with its decisions.
	maxAnswerBytes = 64 << 20
	// connectTimeout bounds the making of a connection, however long the answer may take.
	connectTimeout = 10 * time.Second
)

// Options are the admin address of a relay and how to ask there.
type Options struct {
	URL, Token string
	Timeout    time.Duration // for one answer
}

// Client asks the admin API. Its errors are an [*AddressError], a [*ConnectionError], a [*StatusError] or an
// [*AnswerError].
type Client struct {
	o       Options
	http    *http.Client
	secrets redact.Secrets // that another server may show
}

// New returns a client.
func New(o Options) *Client {
	return &Client{o, NewHTTPClient(), redact.New(o.Token, redact.Password(o.URL))}
}

// NewHTTPClient returns an HTTP client for relays. The context of a request bounds the time for its answer. Redirects
// are not followed: a relay sends none, and the token is only for the relay.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: connectTimeout,
			DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// AddressError is the error of an address that is not a URL.
type AddressError struct{ URL string }

func (e *AddressError) Error() string { return fmt.Sprintf("%q is not a URL", redact.Address(e.URL)) }

// ConnectionError is the error of a request without an answer.
type ConnectionError struct {
	URL string // of the relay
	Err error
}

func (e *ConnectionError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.Host(), e.Err)
}
func (e *ConnectionError) Unwrap() error { return e.Err }

// Host returns the host and port of the relay.
func (e *ConnectionError) Host() string { return hostOf(e.URL) }

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return redact.Address(address)
}

// StatusError is an answer that is an error.
type StatusError struct {
	Code   int
	Status string // the code with its name
	Reason string // from the answer
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the relay answered %s: %s", e.Status, e.Reason)
}

// AnswerError is the error of an answer that is not the JSON of a relay.
type AnswerError struct {
	Host string
	Err  error
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("the answer of %s is not that of a relay: %v", e.Host, e.Err)
}
func (e *AnswerError) Unwrap() error { return e.Err }

// Get decodes the answer at path, below /api/v1, into v.
func (c *Client) Get(ctx context.Context, path string, query url.Values, v any) error {
	return c.Send(ctx, Request{Method: http.MethodGet, Path: path, Query: query}, v)
}

// Post sends body as JSON and decodes the answer into v.
func (c *Client) Post(ctx context.Context, path string, body, v any) error {
	return c.Send(ctx, Request{Method: http.MethodPost, Path: path, Body: body}, v)
}

// Request is one request to the admin API.
type Request struct {
	Method, Path string // the path is below /api/v1
	Query        url.Values
	Body         any // sent as JSON; nil is none
}

// Send makes a request and decodes the answer into v.
func (c *Client) Send(ctx context.Context, r Request, v any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	answer, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Close()
	data, err := io.ReadAll(io.LimitReader(answer, maxAnswerBytes))
	if err != nil {
		return &ConnectionError{c.o.URL, c.secrets.Err(err)}
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &AnswerError{hostOf(c.o.URL), c.secrets.Err(err)}
	}
	return nil
}

// open returns the body of an answer that is not an error. The caller has to close it.
func (c *Client) open(ctx context.Context, r Request) (io.ReadCloser, error) {
	base, err := url.Parse(c.o.URL)
	if err != nil || base.Host == "" {
		return nil, &AddressError{c.o.URL}
	}
	u := base.JoinPath("api/v1", r.Path)
	u.RawQuery = r.Query.Encode()
	var body []byte
	if r.Body != nil {
		if body, err = json.Marshal(r.Body); err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", redact.Address(c.o.URL), c.secrets.Err(err))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.o.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &ConnectionError{c.o.URL, c.secrets.Err(errors.Unwrap(err))}
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, &StatusError{Code: resp.StatusCode, Status: statusText(resp.StatusCode),
			Reason: c.secrets.Hide(reason(resp.Body))}
	}
	return resp.Body, nil
}

// statusText returns the standard text of a status, since the one on the wire is free text.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// reason reads the reason in the body of an error.
func reason(body io.Reader) string {
	data, _ := io.ReadAll(io.LimitReader(body, 64<<10)) // without a body the status is enough
	var answer struct{ Error string }
	if json.Unmarshal(data, &answer) == nil && answer.Error != "" {
		return answer.Error
	}
	return string(data)
}
