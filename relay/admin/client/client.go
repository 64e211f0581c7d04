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
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/ingest/client"
)

const (
	// maxAnswer is far above the largest event with its decisions.
	maxAnswer = 64 << 20
	// connectTimeout is how long a connection may take to come about, however long the answer may take.
	connectTimeout = 10 * time.Second
	// ShortAnswer is how long a question about one thing, or one page of a list, waits for its answer, and LongAnswer one about many, for which
	// the relay takes as long at most.
	ShortAnswer = 15 * time.Second
	LongAnswer  = 10 * time.Minute
)

// NewHTTPClient returns a client for relays. How long an answer may take is said by the context of each request. Redirects are not followed: no
// relay sends any, and the token is for none but the relay.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout: connectTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ClientFlags say where a running relay is, and who asks.
type ClientFlags struct {
	URL, Token string
	Timeout    time.Duration
}

func (f *ClientFlags) Add(flags *pflag.FlagSet) { f.AddWaiting(flags, ShortAnswer) }

// AddWaiting adds the flags with another default for how long to wait.
func (f *ClientFlags) AddWaiting(flags *pflag.FlagSet, timeout time.Duration) {
	flags.StringVar(&f.URL, "url", terminal.DefaultAdminURL, "admin address of the relay to ask")
	flags.StringVar(&f.Token, "token", "", "its --admin-token")
	flags.DurationVar(&f.Timeout, "timeout", timeout, "how long to wait for one answer")
}

// Client asks the admin API of a running relay. Its errors say what to do.
type Client struct {
	ClientFlags
	Base *url.URL
	http *http.Client
}

func NewClient(f ClientFlags) (*Client, error) {
	base, err := url.Parse(f.URL)
	if err != nil || base.Host == "" {
		return nil, terminal.Hint(fmt.Errorf("--url %q is not a URL", f.URL), "for example %s", terminal.DefaultAdminURL)
	}
	return &Client{f, base.JoinPath("api/v1"), NewHTTPClient()}, nil
}

// Get decodes the answer at path, below /api/v1, into v.
func (c *Client) Get(ctx context.Context, path string, query url.Values, v any) error {
	return c.exchange(ctx, question{method: http.MethodGet, path: path, query: query}, v)
}

// Post sends body as JSON, and decodes the answer into v.
func (c *Client) Post(ctx context.Context, path string, body, v any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the question: %w", err)
	}
	return c.exchange(ctx, question{method: http.MethodPost, path: path, body: data}, v)
}

// question is one request to the admin API.
type question struct {
	method, path string
	query        url.Values
	body         []byte
}

func (c *Client) exchange(ctx context.Context, q question, v any) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	answer, err := c.open(ctx, q)
	if err != nil {
		return err
	}
	defer answer.Close()
	data, err := io.ReadAll(io.LimitReader(answer, maxAnswer))
	if err != nil {
		return c.NoAnswer(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return terminal.Hint(fmt.Errorf("the answer of %s is not that of a relay: %w", c.Base.Host, err), "--url is the admin address, not the public one")
	}
	return nil
}

// open returns the body of an answer that is not an error. The caller has to close it.
func (c *Client) open(ctx context.Context, q question) (io.ReadCloser, error) {
	u := c.Base.JoinPath(q.path)
	u.RawQuery = q.query.Encode()
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.URL, err)
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.NoAnswer(errors.Unwrap(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status is what counts
		return nil, refusal(resp, client.Reason(string(said)))
	}
	return resp.Body, nil
}

func (c *Client) NoAnswer(err error) error {
	var lookup *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial" && dial.Timeout():
		return terminal.Hint(fmt.Errorf("no connection to %s in time", c.Base.Host), "is that machine there, and does a firewall let this one through?")
	case errors.Is(err, syscall.ECONNREFUSED):
		return terminal.Hint(fmt.Errorf("nothing listens at %s", c.URL), "--url is the address of a relay; serve logs it when it starts")
	case errors.Is(err, context.DeadlineExceeded):
		return terminal.Hint(fmt.Errorf("no answer from %s in time", c.Base.Host), "is this the address of a relay? --timeout waits longer")
	case errors.As(err, &lookup):
		return terminal.Hint(fmt.Errorf("there is no host %s", lookup.Name), "look at the address in --url")
	}
	return fmt.Errorf("no answer from %s: %w", c.Base.Host, err)
}

// refusedError is an answer that is an error.
type refusedError struct {
	code int
	err  error
}

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

func refusal(resp *http.Response, said string) error {
	err := fmt.Errorf("the relay answered %s: %s", resp.Status, terminal.Printable(said))
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		err = terminal.Hint(err, "redirects are not followed: give the final address as --url")
	case code == http.StatusUnauthorized:
		err = terminal.Hint(err, "give the relay's --admin-token by --token or in QASE_RELAY_TOKEN")
	case code == http.StatusConflict:
		err = terminal.Wrong(errors.New(terminal.Printable(said)))
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		err = terminal.Hint(err, "--url is the admin address, not the public one; is the relay older than this program?")
	case code == http.StatusServiceUnavailable:
		err = terminal.Hint(err, "the relay could not read or write its store; try again, and look at its log")
	}
	return &refusedError{resp.StatusCode, err}
}

// AboutOne makes the 404 of a question about one event or delivery say that there is none.
func AboutOne(err error, what, id string) error {
	var refused *refusedError
	if !errors.As(err, &refused) || refused.code != http.StatusNotFound {
		return err
	}
	advice := "ids stand in the list of deliveries: qase-relay deliveries list"
	if what == "event" {
		advice = "ids stand in the answer to Qase and in the list of events; events are dropped after settings.retention"
	}
	return terminal.Wrong(terminal.Hint(fmt.Errorf("the relay has no %s %s", what, terminal.Printable(id)), "%s", advice))
}
