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
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/metrics"
	"qaserelay/relay/qaseapi"
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

// Engine accepts events and sends what follows from them. Its methods may be called from many goroutines, but Run
// only once.
type Engine struct {
	dispatch.Dispatcher
	inbox  *dispatch.Queue[*call]
	decide func(*rules.Set, *qaseevent.Event, rules.State) rules.Decision
	health health
	room   room
	enrich *qaseapi.Enricher
	drift  driftLog
}

// New returns an engine that starts to work when Run is called.
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
	e := &Engine{Dispatcher: dispatch.Dispatcher{Options: o, Outbox: dispatch.NewQueue[dispatch.Outcome](0), Changed: make(chan struct{}, 1)},
		inbox: dispatch.NewQueue[*call](maxWaiting), decide: (*rules.Set).Decide}
	e.enrich = qaseapi.NewEnricher(o.Store, o.Logger, o.Now)
	e.Current.Store(o.Config)
	e.Lanes.Store(&map[string]*dispatch.Lane{})
	e.Metrics.Refresh = e.refreshMetrics
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
	c.entity, c.member = e.enrich.Find(ctx, e.Config(), ev)
	if err := e.inbox.Put(c); err != nil {
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
func (e *Engine) Config() *config.Config { return e.Current.Load() }

// Reload puts a new configuration in force: its rules for the next batch of events, its notifiers for the next
// messages. Notifiers that are gone stop after the messages on their way; their other deliveries stay pending.
func (e *Engine) Reload(c *config.Config) {
	e.Current.Store(c)
	select {
	case e.Changed <- struct{}{}:
	default:
	}
}

// Run works until ctx is done, and then takes no more events, finishes the ones it has, lets messages on their way
// arrive, hands back the others, and returns nil within 10 seconds. It returns an error only if the store is broken.
func (e *Engine) Run(ctx context.Context) error {
	ctx, e.Fail = context.WithCancelCause(ctx)
	defer e.Fail(nil)
	sends, cutSends := outlive(ctx, sendGrace)
	defer cutSends()
	writes, cutWrites := outlive(ctx, stopLimit)
	defer cutWrites()

	var committer, writer, others sync.WaitGroup
	defer e.enrich.Stop()
	e.inbox.Open()
	e.Outbox.Open()
	committer.Go(func() { e.commitAll(writes) })
	writer.Go(func() { e.FinishAll(writes) })
	others.Go(func() { e.keepHouse(ctx) })
	others.Go(func() { e.Listen(ctx) })
	defer context.AfterFunc(ctx, e.inbox.Close)()

	e.RunLanes(ctx, dispatch.LaneContexts{Sends: sends, Writes: writes})
	committer.Wait()
	e.Outbox.Close()
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
