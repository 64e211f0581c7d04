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
	start   engine.Start   // if the database has no unfinished ones of its stream
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

// insertDeliveries queues the storing of deliveries, in their order. Their streams are locked. The first one of each
// stream waits if the database has unfinished ones of it. Those that may be claimed are among the leases of this relay
// before the commit, after which they may be sent at once.
func (t *tx) insertDeliveries(made []newDelivery) {
	if len(made) == 0 {
		return
	}
	rows, sum := deliveryRows{}, &countSum{}
	counted, busy := map[string]*countSum{}, map[engine.Stream]bool{}
	for i := range made {
		d := &made[i]
		stored, s := *d.NewDelivery, d.stream()
		stored.Notifier, stored.OrderKey = s.Notifier, s.Key
		first := d.inOrder() && !busy[s]
		d.start = engine.StartOf(&stored, busy)
		rows.add(d, first, t.now)
		if d.start.State == store.Cancelled {
			t.sums.Add(store.TallyDelivery, s.Notifier, string(store.Cancelled))
			continue
		}
		if d.start.State == store.Sending {
			t.store.leases.add(d.ID, s)
		}
		if counted[s.Notifier] == nil {
			counted[s.Notifier] = &countSum{}
		}
		counted[s.Notifier].add(len(d.Message))
		sum.add(len(d.Message))
	}
	t.noteStarts(made, rows.queue(t))
	t.saveCounts(counted)
	t.addLoad(sum)
}

// noteStarts notes after the commit how new deliveries begin: those of waiting wait for others that the database has.
func (t *tx) noteStarts(made []newDelivery, waiting map[store.ID]bool) {
	t.after = append(t.after, func(committed bool) {
		for i := range made {
			d := &made[i]
			start := d.start
			if waiting[d.ID] {
				start = engine.Start{State: store.Pending, Waits: true}
			}
			if d.start.State == store.Sending && (!committed || start.Waits) {
				t.store.leases.drop(d.ID)
			}
			if d.receipt != nil {
				start.Note(d.receipt, d.NewDelivery)
			}
			if start.State == store.Pending {
				t.wake(d.Notifier)
			}
		}
	})
}

// deliveryRows are the columns of new deliveries.
type deliveryRows struct {
	ids, events, fallbacks, waits, leases           []int64
	rules, notifiers, keys, titles, reasons, states []string
	messages                                        [][]byte
	due                                             []*int64
	firsts                                          []bool // of their streams, among the new ones
}

func (r *deliveryRows) add(d *newDelivery, first bool, now int64) {
	wait := cmp.Or(d.Wait, store.OrderWait).Milliseconds()
	var due *int64
	var lease int64
	switch {
	case d.start.State == store.Sending:
		lease = engine.FirstLease
	case d.start.Waits:
		at := now + wait
		due = &at
	case d.start.State == store.Pending:
		due = &now
	}
	s := d.stream()
	r.ids, r.events = append(r.ids, int64(d.ID)), append(r.events, int64(d.event))
	r.fallbacks, r.rules = append(r.fallbacks, int64(d.FallbackFor)), append(r.rules, clean(d.Rule))
	r.waits, r.leases, r.due = append(r.waits, wait), append(r.leases, lease), append(r.due, due)
	r.notifiers, r.keys = append(r.notifiers, s.Notifier), append(r.keys, s.Key)
	r.titles, r.reasons = append(r.titles, clean(d.Title)), append(r.reasons, clean(d.Cancelled))
	r.states, r.messages = append(r.states, string(d.start.State)), append(r.messages, d.Message)
	r.firsts = append(r.firsts, first)
}

// queue queues the insertion. The order of the rows is that of their streams. Once it is sent, waiting holds the
// deliveries that wait for others in the database.
func (r *deliveryRows) queue(t *tx) (waiting map[store.ID]bool) {
	waiting = map[store.ID]bool{}
	t.queueRows(func(rows pgx.Rows) error {
		var id store.ID
		var waits bool
		err := rows.Scan(&id, &waits)
		waiting[id] = waits
		return err
	}, insertDeliveries, r.ids, r.events, r.fallbacks, r.waits, r.leases, r.due, r.rules, r.notifiers, r.keys, r.titles,
		r.reasons, r.states, r.messages, r.firsts, t.store.self.session.Load(), t.now)
	return waiting
}

const insertDeliveries = `INSERT INTO deliveries (id, event_id, fallback_for, rule, notifier, order_key, title, error,
		message, wait, created_at, first_at, updated_at, state, lease, next_at, holder)
	SELECT id, event_id, fallback_for, rule, notifier, order_key, title, error, message, wait, $16, $16, $16,
		CASE WHEN behind THEN 'pending' ELSE state END, CASE WHEN behind THEN 0 ELSE lease END,
		CASE WHEN behind THEN $16 + wait ELSE next_at END, CASE WHEN state = 'sending' AND NOT behind THEN $15::bigint END
	FROM (SELECT n.*, first AND (SELECT 1 FROM deliveries d WHERE d.state IN ('pending', 'sending')
				AND d.notifier = n.notifier AND d.order_key = n.order_key ORDER BY d.seq LIMIT 1) IS NOT NULL AS behind
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
				$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::boolean[])
			WITH ORDINALITY AS n (id, event_id, fallback_for, wait, lease, next_at, rule, notifier, order_key, title, error,
				state, message, first, place)
			OFFSET 0) n
	ORDER BY place
	RETURNING id, next_at IS NOT NULL AND next_at = created_at + wait`

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
