package sqlite

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// The oldest of few unfinished deliveries is found by reading an index of them. Where there are more, it is looked for from the
// last one on that was known, among so many at a time.
const (
	searchSteps = 20_000
)

// Backlog implements Store. What it costs does not grow with the backlog. Where a notifier has more than FewUnfinished, the oldest
// may be a younger one than it says for a few calls, after one that had been waiting for long has ended.
func (s *Store) Backlog(ctx context.Context) ([]store.Backlog, error) {
	s.searching.Lock()
	defer s.searching.Unlock()
	var list []store.Backlog
	for notifier, n := range s.counts.search() {
		if n.unfinished == 0 && n.dead == 0 {
			continue
		}
		b := store.Backlog{Notifier: notifier, Pending: n.unfinished, Dead: n.dead}
		if n.unfinished > 0 {
			var err error
			if b.Oldest, err = s.oldest(ctx, notifier, n); err != nil {
				return nil, store.Wrap(err, "looking for the oldest unfinished delivery")
			}
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b store.Backlog) int { return cmp.Compare(a.Notifier, b.Notifier) })
	return list, nil
}

// oldest returns when the oldest unfinished delivery was made.
func (s *Store) oldest(ctx context.Context, notifier string, n count) (at time.Time, err error) {
	if n.unfinished > listing.FewUnfinished {
		return s.searchOldest(ctx, notifier, n.since, searchSteps)
	}
	const q = `SELECT created_at FROM deliveries WHERE id = (
		SELECT min(id) FROM deliveries INDEXED BY deliveries_lane WHERE unfinished = 1 AND notifier = ?)`
	err = s.List(ctx, listing.Query{Text: q, Args: []any{notifier}}, func(r Row) { at = r.time(0) })
	return at, err
}

// searchOldest looks among so many deliveries from an id on. When all have ended, the answer is when the next one could have been
// made at the earliest.
func (s *Store) searchOldest(ctx context.Context, notifier string, since store.ID, steps int) (time.Time, error) {
	const q = "SELECT id, notifier, unfinished, created_at FROM deliveries NOT INDEXED WHERE id >= ? ORDER BY id LIMIT ?"
	var at time.Time
	hit := errors.New("found")
	err := s.readers.read(ctx, func(ctx context.Context, c *conn) error {
		return c.query(ctx, q, []any{since, steps}, func(r Row) error {
			since = r.id(0)
			if r.Str(1) == notifier && r.int(2) == 1 {
				at = r.time(3)
				return hit
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, hit) {
		return time.Time{}, err
	}
	s.counts.found(notifier, since)
	if at.IsZero() {
		at = since.Time().UTC()
	}
	return at, nil
}
