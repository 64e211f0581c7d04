package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// OpenSlots implements store.Store. Values are read of those slots only that are listed.
func (s *Store) OpenSlots(ctx context.Context, f store.SlotFilter) (list []store.Slot, next store.SlotRef, err error) {
	const keys = "SELECT key, due_at FROM kv WHERE due_at >= $1 AND (due_at, key) > ($1, $2) AND " + dryKeys +
		" = $3 ORDER BY due_at, key LIMIT $4" // without the first condition, the index of due slots is not used
	const values = `SELECT key, due_at, value FROM kv WHERE key = ANY ($1) AND due_at IS NOT NULL ORDER BY due_at, key`
	var scanned []store.SlotRef
	after, key := f.After.Place()
	err = s.list(ctx, keys, []any{after, []byte(key), f.Dry, f.Scan()}, func(rows pgx.Rows) error {
		slot, err := scanSlot(rows, false)
		scanned = append(scanned, slot.SlotRef)
		return err
	})
	picked, next := f.Pick(scanned)
	if err != nil || len(picked) == 0 {
		return nil, next, engine.Wrap(err, "listing slots")
	}
	var chosen [][]byte
	for _, ref := range picked {
		chosen = append(chosen, []byte(ref.Key))
	}
	err = s.list(ctx, values, []any{chosen}, func(rows pgx.Rows) error {
		slot, err := scanSlot(rows, true)
		list = append(list, slot)
		return err
	})
	return list, next, engine.Wrap(err, "listing slots")
}

// scanSlot reads a key, a due time and, if it is there, a value.
func scanSlot(rows pgx.Rows, value bool) (slot store.Slot, err error) {
	var key []byte
	var due int64
	into := []any{&key, &due}
	if value {
		into = append(into, &slot.Value)
	}
	err = rows.Scan(into...)
	slot.Key, slot.Due = string(key), fromMillis(due)
	return slot, err
}

// OpenSlot implements store.Store.
func (s *Store) OpenSlot(ctx context.Context, key string, items int) (slot store.Slot, err error) {
	const value = "SELECT key, due_at, value FROM kv WHERE key = $1 AND due_at IS NOT NULL"
	const list = `SELECT i.event_id, i.data, coalesce(e.source, ''), coalesce(e.name, ''), coalesce(e.project, ''),
		coalesce(e.received_at, 0) FROM items i LEFT JOIN events e ON e.id = i.event_id
		WHERE i.key = $1 ORDER BY i.event_id LIMIT $2`
	err = s.list(ctx, value, []any{[]byte(key)}, func(rows pgx.Rows) (err error) {
		slot, err = scanSlot(rows, true)
		return err
	})
	if err == nil && slot.Key == "" {
		return slot, store.ErrNotFound
	}
	if err == nil {
		err = s.list(ctx, list, []any{[]byte(key), items}, func(rows pgx.Rows) error {
			var it store.SlotItem
			var received int64
			ev := &it.Event
			err := rows.Scan(&ev.ID, &it.Data, &ev.Source, &ev.Name, &ev.Project, &received)
			ev.ReceivedAt = fromMillis(received)
			slot.Items = append(slot.Items, it)
			return err
		})
	}
	return slot, engine.Wrap(err, "reading a slot")
}

// CountSlots implements store.Store.
func (s *Store) CountSlots(ctx context.Context, prefix, text string) (n int, err error) {
	const q = `SELECT count(*) FROM kv WHERE due_at IS NOT NULL AND key >= $1 AND key < $2
		AND ($3::bytea = ''::bytea OR position($3::bytea IN value) > 0)`
	err = s.list(ctx, q, []any{[]byte(prefix), []byte(engine.PrefixEnd(prefix)), []byte(text)}, func(rows pgx.Rows) error {
		return rows.Scan(&n)
	})
	return n, engine.Wrap(err, "counting slots")
}

// SlotValues implements store.Store.
func (s *Store) SlotValues(ctx context.Context, prefix string, most int) (values [][]byte, err error) {
	const q = "SELECT value FROM kv WHERE key >= $1 AND key < $2 AND expires_at > $3 ORDER BY key LIMIT $4"
	args := []any{[]byte(prefix), []byte(engine.PrefixEnd(prefix)), s.Now().UnixMilli(), most}
	err = s.list(ctx, q, args, func(rows pgx.Rows) error {
		var value []byte
		err := rows.Scan(&value)
		values = append(values, value)
		return err
	})
	return values, engine.Wrap(err, "reading slots")
}
