package tables

import "qaserelay/relay/store/sqlite/conn"

// Inserts are the statements of the tables that have rows for each event. One that fails ends its transaction in any case;
// as it says so (OR ROLLBACK), SQLite copies no pages with which it could undo the statement alone.
type Inserts struct {
	Events, Deliveries, Attempts, Keys, Slots, Dedupe, Tallies, Seen conn.Into
}

// NewInserts returns the statements.
func NewInserts() Inserts {
	return Inserts{
		Events: conn.NewInto("storing events", `INSERT OR ROLLBACK INTO events
			(id, source, name, project, received_at, decisions, body, hash, replay_of, kind, facts, subject, outcome, rules)`, 14, ""),
		Deliveries: conn.NewInto("storing deliveries", `INSERT OR ROLLBACK INTO deliveries
			(id, event_id, rule, notifier, order_key, title, state,
			unfinished, next_at, lease, created_at, first_at, updated_at, error, message, fallback_for, wait)`, 17, ""),
		Attempts: conn.NewInto("recording attempts", `INSERT OR ROLLBACK INTO attempts
			(delivery_id, lease, at, took, status, reason, error, response)`, 8, ""),
		Keys: conn.NewInto("keeping keys", "INSERT OR ROLLBACK INTO kv (key, value, expires_at)", 3,
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"),
		Slots: conn.NewInto("keeping slots", "INSERT OR ROLLBACK INTO kv (key, value, expires_at, due_at)", 4, ` ON CONFLICT (key)
			DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`),
		Dedupe: conn.NewInto("remembering bodies", "INSERT OR ROLLBACK INTO dedupe (hash, event_id, expires_at)", 3,
			" ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at"),
		Tallies: conn.NewInto("counting what happens", "INSERT INTO tally (kind, bucket, a, b, n)", 5,
			" ON CONFLICT (kind, bucket, a, b) DO UPDATE SET n = n + excluded.n"),
		Seen: conn.NewInto("keeping what was seen last", "INSERT INTO seen (kind, name, id)", 3,
			" ON CONFLICT (kind, name) DO UPDATE SET id = excluded.id WHERE excluded.id > id"),
	}
}
