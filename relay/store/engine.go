package store

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// What follows is shared by the engines.

const (
	// FirstLease is the lease of a delivery that is claimed as it is made.
	FirstLease = 1
	// MaxFollowers is how many waiting deliveries of one stream are claimed behind a due one.
	MaxFollowers = 32
	// MaxResponse is how much of a receiver's answer is kept, in bytes.
	MaxResponse = 4 << 10
	// RetrySlice is how many deliveries one transaction of Retry or Cancel takes.
	RetrySlice = 500
	// PurgeSlice is how many events or rows one step of Purge takes.
	PurgeSlice = 500
	// ReadTimeout bounds each read, since a long one keeps SQLite's log from being reused.
	ReadTimeout = 5 * time.Second
)

// BodyHash is half of a body's SHA-256, which identifies a body as surely and fills fewer pages.
type BodyHash [16]byte

// HashOf returns the hash by which an event's body is deduplicated.
func HashOf(ev *Event) BodyHash { return BodyHash(ev.Hash[:16]) }

// KeyValue is the value of a key with its expiry in milliseconds.
type KeyValue struct {
	Value   []byte // nil: the key does not exist
	Expires int64
}

// Expiry returns a time in milliseconds. The zero time never expires.
func Expiry(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return t.UnixMilli()
}

// Changes are the keys that a transaction changes, so that each is written once, however many events change it.
type Changes struct {
	Values map[string]KeyValue
	Order  []string // of their first changes
}

// Set adds a change, which replaces an earlier one of the same key.
func (o *Changes) Set(c Change) { o.Put(c.Key, KeyValue{c.Value, Expiry(c.Expires)}) }

// Put is Set for a value with its expiry in milliseconds.
func (o *Changes) Put(key string, kv KeyValue) {
	if o.Values == nil {
		o.Values = map[string]KeyValue{}
	}
	if _, known := o.Values[key]; !known {
		o.Order = append(o.Order, key)
	}
	o.Values[key] = kv
}

// ExpiringTable is a table whose rows expire. A purge reads all of it, since an index by time would cost every event
// more.
type ExpiringTable struct {
	Table, Key string
	First      any // sorts before every key
}

// CheckVersion returns an error unless tables of this version can be read by a program that knows another one.
func CheckVersion(what string, version, known int) error {
	switch version {
	case known:
		return nil
	case 0:
		return fmt.Errorf("%s is empty: no relay has used it yet", what)
	}
	return fmt.Errorf("%s has version %d, and this program reads version %d: a relay of this release brings it up when "+
		"it starts, or read it by the release that runs on it", what, version, known)
}

// Wrap adds to an error the operation that failed. It returns nil for no error.
func Wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Redact keeps the scheme of a store's URL only, since the rest may hold a password.
func Redact(url string) string {
	if scheme, _, ok := strings.Cut(url, "://"); ok {
		return scheme + "://…"
	}
	return url
}
