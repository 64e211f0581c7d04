package store

import "context"

// changes are the keys that a batch or a transaction changes, so that each is written once however many events touch it.
type changes struct {
	values map[string]keyValue
	order  []string // of their first change
}

type keyValue struct {
	value   []byte // nil if there is none
	expires int64
}

func (o *changes) set(c Change) { o.put(c.Key, keyValue{c.Value, expiry(c.Expires)}) }

func (o *changes) put(key string, kv keyValue) {
	if o.values == nil {
		o.values = map[string]keyValue{}
	}
	if _, known := o.values[key]; !known {
		o.order = append(o.order, key)
	}
	o.values[key] = kv
}

// saveKeys writes what was changed.
func (t *tx) saveKeys() error {
	rows := make([]any, 0, 3*len(t.keys.order))
	for _, key := range t.keys.order {
		kv := t.keys.values[key]
		if kv.value != nil {
			rows = append(rows, key, kv.value, kv.expires)
		} else if _, err := t.exec("DELETE FROM kv WHERE key = ?", key); err != nil {
			return wrap(err, "forgetting a key")
		}
	}
	return t.insert(t.into.keys, rows)
}

// getKey returns a value as this transaction will leave it.
func (t *tx) getKey(key string) ([]byte, error) {
	kv, changed := t.keys.values[key]
	if !changed {
		var err error
		if kv.value, kv.expires, err = readKey(context.Background(), t.conn, key); err != nil {
			return nil, wrap(err, "reading a key")
		}
	}
	if kv.expires <= t.now {
		return nil, nil
	}
	return kv.value, nil
}

// readKey returns the value, not nil if there is one, even an empty one.
func readKey(ctx context.Context, c *conn, key string) (value []byte, expires int64, err error) {
	err = c.query(ctx, "SELECT value, expires_at FROM kv WHERE key = ?", []any{key}, func(r row) error {
		value, expires = append([]byte{}, r.bytes(0)...), r.int(1)
		return nil
	})
	return value, expires, err
}
