package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// change is one call of Retry or Cancel, or a slice of it.
type change struct {
	ids    []store.ID
	cancel bool
	why    string
	n      int // how many were found
}

// Retry implements Store. It works in slices, so that a long list disturbs nobody.
func (s *Store) Retry(ctx context.Context, ids []store.ID) (int, error) {
	n, err := s.changeAll(ctx, change{ids: ids})
	return n, store.Wrap(err, "retrying deliveries")
}

// Cancel implements Store, in slices as Retry does.
func (s *Store) Cancel(ctx context.Context, ids []store.ID, why string) (int, error) {
	n, err := s.changeAll(ctx, change{ids: ids, cancel: true, why: why})
	return n, store.Wrap(err, "cancelling deliveries")
}

// NotifiersOf implements Store.
func (s *Store) NotifiersOf(ctx context.Context, ids []store.ID) (names []string, err error) {
	const q = "SELECT DISTINCT notifier FROM deliveries WHERE state IN ('dead', 'pending') AND id = ANY ($1) ORDER BY notifier"
	err = s.list(ctx, listing.Query{Text: q, Args: []any{int64s(ids)}}, func(rows pgx.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, store.Wrap(err, "reading the notifiers of deliveries")
}

func (s *Store) changeAll(ctx context.Context, all change) (total int, err error) {
	ids := slices.Compact(slices.Sorted(slices.Values(all.ids)))
	for slice := range slices.Chunk(ids, store.RetrySlice) {
		c := all
		c.ids = slice
		if err := s.work.do(ctx, len(slice), &op{change: &c}); err != nil {
			return total, err
		}
		total += c.n
	}
	return total, nil
}

// change queues a change by a person. When deliveries are cancelled, those that waited for them go.
func (t *tx) change(c *change) {
	ids := int64s(c.ids)
	for _, id := range c.ids {
		t.store.bell.note(t.lanes[id].Notifier)
	}
	sum := &countSum{}
	scan := func(row pgx.Row) error { return row.Scan(&c.n, &sum.deliveries, &sum.bytes) }
	args := []any{ids, t.now, t.store.Me.node.Load(), t.slot}
	if c.cancel {
		t.queue(cancelDeliveries, append(args, clean(c.why))...).QueryRow(scan)
		t.promoteAfter(ids)
	} else {
		t.queue(retryDeliveries, args...).QueryRow(scan)
	}
	t.addLoad(sum)
}

// int64s gives ids as PostgreSQL takes them.
func int64s(ids []store.ID) []int64 {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}

// What retryDeliveries and cancelDeliveries have in common: which are found, and how the counts change.
const (
	foundDeliveries = `WITH found AS (
		SELECT id, state FROM deliveries WHERE id = ANY ($1) AND state IN ('dead', 'pending') ORDER BY id FOR UPDATE),`
	countFound = `kept AS (
		INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $3::integer, $4::integer, notifier, n, dead, bytes FROM sums
		ON CONFLICT (node, slot, notifier) DO UPDATE
		SET unfinished = c.unfinished + excluded.unfinished, dead = c.dead + excluded.dead, bytes = c.bytes + excluded.bytes)
	SELECT coalesce(sum(found), 0)::bigint, coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM sums`
)

const retryDeliveries = foundDeliveries + `
	changed AS (
		UPDATE deliveries d SET state = 'pending', attempts = 0, first_at = $2, next_at = $2, updated_at = $2
		FROM found WHERE d.id = found.id RETURNING d.notifier, found.state AS old, octet_length(d.message) AS bytes),
	sums AS (
		SELECT notifier, count(*) AS found, count(*) FILTER (WHERE old = 'dead') AS n, -count(*) FILTER (WHERE old = 'dead') AS dead,
			coalesce(sum(bytes) FILTER (WHERE old = 'dead'), 0)::bigint AS bytes
		FROM changed GROUP BY notifier),` + countFound

const cancelDeliveries = foundDeliveries + `
	changed AS (
		UPDATE deliveries d SET state = 'cancelled', next_at = NULL, error = $5, updated_at = $2
		FROM found WHERE d.id = found.id RETURNING d.notifier, found.state AS old, octet_length(d.message) AS bytes),
	sums AS (
		SELECT notifier, count(*) AS found, -count(*) FILTER (WHERE old = 'pending') AS n, -count(*) FILTER (WHERE old = 'dead') AS dead,
			-coalesce(sum(bytes) FILTER (WHERE old = 'pending'), 0)::bigint AS bytes
		FROM changed GROUP BY notifier),` + countFound
