package sqlite

import (
	"bytes"
	"context"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (value []byte, err error) {
	var kv engine.KeyValue
	err = s.readers.Read(ctx, func(ctx context.Context, c *conn.Conn) (err error) {
		kv, err = readKey(ctx, c, key)
		return err
	})
	if err != nil || kv.Expires <= s.now().UnixMilli() {
		return nil, engine.Wrap(err, "reading a key")
	}
	return kv.Value, nil
}

// Swap implements store.Store.
func (s *Store) Swap(ctx context.Context, key string, old []byte, c store.Change) (bool, error) {
	if err := store.CheckSwap(key); err != nil {
		return false, err
	}
	c.Key = key
	return s.swap(ctx, old, c)
}

// swap changes a key if its value is still old.
func (s *Store) swap(ctx context.Context, old []byte, c store.Change) (bool, error) {
	note, swapped := store.AuditOf(ctx), false
	err := s.writer.Do(ctx, 1, &op{run: func(t *tx) error {
		swapped = false
		now, err := t.getKey(c.Key)
		if err != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
			return err
		}
		swapped = true
		t.keys.Set(c)
		return t.audit(note)
	}})
	if err != nil { // the op may still run, so swapped must be neither read nor written
		return false, engine.Wrap(err, "changing a key")
	}
	if swapped {
		note.Added()
	}
	return swapped, nil
}

// readAnnouncedKeys reads the keys that decide will ask for, with few queries.
func (t *tx) readAnnouncedKeys(a *acceptance) error {
	var keys []string
	more := false
	for i := range a.batch {
		if !a.receipts[i].Duplicate {
			keys = append(keys, a.batch[i].Keys...)
			more = more || a.batch[i].MoreKeys != nil
		}
	}
	if err := t.readKeys(keys); err != nil || !more {
		return err
	}
	keys = keys[:0]
	for i := range a.batch {
		if !a.receipts[i].Duplicate && a.batch[i].MoreKeys != nil {
			keys = append(keys, t.keys.More(&a.batch[i], t.now)...)
		}
	}
	return t.readKeys(keys)
}

// readKeys reads keys that are not known yet.
func (t *tx) readKeys(keys []string) error {
	const q = "SELECT key, value, expires_at FROM kv WHERE key IN " + conn.Sixteen
	var unknown []any
	for _, key := range keys {
		if _, known := t.keys.Read[key]; !known {
			t.keys.Remember(key, engine.KeyValue{})
			unknown = append(unknown, key)
		}
	}
	err := t.QueryMany(q, nil, unknown, func(r conn.Row) {
		t.keys.Remember(r.Str(0), engine.KeyValue{Value: append([]byte{}, r.Bytes(1)...), Expires: r.Int(2)})
	})
	return engine.Wrap(err, "reading keys")
}

// getKey returns a value as this transaction will leave it, or nil.
func (t *tx) getKey(key string) ([]byte, error) {
	return t.keys.Get(key, t.now, func() (engine.KeyValue, error) { return readKey(context.Background(), t.Conn, key) })
}

// saveKeys writes the changed keys and items.
func (t *tx) saveKeys() error {
	rows := make([]any, 0, 3*len(t.keys.Order))
	var slots []any
	for _, key := range t.keys.Order {
		switch kv := t.keys.Changed[key]; {
		case kv.Value == nil:
			if _, err := t.Exec("DELETE FROM kv WHERE key = ?", key); err != nil {
				return engine.Wrap(err, "forgetting a key")
			}
		case store.IsSlot(key):
			slots = append(slots, key, kv.Value, kv.Expires, conn.Optional(kv.Due))
		default:
			rows = append(rows, key, kv.Value, kv.Expires)
		}
	}
	if err := t.Insert(t.into.Keys, rows); err != nil {
		return err
	}
	if err := t.Insert(t.into.Slots, slots); err != nil {
		return err
	}
	return t.saveItems()
}

// readKey returns a value, which is nil only if the key does not exist.
func readKey(ctx context.Context, c *conn.Conn, key string) (kv engine.KeyValue, err error) {
	err = c.Query(ctx, "SELECT value, expires_at FROM kv WHERE key = ?", []any{key}, func(r conn.Row) error {
		kv = engine.KeyValue{Value: append([]byte{}, r.Bytes(0)...), Expires: r.Int(1)}
		return nil
	})
	return kv, err
}

// Reserve implements store.Store. Rates are kept in memory, since one process uses the file. Messages that were sent
// just before the file was opened are not known, so in a file with deliveries each rate begins as if one message had
// been sent at that moment.
func (s *Store) Reserve(_ context.Context, key string, r store.Rate, most time.Duration) (time.Duration, error) {
	return s.rates.Reserve(key, r, most, s.now()), nil
}

// lastSent returns when messages may have been sent last: now, as the file is opened, or never if it has no deliveries.
func lastSent(c *conn.Conn, now time.Time) (at time.Time, err error) {
	err = c.Each("SELECT 1 FROM deliveries LIMIT 1", nil, func(conn.Row) {
		at = now
	})
	return at, engine.Wrap(err, "looking whether there are deliveries")
}
