package sqlite

import (
	"bytes"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// A body's hash is random, so a table by hash would cost each event a page of its own to write. The newest hashes are therefore
// kept in memory, from where they move into the table together, neighbours with neighbours: a page takes several then. What is in memory
// only is found again at a start by reading the hashes of the newest events.

// seenAtOnce is how many hashes move into the table together. At most about twice as many are in memory, some 100 bytes each.
const seenAtOnce = 1 << 15

// sighting is the event that brought a body first.
type sighting struct {
	event store.ID
	at    int64 // milliseconds
}

// fresh reports whether the body still counts as seen.
func (s sighting) fresh(now int64) bool { return now-s.at < store.DedupeWindow.Milliseconds() }

// sightings is what was seen by transactions that have ended well.
type sightings struct {
	young  map[store.BodyHash]sighting
	moving map[store.BodyHash]sighting // on its way into the table
	order  []store.BodyHash            // what of moving is not in the table yet, by hash
}

// find returns the newest sighting that memory has of a body.
func (s *sightings) find(h store.BodyHash) (sighting, bool) {
	if one, ok := s.young[h]; ok {
		return one, true
	}
	one, ok := s.moving[h]
	return one, ok
}

// moveSeen puts the next hashes into the table, twice as many as are new. Only the writer changes the sightings, so it may read
// them without a lock.
func (t *tx) moveSeen() error {
	fresh := 0
	for _, f := range t.flights {
		fresh += len(f.seen)
	}
	next := t.sightings.order[:min(2*fresh, len(t.sightings.order))]
	rows := make([]any, 0, 3*len(next))
	for _, h := range next {
		s := t.sightings.moving[h]
		rows = append(rows, h[:], s.event, s.at+store.DedupeWindow.Milliseconds())
	}
	if err := t.insert(t.into.seen, rows); err != nil {
		return err
	}
	t.moved = len(next)
	if t.moved == 0 || t.moved < len(t.sightings.order) {
		return nil
	}
	return t.mark(markDeduped, int64(t.oldestUnmoved()-1))
}

// oldestUnmoved returns the first event whose hash stays in memory, when all that is moving has moved.
func (t *tx) oldestUnmoved() store.ID {
	oldest := store.ID(math.MaxInt64)
	for _, s := range t.sightings.young {
		oldest = min(oldest, s.event)
	}
	for _, f := range t.flights {
		for _, s := range f.seen {
			oldest = min(oldest, s.event)
		}
	}
	return oldest
}

// learn takes over what a transaction has seen and moved.
func (s *sightings) learn(t *tx) {
	if s.order = s.order[t.moved:]; len(s.order) == 0 {
		s.moving = nil
	}
	if s.young == nil {
		s.young = map[store.BodyHash]sighting{}
	}
	for _, f := range t.flights {
		maps.Copy(s.young, f.seen)
	}
	if len(s.young) < seenAtOnce || s.moving != nil {
		return
	}
	s.moving, s.young = s.young, nil
	s.order = slices.SortedFunc(maps.Keys(s.moving), func(a, b store.BodyHash) int { return bytes.Compare(a[:], b[:]) })
}

// markDeduped is the mark of the event up to which all hashes are in the table.
const markDeduped = "deduped"

// mark keeps a number.
func (t *tx) mark(name string, value int64) error {
	const q = "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
	_, err := t.exec(q, name, value)
	return store.Wrap(err, "keeping a mark")
}

// recallSightings reads the hashes that are not in the table and still count.
func recallSightings(c *conn, now time.Time) (s sightings, err error) {
	const q = `SELECT id, hash FROM events INDEXED BY events_list WHERE hash IS NOT NULL
		AND id > max(?, coalesce((SELECT value FROM marks WHERE name = ?), 0))`
	s.young = map[store.BodyHash]sighting{}
	oldest := store.FirstID(now.Add(-store.DedupeWindow))
	err = c.query(context.Background(), q, []any{oldest, markDeduped}, func(r Row) error {
		if h := r.bytes(1); len(h) == len(store.BodyHash{}) {
			s.young[store.BodyHash(h)] = sighting{r.id(0), r.id(0).Time().UnixMilli()}
		}
		return nil
	})
	return s, store.Wrap(err, "reading the bodies that were seen")
}

// keepSeenOf puts the hashes of events that are about to be deleted into the table, if they still count.
func (t *tx) keepSeenOf(after, last store.ID) error {
	const q = `INSERT OR REPLACE INTO dedupe (hash, event_id, expires_at)
		SELECT hash, id, received_at + ?4 FROM events WHERE id > ?1 AND id <= ?2 AND hash IS NOT NULL AND received_at + ?4 > ?3`
	_, err := t.exec(q, after, last, t.now, store.DedupeWindow.Milliseconds())
	return store.Wrap(err, "remembering bodies")
}
