package postgres

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// counts is the load: the sum of other relays as of the last heartbeat, and that of this one.
type counts struct {
	others, otherBytes atomic.Int64
	own, ownBytes      atomic.Int64
}

// countSum is what one transaction adds to the load.
type countSum struct{ deliveries, bytes int64 }

func (c *countSum) add(message int) { c.deliveries, c.bytes = c.deliveries+1, c.bytes+int64(message) }

// addLoad adopts the sum when the transaction is committed.
func (t *tx) addLoad(sum *countSum) {
	t.after = append(t.after, func(committed bool) {
		if committed {
			t.store.counts.own.Add(sum.deliveries)
			t.store.counts.ownBytes.Add(sum.bytes)
		}
	})
}

// Load implements store.Store. Changes of other relays are seen within seconds.
func (s *Store) Load() store.Load {
	c := &s.counts
	return store.Load{
		Deliveries: int(max(0, c.others.Load()+c.own.Load())),
		Bytes:      max(0, c.otherBytes.Load()+c.ownBytes.Load()),
	}
}

// Backlog implements store.Store. It reads the counts, which are kept up to date, the oldest pending deliveries from an
// index, and what is being sent.
func (s *Store) Backlog(ctx context.Context) ([]store.Backlog, error) {
	const q = `SELECT c.notifier, c.unfinished, c.dead, coalesce(least(s.oldest, (
			SELECT min(created_at) FROM deliveries d WHERE d.state = 'pending' AND d.notifier = c.notifier)), 0)
		FROM (SELECT notifier, sum(unfinished)::bigint AS unfinished, sum(dead)::bigint AS dead
			FROM counts GROUP BY notifier) c
		LEFT JOIN (SELECT notifier, min(created_at) AS oldest FROM deliveries WHERE state = 'sending'
			GROUP BY notifier) s ON s.notifier = c.notifier
		WHERE c.unfinished <> 0 OR c.dead <> 0 ORDER BY c.notifier`
	var list []store.Backlog
	err := s.list(ctx, q, nil, func(rows pgx.Rows) error {
		var b store.Backlog
		var oldest int64
		err := rows.Scan(&b.Notifier, &b.Pending, &b.Dead, &oldest)
		b.Oldest = fromMillis(oldest)
		list = append(list, b)
		return err
	})
	return list, engine.Wrap(err, "counting the backlog")
}
