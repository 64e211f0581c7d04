// Package qaseapi asks the Qase API (https://developers.qase.io) what events leave out: the title of a run, the name
// of a member, and the tests that failed.
//
// A question goes through [Client.admit] (pauses, rate limit, requests in flight), is answered as a stream of
// bounded size (stream.go) and ends in settle, which pauses the source after a failure. The token goes to the
// address of the API only.
package qaseapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
)

const (
	answerLifetime = 10 * time.Minute // of entities and members, also of the answer that Qase does not have one
	maxAnswers     = 10_000
	maxCases       = 50_000 // cases and suites
	maxSmall       = 200    // plans, lists of defects and the like
)

// Options are what a Client works with. Each may be left out.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
	// Timeout is how long a request may take; 5 s unless given.
	Timeout time.Duration
	// Hide removes the secrets of the configuration from a text.
	Hide func(string) string
	// Requested counts a request by its source, its endpoint (run, result, case …) and the status of the answer, or
	// "error".
	Requested func(source, endpoint, code string)
}

// Client asks the Qase API. It caches the answers, keeps each source below its rate limit, and pauses a source after a
// failure. Its methods may be called from many goroutines; Close ends the requests in flight.
type Client struct {
	Options
	logger *slog.Logger
	now    func() time.Time
	http   *http.Client
	ctx    context.Context // of all requests
	cancel context.CancelFunc

	mu       sync.Mutex
	found    cache[*found]
	cases    cache[knownCase]
	suites   cache[knownSuite]
	small    cache[any] // plans, defects, custom fields, projects and searches, by their path
	progress cache[*progress]
	rounds   cache[*round] // the last ones
	sources  map[string]*quota
	requests sync.WaitGroup
}

// NewClient returns a client.
func NewClient(o Options) *Client {
	c := &Client{Options: o, logger: o.Logger, now: o.Now, sources: map[string]*quota{},
		found: newCache[*found](maxAnswers),
		cases: newCache[knownCase](maxCases), suites: newCache[knownSuite](maxCases), small: newCache[any](maxSmall),
		progress: newCache[*progress](maxAnswers), rounds: newCache[*round](maxKeptRuns)}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	c.Timeout = cmp.Or(c.Timeout, requestTimeout)
	if c.now == nil {
		c.now = time.Now
	}
	if c.Hide == nil {
		c.Hide = func(s string) string { return s }
	}
	c.http = &http.Client{CheckRedirect: refuseRedirect}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// refuseRedirect returns the redirect itself: following it would send the token to another address.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close ends the requests in flight and waits for them. No request starts after it.
func (c *Client) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.requests.Wait()
	c.http.CloseIdleConnections()
}

// start runs f unless the client is closed.
func (c *Client) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.requests.Go(f)
	return true
}

func (c *Client) count(r request, code string) {
	if c.Requested != nil {
		c.Requested(r.source.Name, r.endpoint, code)
	}
}

// Query is what to find out for one event.
type Query struct {
	Source    *rules.Source // with the token and the address of the API
	Event     *event.Event
	EntityKey string // identifies the event's entity
	Entity    bool   // look up the entity
	Member    bool   // look up the acting member
}

// found is the answer to one question about an entity or a member. Its fields may be read once done is closed.
type found struct {
	done   chan struct{}
	fields map[string]any
}

// Known returns the fields that the query asks for, without asking. complete is false if Find would ask now; a
// source that may not ask at present, and a thing that Qase does not have, are complete without fields.
func (c *Client) Known(q Query) (entity, member map[string]any, complete bool) {
	complete = true
	for _, one := range c.questions(q) {
		fields, known := c.peek(one)
		complete = complete && known
		if one.member {
			member = fields
		} else {
			entity = fields
		}
	}
	return entity, member, complete
}

// Find returns the fields that the query asks for. Either is nil if Qase does not have them or does not answer until
// ctx ends; a later answer serves the next event.
func (c *Client) Find(ctx context.Context, q Query) (entity, member map[string]any) {
	questions := c.questions(q)
	answers := make([]*found, len(questions))
	for i, one := range questions {
		answers[i] = c.question(one)
	}
	for i, one := range questions {
		fields := answers[i].wait(ctx)
		if one.member {
			member = fields
		} else {
			entity = fields
		}
	}
	return entity, member
}

// wait returns the fields, or nil if they do not come in time.
func (f *found) wait(ctx context.Context) map[string]any {
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return f.fields
	case <-ctx.Done():
		return nil
	}
}

// peek returns what is known of a question; known is false if it has to be asked and may be.
func (c *Client) peek(q question) (fields map[string]any, known bool) {
	c.mu.Lock()
	f, asked := c.found.get(q.key, c.now())
	c.mu.Unlock()
	if !asked {
		return nil, c.resting(q.request.source, q.request.project) != nil || c.ctx.Err() != nil
	}
	select {
	case <-f.done:
		return f.fields, true
	default:
		return nil, false
	}
}

// question starts a request, unless there is an answer already. It returns nil while the source may not ask.
func (c *Client) question(q question) *found {
	if c.resting(q.request.source, q.request.project) != nil {
		return c.settled(q.key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, asked := c.found.get(q.key, c.now()); asked {
		return f
	}
	if c.ctx.Err() != nil {
		return nil
	}
	f := &found{done: make(chan struct{})}
	c.found.put(q.key, f, c.now().Add(answerLifetime))
	c.requests.Go(func() { c.answer(q, f) })
	return f
}

// settled returns the answer that is there already, or nil.
func (c *Client) settled(key string) *found {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, _ := c.found.get(key, c.now())
	return f
}

// answer fills in the answer to a question. One that could not be asked is asked again by the next event.
func (c *Client) answer(q question, f *found) {
	defer close(f.done)
	fields, err := q.ask(c.ctx, c, q)
	if failure := failureOf(err); failure == nil || failure.cause == missing || failure.cause == refused {
		f.fields = fields
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found.drop(q.key)
}
