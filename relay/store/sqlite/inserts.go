package sqlite

import (
	"cmp"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// inserts are the statements of the tables that have rows for each event.
type inserts struct{ events, deliveries, attempts, keys, slots, dedupe, tallies, seen conn.Into }

func newInserts() inserts {
	return inserts{
		events: conn.NewInto("storing events", `INSERT OR ROLLBACK INTO events
			(id, source, name, project, received_at, decisions, body, hash, replay_of, kind, facts, subject, outcome, rules)`, 14, ""),
		deliveries: conn.NewInto("storing deliveries", `INSERT OR ROLLBACK INTO deliveries
			(id, event_id, rule, notifier, order_key, title, state,
			unfinished, next_at, lease, created_at, first_at, updated_at, error, message, fallback_for, wait)`, 17, ""),
		attempts: conn.NewInto("recording attempts", `INSERT OR ROLLBACK INTO attempts
			(delivery_id, lease, at, took, status, reason, error, response)`, 8, ""),
		keys: conn.NewInto("keeping keys", "INSERT OR ROLLBACK INTO kv (key, value, expires_at)", 3,
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"),
		slots: conn.NewInto("keeping slots", "INSERT OR ROLLBACK INTO kv (key, value, expires_at, due_at)", 4, ` ON CONFLICT (key)
			DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`),
		dedupe: conn.NewInto("remembering bodies", "INSERT OR ROLLBACK INTO dedupe (hash, event_id, expires_at)", 3,
			" ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at"),
		tallies: conn.NewInto("counting what happens", "INSERT INTO tally (kind, bucket, a, b, n)", 5,
			" ON CONFLICT (kind, bucket, a, b) DO UPDATE SET n = n + excluded.n"),
		seen: conn.NewInto("keeping what was seen last", "INSERT INTO seen (kind, name, id)", 3,
			" ON CONFLICT (kind, name) DO UPDATE SET id = excluded.id WHERE excluded.id > id"),
	}
}

// appendEvent counts a new event and appends its row.
func (t *tx) appendEvent(rows []any, ev *store.Event, plan *store.Plan) []any {
	var hash []byte // a replay has none
	if h := engine.HashOf(ev); ev.HasHash() {
		hash = h[:]
	}
	o := &plan.Outline
	t.sums.Event(ev, o)
	t.index.stored(ev.ID)
	return append(rows, ev.ID, ev.Source, ev.Name, ev.Project, ev.ReceivedAt.UnixMilli(), plan.Decisions, ev.Body, hash,
		conn.Optional(ev.ReplayOf), ev.Kind, plan.Facts, o.Subject, o.Outcome, o.RulesText())
}

// decideStored writes and counts the decision about an event that is stored.
func (t *tx) decideStored(id store.ID, plan *store.Plan) error {
	const q = `UPDATE events SET decisions = ?2, facts = ?3, subject = ?4, outcome = ?5, rules = ?6 WHERE id = ?1`
	o, project := &plan.Outline, ""
	t.index.changed(id)
	if _, err := t.Exec(q, id, plan.Decisions, plan.Facts, o.Subject, o.Outcome, o.RulesText()); err != nil {
		return err
	}
	err := t.Each("SELECT project FROM events WHERE id = ?", []any{id}, func(r conn.Row) { project = r.Str(0) })
	if err == nil && o.Outcome != store.OutcomeWaiting && o.Outcome != "" {
		t.sums.Add(store.TallyEvent, project, o.Outcome)
		t.sums.Rules(id, o)
	}
	return err
}

// appendDelivery counts a new delivery and appends its row. A claim at its creation gets the first lease.
func (t *tx) appendDelivery(rows []any, event store.ID, d *store.NewDelivery, s engine.Start) []any {
	stream, size := engine.Stream{Notifier: d.Notifier, Key: d.OrderKey}, int64(len(d.Message))
	due, unfinished, number := any(t.now), 1, int64(0)
	switch {
	case s.State == store.Cancelled:
		due, unfinished = nil, 0
		t.sums.Add(store.TallyDelivery, d.Notifier, string(store.Cancelled))
	case s.State == store.Sending:
		due, number = nil, engine.FirstLease
		t.lease(d.ID, lease{Stream: stream, number: number, message: size, made: t.now, born: true})
	case s.Waits:
		due = t.now + cmp.Or(d.Wait, store.OrderWait).Milliseconds()
		t.noteWaiting(stream)
	}
	t.count(d.Notifier).add(s.State, d.ID, size)
	return append(rows, d.ID, event, d.Rule, d.Notifier, d.OrderKey, d.Title, s.State, unfinished, due,
		number, t.now, t.now, t.now, d.Cancelled, d.Message, conn.Optional(d.FallbackFor), conn.Optional(d.Wait.Milliseconds()))
}
