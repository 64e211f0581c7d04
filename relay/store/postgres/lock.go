package postgres

import "slices"

// lockKind is what a lock is about. Every transaction locks in the order of the kinds, and within a kind in the order of the names, so that
// two of them never wait for each other.
type lockKind uint64

const (
	lockSchema lockKind = iota + 1
	lockPurge
	lockNodes
	lockKeys
	lockLanes
)

// locksPerSlot leaves room in the database's table of locks: each relay has two writers, of which one takes two kinds.
const locksPerSlot = 6

// lock queues what keeps other relays from the named keys or lanes until the end of the transaction. The database has room for so many locks only, so a
// transaction with more of them takes all of their kind at once: those with few share one lock, and that with many has
// it alone.
func (t *tx) lock(kind lockKind, names []string) {
	if len(names) == 0 {
		return
	}
	all := t.store.LockName(kind, "")
	ids := make([]int64, len(names))
	for i, name := range names {
		ids[i] = t.store.LockName(kind, "/"+name)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > t.store.maxLocks() {
		t.queue("SELECT pg_advisory_xact_lock($1)", all)
		return
	}
	t.queue("SELECT pg_advisory_xact_lock_shared($1)", all)
	t.queue("SELECT count(pg_advisory_xact_lock(id)) FROM unnest($1::bigint[]) id", ids)
}

// maxLocks is how many names of one kind a transaction may lock each for itself.
func (s *Store) maxLocks() int {
	return int(min(1000, max(8, s.slots/(locksPerSlot*max(1, s.Me.others.Load()+1)))))
}

// LockName returns the number of a lock. That of the whole kind has no name.
func (s *Store) LockName(kind lockKind, name string) int64 {
	return int64(hashText(s.seed+uint64(kind), "qase-relay"+name))
}

// hashText is FNV-1a, from a given start: the same in every process.
func hashText(start uint64, text string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := offset ^ start
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return h
}
