package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// Accept implements Store. The batch is decided about here, while earlier ones are being written.
func (s *Store) Accept(ctx context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	var receipts []store.Receipt // written by the writer until it has answered
	f := &flight{batch: batch, decide: decide}
	o := &op{ctx: ctx, rows: 4 * len(batch), drop: func() { s.ahead.drop(f) }}
	o.run = func(t *tx) (err error) {
		receipts, err = t.accept(f)
		return err
	}
	o.undo = func(t *tx) error { return t.handBackAll(receipts) }
	err := ctx.Err()
	if err == nil {
		o.answer = make(chan error, 1)
		go s.queue(f, o) // not waited for beyond ctx: deciding is not ours, and may take long
		err = s.writer.await(o)
	}
	if err != nil {
		return nil, fmt.Errorf("storing events: %w", err)
	}
	return receipts, nil
}

// queue decides about f, and hands it to the writer.
func (s *Store) queue(f *flight, o *op) {
	if err := s.ahead.queue(f, func() { s.writer.push(o) }); err != nil {
		s.writer.reply(o, err)
	}
}

// accept stores what was decided.
func (t *tx) accept(f *flight) ([]store.Receipt, error) {
	if err := t.ahead.again(f); err != nil {
		return nil, err
	}
	t.flights = append(t.flights, f)
	receipts := slices.Clone(f.receipts)
	busy, err := t.busyLanes(f)
	if err != nil {
		return nil, err
	}
	events := make([]any, 0, t.into.events.columns*len(f.plans))
	deliveries := make([]any, 0, t.into.deliveries.columns*len(f.plans))
	for _, v := range f.plans {
		ev, r := &f.batch[v.i], &receipts[v.i]
		events = appendEvent(events, ev, v.plan.Decisions)
		for j := range v.plan.Deliveries {
			d := &v.plan.Deliveries[j]
			start := store.StartOf(d, busy)
			r.Add(d, start.State)
			deliveries = t.appendDelivery(deliveries, ev.ID, d, start)
		}
	}
	for _, key := range f.keys.Order {
		t.keys.Put(key, f.keys.Values[key])
	}
	if err := t.insert(t.into.events, events); err != nil {
		return nil, err
	}
	return receipts, t.insert(t.into.deliveries, deliveries)
}

// handBackAll gives back what was claimed for a caller who had gone.
func (t *tx) handBackAll(receipts []store.Receipt) error {
	for _, r := range receipts {
		for _, id := range r.Claimed {
			if err := t.handBack(id, store.FirstLease, time.UnixMilli(t.now)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shareFailures gives the error of an event that could not be decided about to its duplicates in the same batch.
func shareFailures(receipts []store.Receipt) {
	failed := map[store.ID]error{}
	for _, r := range receipts {
		if r.Err != nil {
			failed[r.ID] = r.Err
		}
	}
	for i := range receipts {
		if err := failed[receipts[i].ID]; err != nil {
			receipts[i] = store.Receipt{Err: err}
		}
	}
}

func appendEvent(rows []any, ev *store.Event, decisions []byte) []any {
	var hash []byte // a replay has none
	if h := store.HashOf(ev); ev.ReplayOf == 0 {
		hash = h[:]
	}
	return append(rows, ev.ID, ev.Source, ev.Name, ev.Project, ev.ReceivedAt.UnixMilli(), decisions, ev.Body, hash, optional(ev.ReplayOf))
}

// appendDelivery counts a new delivery and appends its row.
func (t *tx) appendDelivery(rows []any, event store.ID, d *store.NewDelivery, s store.Start) []any {
	size := int64(len(d.Message))
	state, next, unfinished := store.Pending, any(t.now), 1
	switch {
	case s.State == store.Cancelled:
		state, next, unfinished = store.Cancelled, nil, 0
	case s.State == store.Sending:
		t.hold(d.ID, held{Stream: store.Stream{Notifier: d.Notifier, Key: d.OrderKey}, lease: store.FirstLease, message: size})
	case s.Waits:
		next = t.now + cmp.Or(d.Wait, store.OrderWait).Milliseconds()
		t.follow(store.Stream{Notifier: d.Notifier, Key: d.OrderKey})
	}
	t.count(d.Notifier).enter(s.State, d.ID, size)
	return append(rows, d.ID, event, d.Rule, d.Notifier, d.OrderKey, d.Title, state, unfinished, next,
		t.now, t.now, t.now, d.Cancelled, d.Message, optional(d.FallbackFor), optional(d.Wait.Milliseconds()))
}

// busyLanes returns which lanes of new deliveries have unfinished ones.
func (t *tx) busyLanes(f *flight) (map[store.Stream]bool, error) {
	var lanes []any
	for _, v := range f.plans {
		for j := range v.plan.Deliveries {
			if d := &v.plan.Deliveries[j]; d.OrderKey != "" && d.Cancelled == "" {
				lanes = append(lanes, d.Notifier, d.OrderKey)
			}
		}
	}
	return t.busyOf(lanes)
}

// busyOf returns which of the lanes, given as notifier and order key in turns, have unfinished deliveries.
func (t *tx) busyOf(lanes []any) (map[store.Stream]bool, error) {
	const q = `SELECT column1, column2 FROM (VALUES (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?))
		WHERE EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_lane
			WHERE unfinished = 1 AND notifier = column1 AND order_key = column2)`
	busy := map[store.Stream]bool{}
	err := t.queryMany(q, nil, lanes, func(r Row) { busy[store.Stream{Notifier: r.Str(0), Key: r.Str(1)}] = true })
	return busy, store.Wrap(err, "looking for earlier deliveries")
}
