package sqlite

import (
	"cmp"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

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
