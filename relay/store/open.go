package store

import (
	"context"
	"time"
)

// OpenSlots reads slots, most of them those that have a due time, whether or not it has come.
type OpenSlots interface {
	// OpenSlots lists slots by due time and key, without their items. next is the After of the next page, or zero on the
	// last one. A page ends early behind ScanSlots slots that were looked at: it may have fewer than Limit, or none,
	// although there is a next one.
	OpenSlots(ctx context.Context, f SlotFilter) (list []Slot, next SlotRef, err error)
	// OpenSlot returns one slot with its oldest items, whose events have no body, or ErrNotFound.
	OpenSlot(ctx context.Context, key string, items int) (Slot, error)
	// CountSlots returns how many slots have a key that begins with a prefix, which ends with a slash, and a value that
	// contains a text.
	CountSlots(ctx context.Context, prefix, text string) (int, error)
	// SlotValues returns the values of at most so many slots whose keys begin with a prefix, which ends with a slash,
	// by key. They may have no due time.
	SlotValues(ctx context.Context, prefix string, most int) ([][]byte, error)
}

// ScanSlots is how many slots one call of OpenSlots looks at, at most.
const ScanSlots = 10_000

// SlotFilter selects slots.
type SlotFilter struct {
	Dry   bool    // those of dry runs, and no others
	After SlotRef // the last slot of an earlier page; zero begins with the first
	Limit int
	// Match reports whether a key is selected; nil selects all.
	Match func(key string) bool
}

// Scan returns how many slots a call looks at, at most: no more than it lists, unless Match selects.
func (f *SlotFilter) Scan() int {
	if f.Match == nil {
		return min(f.Limit+1, ScanSlots)
	}
	return ScanSlots
}

// Pick returns those of the slots of one scan that the filter selects, and where the next page begins.
func (f *SlotFilter) Pick(scanned []SlotRef) (picked []SlotRef, next SlotRef) {
	for _, ref := range scanned {
		if f.Match == nil || f.Match(ref.Key) {
			if len(picked) == f.Limit {
				return picked, picked[f.Limit-1]
			}
			picked = append(picked, ref)
		}
	}
	if n := f.Scan(); len(scanned) == n {
		next = scanned[n-1]
	}
	return picked, next
}

// Place returns the millisecond and the key behind which a page begins.
func (r SlotRef) Place() (ms int64, key string) {
	if r.Due.IsZero() {
		return time.Time{}.UnixMilli(), ""
	}
	return r.Due.UnixMilli(), r.Key
}
