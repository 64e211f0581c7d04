// Package qaseapi asks the Qase API for fields that events leave out: the title of a run, the name of a member.
package qaseapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"qaserelay/rules"
	"qaserelay/rules/event"
)

const (
	// waitLimit is the time that an event waits for its answers, a small part of the 15 seconds that Qase waits for its
	// own. A later answer serves the next event.
	waitLimit      = time.Second
	requestTimeout = 10 * time.Second
	maxPerMinute   = 120 // the lowest limit that Qase documents is 200
	burst          = 10
	errorPause     = 30 * time.Second // a source asks nothing for so long after a request that failed
	answerLifetime = 10 * time.Minute // also of the answer that Qase has no such thing
	maxAnswers     = 10_000
)

// Query is what to find out for one event.
type Query struct {
	Source    *rules.Source // with the token and the address of the API
	Event     *event.Event
	EntityKey string // identifies the event's entity
	Entity    bool   // look up the entity
	Member    bool   // look up the acting member
}

// Client looks up entities and members. It caches the answers, keeps each source below its rate limit, and pauses a
// source after an error. Its methods may be called from many goroutines; Close ends the requests in flight.
type Client struct {
	logger *slog.Logger
	now    func() time.Time
	http   *http.Client
	ctx    context.Context // of all requests
	cancel context.CancelFunc

	mu       sync.Mutex
	answers  *simplelru.LRU[string, *answer]
	sources  map[string]*quota
	requests sync.WaitGroup
}

// answer is the answer to one question. Its fields may be read once done is closed.
type answer struct {
	done    chan struct{}
	fields  map[string]any
	expires time.Time
}

// quota is how often one source may ask.
type quota struct {
	limit       *rate.Limiter
	pausedUntil time.Time
}

// question is a request of one source for the fields of one thing.
type question struct {
	source, key string
	ask         func(context.Context) (map[string]any, error)
}

// NewClient returns a client.
func NewClient(logger *slog.Logger, now func() time.Time) *Client {
	answers, err := simplelru.NewLRU[string, *answer](maxAnswers, nil)
	if err != nil {
		panic(err) // the size is positive
	}
	c := &Client{logger: logger, now: now, answers: answers, sources: map[string]*quota{}}
	c.http = &http.Client{Timeout: requestTimeout, CheckRedirect: refuseRedirect}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// refuseRedirect returns the redirect itself: following it would send the token to another address.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Find returns the fields that the query asks for. Either is nil if Qase does not have them or does not answer in time.
func (c *Client) Find(ctx context.Context, q Query) (entity, member map[string]any) {
	api := &api{base: q.Source.APIURL, token: q.Source.APIToken(), client: c.http}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	var entityAnswer, memberAnswer *answer
	if q.Entity {
		entityAnswer = c.ask(question{source: q.Source.Name, key: q.EntityKey,
			ask: func(ctx context.Context) (map[string]any, error) { return api.entity(ctx, q.Event) }})
	}
	if q.Member {
		key := "member:" + q.Source.Name + "/" + strconv.Itoa(q.Event.MemberID)
		memberAnswer = c.ask(question{source: q.Source.Name, key: key,
			ask: func(ctx context.Context) (map[string]any, error) { return api.member(ctx, q.Event.MemberID) }})
	}
	return entityAnswer.wait(ctx), memberAnswer.wait(ctx)
}

// wait returns the fields, or nil if they do not come in time.
func (a *answer) wait(ctx context.Context) map[string]any {
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
		return a.fields
	case <-ctx.Done():
		return nil
	}
}

// ask starts a request, unless there is an answer already. It returns nil while the source may not ask.
func (c *Client) ask(q question) *answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if a, known := c.answers.Get(q.key); known && now.Before(a.expires) {
		return a
	}
	s := c.sources[q.source]
	if s == nil {
		s = &quota{limit: rate.NewLimiter(rate.Every(time.Minute/maxPerMinute), burst)}
		c.sources[q.source] = s
	}
	if c.ctx.Err() != nil || now.Before(s.pausedUntil) || !s.limit.AllowN(now, 1) {
		return nil
	}
	a := &answer{done: make(chan struct{}), expires: now.Add(answerLifetime)}
	c.answers.Add(q.key, a)
	c.requests.Go(func() { c.request(q, a) })
	return a
}

// request fills in the answer to a question.
func (c *Client) request(q question, a *answer) {
	defer close(a.done)
	defer func() {
		if p := recover(); p != nil {
			c.pause(q.source, errorPause, fmt.Errorf("reading an answer panicked: %v", p))
		}
	}()
	ctx, cancel := context.WithTimeout(c.ctx, requestTimeout)
	defer cancel()
	fields, err := q.ask(ctx)
	var limited *rateLimitError
	switch {
	case err == nil:
		a.fields = fields
	case errors.Is(err, errNotFound), c.ctx.Err() != nil:
	case errors.As(err, &limited):
		c.pause(q.source, limited.retryAfter, err)
	default:
		c.pause(q.source, errorPause, err)
	}
}

// pause keeps a source from asking for a while.
func (c *Client) pause(source string, wait time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources[source].pausedUntil = c.now().Add(wait)
	c.logger.Warn("Qase API request failed, source paused", "source", source, "error", err, "pause", wait)
}

// Close ends the requests in flight and waits for them. No request starts after it.
func (c *Client) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.requests.Wait()
}
