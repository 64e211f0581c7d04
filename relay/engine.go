// Package relay is the machine between the rules and the notifiers: it accepts events, decides what follows from them,
// puts both on disk in one step, and sends.
//
// An event's path: [Engine.Accept] → the committer (commit.go, plan.go) → the notifier's lane (lane.go) →
// Notifier.Send → [Retry.Next] → the outcome writer (finish.go).
package relay

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
	qaseevent "qaserelay/rules/event"
)

const (
	// GCPercent is what a relay's process should run with (see debug.SetGCPercent): little is alive at any time and much is
	// made for each event, so collecting less often saves a tenth of the work for some 25 MiB.
	GCPercent = 400
	// sendGrace is how long messages on their way may take to arrive after the engine was told to stop.
	sendGrace = 8 * time.Second
	// stopLimit is when the engine stops waiting for its store.
	stopLimit = 9500 * time.Millisecond
	// maxWaiting is how many events may wait for the disk at once; what comes beyond is refused.
	maxWaiting = 8192
)

// Errors of Accept. Any other error means that the store did not take the event.
var (
	ErrStopping = errors.New("the relay is not running, or about to stop")
	ErrBusy     = errors.New("too many events wait for the disk")
)

// Options are what an Engine works with. Store and Config are needed.
type Options struct {
	Store   store.Store
	Config  *Config
	DryRun  bool             // decide and record, send nothing
	Logger  *slog.Logger     // nil logs nothing
	Metrics *Metrics         // nil means new ones that nobody reads
	Now     func() time.Time // nil means store.Clock()
	Rand    func() float64   // the jitter of retries, from 0 to 1; nil means math/rand
	IDs     *store.IDs       // nil means those of the store's Node
}

// Dispatcher sends deliveries and records what became of them.
type Dispatcher struct {
	Options
	config  atomic.Pointer[Config]
	outbox  *queue[outcome]
	lanes   atomic.Pointer[map[string]*lane] // replaced only by Run
	changed chan struct{}                    // there is a new config
	fail    context.CancelCauseFunc          // ends Run
	quiet   QuietLog
	spacing spacing
}

// Engine accepts events and sends what follows from them. Its methods may be called from many goroutines, but Run
// only once.
type Engine struct {
	Dispatcher
	inbox  *queue[*call]
	decide func(*rules.Set, *qaseevent.Event, rules.State) rules.Decision
	health health
	room   room
	enrich *enricher
	drift  driftLog
}

// New returns an engine that starts to work when Run is called.
func New(o Options) *Engine {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(MetricsOptions{})
	}
	if o.Now == nil {
		o.Now = store.Clock()
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.IDs == nil {
		o.IDs = store.IDsOf(o.Store.Node)
	}
	e := &Engine{Dispatcher: Dispatcher{Options: o, outbox: newQueue[outcome](0), changed: make(chan struct{}, 1)},
		inbox: newQueue[*call](maxWaiting), decide: (*rules.Set).Decide}
	e.enrich = newEnricher(o.Store, o.Logger, o.Now)
	e.config.Store(o.Config)
	e.lanes.Store(&map[string]*lane{})
	e.Metrics.refresh = e.refreshMetrics
	return e
}

// Receipt says what became of an accepted event.
type Receipt struct {
	ID        store.ID // that of the first event with this body, if it is a duplicate
	Duplicate bool
}

// Accept returns when the event, and all that was decided about it, is on disk. When it returns because ctx is done,
// the event may be stored nevertheless; the sender's next try is then a duplicate.
func (e *Engine) Accept(ctx context.Context, ev *qaseevent.Event) (Receipt, error) {
	c := &call{event: ev, hash: bodyHash(ev), done: make(chan struct{})}
	c.entity, c.member = e.enrich.find(ctx, e.Config(), ev)
	if err := e.inbox.put(c); err != nil {
		return Receipt{}, err
	}
	select {
	case <-c.done:
		return Receipt{ID: c.receipt.ID, Duplicate: c.receipt.Duplicate}, c.err
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("waiting for the disk: %w", ctx.Err())
	}
}

// bodyHash tells events of one source apart.
func bodyHash(ev *qaseevent.Event) (sum [32]byte) {
	h := sha256.New()
	h.Write([]byte(ev.Source))
	h.Write([]byte{0})
	h.Write(ev.Body)
	h.Sum(sum[:0])
	return sum
}

// Config returns the configuration in force.
func (e *Engine) Config() *Config { return e.config.Load() }

// Reload puts a new configuration in force: its rules for the next batch of events, its notifiers for the next
// messages. Notifiers that are gone stop after the messages on their way; their other deliveries stay pending.
func (e *Engine) Reload(c *Config) {
	e.config.Store(c)
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// Retry makes dead or pending deliveries due now, and returns how many of them there were. Those of their notifiers whose receivers failed
// or are gone try them with one message; the others go on waiting.
func (e *Dispatcher) Retry(ctx context.Context, ids []store.ID) (int, error) {
	concerned, err := e.Store.NotifiersOf(ctx, ids) // now, since once they are due they may end at any time
	if err != nil {
		return 0, err
	}
	n, err := e.Store.Retry(ctx, ids)
	lanes := *e.lanes.Load()
	for _, name := range concerned {
		if l := lanes[name]; l != nil {
			l.poke()
			err = errors.Join(err, l.tryNow(ctx))
		}
	}
	return n, err
}

// listen wakes lanes for which another relay has stored work, until ctx is done.
func (e *Dispatcher) listen(ctx context.Context) {
	for wakes := e.Store.Wakes(); wakes != nil; {
		select {
		case <-ctx.Done():
			return
		case name, open := <-wakes:
			if !open {
				return
			}
			if l := (*e.lanes.Load())[name]; l != nil {
				l.poke()
			}
		}
	}
}

// Run works until ctx is done, and then takes no more events, finishes the ones it has, lets messages on their way
// arrive, hands back the others, and returns nil within 10 seconds. It returns an error only if the store is broken.
func (e *Engine) Run(ctx context.Context) error {
	ctx, e.fail = context.WithCancelCause(ctx)
	defer e.fail(nil)
	sends, cutSends := outlive(ctx, sendGrace)
	defer cutSends()
	writes, cutWrites := outlive(ctx, stopLimit)
	defer cutWrites()

	var committer, writer, others sync.WaitGroup
	defer e.enrich.stop()
	e.inbox.open()
	e.outbox.open()
	committer.Go(func() { e.commitAll(writes) })
	writer.Go(func() { e.finishAll(writes) })
	others.Go(func() { e.keepHouse(ctx) })
	others.Go(func() { e.listen(ctx) })
	defer context.AfterFunc(ctx, e.inbox.close)()

	e.runLanes(ctx, laneContexts{sends: sends, writes: writes})
	committer.Wait()
	e.outbox.close()
	writer.Wait()
	others.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, store.ErrBroken) {
		return cause
	}
	return nil
}

// outlive returns a context that ends the given time after ctx.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return late, func() { forget(); cancel() }
}
