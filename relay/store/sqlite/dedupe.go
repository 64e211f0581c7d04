package sqlite

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// dedupeCache holds the newest body hashes in memory, from where they move into the table dedupe in the order of their
// values. A hash is random: in a table by hash, each new one costs a page of its own, but neighbors share pages. A
// start reads the hashes that are not in the table from the newest events. Only the writer uses the cache. In
// BenchmarkDedupe it takes less than half the time of a table alone, and writes a twentieth of the pages.
type dedupeCache struct {
	recent map[engine.BodyHash]firstEvent
	moving map[engine.BodyHash]firstEvent // on its way into the table
	queue  []engine.BodyHash              // the hashes of moving that are not in the table yet, sorted
}

// firstEvent is the event that brought a body first.
type firstEvent struct {
	id store.ID
	at int64 // milliseconds
}

// moveAt is how many hashes move into the table together. At most about twice as many are in memory, of 100 bytes each.
const moveAt = 1 << 15

// movedUpTo is the mark of the event up to which all hashes are in the table.
const movedUpTo = "deduped"

// loadDedupeCache reads the hashes that are not in the table and not expired.
func loadDedupeCache(c *conn.Conn, now time.Time) (d dedupeCache, err error) {
	const q = `SELECT id, hash FROM events INDEXED BY events_outline WHERE hash IS NOT NULL
		AND id > max(?, coalesce((SELECT value FROM marks WHERE name = ?), 0))`
	d.recent = map[engine.BodyHash]firstEvent{}
	oldest := store.FirstID(now.Add(-store.DedupeWindow))
	err = c.Each(q, []any{oldest, movedUpTo}, func(r conn.Row) {
		if h := r.Bytes(1); len(h) == len(engine.BodyHash{}) {
			d.recent[engine.BodyHash(h)] = firstEvent{r.ID(0), r.ID(0).Time().UnixMilli()}
		}
	})
	return d, engine.Wrap(err, "reading the bodies that were seen")
}

// find returns the event that brought a body first, as far as memory knows and it has not expired.
func (d *dedupeCache) find(h engine.BodyHash, now int64) (store.ID, bool) {
	first, ok := d.recent[h]
	if !ok {
		first, ok = d.moving[h]
	}
	return first.id, ok && now-first.at < store.DedupeWindow.Milliseconds()
}

// commit adopts the hashes that a transaction has stored and moved.
func (d *dedupeCache) commit(t *tx) {
	if d.queue = d.queue[t.moved:]; len(d.queue) == 0 {
		d.moving = nil
	}
	if d.recent == nil {
		d.recent = map[engine.BodyHash]firstEvent{}
	}
	maps.Copy(d.recent, t.bodies)
	if len(d.recent) < moveAt || d.moving != nil {
		return
	}
	d.moving, d.recent = d.recent, nil
	d.queue = slices.SortedFunc(maps.Keys(d.moving), func(a, b engine.BodyHash) int { return bytes.Compare(a[:], b[:]) })
}

// findDuplicates marks the events whose bodies came before, and remembers the bodies of the others.
func (t *tx) findDuplicates(a *acceptance) error {
	known, err := t.knownBodies(a.batch)
	if err != nil {
		return err
	}
	for i := range a.batch {
		ev, h := &a.batch[i], engine.HashOf(&a.batch[i])
		a.receipts[i].ID = ev.ID
		if !ev.HasHash() {
			continue
		}
		first, again := known[h]
		if again {
			a.receipts[i] = store.Receipt{ID: first, Duplicate: true}
			continue
		}
		known[h] = ev.ID
		if t.bodies == nil {
			t.bodies = map[engine.BodyHash]firstEvent{}
		}
		t.bodies[h] = firstEvent{ev.ID, t.now}
	}
	return nil
}

// knownBodies returns the events that brought bodies of a batch first: in this transaction, in memory, or in the table.
func (t *tx) knownBodies(batch []store.Event) (map[engine.BodyHash]store.ID, error) {
	const q = "SELECT hash, event_id FROM dedupe WHERE expires_at > ? AND hash IN " + conn.Sixteen
	known := map[engine.BodyHash]store.ID{}
	var unknown []any
	for i := range batch {
		h := engine.HashOf(&batch[i])
		if first, ok := t.bodies[h]; ok {
			known[h] = first.id
		} else if first, ok := t.dedupe.find(h, t.now); ok {
			known[h] = first
		} else {
			unknown = append(unknown, h[:])
		}
	}
	err := t.QueryMany(q, []any{t.now}, unknown, func(r conn.Row) { known[engine.BodyHash(r.Bytes(0))] = r.ID(1) })
	return known, engine.Wrap(err, "looking for earlier events")
}

// forgetBody lets the body of an event that is not stored come again.
func (t *tx) forgetBody(ev *store.Event) {
	if ev.HasHash() {
		delete(t.bodies, engine.HashOf(ev))
	}
}

// moveHashes writes the next hashes into the table, twice as many as are new.
func (t *tx) moveHashes() error {
	next := t.dedupe.queue[:min(2*len(t.bodies), len(t.dedupe.queue))]
	rows := make([]any, 0, 3*len(next))
	for _, h := range next {
		first := t.dedupe.moving[h]
		rows = append(rows, h[:], first.id, first.at+store.DedupeWindow.Milliseconds())
	}
	if err := t.Insert(t.into.Dedupe, rows); err != nil {
		return err
	}
	t.moved = len(next)
	if t.moved == 0 || t.moved < len(t.dedupe.queue) {
		return nil
	}
	return t.mark(movedUpTo, int64(t.oldestInMemory()-1))
}

// oldestInMemory returns the first event whose hash stays in memory once the queue is empty.
func (t *tx) oldestInMemory() store.ID {
	oldest := store.ID(math.MaxInt64)
	for _, bodies := range []map[engine.BodyHash]firstEvent{t.dedupe.recent, t.bodies} {
		for _, first := range bodies {
			oldest = min(oldest, first.id)
		}
	}
	return oldest
}

// mark keeps a number.
func (t *tx) mark(name string, value int64) error {
	const q = "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
	_, err := t.Exec(q, name, value)
	return engine.Wrap(err, "keeping a mark")
}

// keepHashes writes the hashes of events that are about to be purged into the table, unless they have expired.
func (t *tx) keepHashes(after, last store.ID) error {
	const q = `INSERT OR REPLACE INTO dedupe (hash, event_id, expires_at)
		SELECT hash, id, received_at + ?4 FROM events
		WHERE id > ?1 AND id <= ?2 AND hash IS NOT NULL AND received_at + ?4 > ?3`
	_, err := t.Exec(q, after, last, t.now, store.DedupeWindow.Milliseconds())
	return engine.Wrap(err, "remembering bodies")
}
