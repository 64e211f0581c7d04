package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/words"
)

// Finish implements store.Store.
func (s *Store) Finish(ctx context.Context, outcomes []store.Outcome) error {
	if err := store.CheckOutcomes(outcomes); err != nil || len(outcomes) == 0 {
		return err
	}
	return engine.Wrap(s.work.DoLater(ctx, 2*len(outcomes), &op{outcomes: outcomes}), "recording outcomes")
}

// workGroup finishes, changes and claims deliveries. Claims come last: they never wait for another transaction, but
// others wait for their rows.
func (t *tx) workGroup(group []*op) error {
	var outcomes []*store.Outcome
	var changes []*change
	var claims []*claim
	for _, o := range group {
		for i := range o.outcomes {
			outcomes = append(outcomes, &o.outcomes[i])
		}
		if o.change != nil {
			changes = append(changes, o.change)
		}
		if o.claim != nil {
			claims = append(claims, o.claim)
		}
	}
	if err := t.lockWork(outcomes, changes); err != nil {
		return err
	}
	if err := t.finish(outcomes); err != nil {
		return err
	}
	t.after = append(t.after, func(committed bool) {
		for _, o := range group {
			if committed && !o.orphans {
				t.store.leases.finish(o.outcomes)
			}
		}
	})
	for _, c := range changes {
		t.change(c)
	}
	return t.claimAll(claims)
}

// lockWork finds out the streams of all deliveries that will change, and queues the locking of them.
func (t *tx) lockWork(outcomes []*store.Outcome, changes []*change) error {
	streams := map[store.ID]engine.Stream{}
	var unknown []int64
	for _, o := range outcomes {
		if s, ok := t.store.leases.stream(o.ID); ok {
			streams[o.ID] = s
		} else {
			unknown = append(unknown, int64(o.ID))
		}
	}
	for _, c := range changes {
		c.n = 0
		for _, id := range c.ids {
			unknown = append(unknown, int64(id))
		}
	}
	if err := t.readStreams(unknown, streams); err != nil {
		return err
	}
	t.streams = streams
	var names []string
	for _, s := range streams {
		if s.Key != "" {
			names = append(names, s.LockName())
		}
	}
	for _, o := range outcomes {
		for _, f := range o.Fallbacks {
			if f.OrderKey != "" {
				names = append(names, engine.Stream{Notifier: clean(f.Notifier), Key: clean(f.OrderKey)}.LockName())
			}
		}
	}
	t.lock(lockStreams, names)
	return nil
}

func (t *tx) readStreams(ids []int64, into map[store.ID]engine.Stream) error {
	if len(ids) == 0 {
		return nil
	}
	t.queueRows(func(rows pgx.Rows) error {
		var id store.ID
		var s engine.Stream
		err := rows.Scan(&id, &s.Notifier, &s.Key)
		into[id] = s
		return err
	}, "SELECT id, notifier, order_key FROM deliveries WHERE id = ANY ($1)", ids)
	return engine.Wrap(t.send(), "reading the order keys of deliveries")
}

// finish queues the recording of attempts and ends first, so that a delivery that is handed back sees which ones are
// still before it.
func (t *tx) finish(outcomes []*store.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	type claimed struct {
		id    store.ID
		lease int64
	}
	seen := map[claimed]bool{}
	var done, back []*store.Outcome
	for _, o := range outcomes {
		switch c := (claimed{o.ID, o.Lease}); {
		case seen[c]:
			continue
		case o.Attempt == nil && o.State == store.Pending:
			back = append(back, o)
			seen[c] = true
		default:
			done = append(done, o)
			seen[c] = true
		}
	}
	ended := t.record(done)
	t.handBack(back)
	t.promote(done)
	return t.fallBack(done, ended)
}

// record queues the outcomes of attempts, and ends without an attempt. Once they are sent, ended holds the deliveries
// that have ended by them.
func (t *tx) record(done []*store.Outcome) (ended map[store.ID]bool) {
	ended = map[store.ID]bool{}
	if len(done) == 0 {
		return ended
	}
	var ids, leases, ats, tooks []int64
	var nexts []*int64
	var tried []int32
	var states, statuses, reasons, errs, responses []string
	for _, o := range done {
		a, n := o.Attempt, int32(1)
		if a == nil {
			a, n = &store.Attempt{}, 0
		}
		var next *int64
		if o.State == store.Pending {
			at := dueAt(o.NextAt, t.now)
			next = &at
		}
		ids, leases = append(ids, int64(o.ID)), append(leases, o.Lease)
		states, nexts = append(states, string(o.State)), append(nexts, next)
		tried, ats, tooks = append(tried, n), append(ats, a.At.UnixMilli()), append(tooks, int64(a.Took))
		statuses, reasons = append(statuses, clean(a.Status)), append(reasons, clean(a.Reason))
		errs, responses = append(errs, clean(a.Error)), append(responses, engine.ShortResponse(clean(a.Response)))
	}
	sum, recorded := &countSum{}, recordedRows{}
	t.queue(recordOutcomes, ids, leases, states, nexts, tried, ats, tooks, statuses, reasons, errs, responses,
		t.now, t.store.self.node.Load(), t.slot).QueryRow(func(row pgx.Row) error {
		var n, bytes int64
		err := row.Scan(&n, &bytes, &recorded.ids, &recorded.notifiers, &recorded.made, &recorded.ended)
		for i, id := range recorded.ids {
			if recorded.ended[i] {
				ended[id] = true
			}
		}
		sum.deliveries, sum.bytes = -n, -bytes
		return err
	})
	t.addLoad(sum)
	t.after = append(t.after, func(bool) { t.countOutcomes(done, &recorded) })
	return ended
}

const recordOutcomes = `WITH done AS (
		UPDATE deliveries d SET state = o.state, next_at = o.next_at, holder = NULL, status = o.status, error = o.error,
			attempts = d.attempts + o.tried, updated_at = $12,
			first_at = CASE WHEN d.attempts = 0 AND o.tried = 1 THEN $12 ELSE d.first_at END
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::integer[], $6::bigint[], $7::bigint[],
			$8::text[], $9::text[], $10::text[], $11::text[])
			AS o (id, lease, state, next_at, tried, at, took, status, reason, error, response)
		WHERE d.id = o.id AND d.lease = o.lease AND d.state = 'sending'
		RETURNING d.id, d.lease, d.notifier, d.state, d.created_at, octet_length(d.message) AS bytes,
			o.tried, o.at, o.took, o.status, o.reason, o.error, o.response),
	tries AS (
		INSERT INTO attempts (delivery_id, lease, at, took, status, reason, error, response)
		SELECT id, lease, at, took, status, reason, error, response FROM done WHERE tried = 1),
	sums AS (
		SELECT notifier, count(*) AS n, count(*) FILTER (WHERE state = 'dead') AS dead,
			coalesce(sum(bytes), 0)::bigint AS bytes
		FROM done WHERE state <> 'pending' GROUP BY notifier),
	kept AS (
		INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $13::integer, $14::integer, notifier, -n, dead, -bytes FROM sums
		ON CONFLICT (node, slot, notifier) DO UPDATE
		SET unfinished = c.unfinished + excluded.unfinished, dead = c.dead + excluded.dead, bytes = c.bytes + excluded.bytes)
	SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint, r.* FROM sums RIGHT JOIN (
		SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(notifier), '{}'), coalesce(array_agg(created_at), '{}'),
			coalesce(array_agg(state <> 'pending'), '{}') FROM done) r (ids, notifiers, made, ended) ON true
	GROUP BY ids, notifiers, made, ended`

// handBack queues making claimed deliveries pending again, as if they had not been claimed. Behind an earlier one of
// its stream each waits, and for a second at least, so that it is not claimed again at once when its wait is over.
func (t *tx) handBack(back []*store.Outcome) {
	if len(back) == 0 {
		return
	}
	var ids, leases, nexts []int64
	for _, o := range back {
		ids, leases = append(ids, int64(o.ID)), append(leases, o.Lease)
		nexts = append(nexts, dueAt(o.NextAt, t.now))
		t.wake(t.streams[o.ID].Notifier)
	}
	t.queue(`UPDATE deliveries d SET state = 'pending', holder = NULL, updated_at = $4::bigint, next_at =
			CASE WHEN d.order_key <> '' AND (SELECT 1 FROM deliveries b WHERE b.state IN ('pending', 'sending')
				AND b.notifier = d.notifier AND b.order_key = d.order_key AND b.seq < d.seq ORDER BY b.seq LIMIT 1) IS NOT NULL
			THEN greatest(least(d.created_at, $4::bigint) + d.wait, $4::bigint + 1000) ELSE o.next_at END
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS o (id, lease, next_at)
		WHERE d.id = o.id AND d.lease = o.lease AND d.state = 'sending'`, ids, leases, nexts, t.now)
}

// promote queues making the first unfinished delivery due in each stream where one has ended, if it waits for its turn.
// A delivery that was tried before waits for its next attempt.
func (t *tx) promote(done []*store.Outcome) {
	var ids []int64
	for _, o := range done {
		if o.State != store.Pending && t.streams[o.ID].Key != "" {
			ids = append(ids, int64(o.ID))
		}
	}
	t.promoteAfter(ids)
}

// promoteAfter promotes in the streams of those of these deliveries that have ended in this transaction.
func (t *tx) promoteAfter(ids []int64) {
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		t.wake(t.streams[store.ID(id)].Notifier)
	}
	t.queue(`UPDATE deliveries d SET next_at = $2
		FROM (SELECT DISTINCT e.notifier, e.order_key FROM deliveries e WHERE e.id = ANY ($1) AND e.order_key <> ''
				AND e.updated_at = $2 AND e.state IN ('delivered', 'dead', 'cancelled')) l
			CROSS JOIN LATERAL (SELECT f.id FROM deliveries f WHERE f.state IN ('pending', 'sending')
				AND f.notifier = l.notifier AND f.order_key = l.order_key ORDER BY f.seq LIMIT 1) h
		WHERE d.id = h.id AND d.state = 'pending' AND d.next_at > $2
			AND (d.attempts = 0 OR d.next_at = d.created_at + d.wait)`, ids, t.now)
}

// fallBack stores the fallbacks of the deliveries that have ended, where one may be made. A delivery that has ended in
// this transaction is locked by it, so no other relay makes a fallback for it meanwhile. Fallbacks are not claimed,
// since no caller waits for them.
func (t *tx) fallBack(done []*store.Outcome, ended map[store.ID]bool) error {
	var failed []*store.Outcome
	var ids []int64
	for _, o := range done {
		if len(o.Fallbacks) > 0 && o.State != store.Pending {
			failed, ids = append(failed, o), append(ids, int64(o.ID))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	events, fallbacks, err := t.readFallbacks(ids)
	if err != nil {
		return err
	}
	var made []newDelivery
	var of []int64
	failed = slices.DeleteFunc(failed, func(o *store.Outcome) bool { return !ended[o.ID] })
	for _, o := range engine.WithFallback(failed, fallbacks) {
		of = append(of, int64(events[o.ID]))
		for _, d := range o.Fallbacks {
			d.Claim = false
			made = append(made, newDelivery{event: events[o.ID], NewDelivery: &d})
		}
	}
	if len(of) > 0 {
		t.queue(words.Again, of)
	}
	t.insertDeliveries(made)
	return nil
}

// fallbacksOf reads the events of deliveries, with the fallbacks of each. All fallbacks are in deliveries_apart.
const fallbacksOf = `SELECT d.id, d.event_id, coalesce(f.id, 0), coalesce(f.fallback_for, 0), coalesce(f.state, '')
	FROM deliveries d LEFT JOIN deliveries f ON f.event_id = d.event_id AND f.fallback_for <> 0 WHERE d.id = ANY ($1)`

// readFallbacks returns the events of deliveries, and the fallbacks that were made for these events.
func (t *tx) readFallbacks(of []int64) (events map[store.ID]store.ID, made []engine.Fallback, err error) {
	events = map[store.ID]store.ID{}
	t.queueRows(func(rows pgx.Rows) error {
		var id, event store.ID
		var f engine.Fallback
		err := rows.Scan(&id, &event, &f.ID, &f.For, &f.State)
		if events[id] = event; f.ID != 0 {
			made = append(made, f)
		}
		return err
	}, fallbacksOf, of)
	return events, made, engine.Wrap(t.send(), "reading the fallbacks of events")
}

// change is one call of Retry or Cancel, or a slice of it.
type change struct {
	ids    []store.ID
	cancel bool
	why    string
	text   *store.Rewrite   // what a retried delivery becomes, or nil
	n      int              // how many were found
	note   *store.AuditNote // what a person does by it, or nil
}

// Retry implements store.Store.
func (s *Store) Retry(ctx context.Context, ids []store.ID) (int, error) {
	n, err := s.changeAll(ctx, ids, change{})
	return n, engine.Wrap(err, "retrying deliveries")
}

// Rewrite implements store.Store.
func (s *Store) Rewrite(ctx context.Context, r store.Rewrite) (bool, error) {
	n, err := s.changeAll(ctx, []store.ID{r.ID}, change{text: &r})
	return n == 1, engine.Wrap(err, "rewriting a delivery")
}

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, ids []store.ID, why string) (int, error) {
	n, err := s.changeAll(ctx, ids, change{cancel: true, why: why})
	return n, engine.Wrap(err, "cancelling deliveries")
}

// changeAll makes a change of deliveries, and returns how many it found.
func (s *Store) changeAll(ctx context.Context, ids []store.ID, c change) (int, error) {
	return engine.InSlices(ids, func(slice []store.ID) (int, error) {
		part := c
		part.ids, part.note = slice, store.AuditOf(ctx)
		if err := s.work.Do(ctx, len(slice), &op{change: &part}); err != nil {
			return 0, err
		}
		if part.n > 0 {
			part.note.Added()
		}
		return part.n, nil
	})
}

// change queues a retry or a cancellation. Deliveries that waited for cancelled ones become due.
func (t *tx) change(c *change) {
	ids := int64s(c.ids)
	for _, id := range c.ids {
		t.wake(t.streams[id].Notifier)
	}
	sum := &countSum{}
	var notifiers []string
	var found []int64
	scan := func(row pgx.Row) error { return row.Scan(&c.n, &sum.deliveries, &sum.bytes, &notifiers, &found) }
	t.after = append(t.after, func(bool) {
		for i, n := range notifiers {
			if c.cancel {
				t.sums.AddN(store.TallyDelivery, n, string(store.Cancelled), found[i])
			}
		}
	})
	if c.note != nil {
		t.before = append(t.before, func() {
			if c.n > 0 {
				t.audit(c.note)
			}
		})
	}
	args := []any{ids, t.now, t.store.self.node.Load(), t.slot}
	if c.cancel {
		t.queue(cancelDeliveries, append(args, clean(c.why))...).QueryRow(scan)
		t.promoteAfter(ids)
	} else {
		var title *string
		var message []byte
		if c.text != nil {
			cleaned := clean(c.text.Title)
			title, message = &cleaned, c.text.Message
			t.queue(words.AgainOf, ids)
		}
		t.queue(retryDeliveries, append(args, title, message)...).QueryRow(scan)
	}
	t.addLoad(sum)
}

// int64s returns ids as PostgreSQL takes them.
func int64s(ids []store.ID) []int64 {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}

// The parts that retryDeliveries and cancelDeliveries have in common.
const (
	foundDeliveries = `WITH found AS (
		SELECT id, state, octet_length(message) AS size FROM deliveries WHERE id = ANY ($1) AND state IN ('dead', 'pending') ORDER BY id FOR UPDATE),`
	countFound = `kept AS (
		INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $3::integer, $4::integer, notifier, n, dead, bytes FROM sums
		ON CONFLICT (node, slot, notifier) DO UPDATE
		SET unfinished = c.unfinished + excluded.unfinished, dead = c.dead + excluded.dead, bytes = c.bytes + excluded.bytes)
	SELECT coalesce(sum(found), 0)::bigint, coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint,
		coalesce(array_agg(notifier), '{}'), coalesce(array_agg(found), '{}') FROM sums`
)

const retryDeliveries = foundDeliveries + `
	changed AS (
		UPDATE deliveries d SET state = 'pending', attempts = 0, first_at = $2, next_at = $2, updated_at = $2,
			title = coalesce($5::text, d.title), message = coalesce($6::bytea, d.message)
		FROM found WHERE d.id = found.id RETURNING d.notifier, found.state AS old,
			octet_length(d.message) - CASE found.state WHEN 'dead' THEN 0 ELSE found.size END AS bytes),
	sums AS (
		SELECT notifier, count(*) AS found,
			count(*) FILTER (WHERE old = 'dead') AS n, -count(*) FILTER (WHERE old = 'dead') AS dead,
			coalesce(sum(bytes), 0)::bigint AS bytes
		FROM changed GROUP BY notifier),` + countFound

const cancelDeliveries = foundDeliveries + `
	changed AS (
		UPDATE deliveries d SET state = 'cancelled', next_at = NULL, error = $5, updated_at = $2
		FROM found WHERE d.id = found.id RETURNING d.notifier, found.state AS old, octet_length(d.message) AS bytes),
	sums AS (
		SELECT notifier, count(*) AS found,
			-count(*) FILTER (WHERE old = 'pending') AS n, -count(*) FILTER (WHERE old = 'dead') AS dead,
			-coalesce(sum(bytes) FILTER (WHERE old = 'pending'), 0)::bigint AS bytes
		FROM changed GROUP BY notifier),` + countFound
