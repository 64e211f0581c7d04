package dispatch

import (
	"context"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// maxKey is the length of the longest key in bytes. A database cannot index much longer ones.
const maxKey = 512

// notifierKV holds the keys of one notifier in the store. It implements notifiers.KV.
type notifierKV struct {
	store    store.KV
	now      func() time.Time
	notifier string
}

// Get implements notifiers.KV.
func (kv notifierKV) Get(ctx context.Context, key string) ([]byte, error) {
	return kv.store.Get(ctx, kv.key(key))
}

// Swap implements notifiers.KV.
func (kv notifierKV) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	c := store.Change{Key: kv.key(key), Value: value}
	if keep > 0 {
		c.Expires = kv.now().Add(keep)
	}
	return kv.store.Swap(ctx, c.Key, old, c)
}

func (kv notifierKV) key(key string) string {
	return value.ShortName("notifier/"+kv.notifier+"/"+key, maxKey)
}
