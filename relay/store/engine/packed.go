package engine

import (
	"encoding/binary"
	"iter"
	"slices"

	"qaserelay/relay/store"
)

// PackedIDs is a set of ids, each of 8 bytes, big-endian.
type PackedIDs []byte

const packedSize = 8

// With returns a set with the ids that have 1 and without those that have -1.
func (s PackedIDs) With(changes map[store.ID]int) PackedIDs {
	if len(changes) == 0 {
		return s
	}
	next := make(PackedIDs, 0, len(s)+packedSize*len(changes))
	for id := range s.All() {
		if changes[id] == 0 {
			next = binary.BigEndian.AppendUint64(next, uint64(id))
		}
	}
	for id, n := range changes {
		if n > 0 {
			next = binary.BigEndian.AppendUint64(next, uint64(id))
		}
	}
	return next
}

// All returns the ids in any order.
func (s PackedIDs) All() iter.Seq[store.ID] {
	return func(yield func(store.ID) bool) {
		for id := range slices.Chunk(s, packedSize) {
			if len(id) < packedSize || !yield(store.ID(binary.BigEndian.Uint64(id))) {
				return
			}
		}
	}
}
