package store

import "context"

// overlay holds the keys that a transaction has read or changed, so that each is read and written once however many
// events touch it.
type overlay struct {
	values map[string]keyValue
	dirty  []string // changed keys, in the order of their first change
}

type keyValue struct {
	value   []byte // nil if there is none
	expires int64
	dirty   bool
}

func (o *overlay) set(c Change) {
	if o.values == nil {
		o.values = map[string]keyValue{}
	}
	if !o.values[c.Key].dirty {
		o.dirty = append(o.dirty, c.Key)
	}
	o.values[c.Key] = keyValue{c.Value, expiry(c.Expires), true}
}

// saveKeys writes what was changed.
func (t *tx) saveKeys() error {
	const put = `INSERT INTO kv (key, value, expires_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`
	for _, key := range t.keys.dirty {
		var err error
		if kv := t.keys.values[key]; kv.value == nil {
			_, err = t.exec("DELETE FROM kv WHERE key = ?", key)
		} else {
			_, err = t.exec(put, key, kv.value, kv.expires)
		}
		if err != nil {
			return wrap(err, "keeping a key")
		}
	}
	return nil
}

// readKey returns the committed value, not nil if there is one, even an empty one.
func readKey(ctx context.Context, c *conn, key string) (value []byte, expires int64, err error) {
	err = c.query(ctx, "SELECT value, expires_at FROM kv WHERE key = ?", []any{key}, func(r row) error {
		value, expires = append([]byte{}, r.bytes(0)...), r.int(1)
		return nil
	})
	return value, expires, err
}
