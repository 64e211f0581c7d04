package sqlite

import "qaserelay/relay/store/sqlite/conn"

// inserts are the statements of the tables that have rows for each event.
type inserts struct{ events, deliveries, attempts, keys, slots, dedupe conn.Into }

func newInserts() inserts {
	return inserts{
		events: conn.NewInto("storing events", `INSERT INTO events
			(id, source, name, project, received_at, decisions, body, hash, replay_of, kind, facts)`, 11, ""),
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
	}
}
