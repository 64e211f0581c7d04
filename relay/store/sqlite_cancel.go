package store

import (
	"context"
	"fmt"
	"slices"
)

// Cancel implements Store, in slices as Retry does.
func (s *SQLite) Cancel(ctx context.Context, ids []ID, why string) (int, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	total := 0
	for slice := range slices.Chunk(ids, retrySlice) {
		var n int
		err := s.writer.do(&op{ctx: ctx, rows: len(slice), run: func(t *tx) (err error) {
			n, err = t.cancel(slice, why)
			return err
		}})
		if err != nil {
			return total, fmt.Errorf("cancelling deliveries: %w", err)
		}
		total += n
	}
	return total, nil
}

// cancel lets each lane go on when all are cancelled, so that none of them becomes due in between.
func (t *tx) cancel(ids []ID, why string) (total int, err error) {
	const q = `UPDATE deliveries SET state = 'cancelled', unfinished = 0, next_at = NULL, error = ?2, updated_at = ?3
		WHERE id = ?1 AND state IN ('dead', 'pending')`
	ended := map[lane]bool{}
	for _, id := range ids {
		n, err := t.exec(q, id, why, t.now)
		if err != nil {
			return 0, wrap(err, "cancelling a delivery")
		}
		if n == 0 {
			continue
		}
		total++
		l, err := t.laneOf(id)
		if err != nil {
			return 0, err
		}
		ended[l] = true
	}
	for l := range ended {
		if err := t.promote(l); err != nil {
			return 0, err
		}
	}
	return total, nil
}
