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
	"strings"
	"syscall"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
)

// Poster posts events to one address. It may be used from many goroutines.
type Poster struct {
	SendFlags
	client *http.Client
}

func NewPoster(f SendFlags) (*Poster, error) {
	u, err := url.Parse(f.To)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, terminal.Hint(fmt.Errorf("--to %q is not a web address", f.To), "for example %s", terminal.DefaultSendTo)
	}
	if strings.Trim(u.Path, "/") == "" {
		return nil, terminal.Hint(fmt.Errorf("--to %s names no source", f.To), "the address ends in /webhooks/SOURCE, for example %s", u.JoinPath("webhooks/qase"))
	}
	transport := &http.Transport{MaxIdleConnsPerHost: f.Concurrency, Proxy: http.ProxyFromEnvironment}
	return &Poster{SendFlags: f, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Answer is what a relay said to one event.
type Answer struct {
	Code      int     `json:"code"`
	Status    string  `json:"status"`
	EventID   string  `json:"event_id,omitempty"`
	Duplicate bool    `json:"duplicate,omitempty"`
	Millis    float64 `json:"took_ms"`
	Said      string  `json:"answer,omitempty"` // of a refusal
	Failure   string  `json:"error,omitempty"`  // when there was no answer

	Took  time.Duration
	Err   error
	after string // Retry-After
}

func (a Answer) Accepted() bool { return a.Code == http.StatusAccepted }

func (p *Poster) Post(ctx context.Context, body []byte) Answer {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	start := time.Now()
	a := p.exchange(ctx, body)
	a.Took = time.Since(start)
	a.Millis = float64(a.Took.Microseconds()) / 1000
	if a.Err != nil {
		a.Failure = a.Err.Error()
	}
	return a
}

func (p *Poster) exchange(ctx context.Context, body []byte) Answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.To, bytes.NewReader(body))
	if err != nil {
		return Answer{Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	if p.Secret != "" {
		req.Header.Set("X-Qase-Secret", p.Secret)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	a := Answer{Code: resp.StatusCode, Status: resp.Status, after: resp.Header.Get("Retry-After"), Err: err}
	if !a.Accepted() {
		a.Said = terminal.Printable(strings.TrimSpace(string(data)))
		return a
	}
	if err := json.Unmarshal(data, &a); err != nil {
		a.Err = fmt.Errorf("the answer is no JSON, so this may be no qase-relay: %w", err)
	}
	return a
}

// Exit wraps err with the exit code for this answer: nil if it was accepted.
func (a Answer) Exit(err error) error {
	switch {
	case a.Err == nil && a.Accepted():
		return nil
	case a.Err != nil && a.Code == 0:
		return &terminal.ExitError{Code: terminal.ExitUsage, Err: err}
	}
	return terminal.Wrong(err)
}

// Explain says what went wrong and what to do about it.
func (a Answer) Explain(to string) error {
	if a.Err != nil {
		return a.explainNetwork(to)
	}
	err := fmt.Errorf("refused with %s: %s", a.Status, Reason(a.Said))
	switch a.Code {
	case http.StatusUnauthorized:
		return terminal.Hint(err, "give the source's secret by --secret or in QASE_WEBHOOK_SECRET; it is one of its secrets: in the rules file")
	case http.StatusForbidden:
		return terminal.Hint(err, "see projects: and allow_from: of the source in the rules file, or post for another project: --set project_code=CODE")
	case http.StatusNotFound:
		return terminal.Hint(err, "the last part of --to is the name of a source in the rules file; serve logs the addresses when it starts")
	case http.StatusServiceUnavailable:
		return terminal.Hint(err, "the relay cannot store events now; it asks to try again after %s seconds, and its log says why", a.after)
	case http.StatusRequestEntityTooLarge:
		return terminal.Hint(err, "the limit is that of serve --max-body")
	}
	return err
}

func (a Answer) explainNetwork(to string) error {
	switch {
	case errors.Is(a.Err, syscall.ECONNREFUSED):
		return terminal.Hint(fmt.Errorf("nothing listens at %s", to), "start a relay with qase-relay serve, or say where it is: --to URL")
	case errors.Is(a.Err, context.DeadlineExceeded):
		return terminal.Hint(fmt.Errorf("no answer from %s in time", to), "is this the public address of a relay? --timeout waits longer")
	}
	var lookup *net.DNSError
	if errors.As(a.Err, &lookup) {
		return terminal.Hint(fmt.Errorf("there is no host %s", lookup.Name), "look at the address in --to")
	}
	return fmt.Errorf("posting the event: %w", a.Err)
}

// Reason takes the reason out of a JSON answer.
func Reason(said string) string {
	var body struct{ Error string }
	if json.Unmarshal([]byte(said), &body) == nil && body.Error != "" {
		return body.Error
	}
	return said
}

type SendFlags struct {
	To          string
	Secret      string
	Sets        []string
	File        string
	Count       int
	Concurrency int
	Timeout     time.Duration
	JSON        bool
}
