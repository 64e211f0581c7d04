package sqlite

import (
	"context"
	"fmt"
	"slices"

	"qaserelay/relay/store"
)

// Cancel implements Store, in slices as Retry does.
func (s *Store) Cancel(ctx context.Context, ids []store.ID, why string) (int, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	total := 0
	for slice := range slices.Chunk(ids, store.RetrySlice) {
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
func (t *tx) cancel(ids []store.ID, why string) (total int, err error) {
	ended := map[store.Stream]bool{}
	for _, id := range ids {
		state, h, err := t.look(id)
		if err != nil {
			return 0, err
		}
		if store.ByCancel.From(state) == nil {
			continue
		}
		if err := t.cancelOne(id, why); err != nil {
			return 0, err
		}
		t.count(h.Notifier).leave(state, h.message)
		ended[h.Stream] = true
		total++
	}
	for l := range ended {
		if err := t.promote(l); err != nil {
			return 0, err
		}
	}
	return total, nil
}

func (t *tx) cancelOne(id store.ID, why string) error {
	const q = "UPDATE deliveries SET state = 'cancelled', unfinished = 0, next_at = NULL, error = ?2, updated_at = ?3 WHERE id = ?1"
	_, err := t.exec(q, id, why, t.now)
	return store.Wrap(err, "cancelling a delivery")
}
