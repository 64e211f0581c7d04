package main

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
)

// poster posts events to one address. It may be used from many goroutines.
type poster struct {
	sendFlags
	client *http.Client
}

func newPoster(f sendFlags) (*poster, error) {
	u, err := url.Parse(f.to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, hint(fmt.Errorf("--to %q is not a web address", f.to), "for example %s", defaultSendTo)
	}
	if strings.Trim(u.Path, "/") == "" {
		return nil, hint(fmt.Errorf("--to %s names no source", f.to), "the address ends in /webhooks/SOURCE, for example %s", u.JoinPath("webhooks/qase"))
	}
	transport := &http.Transport{MaxIdleConnsPerHost: f.concurrency, Proxy: http.ProxyFromEnvironment}
	return &poster{sendFlags: f, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// answer is what a relay said to one event.
type answer struct {
	Code      int     `json:"code"`
	Status    string  `json:"status"`
	EventID   string  `json:"event_id,omitempty"`
	Duplicate bool    `json:"duplicate,omitempty"`
	Millis    float64 `json:"took_ms"`
	Said      string  `json:"answer,omitempty"` // of a refusal
	Failure   string  `json:"error,omitempty"`  // when there was no answer

	took  time.Duration
	err   error
	after string // Retry-After
}

func (a answer) accepted() bool { return a.Code == http.StatusAccepted }

func (p *poster) post(ctx context.Context, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	start := time.Now()
	a := p.exchange(ctx, body)
	a.took = time.Since(start)
	a.Millis = float64(a.took.Microseconds()) / 1000
	if a.err != nil {
		a.Failure = a.err.Error()
	}
	return a
}

func (p *poster) exchange(ctx context.Context, body []byte) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.to, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	if p.secret != "" {
		req.Header.Set("X-Qase-Secret", p.secret)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	a := answer{Code: resp.StatusCode, Status: resp.Status, after: resp.Header.Get("Retry-After"), err: err}
	if !a.accepted() {
		a.Said = printable(strings.TrimSpace(string(data)))
		return a
	}
	if err := json.Unmarshal(data, &a); err != nil {
		a.err = fmt.Errorf("the answer is no JSON, so this may be no qase-relay: %w", err)
	}
	return a
}

// exit wraps err with the exit code for this answer: nil if it was accepted.
func (a answer) exit(err error) error {
	switch {
	case a.err == nil && a.accepted():
		return nil
	case a.err != nil && a.Code == 0:
		return &exitError{code: exitUsage, err: err}
	}
	return wrong(err)
}

// explain says what went wrong and what to do about it.
func (a answer) explain(to string) error {
	if a.err != nil {
		return a.explainNetwork(to)
	}
	err := fmt.Errorf("refused with %s: %s", a.Status, reason(a.Said))
	switch a.Code {
	case http.StatusUnauthorized:
		return hint(err, "give the source's secret by --secret or in QASE_WEBHOOK_SECRET; it is one of its secrets: in the rules file")
	case http.StatusForbidden:
		return hint(err, "see projects: and allow_from: of the source in the rules file, or post for another project: --set project_code=CODE")
	case http.StatusNotFound:
		return hint(err, "the last part of --to is the name of a source in the rules file; serve logs the addresses when it starts")
	case http.StatusServiceUnavailable:
		return hint(err, "the relay cannot store events now; it asks to try again after %s seconds, and its log says why", a.after)
	case http.StatusRequestEntityTooLarge:
		return hint(err, "the limit is that of serve --max-body")
	}
	return err
}

func (a answer) explainNetwork(to string) error {
	switch {
	case errors.Is(a.err, syscall.ECONNREFUSED):
		return hint(fmt.Errorf("nothing listens at %s", to), "start a relay with qase-relay serve, or say where it is: --to URL")
	case errors.Is(a.err, context.DeadlineExceeded):
		return hint(fmt.Errorf("no answer from %s in time", to), "is this the public address of a relay? --timeout waits longer")
	}
	var lookup *net.DNSError
	if errors.As(a.err, &lookup) {
		return hint(fmt.Errorf("there is no host %s", lookup.Name), "look at the address in --to")
	}
	return fmt.Errorf("posting the event: %w", a.err)
}

// reason takes the reason out of a JSON answer.
func reason(said string) string {
	var body struct{ Error string }
	if json.Unmarshal([]byte(said), &body) == nil && body.Error != "" {
		return body.Error
	}
	return said
}
