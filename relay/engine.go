// Package relay is the engine between the rules and the notifiers: it accepts events, decides on them, stores each event
// with its decision and deliveries in one transaction, and dispatches the deliveries.
//
// The path of an event: [Engine.Accept] → the committers (commit.go, plan.go) → a lane of package dispatch →
// Notifier.Send → [dispatch.Retry.Next] → the outcomes, written in batches.
package relay

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/metrics"
	"qaserelay/relay/qaseapi"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

const (
	// GCPercent is the garbage collector's target for a relay's process (see debug.SetGCPercent). Little memory is live at
	// any time and each event allocates much, so rarer collections save a tenth of the CPU time for some 25 MiB.
	GCPercent = 400
	// sendGrace is the time that messages in flight have to arrive once the engine stops.
	sendGrace = 8 * time.Second
	// storeGrace is the time that writes to the store have to end once the engine stops.
	storeGrace = 9500 * time.Millisecond
	// maxPending is the number of events that may wait for their commit; further ones are refused.
	maxPending = 8192
)

// Engine accepts events and dispatches the deliveries that follow. Its methods may be called from many goroutines, Run
// only once.
type Engine struct {
	dispatch.Dispatcher
	inbox    *dispatch.Queue[*pendingEvent]
	turn     chan struct{} // holds a token while a committer takes its batch, until the store decides on that batch
	decide   func(*rules.Set, *event.Event, rules.State) rules.Decision
	health   health
	capacity capacity
	qase     *qaseapi.Client
	drift    driftLog
}

// New returns an engine. It works once Run is called.
func New(o dispatch.Options) *Engine {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = metrics.NewMetrics(metrics.MetricsOptions{})
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
	e := &Engine{
		Dispatcher: dispatch.Dispatcher{Options: o, Outbox: dispatch.NewQueue[dispatch.Outcome](0), Changed: make(chan struct{}, 1)},
		inbox:      dispatch.NewQueue[*pendingEvent](maxPending),
		turn:       make(chan struct{}, 1),
		decide:     (*rules.Set).Decide,
		qase:       qaseapi.NewClient(o.Logger, o.Now),
	}
	e.Current.Store(o.Config)
	e.Lanes.Store(&map[string]*dispatch.Lane{})
	e.Metrics.Refresh = e.refreshMetrics
	return e
}

// Receipt is the outcome of an accepted event.
type Receipt struct {
	ID        store.ID // of the first event with this body, if this one is a duplicate
	Duplicate bool
}

// Accept returns once the event and all that was decided on it are on disk. When it returns because ctx is done, the
// event may be stored nevertheless; the sender's next try is then a duplicate.
func (e *Engine) Accept(ctx context.Context, ev *event.Event) (Receipt, error) {
	p := &pendingEvent{event: ev, hash: bodyHash(ev), done: make(chan struct{})}
	e.enrich(ctx, p)
	if err := e.inbox.Put(p); err != nil {
		return Receipt{}, err
	}
	if err := p.wait(ctx); err != nil {
		return Receipt{}, err
	}
	return Receipt{ID: p.receipt.ID, Duplicate: p.receipt.Duplicate}, nil
}

// bodyHash identifies the body of an event within its source.
func bodyHash(ev *event.Event) (sum [32]byte) {
	h := sha256.New()
	h.Write([]byte(ev.Source))
	h.Write([]byte{0})
	h.Write(ev.Body)
	h.Sum(sum[:0])
	return sum
}

// Config returns the current configuration.
func (e *Engine) Config() *config.Config { return e.Current.Load() }

// Reload makes another configuration current: its rules for the next batch of events, its notifiers for the next
// messages. Removed notifiers stop after the messages in flight; their other deliveries stay pending.
func (e *Engine) Reload(c *config.Config) {
	e.Current.Store(c)
	select {
	case e.Changed <- struct{}{}:
	default:
	}
}

// Run works until ctx is done. Then it refuses further events, commits the pending ones, lets messages in flight arrive,
// hands back the other deliveries, and returns nil within 10 seconds. It returns an error only if the store is broken.
func (e *Engine) Run(ctx context.Context) error {
	ctx, e.Fail = context.WithCancelCause(ctx)
	defer e.Fail(nil)
	sends, cutSends := detachWithGrace(ctx, sendGrace)
	defer cutSends()
	writes, cutWrites := detachWithGrace(ctx, storeGrace)
	defer cutWrites()

	var committers, outcomes, others sync.WaitGroup
	defer e.qase.Close()
	e.inbox.Open()
	e.Outbox.Open()
	committers.Go(func() { e.commitAll(writes) })
	outcomes.Go(func() { e.FinishAll(writes) })
	others.Go(func() { e.runMaintenance(ctx) })
	others.Go(func() { e.Listen(ctx) })
	defer context.AfterFunc(ctx, e.inbox.Close)()

	e.RunLanes(ctx, dispatch.LaneContexts{Sends: sends, Writes: writes})
	committers.Wait()
	e.Outbox.Close()
	outcomes.Wait()
	others.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, store.ErrBroken) {
		return cause
	}
	return nil
}

// detachWithGrace returns a context that ends the given time after ctx.
func detachWithGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return late, func() { forget(); cancel() }
}
