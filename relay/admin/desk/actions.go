package desk

import (
	"context"
	"errors"
	"fmt"

	"qaserelay/relay"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

// Replay is the outcome of a replayed event.
type Replay struct {
	EventID  string    `json:"event_id"`
	ReplayID string    `json:"replay_id,omitempty"` // the new event; empty if nothing was stored
	Matched  []string  `json:"matched"`             // rules that match now
	Gained   []string  `json:"gained"`              // those of them that did not match the first time
	Lost     []string  `json:"lost"`                // rules that matched the first time and do not now
	Silenced []string  `json:"silenced,omitempty"`  // rules of which silences hold messages back
	Messages []Message `json:"deliveries"`
	Error    string    `json:"error,omitempty"` // the reason why it was not replayed
}

// Message is a delivery that a replay made, or would make.
type Message struct {
	ID       string `json:"id,omitempty"` // empty if nothing was stored
	Rule     string `json:"rule"`
	Notifier string `json:"notifier"`
	Title    string `json:"title"`
}

// Retry makes one dead or pending delivery due now.
func (d *Desk) Retry(ctx context.Context, id store.ID) error {
	return d.do(ctx, deed{verb: VerbRetry, object: id.String()}, func(ctx context.Context) error {
		return d.change(ctx, id, "retrying a delivery", "only dead and pending deliveries can be retried", d.o.Retry)
	})
}

// Rerender renders one dead or pending delivery again by the current rules, and makes it due now.
func (d *Desk) Rerender(ctx context.Context, id store.ID) error {
	return d.do(ctx, deed{VerbRetry, id.String(), "rendered again by the current rules"},
		func(ctx context.Context) error { return d.rerender(ctx, id) })
}

func (d *Desk) rerender(ctx context.Context, id store.ID) error {
	found, err := d.o.Rerender(ctx, id)
	var refused *relay.RerenderError
	switch {
	case errors.As(err, &refused):
		return &StateError{"not rendered again: " + refused.Reason}
	case err == nil && !found:
		return &StateError{"only dead and pending deliveries can be retried"}
	}
	return failed("rendering a delivery again", err)
}

// Refusal says why one delivery was not retried.
type Refusal struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// RerenderMany renders deliveries again, and returns how many, and why the others were not.
func (d *Desk) RerenderMany(ctx context.Context, ids []store.ID) (n int, refused []Refusal, err error) {
	refused = []Refusal{}
	for _, id := range ids {
		err := d.Rerender(ctx, id)
		var state *StateError
		switch {
		case err == nil:
			n++
		case errors.Is(err, store.ErrNotFound):
			refused = append(refused, Refusal{id.String(), "no delivery has this id"})
		case errors.As(err, &state):
			refused = append(refused, Refusal{id.String(), state.Message})
		default:
			return n, refused, retryFailed(n, err)
		}
	}
	return n, refused, nil
}

// CancelledByPerson is the reason of deliveries that a person has cancelled.
const CancelledByPerson = "cancelled by a person"

// Cancel ends one dead or pending delivery.
func (d *Desk) Cancel(ctx context.Context, id store.ID) error {
	cancel := func(ctx context.Context, _ []store.ID) (int, error) {
		if found, err := d.o.Cancel(ctx, id, CancelledByPerson); !found || err != nil {
			return 0, err
		}
		return 1, nil
	}
	return d.do(ctx, deed{verb: VerbCancel, object: id.String()}, func(ctx context.Context) error {
		return d.change(ctx, id, "cancelling a delivery", "only dead and pending deliveries can be cancelled", cancel)
	})
}

// action changes deliveries, and returns how many.
type action = func(context.Context, []store.ID) (int, error)

// change applies an action to one delivery. If its state does not allow that, the error is a StateError with the given
// text.
func (d *Desk) change(ctx context.Context, id store.ID, op, refusal string, act action) error {
	if _, _, err := d.o.Store.Delivery(ctx, id); err != nil {
		return failed("reading a delivery", err)
	}
	n, err := act(ctx, []store.ID{id})
	if err == nil && n == 0 {
		return &StateError{refusal}
	}
	return failed(op, err)
}

// RetryMany makes those of the deliveries due now that are dead or pending, and returns their number.
func (d *Desk) RetryMany(ctx context.Context, ids []store.ID) (int, error) {
	n, err := d.o.Retry(ctx, ids)
	err = retryFailed(n, err)
	d.note(ctx, deed{verb: VerbRetryMany, details: fmt.Sprintf("%d of %d deliveries", n, len(ids))}, err)
	return n, err
}

func retryFailed(retried int, err error) error {
	return failed(fmt.Sprintf("retrying deliveries, after %d,", retried), err)
}

// Resume lets one message of a paused notifier try its receiver. It changes nothing if the notifier is not paused. For
// an unknown notifier it returns dispatch.ErrNoNotifier.
func (d *Desk) Resume(ctx context.Context, notifier string) error {
	return d.do(ctx, deed{verb: VerbResume, object: notifier}, func(ctx context.Context) error {
		err := d.o.Resume(ctx, notifier)
		if errors.Is(err, dispatch.ErrNoNotifier) {
			return err
		}
		return failed("resuming a notifier", err)
	})
}

// Replay decides one event again by the current rules, and sends the messages unless it is dry.
func (d *Desk) Replay(ctx context.Context, id store.ID, o relay.ReplayOptions) (Replay, error) {
	r := d.o.Replay(ctx, []store.ID{id}, o)[0]
	err := failed("replaying an event", r.Err)
	d.noteReplay(ctx, &r, o, err)
	if err != nil {
		return Replay{}, err
	}
	return replayOf(r), nil
}

// noteReplay adds a replay to the audit trail, unless it was dry.
func (d *Desk) noteReplay(ctx context.Context, r *relay.Replay, o relay.ReplayOptions, err error) {
	if o.Dry || errors.Is(err, store.ErrNotFound) {
		return
	}
	details := ""
	if r.New != 0 {
		details = fmt.Sprintf("as %s, with %d messages", r.New, len(r.Messages))
	}
	d.note(ctx, deed{VerbReplay, r.Event.String(), details}, err)
}

// ReplayMany does the same for several events. Each replay has its own error.
func (d *Desk) ReplayMany(ctx context.Context, ids []store.ID, o relay.ReplayOptions) []Replay {
	replays := []Replay{}
	for _, r := range d.o.Replay(ctx, ids, o) {
		d.noteReplay(ctx, &r, o, failed("replaying an event", r.Err))
		v := replayOf(r)
		switch {
		case errors.Is(r.Err, store.ErrNotFound):
			v.Error = "no event has this id"
		case r.Err != nil:
			d.o.Logger.Error("replay failed", "event", v.EventID, "error", r.Err)
			v.Error = fmt.Sprintf("not replayed: %v", r.Err)
		}
		replays = append(replays, v)
	}
	return replays
}

func replayOf(r relay.Replay) Replay {
	v := Replay{EventID: r.Event.String(), ReplayID: idText(r.New), Matched: orEmpty(r.Matched),
		Gained: orEmpty(r.Gained), Lost: orEmpty(r.Lost), Silenced: r.Silenced, Messages: []Message{}}
	for _, m := range r.Messages {
		v.Messages = append(v.Messages, Message{ID: idText(m.ID), Rule: m.Rule, Notifier: m.Notifier, Title: m.Title})
	}
	return v
}
