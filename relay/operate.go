package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/silences"
	"qaserelay/relay/store"
	"qaserelay/rules/silence"
)

// Silences returns the silences of the relay.
func (e *Engine) Silences() *silences.Register { return e.silences }

// Config returns the current configuration.
func (e *Engine) Config() *config.Config { return e.config.Load() }

// Webhooks returns how many callers of Accept wait for their answer, and how many have got it, so that what can wait does.
func (e *Engine) Webhooks() (answering int, answered uint64) {
	return int(e.answering.Load()), e.answered.Load()
}

// Reload makes another configuration current: its rules for the next batch of events, its notifiers for the next
// messages. Removed notifiers stop after the messages in flight; their other deliveries stay pending.
func (e *Engine) Reload(c *config.Config) {
	e.announceSeries(c)
	e.config.Store(c)
	e.dispatcher.Apply(c)
	e.waker.look()
}

// newSilences returns the register of silences, which is empty until loadSilences.
func newSilences(o Options) *silences.Register {
	return silences.New(silences.Options{KV: o.Store, Now: o.Now, Logger: o.Logger,
		Shared: o.Store.Notifications() != nil,
		NewID:  func(now time.Time) string { return o.IDs.Next(now).String() }})
}

// silencesFor returns the silences that may hold back the messages of an event.
func (e *Engine) silencesFor(p *pendingEvent) *silence.List {
	if p.forced {
		return nil
	}
	return e.silences.List()
}

// loadSilences reads the silences before the first event is decided. If that fails, it is tried again meanwhile.
func (e *Engine) loadSilences(ctx context.Context) {
	if err := e.silences.Load(ctx); err != nil {
		e.storeFailed(ctx, "reading silences", err)
	}
}

// Retry makes dead or pending deliveries due now; see [dispatch.Dispatcher.Retry].
func (e *Engine) Retry(ctx context.Context, ids []store.ID) (int, error) {
	return e.dispatcher.Retry(ctx, ids)
}

// Cancel ends a dead or pending delivery for a reason, and reports whether it was one.
func (e *Engine) Cancel(ctx context.Context, id store.ID, why string) (bool, error) {
	d, _, err := e.Store.Delivery(ctx, id)
	if err != nil {
		return false, err
	}
	n, err := e.Store.Cancel(ctx, []store.ID{id}, why)
	if n > 0 {
		e.dispatcher.Cancelled(d, why)
	}
	return n > 0, err
}

// CancelMany ends those of the deliveries that are dead or pending, for a reason, and returns their number.
func (e *Engine) CancelMany(ctx context.Context, list []store.Delivery, why string) (int, error) {
	ids := make([]store.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	n, err := e.Store.Cancel(ctx, ids, why)
	for i := range list {
		if d, cancelled := &list[i], n == len(list); cancelled || n > 0 && e.isCancelled(ctx, d.ID, why) {
			e.dispatcher.Cancelled(*d, why)
		}
	}
	return n, err
}

// isCancelled reports whether a delivery was cancelled for a reason.
func (e *Engine) isCancelled(ctx context.Context, id store.ID, why string) bool {
	d, _, err := e.Store.Delivery(ctx, id)
	return err == nil && d.State == store.Cancelled && d.Error == why
}

// Resume lets one message of a notifier try a receiver that was gone or failed; see [dispatch.Dispatcher.Resume].
func (e *Engine) Resume(ctx context.Context, notifier string) error {
	return e.dispatcher.Resume(ctx, notifier)
}

// Look makes the engine look at once for deliveries and slots that are due. A caller that moves its clock calls it after
// each move; otherwise the engine looks when they fall due.
func (e *Engine) Look() {
	e.waker.look()
	for name := range e.dispatcher.States() {
		e.dispatcher.Wake(name)
	}
}

// Pause keeps the messages of a notifier until a person resumes it; see [dispatch.Dispatcher.Pause].
func (e *Engine) Pause(ctx context.Context, notifier, who string) error {
	return e.dispatcher.Pause(ctx, notifier, who)
}

// NotifierStates returns the state of each notifier.
func (e *Engine) NotifierStates() map[string]dispatch.State { return e.dispatcher.States() }

// storeFailed logs the error of a store call, and ends the engine if the store is broken.
func (e *Engine) storeFailed(ctx context.Context, op string, err error) {
	if ctx.Err() != nil {
		return
	}
	e.Logger.Error("store failed, trying again", "op", op, "error", err)
	if errors.Is(err, store.ErrBroken) {
		e.fail(fmt.Errorf("%s: %w", op, err))
	}
}
