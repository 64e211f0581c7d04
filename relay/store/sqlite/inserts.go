package sqlite

import (
	"cmp"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// inserts are the statements of the tables that have rows for each event.
type inserts struct{ events, outlines, deliveries, attempts, keys, slots, dedupe, tallies, seen conn.Into }

func newInserts() inserts {
	return inserts{
		events: conn.NewInto("storing events", `INSERT INTO events
			(id, source, name, project, received_at, decisions, body, replay_of, kind, facts)`, 10, ""),
		outlines: conn.NewInto("storing outlines", `INSERT INTO outlines
			(id, source, name, project, hash, kind, replay_of, subject, outcome, rules)`, 10, ""),
		deliveries: conn.NewInto("storing deliveries", `INSERT INTO deliveries
			(id, event_id, rule, notifier, order_key, title, state,
			unfinished, next_at, created_at, first_at, updated_at, error, message, fallback_for, wait)`, 16, ""),
		attempts: conn.NewInto("recording attempts", `INSERT INTO attempts
			(delivery_id, lease, at, took, status, reason, error, response)`, 8, ""),
		keys: conn.NewInto("keeping keys", "INSERT INTO kv (key, value, expires_at)", 3,
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"),
		slots: conn.NewInto("keeping slots", "INSERT INTO kv (key, value, expires_at, due_at)", 4, ` ON CONFLICT (key)
			DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`),
		dedupe: conn.NewInto("remembering bodies", "INSERT INTO dedupe (hash, event_id, expires_at)", 3,
			" ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at"),
		tallies: conn.NewInto("counting what happens", "INSERT INTO tally (kind, bucket, a, b, n)", 5,
			" ON CONFLICT (kind, bucket, a, b) DO UPDATE SET n = n + excluded.n"),
		seen: conn.NewInto("keeping what was seen last", "INSERT INTO seen (kind, name, id)", 3,
			" ON CONFLICT (kind, name) DO UPDATE SET id = excluded.id WHERE excluded.id > id"),
	}
}

// insertRows writes rows of events, and of what belongs to them.
func (t *tx) insertRows(events, outlines, deliveries []any) error {
	if err := t.Insert(t.into.events, events); err != nil {
		return err
	}
	if err := t.Insert(t.into.outlines, outlines); err != nil {
		return err
	}
	return t.Insert(t.into.deliveries, deliveries)
}

// appendEvent counts a new event and appends its row and that of its outline.
func (t *tx) appendEvent(rows, outlines []any, ev *store.Event, plan *store.Plan) (events, outlined []any) {
	var hash []byte // a replay has none
	if h := engine.HashOf(ev); ev.HasHash() {
		hash = h[:]
	}
	o := &plan.Outline
	t.sums.Event(ev, o)
	outlines = append(outlines, ev.ID, ev.Source, ev.Name, ev.Project, hash, ev.Kind, conn.Optional(ev.ReplayOf),
		o.Subject, o.Outcome, o.RulesText())
	return append(rows, ev.ID, ev.Source, ev.Name, ev.Project, ev.ReceivedAt.UnixMilli(), plan.Decisions, ev.Body,
		conn.Optional(ev.ReplayOf), ev.Kind, plan.Facts), outlines
}

// decideStored writes and counts the decision about an event that is stored.
func (t *tx) decideStored(id store.ID, plan *store.Plan) error {
	const decision = "UPDATE events SET decisions = ?2, facts = ?3 WHERE id = ?1"
	const outline = "UPDATE outlines SET subject = ?2, outcome = ?3, rules = ?4 WHERE id = ?1"
	o, project := &plan.Outline, ""
	if _, err := t.Exec(decision, id, plan.Decisions, plan.Facts); err != nil {
		return err
	}
	if _, err := t.Exec(outline, id, o.Subject, o.Outcome, o.RulesText()); err != nil {
		return err
	}
	err := t.Each("SELECT project FROM outlines WHERE id = ?", []any{id}, func(r conn.Row) { project = r.Str(0) })
	if err == nil && o.Outcome != store.OutcomeWaiting && o.Outcome != "" {
		t.sums.Add(store.TallyEvent, project, o.Outcome)
		t.sums.Rules(id, o)
	}
	return err
}

// appendDelivery counts a new delivery and appends its row. A claim at its creation gets the first lease.
func (t *tx) appendDelivery(rows []any, event store.ID, d *store.NewDelivery, s engine.Start) []any {
	stream, size := engine.Stream{Notifier: d.Notifier, Key: d.OrderKey}, int64(len(d.Message))
	state, due, unfinished := store.Pending, any(t.now), 1
	switch {
	case s.State == store.Cancelled:
		state, due, unfinished = store.Cancelled, nil, 0
		t.sums.Add(store.TallyDelivery, d.Notifier, string(store.Cancelled))
	case s.State == store.Sending:
		t.lease(d.ID, lease{Stream: stream, number: engine.FirstLease, message: size, made: t.now})
	case s.Waits:
		due = t.now + cmp.Or(d.Wait, store.OrderWait).Milliseconds()
		t.noteWaiting(stream)
	}
	t.count(d.Notifier).add(s.State, d.ID, size)
	return append(rows, d.ID, event, d.Rule, d.Notifier, d.OrderKey, d.Title, state, unfinished, due,
		t.now, t.now, t.now, d.Cancelled, d.Message, conn.Optional(d.FallbackFor), conn.Optional(d.Wait.Milliseconds()))
}
