// Package dispatch sends deliveries: one lane for each notifier claims them, keeps their order and the rate, sends
// them, and records the outcome of each attempt.
package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/metrics"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/store"
	"qaserelay/relay/store/groupcommit"
	"qaserelay/relay/telemetry"
)

const (
	// sendGrace is how long messages on their way may take to arrive after the context of Run ends.
	sendGrace = 8 * time.Second
	// StopLimit is how long after the context of Run ends the store is still written to.
	StopLimit = 9500 * time.Millisecond
)

// ErrNoNotifier says that no notifier of that name is configured.
var ErrNoNotifier = errors.New("no notifier of that name is configured")

// Options are what a Dispatcher works with. Store and Config are needed.
type Options struct {
	Store   store.Store
	Config  *config.Config
	Logger  *slog.Logger     // nil logs nothing
	Metrics *metrics.Metrics // nil means new ones that are not read
	Now     func() time.Time // nil means that of the store
	Rand    func() float64   // the jitter of retries, from 0 to 1; nil means math/rand
	IDs     *store.IDs       // nil means those of the store's Node
	// StoreFailed is called with the error of each store call that failed. It logs, and ends the context of Run if the
	// store is broken. Nil does nothing.
	StoreFailed func(ctx context.Context, op string, err error)
	// SlotsChanged is called when another relay has stored a slot that is due earlier than others. Nil does nothing.
	SlotsChanged func()
	Telemetry    *telemetry.Telemetry // gets each attempt; nil exports none
}

// withDefaults returns o with each nil field, except Store and Config, set to its default.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = metrics.New(metrics.Options{})
	}
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.IDs == nil {
		o.IDs = store.IDsOf(o.Store.Node)
	}
	if o.SlotsChanged == nil {
		o.SlotsChanged = func() {}
	}
	if o.StoreFailed == nil {
		o.StoreFailed = func(context.Context, string, error) {}
	}
	return o
}

// Dispatcher runs a lane for each notifier of the current configuration. Its methods may be called from many
// goroutines, but Run only once.
type Dispatcher struct {
	Options
	config   atomic.Pointer[config.Config]
	outcomes groupcommit.Queue[outcome]
	lanes    atomic.Pointer[map[string]*lane] // replaced only by Run
	changed  chan struct{}                    // there is a new config
	log      sampledlog.Log
	ended    outcomeLog
	limiter  limiter
}

// New returns a Dispatcher that starts to work when Run is called.
func New(o Options) *Dispatcher {
	d := &Dispatcher{Options: o.withDefaults(), changed: make(chan struct{}, 1)}
	d.limiter.store, d.limiter.now, d.limiter.failed = d.Store, d.Now, d.StoreFailed
	for _, limit := range []*sampledlog.Limit{&d.ended.delivered, &d.ended.dead, &d.ended.cancelled} {
		limit.PerSecond = LinesPerSecond
	}
	d.config.Store(o.Config)
	d.lanes.Store(&map[string]*lane{})
	d.outcomes.Open()
	return d
}

// Run sends until ctx is done. It then lets messages on their way arrive, hands back the others, calls drained, which
// has to return when Enqueue is not called any more, and returns when all outcomes are written.
func (d *Dispatcher) Run(ctx context.Context, drained func()) {
	sends, cutSends := WithGrace(ctx, sendGrace)
	defer cutSends()
	writes, cutWrites := WithGrace(ctx, StopLimit)
	defer cutWrites()
	var writer, listener sync.WaitGroup
	writer.Go(func() { d.finishAll(writes) })
	listener.Go(func() { d.listen(ctx) })
	d.runLanes(ctx, laneContexts{sends, writes})
	drained()
	d.outcomes.Close()
	writer.Wait()
	listener.Wait()
}

// WithGrace returns a context that ends the given time after ctx.
func WithGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return late, func() { forget(); cancel() }
}

// laneContexts end in this order when the dispatcher stops.
type laneContexts struct {
	sends  context.Context // for messages on their way
	writes context.Context // for the store
}

// runLanes keeps one lane running for each notifier of the current configuration, until ctx is done and all lanes have
// ended.
func (d *Dispatcher) runLanes(ctx context.Context, c laneContexts) {
	var running sync.WaitGroup
	for {
		for _, l := range d.adjustLanes(c.writes) {
			var stopped context.Context
			stopped, l.stop = context.WithCancel(ctx)
			running.Go(func() { l.run(stopped, c) })
		}
		select {
		case <-d.changed:
		case <-ctx.Done():
			running.Wait()
			return
		}
	}
}

// adjustLanes returns new lanes for notifiers that have none, and stops lanes whose notifiers are gone. Other lanes use
// the new settings of their notifiers from the next message on, which may go out even if the receiver failed before.
func (d *Dispatcher) adjustLanes(writes context.Context) (missing []*lane) {
	old, notifiers := *d.lanes.Load(), d.config.Load().Notifiers
	lanes := maps.Clone(old)
	for name, l := range old {
		n, wanted := notifiers[name]
		if wanted && concurrency(&n) == l.workers {
			l.notifier.Store(&n)
			if l.breaker.IsHeld() {
				continue
			}
			if err := l.tryNow(writes); err != nil {
				d.StoreFailed(writes, "ending a pause", err)
			}
			continue
		}
		delete(lanes, name)
		l.stop()
	}
	for name, n := range notifiers {
		if lanes[name] == nil {
			lanes[name] = d.newLane(name, &n)
			missing = append(missing, lanes[name])
		}
	}
	d.lanes.Store(&lanes)
	return missing
}

func (d *Dispatcher) newLane(name string, n *config.Notifier) *lane {
	l := &lane{d: d, name: name, workers: concurrency(n), woken: make(chan struct{}, 1)}
	l.window = newWindow(l.workers)
	l.queue = make(chan group, 2*l.window.most)
	l.breaker = newBreaker(d.Now, l.logState)
	l.notifier.Store(n)
	return l
}

func concurrency(n *config.Notifier) int {
	if n.Spec.Concurrency > 0 {
		return n.Spec.Concurrency
	}
	return max(1, n.Kind.Concurrency)
}

// listen wakes lanes for which another relay has stored work, and notices its slots, until ctx is done.
func (d *Dispatcher) listen(ctx context.Context) {
	for wakes := d.Store.Notifications(); wakes != nil; {
		select {
		case <-ctx.Done():
			return
		case name, open := <-wakes:
			switch {
			case !open:
				return
			case name == store.DueNotification:
				d.SlotsChanged()
			default:
				d.Wake(name)
			}
		}
	}
}

// Apply makes c the current configuration: its notifiers send the next messages. Notifiers that are gone stop after the
// messages on their way; their other deliveries stay pending.
func (d *Dispatcher) Apply(c *config.Config) {
	d.config.Store(c)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Wake tells a notifier's lane, if there is one, that there may be work for it.
func (d *Dispatcher) Wake(notifier string) {
	if l := d.lane(notifier); l != nil {
		l.wake()
	}
}

func (d *Dispatcher) lane(notifier string) *lane { return (*d.lanes.Load())[notifier] }

// Retry makes dead or pending deliveries due now, and returns how many of them it found. A notifier of theirs whose
// receiver failed or is gone tries it with one message; the others go on waiting. A delivery that was handed back a
// moment ago is pending too.
func (d *Dispatcher) Retry(ctx context.Context, ids []store.ID) (int, error) {
	return d.again(ctx, ids, func() (int, error) { return d.Store.Retry(ctx, ids) })
}

// Rewrite gives a dead or pending delivery another message, and retries it. It reports whether it found it.
func (d *Dispatcher) Rewrite(ctx context.Context, r store.Rewrite) (bool, error) {
	n, err := d.again(ctx, []store.ID{r.ID}, func() (int, error) {
		if found, err := d.Store.Rewrite(ctx, r); !found || err != nil {
			return 0, err
		}
		return 1, nil
	})
	return n == 1, err
}

// again makes deliveries due by a call of the store, and lets their notifiers try.
func (d *Dispatcher) again(ctx context.Context, ids []store.ID, call func() (int, error)) (int, error) {
	d.flush(ctx)
	notifiers, err := d.Store.NotifiersOf(ctx, ids) // now, since once they are due they may end at any time
	if err != nil {
		return 0, err
	}
	n, err := call()
	for _, name := range notifiers {
		if l := d.lane(name); l != nil {
			if l.wake(); !l.breaker.IsHeld() {
				err = errors.Join(err, l.tryNow(ctx))
			}
		}
	}
	return n, err
}

// Resume lets one message of a notifier try a receiver that was gone or failed. When it arrives, the others follow.
func (d *Dispatcher) Resume(ctx context.Context, notifier string) error {
	l := d.lane(notifier)
	if l == nil {
		return ErrNoNotifier
	}
	return l.tryNow(ctx)
}

// States returns the state of each notifier.
func (d *Dispatcher) States() map[string]State {
	states := map[string]State{}
	for name, l := range *d.lanes.Load() {
		states[name] = l.state()
	}
	return states
}

// state returns the state of the breaker, with the time of the next message also if a cooldown delays it.
func (l *lane) state() State {
	s, _ := l.breaker.State()
	if l.breaker.IsHeld() { // no time ends it
		s.NextTry = time.Time{}
		return s
	}
	if until := l.d.limiter.CooldownUntil(l.notifier.Load()); until.After(s.NextTry) {
		s.NextTry = until
	}
	if s.NextTry.After(l.d.Now()) {
		return s
	}
	if s.NextTry = (time.Time{}); s.State != Closed {
		s.State = HalfOpen
	}
	return s
}
