package sqlite

import (
	"context"
	"fmt"
	"sync"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// acceptance is one call of Accept. Its receipts are made anew whenever it runs.
type acceptance struct {
	take     func() []store.Event // makes the batch
	batch    []store.Event
	decide   store.Decide
	receipts []store.Receipt
	plans    []store.Plan // by event; those of duplicates and of failed events are empty
	stored   map[int]bool // events that are there, and are decided now
}

// Accept implements store.Store.
func (s *Store) Accept(ctx context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	a := &acceptance{take: func() []store.Event { return batch }, decide: decide}
	return s.acceptAs(ctx, a, len(batch))
}

// AcceptFrom implements store.Store.
func (s *Store) AcceptFrom(ctx context.Context, take func() []store.Event, decide store.Decide) ([]store.Receipt, error) {
	const expected = 64
	return s.acceptAs(ctx, &acceptance{take: sync.OnceValue(take), decide: decide}, expected)
}

// acceptAs stores a batch of about so many events. The writer runs accept in the transaction of a group of calls.
func (s *Store) acceptAs(ctx context.Context, a *acceptance, events int) ([]store.Receipt, error) {
	err := s.writer.Do(ctx, 4*events, &op{
		run:  func(t *tx) error { return t.accept(a) },
		undo: func(t *tx) error { return t.finish(engine.HandBackNew(a.receipts)) },
	})
	if err != nil {
		return nil, fmt.Errorf("storing events: %w", err)
	}
	return a.receipts, nil
}

// accept reads the state that the batch asks for, decides, and writes the rows. Changed keys and counts are written
// once for all calls of the transaction, when it ends (see [tx.save]).
func (t *tx) accept(a *acceptance) error {
	if a.batch = a.take(); len(a.batch) == 0 {
		return nil
	}
	a.receipts, a.plans = make([]store.Receipt, len(a.batch)), make([]store.Plan, len(a.batch))
	if err := t.findDuplicates(a); err != nil {
		return err
	}
	if err := t.readAnnouncedKeys(a); err != nil {
		return err
	}
	for i := range a.batch {
		if a.receipts[i].Duplicate {
			continue
		}
		if err := t.plan(a, i); err != nil {
			return err
		}
	}
	a.shareFailures()
	return t.insertEvents(a)
}

// plan decides about the i-th event. An error of decide is the event's own, which then may come again; a failure to
// read fails the transaction.
func (t *tx) plan(a *acceptance, i int) (readErr error) {
	get := func(key string) ([]byte, error) {
		value, err := t.getKey(key)
		if err != nil {
			readErr = err
		}
		return value, err
	}
	plan, err := a.decide.Call(i, get)
	if err != nil || readErr != nil {
		t.forgetBody(&a.batch[i])
		a.receipts[i].Err = err
		return readErr
	}
	t.keys.Apply(a.batch[i].ID, &plan)
	a.plans[i] = plan
	return nil
}

// shareFailures gives the error of an event that could not be decided to its duplicates in the same batch.
func (a *acceptance) shareFailures() {
	failed := map[store.ID]error{}
	for _, r := range a.receipts {
		if r.Err != nil {
			failed[r.ID] = r.Err
		}
	}
	for i, r := range a.receipts {
		if err := failed[r.ID]; err != nil {
			a.receipts[i] = store.Receipt{Err: err}
		}
	}
}

// insertEvents writes the events that were decided, or the decisions about those that are stored, and their deliveries.
func (t *tx) insertEvents(a *acceptance) error {
	busy, err := t.busyStreams(a.plans)
	if err != nil {
		return err
	}
	events := make([]any, 0, t.into.Events.Columns*len(a.batch))
	deliveries := make([]any, 0, t.into.Deliveries.Columns*len(a.batch))
	for i := range a.batch {
		ev, r, plan := &a.batch[i], &a.receipts[i], &a.plans[i]
		if r.Duplicate || r.Err != nil {
			continue
		}
		if !a.stored[i] {
			events = t.appendEvent(events, ev, plan)
		} else if err := t.decideStored(ev.ID, plan); err != nil {
			return engine.Wrap(err, "storing the decision about an event")
		}
		for j := range plan.Deliveries {
			d := &plan.Deliveries[j]
			start := engine.StartOf(d, busy)
			start.Note(r, d)
			deliveries = t.appendDelivery(deliveries, ev.ID, d, start)
		}
	}
	if err := t.Insert(t.into.Events, events); err != nil {
		return err
	}
	return t.Insert(t.into.Deliveries, deliveries)
}

// Batches tells that a batch may be taken while the one before it waits for the disk.
