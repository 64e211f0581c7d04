package sqlite

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// count is what is kept in the table counts for one notifier, so that nobody has to count a backlog.
type count struct {
	unfinished, dead int
	bytes            int64    // of the messages of the unfinished ones
	since            store.ID // no unfinished one has a smaller id
}

// counting is how one transaction changes a count.
type counting struct {
	count
	lowest store.ID // of those that became unfinished; zero if none did
}

// enter counts a delivery in its new state.
func (c *counting) enter(s store.State, id store.ID, message int64) {
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

// leave counts a delivery no more in its old state.
func (c *counting) leave(s store.State, message int64) {
	switch s {
	case store.Dead:
		c.dead--
	case store.Pending, store.Sending:
		c.unfinished--
		c.bytes -= message
	}
}

func (c count) with(change *counting) count {
	if low := change.lowest; low != 0 && (c.unfinished == 0 || low < c.since) {
		c.since = low
	}
	c.unfinished += change.unfinished
	c.dead += change.dead
	c.bytes += change.bytes
	return c
}

// counts holds what is committed of the table. The writer changes it, and anybody may read it.
type counts struct {
	unfinished, bytes atomic.Int64 // of all notifiers

	mu     sync.Mutex
	of     map[string]count
	lowest map[string]store.ID // of those that became unfinished since a search for the oldest began
}

// loadCounts reads the table.
func loadCounts(c *conn) (*counts, error) {
	all := &counts{of: map[string]count{}, lowest: map[string]store.ID{}}
	const q = "SELECT notifier, unfinished, dead, bytes, since FROM counts"
	err := c.query(context.Background(), q, nil, func(r Row) error {
		n := count{int(r.int(1)), int(r.int(2)), r.int(3), r.id(4)}
		all.of[r.Str(0)] = n
		all.unfinished.Add(int64(n.unfinished))
		all.bytes.Add(n.bytes)
		return nil
	})
	return all, store.Wrap(err, "reading the counts")
}

func (c *counts) get(notifier string) count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[notifier]
}

// many reports whether a notifier, or all together, has many deliveries in a state.
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

// apply takes over what a transaction has committed.
func (c *counts) apply(changes map[string]*counting) {
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

// search returns all counts, and begins to watch for what becomes unfinished from here on.
func (c *counts) search() map[string]count {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.lowest)
	return maps.Clone(c.of)
}

// found tells what a search saw: that no unfinished delivery has a smaller id, but for those that became unfinished meanwhile.
func (c *counts) found(notifier string, oldest store.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if low, known := c.lowest[notifier]; known {
		oldest = min(oldest, low)
	}
	n := c.of[notifier]
	n.since = max(n.since, oldest)
	c.of[notifier] = n
}

// count returns what this transaction changes for a notifier.
func (t *tx) count(notifier string) *counting {
	c := t.counted[notifier]
	if c == nil {
		c = &counting{}
		if t.counted == nil {
			t.counted = map[string]*counting{}
		}
		t.counted[notifier] = c
	}
	return c
}

// saveCounts writes what was changed.
func (t *tx) saveCounts() error {
	const put = `INSERT INTO counts (notifier, unfinished, dead, bytes, since) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (notifier) DO UPDATE SET unfinished = ?2, dead = ?3, bytes = ?4, since = ?5`
	for notifier, change := range t.counted {
		n := t.counts.get(notifier).with(change)
		if _, err := t.exec(put, notifier, n.unfinished, n.dead, n.bytes, n.since); err != nil {
			return store.Wrap(err, "keeping a count")
		}
	}
	return nil
}
