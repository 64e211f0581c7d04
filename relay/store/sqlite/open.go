package sqlite

import (
	"context"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// OpenSlots implements store.Store. The keys are in the index; values are read of those slots only that are listed.
func (s *Store) OpenSlots(ctx context.Context, f store.SlotFilter) (list []store.Slot, next store.SlotRef, err error) {
	const keys = `SELECT key, due_at FROM kv INDEXED BY kv_due
		WHERE due_at >= ?1 AND (due_at > ?1 OR key > ?2)` + isDry + " ORDER BY due_at, key LIMIT ?"
	const values = "SELECT due_at, value FROM kv WHERE key = ? AND due_at IS NOT NULL"
	err = s.readers.Read(ctx, func(ctx context.Context, c *conn.Conn) error {
		var scanned []store.SlotRef
		list = nil
		after, key := f.After.Place()
		err := c.Query(ctx, keys, []any{after, key, number(f.Dry), f.Scan()}, func(r conn.Row) error {
			scanned = append(scanned, store.SlotRef{Key: r.Str(0), Due: r.Time(1)})
			return nil
		})
		var picked []store.SlotRef
		picked, next = f.Pick(scanned)
		for _, ref := range picked {
			if err != nil {
				break
			}
			err = c.Query(ctx, values, []any{ref.Key}, func(r conn.Row) error {
				list = append(list, store.Slot{SlotRef: store.SlotRef{Key: ref.Key, Due: r.Time(0)}, Value: r.Bytes(1)})
				return nil
			})
		}
		return err
	})
	return list, next, engine.Wrap(err, "listing slots")
}

// OpenSlot implements store.Store.
func (s *Store) OpenSlot(ctx context.Context, key string, items int) (slot store.Slot, err error) {
	const value = "SELECT due_at, value FROM kv WHERE key = ? AND due_at IS NOT NULL"
	const list = `SELECT i.event_id, i.data, e.source, e.name, e.project, e.received_at FROM items i
		LEFT JOIN events e ON e.id = i.event_id WHERE i.key = ? ORDER BY i.event_id LIMIT ?`
	err = s.list(ctx, value, []any{key}, func(r conn.Row) {
		slot = store.Slot{SlotRef: store.SlotRef{Key: key, Due: r.Time(0)}, Value: r.Bytes(1)}
	})
	if err == nil && slot.Key == "" {
		return slot, store.ErrNotFound
	}
	if err == nil {
		err = s.list(ctx, list, []any{key, items}, func(r conn.Row) {
			ev := store.StoredEvent{}
			ev.ID, ev.Source, ev.Name, ev.Project, ev.ReceivedAt = r.ID(0), r.Str(2), r.Str(3), r.Str(4), r.Time(5)
			slot.Items = append(slot.Items, store.SlotItem{Event: ev, Data: r.Bytes(1)})
		})
	}
	return slot, engine.Wrap(err, "reading a slot")
}

// CountSlots implements store.Store.
func (s *Store) CountSlots(ctx context.Context, prefix, text string) (n int, err error) {
	const all = "SELECT count(*) FROM kv INDEXED BY kv_due WHERE due_at IS NOT NULL AND key >= ? AND key < ?"
	const containing = `SELECT count(*) FROM kv NOT INDEXED
		WHERE due_at IS NOT NULL AND key >= ? AND key < ? AND instr(value, ?) > 0`
	query, args := all, []any{prefix, engine.PrefixEnd(prefix)}
	if text != "" {
		query, args = containing, append(args, []byte(text))
	}
	err = s.list(ctx, query, args, func(r conn.Row) { n = int(r.Int(0)) })
	return n, engine.Wrap(err, "counting slots")
}

// SlotValues implements store.Store.
func (s *Store) SlotValues(ctx context.Context, prefix string, most int) (values [][]byte, err error) {
	const q = "SELECT value FROM kv WHERE key >= ? AND key < ? AND expires_at > ? ORDER BY key LIMIT ?"
	args := []any{prefix, engine.PrefixEnd(prefix), s.now().UnixMilli(), most}
	err = s.list(ctx, q, args, func(r conn.Row) { values = append(values, r.Bytes(0)) })
	return values, engine.Wrap(err, "reading slots")
}
