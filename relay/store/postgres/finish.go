package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
)

// Finish implements Store.
func (s *Store) Finish(ctx context.Context, outcomes []store.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	for i := range outcomes {
		if st := outcomes[i].State; st != store.Delivered && st != store.Dead && st != store.Pending {
			return fmt.Errorf("recording outcomes: a delivery cannot become %q by an attempt", st)
		}
	}
	return store.Wrap(s.work.do(ctx, 2*len(outcomes), &op{outcomes: outcomes}), "recording outcomes")
}

// workGroup does what is to be done with deliveries. Claims come last: they never wait for another transaction, but others wait for them.
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
	t.finish(outcomes)
	t.after = append(t.after, func(committed bool) {
		for _, o := range group {
			if committed && !o.orphans {
				t.store.Held.finish(o.outcomes)
			}
		}
	})
	for _, c := range changes {
		t.change(c)
	}
	return t.claimAll(claims)
}

// lockWork locks the lanes of all deliveries that will change, after it has found out which they are.
func (t *tx) lockWork(outcomes []*store.Outcome, changes []*change) error {
	lanes := map[store.ID]store.Stream{}
	var unknown []int64
	for _, o := range outcomes {
		if l, ok := t.store.Held.lane(o.ID); ok {
			lanes[o.ID] = l
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
	if err := t.readLanes(unknown, lanes); err != nil {
		return err
	}
	t.lanes = lanes
	var names []string
	for _, l := range lanes {
		if l.Key != "" {
			names = append(names, l.LockName())
		}
	}
	for _, o := range outcomes {
		if f := o.Fallback; f != nil && f.OrderKey != "" {
			names = append(names, store.Stream{Notifier: clean(f.Notifier), Key: clean(f.OrderKey)}.LockName())
		}
	}
	t.lock(lockLanes, names)
	return nil
}

func (t *tx) readLanes(ids []int64, into map[store.ID]store.Stream) error {
	if len(ids) == 0 {
		return nil
	}
	t.queueRows(func(rows pgx.Rows) error {
		var id store.ID
		var l store.Stream
		err := rows.Scan(&id, &l.Notifier, &l.Key)
		into[id] = l
		return err
	}, "SELECT id, notifier, order_key FROM deliveries WHERE id = ANY ($1)", ids)
	return store.Wrap(t.send(), "reading the order keys of deliveries")
}

// finish queues the recording of attempts and ends first, so that what is handed back sees who is still before it.
func (t *tx) finish(outcomes []*store.Outcome) {
	if len(outcomes) == 0 {
		return
	}
	type claimed struct {
		id    store.ID
		lease int64
	}
	told := map[claimed]bool{}
	var done, back []*store.Outcome
	for _, o := range outcomes {
		switch c := (claimed{o.ID, o.Lease}); {
		case told[c]:
			continue
		case o.Attempt == nil && o.State == store.Pending:
			back = append(back, o)
			told[c] = true
		default:
			done = append(done, o)
			told[c] = true
		}
	}
	t.record(done)
	t.handBack(back)
	t.promote(done)
	t.fallBack(done)
}

// record queues the outcomes of attempts, and ends without any.
func (t *tx) record(done []*store.Outcome) {
	if len(done) == 0 {
		return
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
			at := t.store.dueAt(o.NextAt, t.now)
			next = &at
		}
		ids, leases, states, nexts = append(ids, int64(o.ID)), append(leases, o.Lease), append(states, string(o.State)), append(nexts, next)
		tried, ats, tooks = append(tried, n), append(ats, a.At.UnixMilli()), append(tooks, int64(a.Took))
		statuses, reasons, errs = append(statuses, clean(a.Status)), append(reasons, clean(a.Reason)), append(errs, clean(a.Error))
		responses = append(responses, shorten(clean(a.Response)))
	}
	sum := &countSum{}
	t.queue(recordOutcomes, ids, leases, states, nexts, tried, ats, tooks, statuses, reasons, errs, responses,
		t.now, t.store.Me.node.Load(), t.slot).QueryRow(func(row pgx.Row) error {
		var n, bytes int64
		err := row.Scan(&n, &bytes)
		sum.deliveries, sum.bytes = -n, -bytes
		return err
	})
	t.addLoad(sum)
}

const recordOutcomes = `WITH done AS (
		UPDATE deliveries d SET state = o.state, next_at = o.next_at, holder = NULL, status = o.status, error = o.error,
			attempts = d.attempts + o.tried, updated_at = $12,
			first_at = CASE WHEN d.attempts = 0 AND o.tried = 1 THEN $12 ELSE d.first_at END
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::integer[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[])
			AS o (id, lease, state, next_at, tried, at, took, status, reason, error, response)
		WHERE d.id = o.id AND d.lease = o.lease AND d.state = 'sending'
		RETURNING d.id, d.lease, d.notifier, d.state, octet_length(d.message) AS bytes, o.tried, o.at, o.took, o.status, o.reason, o.error, o.response),
	tries AS (
		INSERT INTO attempts (delivery_id, lease, at, took, status, reason, error, response)
		SELECT id, lease, at, took, status, reason, error, response FROM done WHERE tried = 1),
	sums AS (
		SELECT notifier, count(*) AS n, count(*) FILTER (WHERE state = 'dead') AS dead, coalesce(sum(bytes), 0)::bigint AS bytes
		FROM done WHERE state <> 'pending' GROUP BY notifier),
	kept AS (
		INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $13::integer, $14::integer, notifier, -n, dead, -bytes FROM sums
		ON CONFLICT (node, slot, notifier) DO UPDATE
		SET unfinished = c.unfinished + excluded.unfinished, dead = c.dead + excluded.dead, bytes = c.bytes + excluded.bytes)
	SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM sums`

// HandBack queues making claimed deliveries pending again, as if they had not been claimed. Behind an earlier one of its order
// key each waits, and at least for a second, so that it does not come round at once when its wait is over.
func (t *tx) handBack(back []*store.Outcome) {
	if len(back) == 0 {
		return
	}
	var ids, leases, nexts []int64
	for _, o := range back {
		ids, leases, nexts = append(ids, int64(o.ID)), append(leases, o.Lease), append(nexts, t.store.dueAt(o.NextAt, t.now))
		t.store.bell.note(t.lanes[o.ID].Notifier)
	}
	t.queue(`UPDATE deliveries d SET state = 'pending', holder = NULL, updated_at = $4::bigint, next_at =
			CASE WHEN d.order_key <> '' AND (SELECT 1 FROM deliveries b WHERE b.state IN ('pending', 'sending')
				AND b.notifier = d.notifier AND b.order_key = d.order_key AND b.seq < d.seq ORDER BY b.seq LIMIT 1) IS NOT NULL
			THEN greatest(least(d.created_at, $4::bigint) + d.wait, $4::bigint + 1000) ELSE o.next_at END
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS o (id, lease, next_at)
		WHERE d.id = o.id AND d.lease = o.lease AND d.state = 'sending'`, ids, leases, nexts, t.now)
}

// promote queues making the first unfinished delivery due in each lane where one has ended, if it waits for its turn. One that
// was tried before waits for something else.
func (t *tx) promote(done []*store.Outcome) {
	var ids []int64
	for _, o := range done {
		if o.State != store.Pending && t.lanes[o.ID].Key != "" {
			ids = append(ids, int64(o.ID))
		}
	}
	t.promoteAfter(ids)
}

// promoteAfter does that after the deliveries with these ids, as far as they have ended in this transaction.
func (t *tx) promoteAfter(ids []int64) {
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		t.store.bell.note(t.lanes[store.ID(id)].Notifier)
	}
	t.queue(`UPDATE deliveries d SET next_at = $2
		FROM (SELECT DISTINCT e.notifier, e.order_key FROM deliveries e WHERE e.id = ANY ($1) AND e.order_key <> ''
				AND e.updated_at = $2 AND e.state IN ('delivered', 'dead', 'cancelled')) l
			CROSS JOIN LATERAL (SELECT f.id FROM deliveries f WHERE f.state IN ('pending', 'sending')
				AND f.notifier = l.notifier AND f.order_key = l.order_key ORDER BY f.seq LIMIT 1) h
		WHERE d.id = h.id AND d.state = 'pending' AND d.next_at > $2 AND (d.attempts = 0 OR d.next_at = d.created_at + d.wait)`, ids, t.now)
}

// fallBack queues making the deliveries that take the place of those that have ended. Nobody could take them from here, so they are not
// claimed.
func (t *tx) fallBack(done []*store.Outcome) {
	var parents []int64
	for _, o := range done {
		if o.Fallback != nil && o.State != store.Pending {
			parents = append(parents, int64(o.ID))
		}
	}
	if len(parents) == 0 {
		return
	}
	var made newDeliveries
	for _, o := range done {
		if o.Fallback != nil && o.State != store.Pending {
			made.add(newRow{NewDelivery: o.Fallback, parent: o.ID, lease: o.Lease})
		}
	}
	t.insertDeliveries(made)
}

// shorten cuts a receiver's answer.
func shorten(response string) string {
	if len(response) > store.MaxResponse {
		return strings.ToValidUTF8(response[:store.MaxResponse], "")
	}
	return response
}
