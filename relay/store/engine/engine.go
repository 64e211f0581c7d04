// Package engine holds what the engines of a store share: the keys of a transaction, the streams of deliveries, and
// which fallbacks are made.
package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
)

const (
	// FirstLease is the lease of a delivery that is claimed as it is made.
	FirstLease = 1
	// MaxFollowers is how many waiting deliveries of one stream are claimed behind a due one.
	MaxFollowers = 32
	// maxResponse is how much of a receiver's answer is kept, in bytes.
	maxResponse = 4 << 10
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
func HashOf(ev *store.Event) BodyHash { return BodyHash(ev.Hash[:16]) }

// InSlices calls change for slices of sorted ids, each for a transaction of its own, so that a long list delays no
// other caller for long. It returns the sum of the results.
func InSlices(ids []store.ID, change func(slice []store.ID) (int, error)) (total int, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for slice := range slices.Chunk(ids, RetrySlice) {
		n, err := change(slice)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// ShortResponse returns the part of a receiver's answer that is kept.
func ShortResponse(text string) string {
	if len(text) > maxResponse {
		return strings.ToValidUTF8(text[:maxResponse], "")
	}
	return text
}

// Found returns the error of reading an event or a delivery: err, or ErrNotFound if nothing was found.
func Found(what string, id store.ID, found bool, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("reading %s %s: %w", what, id, err)
	case !found:
		return fmt.Errorf("%s %s: %w", what, id, store.ErrNotFound)
	}
	return nil
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
