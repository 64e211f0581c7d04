package postgres

import (
	"cmp"
	"slices"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
)

// save queues everything that the intake has to write.
func (in *intake) save() {
	var failed [][]byte
	made := newDeliveries{}
	for _, a := range in.arrivals {
		switch {
		case a.receipt.Duplicate || a.first != nil && a.receipt.Err != nil:
		case a.receipt.Err != nil && a.ReplayOf == 0:
			h := store.HashOf(a.Event)
			failed = append(failed, h[:])
		case a.receipt.Err == nil:
			for i := range a.plan.Deliveries {
				made.add(newRow{event: a.ID, NewDelivery: &a.plan.Deliveries[i], receipt: a.receipt})
			}
		}
	}
	if len(failed) > 0 {
		in.queue("DELETE FROM dedupe WHERE hash = ANY ($1)", failed)
	}
	in.lockChanged()
	in.lock(lockLanes, made.lanes())
	in.saveEvents()
	in.insertDeliveries(made)
	in.saveKeys()
}

// lockChanged locks the keys that are changed without having been read.
func (in *intake) lockChanged() {
	var late []string
	for _, key := range in.keys.Order {
		if _, locked := in.read[key]; !locked {
			late = append(late, key)
		}
	}
	in.lock(lockKeys, late)
}

func (in *intake) saveEvents() {
	var ids, received, replays []int64
	var sources, names, projects []string
	var decisions, bodies [][]byte
	for _, a := range in.arrivals {
		if a.receipt.Duplicate || a.receipt.Err != nil {
			continue
		}
		ids, received, replays = append(ids, int64(a.ID)), append(received, a.ReceivedAt.UnixMilli()), append(replays, int64(a.ReplayOf))
		sources, names, projects = append(sources, clean(a.Source)), append(names, clean(a.Name)), append(projects, clean(a.Project))
		decisions, bodies = append(decisions, a.plan.Decisions), append(bodies, a.Body)
	}
	if len(ids) > 0 {
		in.queue(`INSERT INTO events (id, source, name, project, received_at, replay_of, decisions, body)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[])`,
			ids, sources, names, projects, received, replays, decisions, bodies)
	}
}

// saveKeys queues the changed keys, in their order, since other transactions may write some of them too.
func (in *intake) saveKeys() {
	slices.Sort(in.keys.Order)
	var gone, keys, values [][]byte
	var expires []int64
	for _, key := range in.keys.Order {
		if kv := in.keys.Values[key]; kv.Value == nil {
			gone = append(gone, []byte(key))
		} else {
			keys, values, expires = append(keys, []byte(key)), append(values, kv.Value), append(expires, kv.Expires)
		}
	}
	if len(keys) > 0 {
		in.queue(`INSERT INTO kv (key, value, expires_at) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`, keys, values, expires)
	}
	if len(gone) > 0 {
		in.queue("DELETE FROM kv WHERE key = ANY ($1)", gone)
	}
}

// newRow is a delivery to be stored.
type newRow struct {
	event store.ID
	*store.NewDelivery
	receipt *store.Receipt // who wants to know, or nil
	// for a fallback: the delivery that has to have ended in this transaction, with this lease
	parent store.ID
	lease  int64
	lead   bool // the first of its lane in this transaction
}

func (r *newRow) lane() store.Stream {
	return store.Stream{Notifier: clean(r.Notifier), Key: clean(r.OrderKey)}
}

// newDeliveries collects what one transaction stores.
type newDeliveries struct {
	rows []newRow
	seen map[store.Stream]bool
}

func (n *newDeliveries) add(r newRow) {
	if l := r.lane(); l.Key != "" && r.Cancelled == "" {
		if r.lead = !n.seen[l]; r.lead {
			if n.seen == nil {
				n.seen = map[store.Stream]bool{}
			}
			n.seen[l] = true
		}
	}
	n.rows = append(n.rows, r)
}

// lanes names what has to be locked.
func (n *newDeliveries) lanes() (names []string) {
	for l := range n.seen {
		names = append(names, l.LockName())
	}
	return names
}

// insertDeliveries queues the storing of deliveries whose lanes are locked. One is due now, or after its wait when an earlier one of its order
// key is unfinished, or being sent already if it asks for that.
func (t *tx) insertDeliveries(made newDeliveries) {
	if len(made.rows) == 0 {
		return
	}
	var ids, events, fallbacks, waits, parents, leases []int64
	var rules, notifiers, keys, titles, reasons []string
	var messages [][]byte
	var leads, claims []bool
	rows := map[store.ID]*newRow{}
	var asked []*newRow
	for i := range made.rows {
		r := &made.rows[i]
		rows[r.ID] = r
		ids, events, fallbacks = append(ids, int64(r.ID)), append(events, int64(r.event)), append(fallbacks, int64(r.FallbackFor))
		waits, parents, leases = append(waits, cmp.Or(r.Wait, store.OrderWait).Milliseconds()), append(parents, int64(r.parent)), append(leases, r.lease)
		rules, notifiers, keys = append(rules, clean(r.Rule)), append(notifiers, clean(r.Notifier)), append(keys, clean(r.OrderKey))
		titles, reasons, messages = append(titles, clean(r.Title)), append(reasons, clean(r.Cancelled)), append(messages, r.Message)
		claim := r.Claim && r.parent == 0
		leads, claims = append(leads, r.lead), append(claims, claim)
		if claim && r.Cancelled == "" {
			asked = append(asked, r)
		}
	}
	t.holdAsked(asked)
	sum := &countSum{}
	t.queueRows(func(rs pgx.Rows) error {
		var id store.ID
		var state store.State
		var bytes int64
		if err := rs.Scan(&id, &state, &bytes); err != nil {
			return err
		}
		if state != store.Cancelled {
			sum.deliveries, sum.bytes = sum.deliveries+1, sum.bytes+bytes
		}
		if state == store.Pending {
			t.store.bell.note(rows[id].Notifier)
		}
		if r := rows[id].receipt; r != nil {
			r.Add(rows[id].NewDelivery, state)
		}
		return nil
	}, insertDeliveries, ids, events, fallbacks, waits, parents, leases, rules, notifiers, keys, titles, reasons, messages, leads, claims,
		t.now, t.store.Me.Session.Load(), t.store.Me.node.Load(), t.slot, store.FirstLease)
	t.addLoad(sum)
}

// holdAsked remembers what may be ours after the commit, before it is.
func (t *tx) holdAsked(asked []*newRow) {
	if len(asked) == 0 {
		return
	}
	h := &t.store.Held
	for _, r := range asked {
		h.add(r.ID, r.lane())
	}
	t.after = append(t.after, func(committed bool) {
		for _, r := range asked {
			if !committed || !slices.Contains(r.receipt.Claimed, r.ID) {
				h.Drop(r.ID)
			}
		}
	})
}

// insertDeliveries stores deliveries in the order of their lists, counts them, and returns what they have become. That a parent has ended in this
// transaction is told by xmin, since times are too coarse for it. One that a person retried, and that died once more, gets no second fallback if
// one that stands in for it, or for such a one, has arrived or still may. The subquery with OFFSET is computed once for each, not at each mention.
const insertDeliveries = `WITH made AS (
		INSERT INTO deliveries (id, event_id, fallback_for, wait, rule, notifier, order_key, title, error, message,
			state, next_at, lease, holder, created_at, first_at, updated_at)
		SELECT id, CASE WHEN parent = 0 THEN event_id ELSE (SELECT p.event_id FROM deliveries p WHERE p.id = s.parent) END, fallback_for, wait, rule, notifier, order_key, title, reason, message, state,
			CASE WHEN state = 'pending' THEN $15 + CASE WHEN busy THEN wait ELSE 0 END END,
			CASE WHEN state = 'sending' THEN $19::bigint ELSE 0 END,
			CASE WHEN state = 'sending' THEN $16::bigint END, $15, $15, $15
		FROM (SELECT b.*, CASE WHEN reason <> '' THEN 'cancelled' WHEN claim AND NOT busy THEN 'sending' ELSE 'pending' END AS state
			FROM (SELECT n.*, n.order_key <> '' AND (NOT n.lead OR (
					SELECT 1 FROM deliveries d WHERE d.state IN ('pending', 'sending') AND d.notifier = n.notifier AND d.order_key = n.order_key ORDER BY d.seq LIMIT 1
				) IS NOT NULL) AS busy
				FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[],
					$10::text[], $11::text[], $12::bytea[], $13::boolean[], $14::boolean[]) WITH ORDINALITY
				AS n (id, event_id, fallback_for, wait, parent, parent_lease, rule, notifier, order_key, title, reason, message, lead, claim, place)
				WHERE n.parent = 0 OR (
					(SELECT 1 FROM deliveries p WHERE p.id = n.parent AND p.lease = n.parent_lease AND p.state NOT IN ('pending', 'sending')
						AND p.xmin = pg_current_xact_id()::xid) IS NOT NULL
					AND (SELECT 1 FROM deliveries m WHERE m.id = n.id) IS NULL
					AND NOT EXISTS (WITH RECURSIVE heir AS (
							SELECT d.id, d.event_id, d.state FROM deliveries p JOIN deliveries d ON d.event_id = p.event_id AND d.fallback_for = p.id WHERE p.id = n.parent
							UNION ALL
							SELECT d.id, d.event_id, d.state FROM heir h JOIN deliveries d ON d.event_id = h.event_id AND d.fallback_for = h.id)
						SELECT 1 FROM heir WHERE state IN ('pending', 'sending', 'delivered')))
				OFFSET 0) b
			OFFSET 0) s
		ORDER BY place
		RETURNING id, notifier, state, coalesce(octet_length(message), 0) AS bytes),
	kept AS (
		INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $17::integer, $18::integer, notifier, count(*), 0, sum(bytes) FROM made WHERE state <> 'cancelled' GROUP BY notifier
		ON CONFLICT (node, slot, notifier) DO UPDATE SET unfinished = c.unfinished + excluded.unfinished, bytes = c.bytes + excluded.bytes)
	SELECT id, state, bytes FROM made`
