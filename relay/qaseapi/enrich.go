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

	"golang.org/x/time/rate"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
	qaseevent "qaserelay/rules/event"
)

// Bounds on asking Qase. An event waits for the answer for no longer than askPatience, a small part of the 15 seconds that Qase waits
// for its own; an answer that comes later serves the next event.
const (
	askPatience  = time.Second
	askTimeout   = 10 * time.Second
	askPerMinute = 120 // the lowest limit that Qase documents is 200
	askBurst     = 10
	restAfter    = 30 * time.Second // without questions after one that failed
	answerTime   = 10 * time.Minute // for which an answer, or that there is none, is kept
	maxAnswers   = 10_000
)

// Enricher finds out what events leave out, where a source has a token for the Qase API. Its methods may be called from many
// goroutines; stop breaks off the questions that are on their way.
type Enricher struct {
	store  store.Store
	logger *slog.Logger
	now    func() time.Time
	client *http.Client
	ctx    context.Context // ends all questions
	cancel context.CancelFunc

	mu      sync.Mutex
	answers map[string]*answer
	sources map[string]*asking
	asked   sync.WaitGroup
}

// answer is what Qase said about one thing. fields may be read when done is closed.
type answer struct {
	done    chan struct{}
	fields  map[string]any
	expires time.Time
}

// asking is how often one source may ask.
type asking struct {
	limit *rate.Limiter
	rests time.Time // no questions before
}

func NewEnricher(s store.Store, logger *slog.Logger, now func() time.Time) *Enricher {
	x := &Enricher{store: s, logger: logger, now: now, client: askingClient(),
		answers: map[string]*answer{}, sources: map[string]*asking{}}
	x.ctx, x.cancel = context.WithCancel(context.Background())
	return x
}

// askingClient follows no redirects, since those would take the token elsewhere.
func askingClient() *http.Client {
	return &http.Client{Timeout: askTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Find returns what is known of the thing that ev is about, and of who caused it, beyond what events have told. Mostly that is nothing,
// at once.
func (x *Enricher) Find(ctx context.Context, cfg *config.Config, ev *qaseevent.Event) (entity, member map[string]any) {
	source := sourceOf(cfg, ev.Source)
	if source == nil || source.APIToken() == "" {
		return nil, nil
	}
	key := cfg.Rules.EntityKey(ev)
	if key == "" {
		return nil, nil
	}
	api := &qaseAPI{base: source.APIURL, token: source.APIToken(), client: x.client}
	var thing, person *answer
	if _, told := ev.Payload["title"]; !told {
		if kept, err := x.store.Get(ctx, key); err == nil && !rules.Knows(kept) {
			thing = x.ask(source.Name, key, func(ctx context.Context) (map[string]any, error) { return api.entity(ctx, ev) })
		}
	}
	if ev.MemberID != 0 && !cfg.Rules.KnowsPerson(ev.MemberID) {
		memberKey := "member:" + source.Name + "/" + strconv.Itoa(ev.MemberID)
		person = x.ask(source.Name, memberKey, func(ctx context.Context) (map[string]any, error) { return api.member(ctx, ev.MemberID) })
	}
	patience, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return thing.wait(patience), person.wait(patience)
}

func sourceOf(cfg *config.Config, name string) *rules.Source {
	for i := range cfg.Sources {
		if cfg.Sources[i].Name == name {
			return &cfg.Sources[i]
		}
	}
	return nil
}

// wait returns the answer, or nil if it does not come in time.
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

// ask asks one question, unless it was asked a short while ago. It returns nil when the source may not ask now.
func (x *Enricher) ask(source, key string, question func(context.Context) (map[string]any, error)) *answer {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	if a := x.answers[key]; a != nil && now.Before(a.expires) {
		return a
	}
	s := x.sources[source]
	if s == nil {
		s = &asking{limit: rate.NewLimiter(rate.Every(time.Minute/askPerMinute), askBurst)}
		x.sources[source] = s
	}
	if x.ctx.Err() != nil || now.Before(s.rests) || !s.limit.AllowN(now, 1) {
		return nil
	}
	if len(x.answers) >= maxAnswers {
		clear(x.answers)
	}
	a := &answer{done: make(chan struct{}), expires: now.Add(answerTime)}
	x.answers[key] = a
	x.asked.Go(func() { x.listen(source, a, question) })
	return a
}

// listen waits for the answer to one question.
func (x *Enricher) listen(source string, a *answer, question func(context.Context) (map[string]any, error)) {
	defer close(a.done)
	defer func() {
		if p := recover(); p != nil {
			x.rest(source, restAfter, fmt.Errorf("reading an answer panicked: %v", p))
		}
	}()
	ctx, cancel := context.WithTimeout(x.ctx, askTimeout)
	defer cancel()
	fields, err := question(ctx)
	var patience *patienceError
	switch {
	case err == nil:
		a.fields = fields
	case errors.Is(err, errNoSuch), x.ctx.Err() != nil:
	case errors.As(err, &patience):
		x.rest(source, patience.wait, err)
	default:
		x.rest(source, restAfter, err)
	}
}

// rest keeps a source from asking for a while.
func (x *Enricher) rest(source string, wait time.Duration, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sources[source].rests = x.now().Add(wait)
	x.logger.Warn("the Qase API does not answer; messages go out with what the events told", "source", source, "error", err, "pause", wait)
}

// Stop breaks off the questions that are on their way, and waits until they have ended.
func (x *Enricher) Stop() {
	x.mu.Lock()
	x.cancel() // no question begins after it
	x.mu.Unlock()
	x.asked.Wait()
}
