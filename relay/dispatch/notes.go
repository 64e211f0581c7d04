package dispatch

import (
	"context"
	"time"

	"qaserelay/relay/store"
)

// notes are the memory of one notifier in the store.
type notes struct {
	store    store.Store
	now      func() time.Time
	notifier string
}

// Get implements notifiers.Memory.
func (n notes) Get(ctx context.Context, key string) ([]byte, error) {
	return n.store.Get(ctx, n.key(key))
}

// Swap implements notifiers.Memory.
func (n notes) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	c := store.Change{Key: n.key(key), Value: value}
	if keep > 0 {
		c.Expires = n.now().Add(keep)
	}
	return n.store.Swap(ctx, c.Key, old, c)
}

func (n notes) key(key string) string { return "notifier/" + n.notifier + "/" + key }
