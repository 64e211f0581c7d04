package postgres

import (
	"cmp"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// newDelivery is a delivery to be stored.
type newDelivery struct {
	event store.ID
	*store.NewDelivery
	receipt *store.Receipt // of its event, or nil for a fallback
}

func (d *newDelivery) stream() engine.Stream {
	return engine.Stream{Notifier: clean(d.Notifier), Key: clean(d.OrderKey)}
}

// inOrder reports whether the delivery has to wait for earlier ones of its stream.
func (d *newDelivery) inOrder() bool { return d.OrderKey != "" && d.Cancelled == "" }

// lockStreams queues the locking of the streams of new deliveries.
func (t *tx) lockStreams(made []newDelivery) {
	var names []string
	for _, d := range made {
		if d.inOrder() {
			names = append(names, d.stream().LockName())
		}
	}
	t.lock(lockStreams, names)
}

// insertDeliveries queues the storing of deliveries, in their order. Their streams are locked, and busy says which of them
// have unfinished ones.
func (t *tx) insertDeliveries(made []newDelivery, busy map[engine.Stream]bool) {
	if len(made) == 0 {
		return
	}
	var rows deliveryRows
	counted := map[string]*countSum{}
	sum := &countSum{}
	for _, d := range made {
		stored := *d.NewDelivery
		stored.Notifier, stored.OrderKey = d.stream().Notifier, d.stream().Key
		start := engine.StartOf(&stored, busy)
		rows.add(d.event, &stored, start, t.now)
		if d.receipt != nil {
			start.Note(d.receipt, d.NewDelivery)
		}
		switch start.State {
		case store.Cancelled:
			t.sums.Add(store.TallyDelivery, stored.Notifier, string(store.Cancelled))
			continue
		case store.Sending:
			t.lease(d.ID, d.stream())
		case store.Pending:
			t.wake(d.Notifier)
		}
		if counted[stored.Notifier] == nil {
			counted[stored.Notifier] = &countSum{}
		}
		counted[stored.Notifier].add(len(d.Message))
		sum.add(len(d.Message))
	}
	rows.queue(t)
	t.saveCounts(counted)
	t.addLoad(sum)
}

// busyStreams returns the streams of new deliveries that have unfinished ones.
func (t *tx) busyStreams(made []newDelivery) (map[engine.Stream]bool, error) {
	const q = `SELECT s.notifier, s.order_key FROM unnest($1::text[], $2::text[]) AS s (notifier, order_key)
		WHERE (SELECT 1 FROM deliveries d WHERE d.state IN ('pending', 'sending')
			AND d.notifier = s.notifier AND d.order_key = s.order_key ORDER BY d.seq LIMIT 1) IS NOT NULL`
	busy, asked := map[engine.Stream]bool{}, map[engine.Stream]bool{}
	var notifiers, keys []string
	for _, d := range made {
		if s := d.stream(); d.inOrder() && !asked[s] {
			asked[s] = true
			notifiers, keys = append(notifiers, s.Notifier), append(keys, s.Key)
		}
	}
	if len(keys) == 0 {
		return busy, nil
	}
	t.queue(plansNow)
	t.queueRows(func(rows pgx.Rows) error {
		var s engine.Stream
		err := rows.Scan(&s.Notifier, &s.Key)
		busy[s] = true
		return err
	}, q, notifiers, keys)
	return busy, engine.Wrap(t.send(), "looking for earlier deliveries")
}

// lease adds a delivery to the leases of this relay before the commit, after which it may be sent at once.
func (t *tx) lease(id store.ID, s engine.Stream) {
	t.store.leases.add(id, s)
	t.after = append(t.after, func(committed bool) {
		if !committed {
			t.store.leases.drop(id)
		}
	})
}

// deliveryRows are the columns of new deliveries.
type deliveryRows struct {
	ids, events, fallbacks, waits, leases           []int64
	rules, notifiers, keys, titles, reasons, states []string
	messages                                        [][]byte
	due                                             []*int64
}

func (r *deliveryRows) add(event store.ID, d *store.NewDelivery, s engine.Start, now int64) {
	wait := cmp.Or(d.Wait, store.OrderWait).Milliseconds()
	var due *int64
	var lease int64
	switch {
	case s.State == store.Sending:
		lease = engine.FirstLease
	case s.Waits:
		at := now + wait
		due = &at
	case s.State == store.Pending:
		due = &now
	}
	r.ids, r.events = append(r.ids, int64(d.ID)), append(r.events, int64(event))
	r.fallbacks, r.rules = append(r.fallbacks, int64(d.FallbackFor)), append(r.rules, clean(d.Rule))
	r.waits, r.leases, r.due = append(r.waits, wait), append(r.leases, lease), append(r.due, due)
	r.notifiers, r.keys = append(r.notifiers, d.Notifier), append(r.keys, d.OrderKey)
	r.titles, r.reasons = append(r.titles, clean(d.Title)), append(r.reasons, clean(d.Cancelled))
	r.states, r.messages = append(r.states, string(s.State)), append(r.messages, d.Message)
}

// queue queues the insertion. The order of the rows is that of their streams.
func (r *deliveryRows) queue(t *tx) {
	t.queue(`INSERT INTO deliveries (id, event_id, fallback_for, wait, lease, next_at, rule, notifier, order_key, title,
			error, state, message, holder, created_at, first_at, updated_at)
		SELECT id, event_id, fallback_for, wait, lease, next_at, rule, notifier, order_key, title, error, state, message,
			CASE WHEN state = 'sending' THEN $14::bigint END, $15, $15, $15
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
			$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[]) WITH ORDINALITY
			AS n (id, event_id, fallback_for, wait, lease, next_at, rule, notifier, order_key, title, error, state, message,
				place)
		ORDER BY place`, r.ids, r.events, r.fallbacks, r.waits, r.leases, r.due, r.rules, r.notifiers, r.keys, r.titles,
		r.reasons, r.states, r.messages, t.store.self.session.Load(), t.now)
}

// saveCounts queues the counting of new unfinished deliveries.
func (t *tx) saveCounts(counted map[string]*countSum) {
	if len(counted) == 0 {
		return
	}
	notifiers := slices.Sorted(maps.Keys(counted))
	var deliveries, bytes []int64
	for _, n := range notifiers {
		deliveries, bytes = append(deliveries, counted[n].deliveries), append(bytes, counted[n].bytes)
	}
	t.queue(`INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $1::integer, $2::integer, notifier, unfinished, 0, bytes
		FROM unnest($3::text[], $4::bigint[], $5::bigint[]) AS n (notifier, unfinished, bytes)
		ON CONFLICT (node, slot, notifier) DO UPDATE
		SET unfinished = c.unfinished + excluded.unfinished, bytes = c.bytes + excluded.bytes`,
		t.store.self.node.Load(), t.slot, notifiers, deliveries, bytes)
}
