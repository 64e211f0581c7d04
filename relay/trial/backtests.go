package trial

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
)

// Backtests runs drafts over stored events, one at a time. Its methods may be called from many goroutines.
type Backtests struct {
	o       BacktestOptions
	ids     *store.IDs
	mu      sync.Mutex
	all     []*run // the newest last
	closed  bool
	running sync.WaitGroup
}

// BacktestOptions are what backtests work with. Work and Webhooks may be nil.
type BacktestOptions struct {
	Config func() *config.Config
	Store  store.Reader
	// Work decides about the events; nil does so within this process.
	Work func(ctx context.Context, in Input, events History, progress func(int)) (Past, error)
	// Webhooks returns how many webhooks wait for their answer, and how many have got it, so that a backtest leaves time to
	// them; nil is none.
	Webhooks func() (answering int, answered uint64)
}

// run is a backtest that runs or has ended.
type run struct {
	Backtest
	cancel context.CancelFunc
	ended  chan struct{} // closed at its end
	from   time.Time
	until  time.Time
}

// BacktestRequest says what to run. Since and Until are times, or how long ago; empty is the last 7 days.
type BacktestRequest struct {
	Since   string `json:"since,omitempty"`
	Until   string `json:"until,omitempty"`
	Source  string `json:"source,omitempty"`
	Project string `json:"project,omitempty"`
	Draft
}

// The states of a backtest.
const (
	Running = "running"
	Done    = "done"
	Ended   = "stopped" // a person or the end of the relay has stopped it
	Faulty  = "failed"
)

// Backtest is the state of a backtest, and its result.
type Backtest struct {
	ID        string     `json:"id"`
	State     string     `json:"state"` // running, done, stopped or failed
	Who       string     `json:"who"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Events    int        `json:"events"`   // decided about so far
	Progress  float64    `json:"progress"` // the share of the time that is done, from 0 to 1
	Error     string     `json:"error,omitempty"`
	Past
}

// Errors of backtests.
var (
	ErrRunning    = errors.New("a backtest is running; wait for its end, or stop it")
	ErrNoBacktest = errors.New("no backtest has this id; the last 10 are kept by the relay that ran them, until it ends")
)

const (
	// maxKept is how many backtests are kept.
	maxKept = 10
	// historyPage is the number of events that are read at a time: so few that a webhook hardly waits for them.
	historyPage = 50
	// rest is how long the next ones wait for restAfter behind a webhook, and maxPause how long at most then until none
	// waits for its answer.
	rest, restAfter, maxPause = 10 * time.Millisecond, 200 * time.Millisecond, 20 * time.Millisecond
	usualSince                = "7d"
)

// NewBacktests returns backtests. The caller has to call Close.
func NewBacktests(o BacktestOptions) *Backtests {
	if o.Work == nil {
		o.Work = WorkOnHistory
	}
	return &Backtests{o: o, ids: store.NewIDs(0)}
}

// Start starts a backtest. The error is an [*InputError], ErrRunning, or a [*desk.StateError] if the relay is stopping.
func (b *Backtests) Start(ctx context.Context, r BacktestRequest) (Backtest, error) {
	if err := r.Draft.check(); err != nil {
		return Backtest{}, err
	}
	if r.Draft.IsEmpty() {
		return Backtest{}, wrong("say which draft: rule is one entry of rules, file the text of a whole file")
	}
	if r.Since == "" {
		r.Since = usualSince
	}
	from, err1 := desk.ParseTime("since", r.Since)
	until, err2 := desk.ParseTime("until", r.Until)
	if err := errors.Join(err1, err2); err != nil {
		return Backtest{}, wrong("%v", err)
	}
	now := time.Now()
	if r.Until == "" || until.After(now) {
		until = now
	}
	if !from.Before(until) {
		return Backtest{}, wrong("since: it is not before until")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return Backtest{}, &desk.StateError{Message: "the relay is stopping; start the backtest when it runs again"}
	}
	if slices.ContainsFunc(b.all, func(other *run) bool { return other.State == Running }) {
		return Backtest{}, ErrRunning
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	one := &run{cancel: cancel, ended: make(chan struct{}), from: from, until: until, Backtest: Backtest{ID: b.ids.Next(now).String(), State: Running,
		Who: access.From(ctx).Name, StartedAt: now.UTC()}}
	if b.all = append(b.all, one); len(b.all) > maxKept {
		b.all = b.all[1:]
	}
	b.running.Go(func() {
		defer cancel()
		defer close(one.ended)
		b.work(working, one, r)
	})
	return one.Backtest, nil
}

// work runs a backtest to its end.
func (b *Backtests) work(ctx context.Context, one *run, r BacktestRequest) {
	source := b.o.Config().Source
	f := store.EventFilter{Source: r.Source, Project: r.Project, After: store.FirstID(one.from) - 1, Before: store.FirstID(one.until),
		Limit: historyPage}
	past, err := b.o.Work(ctx, Input{Files: source.Files, Named: source.Named, Env: source.Env, Contents: source.Contents,
		Known: source.Warnings, Draft: r.Draft}, b.history(ctx, one, f), func(n int) { b.note(one, n, time.Time{}) })
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now().UTC()
	one.EndedAt, one.Past = &now, past
	switch {
	case err == nil: // also if a person stops it a moment too late
		one.State, one.Progress = Done, 1
	case ctx.Err() != nil:
		one.State = Ended
	default:
		one.State, one.Error = Faulty, err.Error()
	}
	if past.Report != nil {
		one.Events = past.Report.Events
	}
}

// note keeps how far a backtest is.
func (b *Backtests) note(one *run, events int, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one.Events = max(one.Events, events)
	if !at.IsZero() {
		one.Progress = min(1, max(0, float64(at.Sub(one.from))/float64(one.until.Sub(one.from))))
	}
}

// history reads the stored events page by page, with the decisions about them.
func (b *Backtests) history(ctx context.Context, one *run, f store.EventFilter) History {
	return func(yield func(desk.Exported, error) bool) {
		p := pace{webhooks: b.o.Webhooks}
		for {
			p.rest(ctx)
			page, err := desk.HistoryFrom(ctx, b.o.Store, f)
			if err != nil {
				yield(desk.Exported{}, err)
				return
			}
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
				b.note(one, 0, e.ReceivedAt)
			}
			if page.Next == "" {
				return
			}
			if f.After, err = store.ParseID(page.Next); err != nil {
				yield(desk.Exported{}, err)
				return
			}
		}
	}
}

// pace leaves time to webhooks between the slices of a history. It is for one goroutine.
type pace struct {
	webhooks func() (answering int, answered uint64)
	answered uint64
	last     time.Time // when one was seen
}

// rest waits if webhooks have come a moment ago, and until none waits for its answer.
func (p *pace) rest(ctx context.Context) {
	if p.webhooks == nil || !p.seen() && time.Since(p.last) > restAfter {
		return
	}
	time.Sleep(rest)
	const step = 500 * time.Microsecond
	for began := time.Now(); p.answers() && time.Since(began) < maxPause && ctx.Err() == nil; {
		time.Sleep(step)
	}
}

// seen reports whether webhooks have come since the last call.
func (p *pace) seen() bool {
	before := p.answered
	answering := p.answers()
	if answering || p.answered != before {
		p.last = time.Now()
	}
	return answering || p.answered != before
}

// answers reports whether a webhook waits for its answer.
func (p *pace) answers() bool {
	answering, answered := p.webhooks()
	p.answered = answered
	return answering > 0
}

// Get returns one of the last backtests, or ErrNoBacktest.
func (b *Backtests) Get(id string) (Backtest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.all {
		if one.ID == id {
			return one.Backtest, nil
		}
	}
	return Backtest{}, ErrNoBacktest
}

// maxStopping is how long Stop waits for the end of a backtest.
const maxStopping = 2 * time.Second

// Stop stops a backtest that runs, and returns its state, which may still be running if its end takes long. One that has
// ended stays as it is.
func (b *Backtests) Stop(id string) (Backtest, error) {
	b.mu.Lock()
	i := slices.IndexFunc(b.all, func(one *run) bool { return one.ID == id })
	if i < 0 {
		b.mu.Unlock()
		return Backtest{}, ErrNoBacktest
	}
	one := b.all[i]
	b.mu.Unlock()
	one.cancel()
	select {
	case <-one.ended:
	case <-time.After(maxStopping):
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return one.Backtest, nil
}

// Close stops the backtest that runs, and waits for its end. No further one starts.
func (b *Backtests) Close() {
	b.mu.Lock()
	b.closed = true
	for _, one := range b.all {
		one.cancel()
	}
	b.mu.Unlock()
	b.running.Wait()
}
