package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// Finish implements store.Store.
func (s *Store) Finish(ctx context.Context, outcomes []store.Outcome) error {
	if err := store.CheckOutcomes(outcomes); err != nil || len(outcomes) == 0 {
		return err
	}
	err := s.writer.DoLater(ctx, 2*len(outcomes), &op{run: func(t *tx) error { return t.finish(outcomes) }})
	return engine.Wrap(err, "recording outcomes")
}

// finish records attempts and ends first, so that a delivery that is handed back sees which ones are still before it.
func (t *tx) finish(outcomes []store.Outcome) error {
	e := &endings{streams: map[engine.Stream]bool{}, delivered: map[string][]store.ID{}}
	for i := range outcomes {
		if o := &outcomes[i]; o.Attempt != nil || o.State != store.Pending {
			if err := t.record(o, e); err != nil {
				return err
			}
		}
	}
	for status, ids := range e.delivered {
		if err := t.deliver(ids, status); err != nil {
			return err
		}
	}
	if err := t.fallBack(e.failed); err != nil {
		return err
	}
	for i := range outcomes {
		if o := &outcomes[i]; o.Attempt == nil && o.State == store.Pending {
			if err := t.handBack(o.ID, o.Lease, o.NextAt); err != nil {
				return err
			}
		}
	}
	if err := t.saveAttempts(); err != nil {
		return err
	}
	return t.promoteAll(e.streams)
}

// endings are the deliveries that one call of Finish ends.
type endings struct {
	streams   map[engine.Stream]bool // in which some have ended
	delivered map[string][]store.ID  // by status: those that reached all their recipients, which are recorded together
	failed    []*store.Outcome       // those that ask for a fallback
}

// promoteAll makes the next deliveries of streams due, where others may wait.
func (t *tx) promoteAll(ended map[engine.Stream]bool) error {
	for l := range ended {
		if !t.mayWait(l) {
			continue
		}
		if err := t.promote(l); err != nil {
			return err
		}
	}
	return nil
}

// record records the outcome of an attempt, and adds a delivery that has ended to e. A delivery that reached all its
// recipients is recorded by deliver.
func (t *tx) record(o *store.Outcome, e *endings) error {
	h, ok := t.leaseOf(o.ID)
	if !ok || h.number != o.Lease {
		return nil // the outcome is of an older lease
	}
	t.release(o.ID)
	t.sums.Outcome(h.Notifier, o, time.Duration(t.now-h.made)*time.Millisecond)
	if o.Attempt != nil {
		t.attempts = appendAttempt(t.attempts, o)
	}
	if o.State == store.Delivered && o.Attempt != nil && o.Attempt.Error == "" {
		e.delivered[o.Attempt.Status] = append(e.delivered[o.Attempt.Status], o.ID)
	} else if err := t.recordOne(o, h); err != nil || o.State == store.Pending {
		return err
	}
	e.streams[h.Stream] = true
	if len(o.Fallbacks) > 0 {
		e.failed = append(e.failed, o)
	}
	n := t.count(h.Notifier)
	n.remove(store.Sending, h.message)
	n.add(o.State, o.ID, h.message)
	if h.born && o.State == store.Delivered {
		n.ended++
	}
	return nil
}

// deliver records that deliveries were delivered by their last attempts, with the same status. Most deliveries are, and
// one statement for all costs half of one for each. For OR ROLLBACK see [tables.Inserts].
func (t *tx) deliver(ids []store.ID, status string) error {
	const q = `UPDATE OR ROLLBACK deliveries SET state = 'delivered', unfinished = 0, next_at = NULL, status = ?2,
		lease = lease + (state = 'pending'), error = '', attempts = attempts + 1, updated_at = ?3, first_at = iif(attempts = 0, ?3, first_at)
		WHERE id IN (SELECT value FROM json_each(?1))`
	_, err := t.Exec(q, conn.IDList(slices.Values(ids)), status, t.now)
	return engine.Wrap(err, "recording what was delivered")
}

// look returns the state of a delivery, empty if it does not exist, and its lease as if it were being sent.
func (t *tx) look(id store.ID) (state store.State, h lease, err error) {
	const q = "SELECT state, notifier, order_key, length(message) FROM deliveries WHERE id = ?"
	err = t.Each(q, []any{id}, func(r conn.Row) {
		state = store.State(r.Str(0))
		h = lease{Stream: engine.Stream{Notifier: r.Str(1), Key: r.Str(2)}, message: r.Int(3)}
	})
	if _, ok := t.leaseOf(id); ok {
		state = store.Sending
	}
	return state, h, engine.Wrap(err, "reading the state of a delivery")
}

// fallBack stores the fallbacks of the deliveries that have ended, where one may be made. They are not claimed, since
// no caller waits for them.
func (t *tx) fallBack(failed []*store.Outcome) error {
	if len(failed) == 0 {
		return nil
	}
	events, made, err := t.readFallbacks(failed)
	if err != nil {
		return err
	}
	for _, o := range engine.WithFallback(failed, made) {
		t.index.changed(events[o.ID])
		for _, d := range o.Fallbacks {
			d.Claim = false
			busy, err := t.busyOf([]any{d.Notifier, d.OrderKey})
			if err != nil {
				return err
			}
			rows := t.appendDelivery(nil, events[o.ID], &d, engine.StartOf(&d, busy))
			if err := t.Insert(t.into.Deliveries, rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// readFallbacks returns the events of deliveries, and the fallbacks that were made for these events.
func (t *tx) readFallbacks(of []*store.Outcome) (events map[store.ID]store.ID, made []engine.Fallback, err error) {
	const q = `SELECT d.event_id, f.id, f.fallback_for, f.state FROM deliveries d
		LEFT JOIN deliveries f INDEXED BY deliveries_apart ON f.event_id = d.event_id AND f.fallback_for IS NOT NULL
		WHERE d.id = ?`
	events = map[store.ID]store.ID{}
	for _, o := range of {
		err := t.Each(q, []any{o.ID}, func(r conn.Row) {
			if events[o.ID] = r.ID(0); r[1] != nil {
				made = append(made, engine.Fallback{ID: r.ID(1), For: r.ID(2), State: store.State(r.Str(3))})
			}
		})
		if err != nil {
			return nil, nil, fmt.Errorf("reading the fallbacks of an event: %w", err)
		}
	}
	return events, made, nil
}

// recordOne updates one delivery, of which h was the lease.
func (t *tx) recordOne(o *store.Outcome, h lease) error {
	a := o.Attempt
	tried := 1
	if a == nil {
		a, tried = &store.Attempt{}, 0
	}
	// Several statements, since a column that is named is written to its indexes even if it stays the same. No RETURNING:
	// it makes a table for the answer each time.
	const rest = `lease = ?2, status = ?4, error = ?5, attempts = attempts + ?6, updated_at = ?7,
		first_at = iif(attempts = 0 AND ?6 = 1, ?7, first_at) WHERE id = ?1`
	const end = "UPDATE deliveries SET state = ?3, unfinished = 0, next_at = NULL, " + rest
	const again = "UPDATE deliveries SET next_at = ?8, " + rest
	const pend = "UPDATE deliveries SET state = ?3, next_at = ?8, " + rest
	args := []any{o.ID, o.Lease, o.State, a.Status, a.Error, tried, t.now}
	query := end
	if o.State == store.Pending {
		if query = again; h.born {
			query = pend
		}
		args = append(args, dueAt(o.NextAt, t.now))
	}
	_, err := t.Exec(query, args...)
	return engine.Wrap(err, "recording an outcome")
}

func appendAttempt(rows []any, o *store.Outcome) []any {
	a := o.Attempt
	return append(rows, o.ID, o.Lease, a.At.UnixMilli(), int64(a.Took), a.Status, a.Reason, a.Error,
		engine.ShortResponse(a.Response))
}

// saveAttempts writes the gathered attempts.
func (t *tx) saveAttempts() error {
	rows := t.attempts
	if len(rows) == 0 {
		return nil
	}
	t.attempts = nil
	return t.Insert(t.into.Attempts, rows)
}

// handBack makes a claimed delivery pending again, as if it had not been claimed. Behind an earlier one of its stream
// it waits, and for a second at least, so that it is not claimed again at once when its wait is over.
func (t *tx) handBack(id store.ID, lease int64, next time.Time) error {
	const q = `UPDATE deliveries SET state = 'pending', lease = ?2, updated_at = ?4, next_at =
			CASE WHEN order_key <> '' AND (?6 OR EXISTS (SELECT 1 FROM deliveries b INDEXED BY deliveries_lane
				WHERE b.state = 'pending' AND b.notifier = deliveries.notifier AND b.order_key = deliveries.order_key AND b.id < ?1))
			THEN max(min(created_at, ?4) + coalesce(wait, ?5), ?4 + 1000) ELSE ?3 END
		WHERE id = ?1`
	h, ok := t.leaseOf(id)
	if !ok || h.number != lease {
		return nil
	}
	t.release(id)
	t.noteWaiting(h.Stream)
	_, err := t.Exec(q, id, lease, dueAt(next, t.now), t.now, store.OrderWait.Milliseconds(), t.bornIn(h.Stream))
	if err != nil || h.Key == "" {
		return engine.Wrap(err, "handing a delivery back")
	}
	return t.promoteBefore(h.Stream, id) // one that was stored late, while this one was being sent
}

// promote makes the first unfinished delivery of a stream due if it waits for its turn, even if it is being sent: it
// has to be due if the process ends. A delivery that was tried before waits for its next attempt, unless it was handed
// back since to wait for its turn.
func (t *tx) promote(l engine.Stream) error { return t.promoteBefore(l, math.MaxInt64) }

// promoteBefore is promote if the first unfinished delivery has a smaller id than another one.
func (t *tx) promoteBefore(l engine.Stream, other store.ID) error {
	const q = `UPDATE deliveries SET next_at = ?3 WHERE id = (
			SELECT id FROM deliveries INDEXED BY deliveries_lane
			WHERE state = 'pending' AND notifier = ?1 AND order_key = ?2 ORDER BY id LIMIT 1)
		AND id < ?5 AND state = 'pending' AND next_at > ?3 AND (attempts = 0 OR next_at = created_at + coalesce(wait, ?4))`
	if t.bornIn(l) { // which is before all others
		return nil
	}
	_, err := t.Exec(q, l.Notifier, l.Key, t.now, store.OrderWait.Milliseconds(), other)
	return engine.Wrap(err, "letting the next delivery go")
}

// busyStreams returns the streams of new deliveries that have unfinished ones.
func (t *tx) busyStreams(plans []store.Plan) (map[engine.Stream]bool, error) {
	var streams []any
	for _, p := range plans {
		for i := range p.Deliveries {
			if d := &p.Deliveries[i]; d.OrderKey != "" && d.Cancelled == "" {
				streams = append(streams, d.Notifier, d.OrderKey)
			}
		}
	}
	return t.busyOf(streams)
}

// busyOf returns the streams that have unfinished deliveries, of those given as notifier and order key in turns.
func (t *tx) busyOf(streams []any) (map[engine.Stream]bool, error) {
	const q = `SELECT column1, column2 FROM (VALUES (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?))
		WHERE EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_lane
			WHERE state = 'pending' AND notifier = column1 AND order_key = column2)`
	busy := map[engine.Stream]bool{}
	for i := 0; i < len(streams); i += 2 {
		if s := (engine.Stream{Notifier: streams[i].(string), Key: streams[i+1].(string)}); t.bornIn(s) {
			busy[s] = true
		}
	}
	err := t.QueryMany(q, nil, streams, func(r conn.Row) { busy[engine.Stream{Notifier: r.Str(0), Key: r.Str(1)}] = true })
	return busy, engine.Wrap(err, "looking for earlier deliveries")
}

// Retry implements store.Store.
func (s *Store) Retry(ctx context.Context, ids []store.ID) (int, error) {
	n, err := s.change(ctx, ids, (*tx).retry)
	return n, engine.Wrap(err, "retrying deliveries")
}

// Rewrite implements store.Store.
func (s *Store) Rewrite(ctx context.Context, r store.Rewrite) (bool, error) {
	n, err := s.change(ctx, []store.ID{r.ID}, func(t *tx, _ []store.ID) (int, error) {
		if found, err := t.retryOne(r.ID, &r); !found || err != nil {
			return 0, err
		}
		err := t.Each("SELECT event_id FROM deliveries WHERE id = ?", []any{r.ID}, func(row conn.Row) { t.index.changed(row.ID(0)) })
		if err == nil {
			_, err = t.Exec("UPDATE deliveries SET title = ?2, message = ?3 WHERE id = ?1", r.ID, r.Title, r.Message)
		}
		return 1, err
	})
	return n == 1, engine.Wrap(err, "rewriting a delivery")
}

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, ids []store.ID, why string) (int, error) {
	n, err := s.change(ctx, ids, func(t *tx, ids []store.ID) (int, error) { return t.cancel(ids, why) })
	return n, engine.Wrap(err, "cancelling deliveries")
}

// change changes deliveries, and returns how many it found.
func (s *Store) change(ctx context.Context, ids []store.ID, change func(*tx, []store.ID) (int, error)) (int, error) {
	return engine.InSlices(ids, func(slice []store.ID) (int, error) {
		n := 0
		note := store.AuditOf(ctx)
		err := s.writer.Do(ctx, len(slice), &op{run: func(t *tx) (err error) {
			if n, err = change(t, slice); err == nil && n > 0 {
				err = t.audit(note)
			}
			return err
		}})
		if err == nil && n > 0 {
			note.Added()
		}
		if err != nil { // the op may still run, so n must not be read
			return 0, err
		}
		return n, nil
	})
}

func (t *tx) retry(ids []store.ID) (total int, err error) {
	for _, id := range ids {
		found, err := t.retryOne(id, nil)
		if err != nil {
			return 0, err
		}
		if found {
			total++
		}
	}
	return total, nil
}

// retryOne makes a delivery due, which gets another message if r is not nil.
func (t *tx) retryOne(id store.ID, r *store.Rewrite) (found bool, err error) {
	state, h, err := t.look(id)
	if err != nil || store.ByRetry.From(state) == nil {
		return false, err
	}
	n := t.count(h.Notifier)
	n.remove(state, h.message)
	if r != nil {
		h.message = int64(len(r.Message))
	}
	n.add(store.Pending, id, h.message)
	const q = `UPDATE deliveries SET state = 'pending', unfinished = 1, attempts = 0, first_at = ?2, next_at = ?2,
		updated_at = ?2 WHERE id = ?1`
	_, err = t.Exec(q, id, t.now)
	return true, engine.Wrap(err, "retrying a delivery")
}

// cancel promotes once all deliveries are cancelled, so that none of them becomes due in between.
func (t *tx) cancel(ids []store.ID, why string) (total int, err error) {
	ended := map[engine.Stream]bool{}
	for _, id := range ids {
		state, h, err := t.look(id)
		if err != nil {
			return 0, err
		}
		if store.ByCancel.From(state) == nil {
			continue
		}
		if err := t.cancelOne(id, why); err != nil {
			return 0, err
		}
		t.count(h.Notifier).remove(state, h.message)
		t.sums.Add(store.TallyDelivery, h.Notifier, string(store.Cancelled))
		ended[h.Stream] = true
		total++
	}
	for l := range ended {
		if err := t.promote(l); err != nil {
			return 0, err
		}
	}
	return total, nil
}

func (t *tx) cancelOne(id store.ID, why string) error {
	const q = "UPDATE deliveries SET state = 'cancelled', unfinished = 0, next_at = NULL, error = ?2, " +
		"updated_at = ?3 WHERE id = ?1"
	_, err := t.Exec(q, id, why, t.now)
	return engine.Wrap(err, "cancelling a delivery")
}

// dueAt returns when a pending delivery is due, in milliseconds: now, if next is zero.
func dueAt(next time.Time, now int64) int64 {
	if next.IsZero() {
		return now
	}
	return next.UnixMilli()
}
