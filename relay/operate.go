package relay

import (
	"context"
	"errors"
	"fmt"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

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

// Resume lets one message of a notifier try a receiver that was gone or failed; see [dispatch.Dispatcher.Resume].
func (e *Engine) Resume(ctx context.Context, notifier string) error {
	return e.dispatcher.Resume(ctx, notifier)
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
