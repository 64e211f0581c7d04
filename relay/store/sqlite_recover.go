package store

import (
	"context"
	"time"
)

// recoverSending hands back what a process that ended was sending. It reads only the heads of deliveries_due, where
// those are.
func recoverSending(c *conn, now time.Time) error {
	const q = `WITH RECURSIVE n (notifier) AS (
			SELECT (SELECT min(notifier) FROM deliveries INDEXED BY deliveries_due WHERE unfinished = 1)
			UNION ALL
			SELECT (SELECT min(d.notifier) FROM deliveries d INDEXED BY deliveries_due WHERE d.unfinished = 1 AND d.notifier > n.notifier)
			FROM n WHERE n.notifier IS NOT NULL)
		SELECT d.id, d.lease FROM n CROSS JOIN deliveries d INDEXED BY deliveries_due
		ON d.unfinished = 1 AND d.notifier = n.notifier AND d.next_at IS NULL`
	var sending []Outcome
	err := c.query(context.Background(), q, nil, func(r row) error {
		sending = append(sending, Outcome{ID: r.id(0), Lease: r.int(1), State: Pending})
		return nil
	})
	if err != nil || len(sending) == 0 {
		return wrap(err, "looking for interrupted deliveries")
	}
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return wrap(err, "starting to recover interrupted deliveries")
	}
	t := &tx{conn: c, now: now.UnixMilli(), lanes: map[ID]held{}}
	if err = t.finish(sending); err == nil {
		_, err = c.exec("COMMIT")
	}
	if err != nil {
		c.rollback()
	}
	return wrap(err, "recovering interrupted deliveries")
}
