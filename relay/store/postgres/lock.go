package postgres

import "slices"

// lockKind is the kind of thing that is locked. Every transaction locks keys first, then slots, then streams, and within
// a kind in the order of the numbers, so that transactions do not deadlock. Keys are locked in two rounds: those that
// events announce, and then those that follow from their values, which are other ones. The numbers of the kinds are the
// same in every release, since relays of two releases may use a store.
type lockKind uint64

const (
	lockSchema lockKind = iota + 1
	lockPurge
	lockNodes
	lockKeys
	lockStreams
	lockSlots
	lockWake
	lockIndex
)

// locksPerSlot divides the database's table of locks: each relay has two transactions with new events, which take two
// kinds of locks, and one with work. Slots, and all that the writer of slots locks, have a quarter of such a share.
const locksPerSlot = 8

// lock queues the locking of keys or streams by name, until the end of the transaction. The database has room for a
// limited number of locks, so a transaction with many takes the lock of the whole kind instead. A transaction with few
// shares that lock, so that it waits for one with many.
func (t *tx) lock(kind lockKind, names []string) {
	if len(names) == 0 {
		return
	}
	all := t.store.lockName(kind, "")
	ids := make([]int64, len(names))
	for i, name := range names {
		ids[i] = t.store.lockName(kind, "/"+name)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	most := t.store.maxLocks()
	if kind == lockSlots || t.slot == slotWake {
		most = t.store.maxSlots()
	}
	if len(ids) > most {
		t.queue("SELECT pg_advisory_xact_lock($1)", all)
		return
	}
	t.queue("SELECT pg_advisory_xact_lock_shared($1), (SELECT count(pg_advisory_xact_lock(id)) FROM unnest($2::bigint[]) id)",
		all, ids)
}

// maxLocks is how many names of one kind a transaction may lock separately.
func (s *Store) maxLocks() int {
	return int(min(1000, max(8, s.slots/(locksPerSlot*max(1, s.self.others.Load()+1)))))
}

// maxSlots is how many slots a transaction may lock separately.
func (s *Store) maxSlots() int { return max(8, s.maxLocks()/4) }

// lockName returns the number of a lock. The lock of a whole kind has no name.
func (s *Store) lockName(kind lockKind, name string) int64 {
	return int64(hashText(s.seed+uint64(kind), "qase-relay"+name))
}

// hashText is FNV-1a from a given start. It is the same in every process.
func hashText(start uint64, text string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := offset ^ start
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return h
}
