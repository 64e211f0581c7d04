package dispatch

import (
	"context"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// maxKey is the length of the longest key in bytes. A database cannot index much longer ones.
const maxKey = 512

// notifierKV holds the keys of one notifier in the store, for one attempt. It implements notifiers.KV.
type notifierKV struct {
	store    store.KV
	now      func() time.Time
	notifier string
	failed   atomic.Bool // the store could not read or write
}

// Get implements notifiers.KV.
func (kv *notifierKV) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := kv.store.Get(ctx, kv.key(key))
	kv.note(err)
	return value, err
}

// Swap implements notifiers.KV.
func (kv *notifierKV) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	c := store.Change{Key: kv.key(key), Value: value}
	if keep > 0 {
		c.Expires = kv.now().Add(keep)
	}
	swapped, err := kv.store.Swap(ctx, c.Key, old, c)
	kv.note(err)
	return swapped, err
}

func (kv *notifierKV) key(key string) string {
	return value.ShortName("notifier/"+kv.notifier+"/"+key, maxKey)
}

func (kv *notifierKV) note(err error) {
	if err != nil {
		kv.failed.Store(true)
	}
}

// ownError is the error of an attempt in which the store failed: it says nothing about the receiver.
type ownError struct{ error }

func (e *ownError) Unwrap() error { return e.error }

// mark returns the error of the attempt, as an ownError if the store failed in it.
func (kv *notifierKV) mark(err error) error {
	if err == nil || !kv.failed.Load() {
		return err
	}
	return &ownError{err}
}
