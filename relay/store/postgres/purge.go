package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/tables"
	"qaserelay/relay/store/postgres/words"
)

// Purge implements store.Store. Each step is a transaction of its own, so that others come between. One relay purges at
// a time; meanwhile, Purge does nothing in the others.
func (s *Store) Purge(ctx context.Context, events, dead time.Time) (total int, err error) {
	if s.closed.Load() {
		return 0, store.ErrClosed
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return 0, engine.Wrap(err, "purging events")
	}
	defer conn.Release()
	var alone bool
	lock := s.lockName(lockPurge, "")
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", lock).Scan(&alone); err != nil || !alone {
		return 0, engine.Wrap(err, "purging events")
	}
	defer func() {
		if _, failed := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock); failed != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx)) // which unlocks too
		}
	}()
	if total, err = s.purgeEvents(ctx, conn.Conn(), store.FirstID(events), store.FirstID(dead)); err != nil {
		return total, engine.Wrap(err, "purging events")
	}
	if err := s.purgeDrySlots(ctx, conn.Conn()); err != nil {
		return total, engine.Wrap(err, "purging slots of dry runs")
	}
	for _, k := range []keyed{{"dedupe", "hash"}, {"kv", "key"}} {
		if err := s.purgeExpired(ctx, conn.Conn(), k); err != nil {
			return total, engine.Wrap(err, "purging what has expired")
		}
	}
	if err := s.purgeLedger(ctx, conn.Conn()); err != nil {
		return total, engine.Wrap(err, "purging old audit entries and tallies")
	}
	const rates = "DELETE FROM rates WHERE next_at < (SELECT extract(epoch FROM clock_timestamp()) * 1000000 - $1::bigint)"
	_, err = conn.Exec(ctx, rates, store.DedupeWindow.Microseconds())
	return total, engine.Wrap(err, "purging rates")
}

// purgeEvents reads the events from the oldest to the newest.
func (s *Store) purgeEvents(ctx context.Context, conn *pgx.Conn, before, deadBefore store.ID) (total int, err error) {
	const end = "SELECT coalesce(max(id), 0) FROM (SELECT id FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) e"
	for at := store.ID(-1); ; {
		var last store.ID
		if err := conn.QueryRow(ctx, end, at, before, engine.PurgeSlice).Scan(&last); err != nil || last == 0 {
			return total, err
		}
		n, err := s.purgeRange(ctx, conn, idRange{at, last}, deadBefore)
		if err != nil {
			return total, err
		}
		at, total = last, total+n
	}
}

// idRange is the ids after one id, up to another.
type idRange struct{ after, last store.ID }

// purgeRange deletes the events of a range that have no unfinished and no young dead deliveries. It deletes the
// deliveries first, except those that became pending again meanwhile.
func (s *Store) purgeRange(ctx context.Context, conn *pgx.Conn, r idRange, deadBefore store.ID) (n int, err error) {
	old := `WITH old AS (
			SELECT id FROM events e WHERE id > $1 AND id <= $2 AND NOT EXISTS (
				SELECT 1 FROM ` + tables.DeliveriesOf("SELECT e.id") + ` d
				WHERE state IN ('pending', 'sending') OR (state = 'dead' AND event_id >= $3))
				AND NOT EXISTS (SELECT 1 FROM items i WHERE i.event_id = e.id)),
		gone AS (
			DELETE FROM deliveries WHERE id = ANY (ARRAY(SELECT id FROM ` + tables.DeliveriesOf("SELECT id FROM old") + ` d))
				AND state IN ('delivered', 'dead', 'cancelled') RETURNING id, notifier, state),
		tries AS (DELETE FROM attempts a USING gone WHERE a.delivery_id = gone.id),
		kept AS (
			INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
			SELECT $4::integer, $5::integer, notifier, 0, -count(*), 0 FROM gone WHERE state = 'dead' GROUP BY notifier
			ON CONFLICT (node, slot, notifier) DO UPDATE SET dead = c.dead + excluded.dead)
		SELECT id FROM old`
	events := `WITH gone AS (DELETE FROM events e
			WHERE id = ANY ($1) AND NOT EXISTS (SELECT 1 FROM ` + tables.DeliveriesOf("SELECT e.id") + ` d) RETURNING id),
		lines AS (DELETE FROM outlines o USING gone WHERE o.id = gone.id)
		SELECT id FROM gone`
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, old, r.after, r.last, deadBefore, s.self.node.Load(), slotPurge)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, events, ids)
		if n = int(tag.RowsAffected()); err == nil {
			_, err = tx.Exec(ctx, words.PurgeRange, r.after, r.last)
		}
		return err
	})
	return n, err
}

// keyed is a table whose rows expire, and its key.
type keyed struct{ table, key string }

// purgeExpired reads a table by its key and deletes the expired rows. An index by time would cost every event more.
func (s *Store) purgeExpired(ctx context.Context, conn *pgx.Conn, k keyed) error {
	end := fmt.Sprintf(`SELECT %[2]s FROM (SELECT %[2]s FROM %[1]s WHERE %[2]s > $1 ORDER BY %[2]s LIMIT $2) k
		ORDER BY %[2]s DESC LIMIT 1`, k.table, k.key)
	expired := fmt.Sprintf("DELETE FROM %[1]s WHERE %[2]s > $1 AND %[2]s <= $2 AND expires_at <= $3", k.table, k.key)
	for at := []byte{}; ; {
		var last []byte
		err := conn.QueryRow(ctx, end, at, engine.PurgeSlice).Scan(&last)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, expired, at, last, s.Now().UnixMilli()); err != nil {
			return err
		}
		if k.table == "kv" {
			if err := s.purgeItems(ctx, conn, at, last); err != nil {
				return err
			}
		}
		at = last
	}
}

// purgeItems deletes the items of keys in a range that are gone.
func (s *Store) purgeItems(ctx context.Context, conn *pgx.Conn, after, last []byte) error {
	const q = `WITH gone AS (
			DELETE FROM items i WHERE key > $1 AND key <= $2 AND NOT EXISTS (SELECT 1 FROM kv k WHERE k.key = i.key)
			RETURNING octet_length(data) AS n)` + uncountItems + "SELECT coalesce(sum(n), 0)::bigint FROM gone"
	var bytes int64
	err := conn.QueryRow(ctx, q, after, last, s.self.node.Load(), slotPurge).Scan(&bytes)
	s.counts.ownBytes.Add(-bytes)
	return err
}

// purgeDrySlots lets the slots of dry runs expire that nothing has fired for a day.
func (s *Store) purgeDrySlots(ctx context.Context, conn *pgx.Conn) error {
	const q = `UPDATE kv SET due_at = NULL, expires_at = 0 WHERE key IN (
		SELECT key FROM kv WHERE due_at <= $1 AND ` + dryKeys + ` LIMIT $2)`
	for {
		tag, err := conn.Exec(ctx, q, s.Now().Add(-24*time.Hour).UnixMilli(), engine.PurgeSlice)
		if err != nil || tag.RowsAffected() < engine.PurgeSlice {
			return err
		}
	}
}
