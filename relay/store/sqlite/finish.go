package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
)

// Finish implements Store.
func (s *Store) Finish(ctx context.Context, outcomes []store.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	allowed := store.ByOutcome.From(store.Sending)
	for i := range outcomes {
		if st := outcomes[i].State; !slices.Contains(allowed, st) {
			return fmt.Errorf("recording outcomes: a delivery cannot become %q by an attempt", st)
		}
	}
	err := s.writer.do(&op{ctx: ctx, rows: 2 * len(outcomes), run: func(t *tx) error { return t.finish(outcomes) }})
	return store.Wrap(err, "recording outcomes")
}

// finish records attempts and ends first, so that what is handed back sees who is still before it.
func (t *tx) finish(outcomes []store.Outcome) error {
	ended, well := map[store.Stream]bool{}, map[string][]store.ID{}
	for i := range outcomes {
		if o := &outcomes[i]; o.Attempt != nil || o.State != store.Pending {
			if err := t.endOrRepeat(o, ended, well); err != nil {
				return err
			}
		}
	}
	for status, ids := range well {
		if err := t.deliver(ids, status); err != nil {
			return err
		}
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
	return t.promoteAll(ended)
}

// promoteAll lets the next deliveries of lanes go, in which others wait.
func (t *tx) promoteAll(ended map[store.Stream]bool) error {
	for l := range ended {
		if !t.isFollowed(l) {
			continue
		}
		if err := t.promote(l); err != nil {
			return err
		}
	}
	return nil
}

// endOrRepeat records the outcome of an attempt, and adds the lane of one that has ended. One that was delivered without ado is
// only added to well, by its status.
func (t *tx) endOrRepeat(o *store.Outcome, ended map[store.Stream]bool, well map[string][]store.ID) error {
	h, ok := t.held(o.ID)
	if !ok || h.lease != o.Lease {
		return nil // it is no longer what this outcome is about
	}
	t.letGo(o.ID)
	if o.Attempt != nil {
		t.attempts = appendAttempt(t.attempts, o)
	}
	if o.State == store.Delivered && o.Attempt != nil && o.Attempt.Error == "" {
		well[o.Attempt.Status] = append(well[o.Attempt.Status], o.ID)
	} else if err := t.finishOne(o); err != nil || o.State == store.Pending {
		return err
	}
	ended[h.Stream] = true
	n := t.count(h.Notifier)
	n.leave(store.Sending, h.message)
	n.enter(o.State, o.ID, h.message)
	if o.Fallback == nil {
		return nil
	}
	return t.insertFallback(o)
}

// deliver records that deliveries were delivered by their last attempts, with the same status: almost all are, and together they cost half.
func (t *tx) deliver(ids []store.ID, status string) error {
	const q = `UPDATE deliveries SET state = 'delivered', unfinished = 0, next_at = NULL, lease = lease + 1, status = ?2, error = '',
		attempts = attempts + 1, updated_at = ?3, first_at = iif(attempts = 0, ?3, first_at)
		WHERE id IN (SELECT value FROM json_each(?1))`
	_, err := t.exec(q, idList(slices.Values(ids)), status, t.now)
	return store.Wrap(err, "recording what was delivered")
}

// look reads the state of a delivery, empty if there is none, and what would be remembered of it.
func (t *tx) look(id store.ID) (state store.State, h held, err error) {
	const q = "SELECT state, notifier, order_key, length(message) FROM deliveries WHERE id = ?"
	err = t.query(context.Background(), q, []any{id}, func(r Row) error {
		state, h = store.State(r.Str(0)), held{Stream: store.Stream{Notifier: r.Str(1), Key: r.Str(2)}, message: r.int(3)}
		return nil
	})
	if _, ok := t.held(id); ok {
		state = store.Sending
	}
	return state, h, store.Wrap(err, "reading the state of a delivery")
}

// insertFallback stores the delivery that takes the place of one that has ended. Nobody could take it from here, so it is not claimed.
func (t *tx) insertFallback(o *store.Outcome) error {
	var event store.ID
	err := t.query(context.Background(), "SELECT event_id FROM deliveries WHERE id = ?", []any{o.ID}, func(r Row) error {
		event = r.id(0)
		return nil
	})
	if err != nil {
		return store.Wrap(err, "reading the event of a delivery")
	}
	if stoodIn, err := t.stoodIn(event, o.ID); err != nil || stoodIn {
		return err
	}
	d := *o.Fallback
	d.Claim = false
	busy, err := t.busyOf([]any{d.Notifier, d.OrderKey})
	if err != nil {
		return err
	}
	return t.insert(t.into.deliveries, t.appendDelivery(nil, event, &d, store.StartOf(&d, busy)))
}

// finishOne records one outcome.
func (t *tx) finishOne(o *store.Outcome) error {
	a := o.Attempt
	tried := 1
	if a == nil {
		a, tried = &store.Attempt{}, 0
	}
	// Two statements, since a column that is named is written to its indexes even if it stays the same. No RETURNING:
	// it makes a table for the answer each time.
	const again = `UPDATE deliveries SET next_at = ?8, lease = ?2,
		status = ?4, error = ?5, attempts = attempts + ?6, updated_at = ?7, first_at = iif(attempts = 0 AND ?6 = 1, ?7, first_at)
		WHERE id = ?1`
	const end = `UPDATE deliveries SET state = ?3, unfinished = 0, next_at = NULL, lease = ?2,
		status = ?4, error = ?5, attempts = attempts + ?6, updated_at = ?7, first_at = iif(attempts = 0 AND ?6 = 1, ?7, first_at)
		WHERE id = ?1`
	args := []any{o.ID, o.Lease, o.State, a.Status, a.Error, tried, t.now}
	query := end
	if o.State == store.Pending {
		query, args = again, append(args, dueAt(o.NextAt, t.now))
	}
	_, err := t.exec(query, args...)
	return store.Wrap(err, "recording an outcome")
}

func appendAttempt(rows []any, o *store.Outcome) []any {
	a := o.Attempt
	response := a.Response
	if len(response) > store.MaxResponse {
		response = strings.ToValidUTF8(response[:store.MaxResponse], "")
	}
	return append(rows, o.ID, o.Lease, a.At.UnixMilli(), int64(a.Took), a.Status, a.Reason, a.Error, response)
}

// saveAttempts writes the attempts that were gathered.
func (t *tx) saveAttempts() error {
	rows := t.attempts
	if len(rows) == 0 {
		return nil
	}
	t.attempts = nil
	return t.insert(t.into.attempts, rows)
}

// HandBack makes a claimed delivery pending again, as if it had not been claimed. Behind an earlier one of its order
// key it waits, and at least for a second, so that it does not come round at once when its wait is over.
func (t *tx) handBack(id store.ID, lease int64, next time.Time) error {
	const q = `UPDATE deliveries SET lease = ?2, updated_at = ?4, next_at =
			CASE WHEN order_key <> '' AND EXISTS (SELECT 1 FROM deliveries b INDEXED BY deliveries_lane
				WHERE b.unfinished = 1 AND b.notifier = deliveries.notifier AND b.order_key = deliveries.order_key AND b.id < ?1)
			THEN max(min(created_at, ?4) + coalesce(wait, ?5), ?4 + 1000) ELSE ?3 END
		WHERE id = ?1`
	h, ok := t.held(id)
	if !ok || h.lease != lease {
		return nil
	}
	t.letGo(id)
	t.follow(h.Stream)
	_, err := t.exec(q, id, lease, dueAt(next, t.now), t.now, store.OrderWait.Milliseconds())
	return store.Wrap(err, "handing a delivery back")
}

// promote makes the first unfinished delivery of a lane due, if it waits for its turn, even one that is being sent: it has to be due when the
// process ends. One that was tried before waits for something else, unless it was handed back to wait for its turn since.
func (t *tx) promote(l store.Stream) error {
	const q = `UPDATE deliveries SET next_at = ?3 WHERE id = (
			SELECT id FROM deliveries INDEXED BY deliveries_lane
			WHERE unfinished = 1 AND notifier = ?1 AND order_key = ?2 ORDER BY id LIMIT 1)
		AND state = 'pending' AND next_at > ?3 AND (attempts = 0 OR next_at = created_at + coalesce(wait, ?4))`
	_, err := t.exec(q, l.Notifier, l.Key, t.now, store.OrderWait.Milliseconds())
	return store.Wrap(err, "letting the next delivery go")
}

// Check implements Store.
func (s *Store) Check(ctx context.Context) error {
	err := s.writer.do(&op{ctx: ctx, rows: 1, run: func(t *tx) error {
		_, err := t.exec("INSERT INTO probe (id, at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET at = ?1", t.now)
		return err
	}})
	return store.Wrap(err, "writing to the store")
}

// Retry implements Store. It works in slices, so that a long list disturbs nobody.
func (s *Store) Retry(ctx context.Context, ids []store.ID) (int, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	total := 0
	for slice := range slices.Chunk(ids, store.RetrySlice) {
		var n int
		err := s.writer.do(&op{ctx: ctx, rows: len(slice), run: func(t *tx) (err error) {
			n, err = t.retry(slice)
			return err
		}})
		if err != nil {
			return total, fmt.Errorf("retrying deliveries: %w", err)
		}
		total += n
	}
	return total, nil
}

func (t *tx) retry(ids []store.ID) (total int, err error) {
	for _, id := range ids {
		found, err := t.retryOne(id)
		if err != nil {
			return 0, err
		}
		if found {
			total++
		}
	}
	return total, nil
}

func (t *tx) retryOne(id store.ID) (found bool, err error) {
	state, h, err := t.look(id)
	if err != nil || store.ByRetry.From(state) == nil {
		return false, err
	}
	n := t.count(h.Notifier)
	n.leave(state, h.message)
	n.enter(store.Pending, id, h.message)
	const q = `UPDATE deliveries SET state = 'pending', unfinished = 1, attempts = 0, first_at = ?2, next_at = ?2, updated_at = ?2
		WHERE id = ?1`
	_, err = t.exec(q, id, t.now)
	return true, store.Wrap(err, "retrying a delivery")
}

// dueAt returns when a pending delivery is due, in milliseconds: now, if nobody says.
func dueAt(next time.Time, now int64) int64 {
	if next.IsZero() {
		return now
	}
	return next.UnixMilli()
}
