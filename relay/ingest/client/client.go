// Package client posts webhook events to a relay, as Qase does.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"qaserelay/notifiers/redact"
)

// Options are the webhook address and how to post to it.
type Options struct {
	URL         string // of a source: http://HOST:PORT/webhooks/SOURCE
	Secret      string // of the source
	Timeout     time.Duration
	Concurrency int // the number of connections that are kept open
}

// Poster posts events to one address. It may be used from many goroutines.
type Poster struct {
	o       Options
	http    *http.Client
	secrets redact.Secrets // that another server may show
}

// New returns a poster. It does not follow redirects, since a relay sends none.
func New(o Options) *Poster {
	return &Poster{o: o, http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: o.Concurrency, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, secrets: redact.New(o.Secret, redact.Password(o.URL))}
}

// Answer is the relay's answer to one event.
type Answer struct {
	Code      int     `json:"code"` // zero if there was no answer
	Status    string  `json:"status"`
	EventID   string  `json:"event_id,omitempty"`
	Duplicate bool    `json:"duplicate,omitempty"`
	Millis    float64 `json:"took_ms"`
	Text      string  `json:"answer,omitempty"` // the body of a refusal
	Failure   string  `json:"error,omitempty"`  // the text of Err

	Took       time.Duration `json:"-"`
	Err        error         `json:"-"` // there was no answer, or it could not be read
	RetryAfter string        `json:"-"`
}

// Accepted reports whether the relay stored the event.
func (a Answer) Accepted() bool { return a.Err == nil && a.Code == http.StatusAccepted }

// Reason returns the reason of a refusal.
func (a Answer) Reason() string {
	var body struct{ Error string }
	if json.Unmarshal([]byte(a.Text), &body) == nil && body.Error != "" {
		return body.Error
	}
	return a.Text
}

// Post posts one event and returns the answer.
func (p *Poster) Post(ctx context.Context, body []byte) Answer {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	start := time.Now()
	a := p.exchange(ctx, body)
	a.Text, a.RetryAfter, a.Err = p.secrets.Hide(a.Text), p.secrets.Hide(a.RetryAfter), p.secrets.Err(a.Err)
	a.Took = time.Since(start)
	a.Millis = float64(a.Took.Microseconds()) / 1000
	if a.Err != nil {
		a.Failure = a.Err.Error()
	}
	return a
}

// statusText returns the standard text of a status, since the one on the wire is free text.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

func (p *Poster) exchange(ctx context.Context, body []byte) Answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.o.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	if p.o.Secret != "" {
		req.Header.Set("X-Qase-Secret", p.o.Secret)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	a := Answer{Code: resp.StatusCode, Status: statusText(resp.StatusCode), RetryAfter: resp.Header.Get("Retry-After"), Err: err}
	if a.Code != http.StatusAccepted {
		a.Text = strings.TrimSpace(string(data))
		return a
	}
	if err := json.Unmarshal(data, &a); err != nil {
		a.Err = fmt.Errorf("the answer is not JSON, so this may not be a qase-relay: %w", err)
	}
	return a
}
