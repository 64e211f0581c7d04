package qaseapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"qaserelay/rules"
)

const (
	maxPerMinute = 120 // of a source; the lowest limit that Qase documents is 200
	burst        = 20
	maxAtOnce    = 4               // requests of a source in flight
	maxPatience  = 5 * time.Second // that a request waits for the rate limit
	maxRests     = 1000            // projects of a source that rest
)

// quota is how often one source may ask, and what of it rests after a failure.
type quota struct {
	address, token string // that the rest is about
	limit          *rate.Limiter
	places         chan struct{} // of requests in flight
	rest           *rest
	projects       map[string]*rest
}

// rest is a time in which nothing is asked.
type rest struct {
	until time.Time
	why   *failure
}

// failure returns why nothing is asked, or nil once the time is over. What Qase refuses is not worth waiting for.
func (r *rest) failure(now time.Time) *failure {
	if r == nil || !now.Before(r.until) {
		return nil
	}
	f := *r.why
	if f.cause != refused {
		f.again = r.until.Sub(now)
	}
	return &f
}

// quota returns that of a source. c.mu has to be held. Another token begins without a rest.
func (c *Client) quota(s *rules.Source) *quota {
	q := c.sources[s.Name]
	if q == nil {
		q = &quota{limit: rate.NewLimiter(rate.Every(time.Minute/maxPerMinute), burst),
			places: make(chan struct{}, maxAtOnce)}
		c.sources[s.Name] = q
	}
	if q.address != s.APIURL || q.token != s.APIToken() {
		q.address, q.token, q.rest, q.projects = s.APIURL, s.APIToken(), nil, map[string]*rest{}
	}
	return q
}

// resting returns why a source asks nothing about a project at present, or nil.
func (c *Client) resting(s *rules.Source, project string) *failure {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, now := c.quota(s), c.now()
	if f := q.rest.failure(now); f != nil {
		return f
	}
	return q.projects[project].failure(now)
}

// admit waits until the request may be sent. leave has to be called behind it.
func (c *Client) admit(ctx context.Context, r request) (leave func(), err error) {
	if f := c.resting(r.source, r.project); f != nil {
		return nil, f
	}
	if !r.budget.take() {
		return nil, &failure{cause: limited, said: "more requests would be needed than the relay makes for one run"}
	}
	if err := c.pass(ctx, r); err != nil {
		r.budget.giveBack()
		return nil, err
	}
	c.mu.Lock()
	places := c.quota(r.source).places
	c.mu.Unlock()
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		r.budget.giveBack()
		return nil, &failure{cause: giveUp, said: "the Qase API did not answer in time"}
	case <-c.ctx.Done():
		return nil, &failure{cause: giveUp, said: "the relay is stopping"}
	}
	leave = func() { <-places }
	if f := c.resting(r.source, r.project); f != nil { // since it waited for its place
		leave()
		r.budget.giveBack()
		return nil, f
	}
	return leave, nil
}

// pass takes a token of the rate limit, and waits for it if the request is patient.
func (c *Client) pass(ctx context.Context, r request) error {
	c.mu.Lock()
	now := c.now()
	token := c.quota(r.source).limit.ReserveN(now, 1)
	c.mu.Unlock()
	wait := token.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	if end, limits := ctx.Deadline(); !r.patient || wait > maxPatience || limits && time.Until(end) < wait {
		token.CancelAt(now)
		return &failure{cause: limited, said: "the relay has asked Qase as often as it may in a minute", again: wait}
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return &failure{cause: giveUp, said: "the Qase API did not answer in time"}
	case <-c.ctx.Done():
		return &failure{cause: giveUp, said: "the relay is stopping"}
	}
}

// settle keeps a source from asking for a while after a failure that the next request would have too. It logs one line
// for each pause.
func (c *Client) settle(r request, f *failure) {
	var pause time.Duration
	switch {
	case c.ctx.Err() != nil:
		return
	case f.cause == away, f.code == http.StatusTooManyRequests:
		pause = f.again
	case f.code == http.StatusUnauthorized:
		pause = refusedPause
	default:
		return
	}
	c.pause(r.source, "", rest{c.now().Add(pause), f})
}

// pause keeps a source, or what it asks about a project, from asking.
func (c *Client) pause(s *rules.Source, project string, r rest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, now := c.quota(s), c.now()
	line := []any{"source", s.Name, "error", r.why, "pause", r.until.Sub(now).Round(time.Second)}
	if project == "" {
		if q.rest.failure(now) != nil && !q.rest.until.Before(r.until.Add(-time.Second)) {
			return // requests in flight fail alike
		}
		q.rest = &r
		c.logger.Warn("Qase API request failed, source paused", line...)
		return
	}
	if q.projects[project].failure(now) != nil {
		return
	}
	if len(q.projects) >= maxRests {
		clear(q.projects)
	}
	q.projects[project] = &r
	c.logger.Warn("Qase API request failed, project paused", append(line, "project", project)...)
}

// shortNetworkError returns the innermost part of a network error that is a sentence: without the URL.
func shortNetworkError(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "its host name is not known"
	}
	return err.Error()
}

// WhyNot returns why a source will not ask about a project before a time, in words, or "" if it may.
func (c *Client) WhyNot(s *rules.Source, project string, until time.Time) string {
	f := c.resting(s, project)
	if f == nil || f.again > 0 && c.now().Add(f.again).Before(until) {
		return ""
	}
	return f.said
}
