package sqlite

import (
	"context"

	"qaserelay/relay/store"
)

// saveKeys writes what was changed.
func (t *tx) saveKeys() error {
	rows := make([]any, 0, 3*len(t.keys.Order))
	for _, key := range t.keys.Order {
		kv := t.keys.Values[key]
		if kv.Value != nil {
			rows = append(rows, key, kv.Value, kv.Expires)
		} else if _, err := t.exec("DELETE FROM kv WHERE key = ?", key); err != nil {
			return store.Wrap(err, "forgetting a key")
		}
	}
	return t.insert(t.into.keys, rows)
}

// getKey returns a value as this transaction will leave it.
func (t *tx) getKey(key string) ([]byte, error) {
	kv, changed := t.keys.Values[key]
	if !changed {
		var err error
		if kv.Value, kv.Expires, err = readKey(context.Background(), t.conn, key); err != nil {
			return nil, store.Wrap(err, "reading a key")
		}
	}
	if kv.Expires <= t.now {
		return nil, nil
	}
	return kv.Value, nil
}

// readKey returns the value, not nil if there is one, even an empty one.
func readKey(ctx context.Context, c *conn, key string) (value []byte, expires int64, err error) {
	err = c.query(ctx, "SELECT value, expires_at FROM kv WHERE key = ?", []any{key}, func(r Row) error {
		value, expires = append([]byte{}, r.bytes(0)...), r.int(1)
		return nil
	})
	return value, expires, err
}
