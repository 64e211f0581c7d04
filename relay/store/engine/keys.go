package engine

import (
	"math"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// KeyValue is the value of a key, with its expiry and its due time in milliseconds.
type KeyValue struct {
	Value   []byte // nil: the key does not exist
	Expires int64
	Due     int64 // zero: it is not a slot, or not armed
}

// Expiry returns a time in milliseconds. The zero time never expires.
func Expiry(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return t.UnixMilli()
}

// Keys are the keys of a transaction: as it has read them, and as it changes them. Each is written once, however many
// events change it. The zero value is empty.
type Keys struct {
	Read    map[string]KeyValue
	Changed map[string]KeyValue
	Order   []string // of the first changes

	// Emptied are the slots whose items in the store are deleted, before the new ones are added.
	Emptied map[string]bool
	Items   []store.Item
}

// Remember keeps what was read. The zero KeyValue is a key that does not exist.
func (k *Keys) Remember(key string, kv KeyValue) {
	if k.Read == nil {
		k.Read = map[string]KeyValue{}
	}
	k.Read[key] = kv
}

// Set adds a change, which replaces an earlier one of the same key.
func (k *Keys) Set(c store.Change) {
	if k.Changed == nil {
		k.Changed = map[string]KeyValue{}
	}
	if _, known := k.Changed[c.Key]; !known {
		k.Order = append(k.Order, c.Key)
	}
	kv := KeyValue{Value: c.Value, Expires: Expiry(c.Expires)}
	if c.Value != nil && !c.Due.IsZero() { // it cannot expire before
		kv.Due, kv.Expires = c.Due.UnixMilli(), math.MaxInt64
	}
	k.Changed[c.Key] = kv
	if c.Value == nil && store.IsSlot(c.Key) {
		k.empty(c.Key)
	}
}

// empty deletes the items of a slot.
func (k *Keys) empty(key string) {
	if k.Emptied == nil {
		k.Emptied = map[string]bool{}
	}
	k.Emptied[key] = true
	k.Items = slices.DeleteFunc(k.Items, func(it store.Item) bool { return it.Key == key })
}

// Apply makes the changes of the plan of an event, and then adds its items.
func (k *Keys) Apply(event store.ID, p *store.Plan) {
	for _, c := range p.Changes {
		k.Set(c)
	}
	for _, it := range p.Items {
		if it.Event == 0 {
			it.Event = event
		}
		if it.Data == nil {
			it.Data = []byte{}
		}
		k.Items = append(k.Items, it)
	}
}

// Get returns a value as the transaction will leave it, or nil. It calls read for a key that is not known yet. An
// expired value is gone, whether or not it was purged.
func (k *Keys) Get(key string, now int64, read func() (KeyValue, error)) ([]byte, error) {
	kv, known := k.Changed[key]
	if !known {
		kv, known = k.Read[key]
	}
	if !known {
		var err error
		if kv, err = read(); err != nil {
			return nil, Wrap(err, "reading a key")
		}
		k.Remember(key, kv)
	}
	if kv.Expires <= now {
		return nil, nil
	}
	return kv.Value, nil
}

// More returns the keys that an event asks for beside those that were announced, and that were not read yet.
func (k *Keys) More(ev *store.Event, now int64) (unknown []string) {
	known := func(key string) ([]byte, error) {
		if kv := k.Read[key]; kv.Expires > now {
			return kv.Value, nil
		}
		return nil, nil
	}
	for _, key := range ev.MoreKeys(known) {
		if _, read := k.Read[key]; !read {
			unknown = append(unknown, key)
		}
	}
	return unknown
}

// Written notes that all changes were written, so that further ones may follow in the same transaction.
func (k *Keys) Written() {
	for key, kv := range k.Changed {
		k.Remember(key, kv)
	}
	k.Changed, k.Order, k.Emptied, k.Items = nil, nil, nil, nil
}

// FirstDue returns the earliest due time among the changes in milliseconds, or zero.
func (k *Keys) FirstDue() (first int64) {
	for _, kv := range k.Changed {
		if kv.Due != 0 && (first == 0 || kv.Due < first) {
			first = kv.Due
		}
	}
	return first
}
