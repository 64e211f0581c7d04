// Package relay is the engine between the rules and the notifiers: it accepts events, decides on them, stores each
// event with its decision and deliveries in one transaction, and dispatches the deliveries.
//
// The path of an event: [Engine.Accept] → the committers (commit.go, plan.go) → a lane of package dispatch →
// Notifier.Send → [dispatch.Retry.Next] → the outcomes, written in batches.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/asker"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/metrics"
	"qaserelay/relay/qaseapi"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/silences"
	"qaserelay/relay/store"
	"qaserelay/relay/store/groupcommit"
	"qaserelay/relay/telemetry"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

const (
	// GCPercent is the garbage collector's target for a relay's process (see debug.SetGCPercent). Little memory is live
	// at any time and each event allocates much, so rarer collections save a tenth of the CPU time for some 25 MiB.
	GCPercent = 400
	// MemoryLimit is the memory in bytes from which on garbage is collected more often, whatever GCPercent says. An
	// ordinary relay stays far below; large events in work at once would pass it several times.
	MemoryLimit = 384 << 20
	// maxPending is the number of events that may wait for their commit; further ones are refused.
	maxPending = 8192
)

// Options are what an Engine works with. Store and Config are needed.
type Options struct {
	Store   store.Store
	Config  *config.Config
	DryRun  bool             // decide and record, send nothing
	Logger  *slog.Logger     // nil logs nothing
	Metrics *metrics.Metrics // nil means new ones that are not read
	Now     func() time.Time // nil means that of the store
	Machine func() time.Time // by which jumps of Now are noticed; nil means time.Now
	Rand    func() float64   // the jitter of retries, from 0 to 1; nil means math/rand
	IDs     *store.IDs       // nil means those of the store's Node
	// QaseTimeout is how long a request to the Qase API may take; 0 means 5 s.
	QaseTimeout time.Duration
	Telemetry   *telemetry.Telemetry // traces; nil exports none
}

// Engine accepts events and dispatches the deliveries that follow. Its methods may be called from many goroutines, Run
// only once.
type Engine struct {
	Options
	config     atomic.Pointer[config.Config]
	dispatcher *dispatch.Dispatcher
	fail       context.CancelCauseFunc // ends Run
	log        sampledlog.Log
	eventLines sampledlog.Limit
	inbox      groupcommit.Queue[*pendingEvent]
	answering  atomic.Int32  // calls of Accept that run
	answered   atomic.Uint64 // those that have ended
	decide     func(*rules.Set, *event.Event, rules.State) rules.Decision
	health     health
	capacity   capacity
	qase       *qaseapi.Client
	asker      *asker.Asker
	drift      driftLog
	waker      waker
	openCount  openCount
	feeds      feeds
	silences   *silences.Register
	filledFrom atomic.Pointer[time.Time]
}

// New returns an engine. It works once Run is called.
func New(o Options) *Engine {
	e := &Engine{eventLines: sampledlog.Limit{PerSecond: dispatch.LinesPerSecond}, inbox: newInbox(),
		decide: (*rules.Set).Decide}
	d := dispatch.New(dispatch.Options{Store: o.Store, Config: o.Config, Logger: o.Logger, Metrics: o.Metrics,
		Now: o.Now, Rand: o.Rand, IDs: o.IDs, StoreFailed: e.storeFailed, SlotsChanged: e.waker.look,
		Telemetry: o.Telemetry})
	o.Logger, o.Metrics, o.Now, o.IDs = d.Logger, d.Metrics, d.Now, d.IDs // with their defaults
	e.waker.fresh, e.waker.rules = make(chan struct{}, 1), ownSlotRules()
	e.Options, e.dispatcher, e.qase = o, d, qaseapi.NewClient(qaseapi.Options{Logger: o.Logger, Now: o.Now,
		Timeout: o.QaseTimeout, Requested: o.Metrics.QaseRequested, Hide: func(text string) string { return e.Config().Hide(text) }})
	e.silences = newSilences(o)
	e.asker = asker.New(asker.Options{API: asks{Engine: e}, Now: o.Now, Ready: e.slotReady, Asked: e.observeAsked})
	e.config.Store(o.Config)
	e.Metrics.OnScrape(e.refreshMetrics)
	e.announceSeries(o.Config)
	return e
}

// Accept returns once the event and all that was decided on it are on disk. When it returns because ctx is done, the
// event may be stored nevertheless; the sender's next try is then a duplicate.
func (e *Engine) Accept(ctx context.Context, ev *event.Event) (Receipt, error) {
	p := &pendingEvent{event: ev, hash: bodyHash(ev), done: make(chan struct{})}
	e.answering.Add(1)
	defer e.answered.Add(1)
	defer e.answering.Add(-1)
	if err := e.enqueue(p); err != nil {
		return Receipt{}, err
	}
	if err := p.wait(ctx); err != nil {
		return Receipt{}, err
	}
	return Receipt{ID: p.receipt.ID, Duplicate: p.receipt.Duplicate}, nil
}

// Run works until ctx is done. Then it refuses further events, commits the pending ones, lets messages in flight
// arrive, hands back the other deliveries, and returns nil within 10 seconds. It returns an error only if the store is
// broken.
func (e *Engine) Run(ctx context.Context) error {
	ctx, e.fail = context.WithCancelCause(ctx)
	defer e.fail(nil)
	writes, cutWrites := dispatch.WithGrace(ctx, dispatch.StopLimit)
	defer cutWrites()

	var committers, others sync.WaitGroup
	defer e.qase.Close()
	defer e.asker.Close()
	e.loadSilences(ctx)
	e.inbox.Open()
	committers.Go(func() { e.commitAll(writes) })
	others.Go(func() { e.runMaintenance(ctx) })
	others.Go(func() { e.wakeAll(ctx) })
	others.Go(func() { e.silences.Run(ctx) })
	others.Go(func() { e.fillOutlines(ctx) })
	others.Go(func() { e.indexEvents(ctx) })
	defer context.AfterFunc(ctx, e.inbox.Close)()

	e.dispatcher.Run(ctx, committers.Wait)
	others.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, store.ErrBroken) {
		return cause
	}
	return nil
}
