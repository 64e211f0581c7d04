package engine

import (
	"math"
	"slices"

	"qaserelay/relay/store"
)

// SlotKeys returns the keys that the decisions about slots will ask for, without the slots themselves.
func SlotKeys(slots []store.Slot, of func(*store.Slot) []string) (keys []string) {
	if of == nil {
		return nil
	}
	for i := range slots {
		keys = append(keys, of(&slots[i])...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Room is how many bytes the slots of one call of Wake may still have.
func Room(w *store.Wake) int {
	if w.Bytes == 0 {
		return math.MaxInt
	}
	return w.Bytes
}

// PendingOf returns the notifiers that get work from new deliveries.
func PendingOf(made []store.NewDelivery) (names []string) {
	for i := range made {
		if made[i].Cancelled == "" && !slices.Contains(names, made[i].Notifier) {
			names = append(names, made[i].Notifier)
		}
	}
	return names
}

// PrefixEnd returns the first key behind all those with a prefix, which ends with a slash.
func PrefixEnd(prefix string) string { return prefix[:len(prefix)-1] + "0" }
