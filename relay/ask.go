package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// Ask is what a person wants of a slot that waits.
type Ask struct {
	Key    string
	Drop   bool   // delete it unsent; otherwise what waits is sent now
	Author string // the name of the person, or empty
}

// Answer is what became of a slot that a person asked for.
type Answer struct {
	Event    store.ID // the event that was stored, or zero
	Outcome  rules.Outcome
	Reason   string   // why nothing was sent
	Silences []string // that hold the messages back, so that the slot is as it was
	Messages []MadeMessage
}

// busyRest is how long a person's request waits for another relay that fires slots.
const busyRest = 50 * time.Millisecond

// FireNow sends or drops what a slot keeps, in the transaction by which slots are fired that are due: once, if both
// come at the same time. It returns store.ErrNotFound if the slot is gone.
func (e *Engine) FireNow(ctx context.Context, ask Ask) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	for {
		t := &turn{sweep: &sweep{Engine: e, limit: 1}, cfg: e.Config(), now: e.Now(), ask: &ask}
		woken, err := e.Store.Wake(ctx, store.Wake{Dry: e.DryRun, Only: []string{ask.Key}, Limit: 1, Keys: t.keys,
			Events: t.events,
			Decide: t.decide})
		switch {
		case err != nil:
			return Answer{}, err
		case !woken.Busy && len(woken.Fired) == 0:
			return Answer{}, store.ErrNotFound
		case !woken.Busy:
			return t.answered(&woken.Fired[0])
		}
		select {
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		case <-time.After(busyRest):
		}
	}
}

// answer decides about a slot that a person asked for. A failure leaves it as it is.
func (t *turn) answer(w rules.Woken, s *store.Slot, get func(string) ([]byte, error), out *firedSlot) (
	store.Firing, error) {
	w.Flush, w.Drop, w.Author = !t.ask.Drop, t.ask.Drop, t.ask.Author
	f, err := t.fire(w, s, get, out)
	var failed *readError
	if errors.As(err, &failed) {
		return f, err
	}
	changes := slices.ContainsFunc(f.Changes, func(c store.Change) bool { return c.Key == s.Key })
	if err == nil && changes {
		err = f.Check(s)
	}
	if out.err = err; err != nil || !changes {
		out.leaving = true
		return store.Firing{Leave: true}, nil
	}
	out.ended = ends(&f, s.Key)
	return f, nil
}

// answered counts and logs what became of the slot, and wakes the lanes with new work.
func (t *turn) answered(fired *store.Fired) (Answer, error) {
	for _, notifier := range fired.Pending {
		t.dispatcher.Wake(notifier)
	}
	out := t.fired[0]
	if err := errors.Join(fired.Err, out.err); err != nil {
		return Answer{}, fmt.Errorf("deciding about a slot: %w", err)
	}
	a := Answer{Event: out.row, Outcome: rules.NotMatched}
	for _, r := range out.results {
		a.Outcome, a.Reason = r.Outcome, r.Reason
		if out.leaving {
			for _, one := range r.Silenced {
				a.Silences = append(a.Silences, one.Silence)
			}
		}
	}
	for _, d := range out.made {
		a.Messages = append(a.Messages, MadeMessage{ID: d.ID, Rule: d.Rule, Notifier: d.Notifier, Title: d.Title})
	}
	if out.leaving {
		return a, nil
	}
	t.armAgain(&out)
	if out.resumed != nil {
		t.goOn(out.resumed)
	}
	line, outcome := "slot flushed", "sent"
	switch {
	case t.ask.Drop:
		line, outcome = "slot dropped", "dropped"
	case out.row == 0:
		outcome = "ended"
	}
	t.observeFired(&out, outcome)
	t.Logger.Info(line, append(t.slotArgs(fired.Key, &out), "author", t.ask.Author)...)
	return a, nil
}
