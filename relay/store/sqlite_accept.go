package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Accept implements Store. The batch is decided about here, while earlier ones are being written.
func (s *SQLite) Accept(ctx context.Context, batch []Event, decide Decide) ([]Receipt, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	var receipts []Receipt // written by the writer until it has answered
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
func (s *SQLite) queue(f *flight, o *op) {
	if err := s.ahead.queue(f, func() { s.writer.push(o) }); err != nil {
		s.writer.reply(o, err)
	}
}

// accept stores what was decided.
func (t *tx) accept(f *flight) ([]Receipt, error) {
	if err := t.ahead.again(f); err != nil {
		return nil, err
	}
	t.flights = append(t.flights, f)
	receipts := slices.Clone(f.receipts)
	for _, v := range f.plans {
		if err := t.storeOne(&f.batch[v.i], v.plan, &receipts[v.i]); err != nil {
			return nil, err
		}
	}
	for _, key := range f.keys.order {
		t.keys.put(key, f.keys.values[key])
	}
	return receipts, nil
}

// storeOne stores an event and its plan.
func (t *tx) storeOne(ev *Event, p Plan, r *Receipt) error {
	if err := t.insertEvent(ev, p.Decisions); err != nil {
		return err
	}
	for j := range p.Deliveries {
		d := &p.Deliveries[j]
		state, err := t.insertDelivery(ev.ID, d)
		switch {
		case err != nil:
			return err
		case state == Sending:
			r.Claimed = append(r.Claimed, d.ID)
		case state == Pending && !slices.Contains(r.Pending, d.Notifier):
			r.Pending = append(r.Pending, d.Notifier)
		}
	}
	return nil
}

// handBackAll gives back what was claimed for a caller who had gone.
func (t *tx) handBackAll(receipts []Receipt) error {
	for _, r := range receipts {
		for _, id := range r.Claimed {
			if err := t.handBack(id, firstLease, time.UnixMilli(t.now)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shareFailures gives the error of an event that could not be decided about to its duplicates in the same batch.
func shareFailures(receipts []Receipt) {
	failed := map[ID]error{}
	for _, r := range receipts {
		if r.Err != nil {
			failed[r.ID] = r.Err
		}
	}
	for i := range receipts {
		if err := failed[receipts[i].ID]; err != nil {
			receipts[i] = Receipt{Err: err}
		}
	}
}

func (t *tx) insertEvent(ev *Event, decisions []byte) error {
	const q = `INSERT INTO events (id, source, name, project, received_at, decisions, body, hash, replay_of)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	var hash []byte // a replay has none
	if h := hashOf(ev); ev.ReplayOf == 0 {
		hash = h[:]
	}
	_, err := t.exec(q, ev.ID, ev.Source, ev.Name, ev.Project, ev.ReceivedAt.UnixMilli(), decisions, ev.Body, hash, optional(ev.ReplayOf))
	return wrap(err, "storing an event")
}

// firstLease is the lease of a delivery that is claimed as it is made.
const firstLease = 1

// insertDelivery stores a delivery and returns its state. It is due now, or after its wait when an earlier one of its order key is
// unfinished, or being sent already.
func (t *tx) insertDelivery(event ID, d *NewDelivery) (State, error) {
	state, next, lease := Cancelled, any(nil), 0
	if d.Cancelled == "" {
		busy, err := t.isBusy(d.Notifier, d.OrderKey)
		switch {
		case err != nil:
			return "", err
		case busy:
			state, next = Pending, t.now+cmp.Or(d.Wait, OrderWait).Milliseconds()
		case d.Claim:
			state, lease = Sending, firstLease
			t.lanes[d.ID] = held{lane{d.Notifier, d.OrderKey}, int64(len(d.Message))}
		default:
			state, next = Pending, t.now
		}
	}
	t.count(d.Notifier).enter(state, d.ID, int64(len(d.Message)))
	const q = `INSERT INTO deliveries (id, event_id, rule, notifier, order_key, title, state, unfinished, next_at, lease,
			created_at, first_at, updated_at, error, message, fallback_for, wait)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 <> 'cancelled', ?8, ?9, ?10, ?10, ?10, ?11, ?12, ?13, ?14)`
	_, err := t.exec(q, d.ID, event, d.Rule, d.Notifier, d.OrderKey, d.Title, state, next, lease,
		t.now, d.Cancelled, d.Message, optional(d.FallbackFor), optional(d.Wait.Milliseconds()))
	return state, wrap(err, "storing a delivery")
}

// isBusy reports whether a delivery of this order key is unfinished. (As a part of the INSERT, this would make SQLite
// build a table for the new row each time.)
func (t *tx) isBusy(notifier, key string) (busy bool, err error) {
	if key == "" {
		return false, nil
	}
	const q = `SELECT 1 FROM deliveries INDEXED BY deliveries_lane
		WHERE unfinished = 1 AND notifier = ? AND order_key = ? LIMIT 1`
	err = t.query(context.Background(), q, []any{notifier, key}, func(row) error {
		busy = true
		return nil
	})
	return busy, wrap(err, "looking for an earlier delivery")
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// never is the expiry of what has none.
const never = math.MaxInt64

func expiry(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}
