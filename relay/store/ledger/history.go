package ledger

import (
	"context"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// EventsOf implements store.Reader.
func (db *DB) EventsOf(ctx context.Context, ids []store.ID) ([]store.StoredEvent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found := make(map[store.ID]store.StoredEvent, len(ids))
	const columns = `SELECT e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.facts, e.replay_of, e.kind
		FROM events e WHERE e.id `
	err := db.Query(ctx, columns+db.AnyOf, []any{db.IDs(ids)}, func(r Row) error {
		found[r.ID(0)] = store.StoredEvent{ID: r.ID(0), Source: r.Text(1), Name: r.Text(2), Project: r.Text(3), Body: r.Bytes(4),
			ReceivedAt: r.Time(5), Decisions: r.Bytes(6), Facts: r.Bytes(7), ReplayOf: r.ID(8), Kind: r.Text(9)}
		return nil
	})
	all := make([]store.StoredEvent, 0, len(found))
	for _, id := range ids {
		if e, exists := found[id]; exists {
			all = append(all, e)
		}
	}
	return all, engine.Wrap(err, "reading events")
}

// MessagesOf implements store.Reader.
func (db *DB) MessagesOf(ctx context.Context, events []store.ID) (map[store.ID][]store.Made, error) {
	made := map[store.ID][]store.Made{}
	if len(events) == 0 {
		return made, nil
	}
	q := "SELECT event_id, fallback_for, rule, notifier, title FROM " + db.Dialect.DeliveriesOf +
		" made ORDER BY event_id, id"
	err := db.Query(ctx, q, []any{db.IDs(events)}, func(r Row) error {
		if r.ID(1) == 0 {
			made[r.ID(0)] = append(made[r.ID(0)], store.Made{Rule: r.Text(2), Notifier: r.Text(3), Title: r.Text(4)})
		}
		return nil
	})
	return made, engine.Wrap(err, "reading the messages of events")
}
