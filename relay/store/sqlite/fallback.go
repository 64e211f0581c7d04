package sqlite

import (
	"context"

	"qaserelay/relay/store"
)

// stoodIn reports whether a delivery that stands in for another one, or for one that does, has arrived or still may. So one that a person
// retried, and that died once more, is not sent to its fallback once more.
func (t *tx) stoodIn(event, dead store.ID) (is bool, err error) {
	const q = `WITH RECURSIVE heir (id, state) AS (
			SELECT id, state FROM deliveries INDEXED BY deliveries_event WHERE event_id = ?1 AND fallback_for = ?2
			UNION ALL
			SELECT d.id, d.state FROM heir h CROSS JOIN deliveries d INDEXED BY deliveries_event WHERE d.event_id = ?1 AND d.fallback_for = h.id)
		SELECT 1 FROM heir WHERE state = 'pending' OR state = 'delivered' LIMIT 1`
	err = t.query(context.Background(), q, []any{event, dead}, func(Row) error {
		is = true
		return nil
	})
	return is, store.Wrap(err, "looking for what stands in for a delivery")
}
