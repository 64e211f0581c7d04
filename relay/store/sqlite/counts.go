package sqlite

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/sqlite/conn"
)

// count is a row of the table counts: how much one notifier has, kept up to date so that no query has to count.
type count struct {
	unfinished, dead int
	bytes            int64    // of the messages of the unfinished deliveries
	since            store.ID // no unfinished delivery has a smaller id
	// sending is the deliveries that are sending in the file. The row may still have some that have ended, and counts them
	// as unfinished: see countChange.mayWait.
	sending engine.PackedIDs
}

// nothingDue reports whether a notifier has no deliveries but those that are being sent.
func (s *Store) nothingDue(notifier string) bool {
	s.writer.committed.RLock()
	defer s.writer.committed.RUnlock()
	return s.counts.get(notifier).unfinished == s.leases.count(notifier)
}

// countChange is what one transaction adds to a count.
type countChange struct {
	count
	lowest store.ID         // of the deliveries that became unfinished, or zero
	born   map[store.ID]int // deliveries that are sending in the file, by 1, or no longer, by less
	ended  int              // of those no longer, how many were delivered
}

// mayWait reports whether the file may have a change with the next one: if nothing but the end of deliveries is counted
// that were sending in the file, who reads its row sees by their rows that they have ended. So an outcome that is written
// alone changes one page less.
func (c *countChange) mayWait() bool {
	return c.ended > 0 && c.unfinished == -c.ended && len(c.born) == c.ended && c.dead == 0 && c.lowest == 0
}

// add counts a delivery in its new state.
func (c *countChange) add(s store.State, id store.ID, message int64) {
	switch s {
	case store.Dead:
		c.dead++
	case store.Pending, store.Sending:
		c.unfinished++
		c.bytes += message
		if c.lowest == 0 || id < c.lowest {
			c.lowest = id
		}
	}
}

// remove stops counting a delivery in its old state.
func (c *countChange) remove(s store.State, message int64) {
	switch s {
	case store.Dead:
		c.dead--
	case store.Pending, store.Sending:
		c.unfinished--
		c.bytes -= message
	}
}

func (c count) with(change *countChange) count {
	if low := change.lowest; low != 0 && (c.unfinished == 0 || low < c.since) {
		c.since = low
	}
	c.unfinished += change.unfinished
	c.dead += change.dead
	c.bytes += change.bytes
	c.sending = c.sending.With(change.born)
	return c
}

// counts holds the committed table. The writer changes it when a transaction is committed, and a search for the oldest
// delivery raises since. It may be read from many goroutines.
type counts struct {
	unfinished, bytes atomic.Int64 // of all notifiers

	mu     sync.Mutex
	of     map[string]count
	behind map[string]bool     // notifiers whose rows are to be written; only the writer uses it
	lowest map[string]store.ID // of the deliveries that became unfinished since a search for the oldest began
}

// loadCounts reads the table.
func loadCounts(c *conn.Conn) (*counts, error) {
	all := &counts{of: map[string]count{}, behind: map[string]bool{}, lowest: map[string]store.ID{}}
	const q = "SELECT notifier, unfinished, dead, bytes, since, sending FROM counts"
	err := c.Each(q, nil, func(r conn.Row) {
		all.of[r.Str(0)] = count{int(r.Int(1)), int(r.Int(2)), r.Int(3), r.ID(4), r.Bytes(5)}
	})
	for notifier, n := range all.of {
		if err == nil && len(n.sending) > 0 {
			n, err = n.withoutEnded(c)
			all.of[notifier], all.behind[notifier] = n, true
		}
		all.unfinished.Add(int64(n.unfinished))
		all.bytes.Add(n.bytes)
	}
	return all, engine.Wrap(err, "reading the counts")
}

// withoutEnded leaves out the deliveries that have ended since the row was written.
func (c count) withoutEnded(from *conn.Conn) (count, error) {
	const q = `SELECT id, coalesce(length(message), 0) FROM deliveries
		WHERE id IN (SELECT value FROM json_each(?)) AND unfinished = 0`
	ended := map[store.ID]int{}
	err := from.Each(q, []any{conn.IDList(c.sending.All())}, func(r conn.Row) {
		ended[r.ID(0)] = -1
		c.unfinished--
		c.bytes -= r.Int(1)
	})
	c.sending = c.sending.With(ended)
	return c, err
}

func (c *counts) get(notifier string) count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[notifier]
}

// many reports whether a notifier, or all of them together, has many deliveries in a state.
func (c *counts) many(s store.State, notifier string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := 0
	for name, n := range c.of {
		switch {
		case notifier != "" && notifier != name:
		case s == store.Dead:
			sum += n.dead
		case s == store.Pending:
			sum += n.unfinished
		}
	}
	return sum > listing.FewUnfinished
}

// commit adopts the changes of a transaction.
func (c *counts) commit(changes map[string]*countChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for notifier, change := range changes {
		c.of[notifier] = c.of[notifier].with(change)
		c.unfinished.Add(int64(change.unfinished))
		c.bytes.Add(change.bytes)
		if low, known := c.lowest[notifier]; change.lowest != 0 && (!known || change.lowest < low) {
			c.lowest[notifier] = change.lowest
		}
	}
}

// beginSearch returns all counts, and begins to note which deliveries become unfinished.
func (c *counts) beginSearch() map[string]count {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.lowest)
	return maps.Clone(c.of)
}

// endSearch notes that no unfinished delivery has a smaller id, except those that became unfinished meanwhile.
func (c *counts) endSearch(notifier string, oldest store.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if low, known := c.lowest[notifier]; known {
		oldest = min(oldest, low)
	}
	n := c.of[notifier]
	n.since = max(n.since, oldest)
	c.of[notifier] = n
}

// count returns the changes of this transaction for a notifier.
func (t *tx) count(notifier string) *countChange {
	c := t.counted[notifier]
	if c == nil {
		c = &countChange{born: map[store.ID]int{}}
		if t.counted == nil {
			t.counted = map[string]*countChange{}
		}
		t.counted[notifier] = c
	}
	return c
}

// saveCounts writes the changed counts, but those that may wait unless this transaction settles.
func (t *tx) saveCounts() error {
	for notifier, change := range t.counted {
		if change.mayWait() && !t.settles {
			continue
		}
		if err := saveCount(t.Conn, notifier, t.counts.get(notifier).with(change)); err != nil {
			return err
		}
	}
	for notifier := range t.counts.behind {
		if _, changed := t.counted[notifier]; t.settles && !changed {
			if err := saveCount(t.Conn, notifier, t.counts.get(notifier)); err != nil {
				return err
			}
		}
	}
	return nil
}

func saveCount(c *conn.Conn, notifier string, n count) error {
	const put = `INSERT INTO counts (notifier, unfinished, dead, bytes, since, sending) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (notifier) DO UPDATE SET unfinished = ?2, dead = ?3, bytes = ?4, since = ?5, sending = ?6`
	_, err := c.Exec(put, notifier, n.unfinished, n.dead, n.bytes, n.since, []byte(n.sending))
	return engine.Wrap(err, "keeping a count")
}

// noteSaved notes which counts of a transaction the file has.
func (c *counts) noteSaved(t *tx) {
	if t.settles {
		clear(c.behind)
		return
	}
	for notifier, change := range t.counted {
		if delete(c.behind, notifier); change.mayWait() {
			c.behind[notifier] = true
		}
	}
}

// makePending makes the deliveries pending that were sending when the last process ended.
func (c *counts) makePending(in *conn.Conn) error {
	const pend = `UPDATE deliveries SET state = 'pending', next_at = created_at
		WHERE id IN (SELECT value FROM json_each(?)) AND state = 'sending'`
	if len(c.behind) == 0 {
		return nil
	}
	return in.Transact(func() error {
		for notifier := range c.behind {
			n := c.of[notifier]
			if _, err := in.Exec(pend, conn.IDList(n.sending.All())); err != nil {
				return err
			}
			n.sending = nil
			c.of[notifier] = n
			if err := saveCount(in, notifier, n); err != nil {
				return err
			}
		}
		clear(c.behind)
		return nil
	})
}

// Load implements store.Store.
func (s *Store) Load() store.Load {
	return store.Load{Deliveries: int(s.counts.unfinished.Load()), Bytes: s.counts.bytes.Load()}
}

// searchSteps is how many deliveries one search for the oldest unfinished one reads; the next one goes on from there.
const searchSteps = 20_000

// Backlog implements store.Store. Its cost does not grow with the backlog. For a notifier with more than FewUnfinished
// deliveries, Oldest may be too old for a few calls after a delivery ended that had waited for long.
func (s *Store) Backlog(ctx context.Context) ([]store.Backlog, error) {
	s.searching.Lock()
	defer s.searching.Unlock()
	var list []store.Backlog
	for notifier, n := range s.counts.beginSearch() {
		if n.unfinished == 0 && n.dead == 0 {
			continue
		}
		b := store.Backlog{Notifier: notifier, Pending: n.unfinished, Dead: n.dead}
		if n.unfinished > 0 {
			var err error
			if b.Oldest, err = s.oldest(ctx, notifier, n); err != nil {
				return nil, engine.Wrap(err, "looking for the oldest unfinished delivery")
			}
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b store.Backlog) int { return cmp.Compare(a.Notifier, b.Notifier) })
	return list, nil
}

// oldest returns when the oldest unfinished delivery of a notifier was made.
func (s *Store) oldest(ctx context.Context, notifier string, n count) (at time.Time, err error) {
	if n.unfinished > listing.FewUnfinished {
		return s.searchOldest(ctx, notifier, n.since, searchSteps)
	}
	const q = `SELECT created_at FROM deliveries WHERE id = (
		SELECT min(id) FROM deliveries INDEXED BY deliveries_lane WHERE state = 'pending' AND notifier = ?)`
	err = s.list(ctx, q, []any{notifier}, func(r conn.Row) { at = r.Time(0) })
	for id := range n.sending.All() {
		if made := id.Time().UTC(); at.IsZero() || made.Before(at) {
			at = made
		}
	}
	return at, err
}

// searchOldest reads so many deliveries from an id on. If all have ended, it returns the earliest time at which the
// next one can have been made.
func (s *Store) searchOldest(ctx context.Context, notifier string, since store.ID, steps int) (time.Time, error) {
	const q = "SELECT id, notifier, unfinished, created_at FROM deliveries NOT INDEXED WHERE id >= ? ORDER BY id LIMIT ?"
	var at time.Time
	found := errors.New("found")
	err := s.readers.Read(ctx, func(ctx context.Context, c *conn.Conn) error {
		return c.Query(ctx, q, []any{since, steps}, func(r conn.Row) error {
			since = r.ID(0)
			if r.Str(1) == notifier && r.Int(2) == 1 {
				at = r.Time(3)
				return found
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, found) {
		return time.Time{}, err
	}
	s.counts.endSearch(notifier, since)
	if at.IsZero() {
		at = since.Time().UTC()
	}
	return at, nil
}
