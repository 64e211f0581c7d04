package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/session"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (value []byte, err error) {
	const q = "SELECT value FROM kv WHERE key = $1 AND expires_at > $2"
	err = s.list(ctx, q, []any{[]byte(key), s.Now().UnixMilli()},
		func(rows pgx.Rows) error { return rows.Scan(&value) })
	return value, engine.Wrap(err, "reading a key")
}

// Swap implements store.Store. It locks the key as Accept does, so that a decision sees the value before or after it.
func (s *Store) Swap(ctx context.Context, key string, old []byte, c store.Change) (swapped bool, err error) {
	if err := store.CheckSwap(key); err != nil {
		return false, err
	}
	note := store.AuditOf(ctx)
	err = s.transact(ctx, func(t *tx) {
		t.lock(lockKeys, []string{key})
		if note != nil {
			t.before = append(t.before, func() {
				if swapped {
					t.audit(note)
				}
			})
		}
		q, args := swapQuery([]byte(key), old, c, t.now)
		t.queue(q, args...).Exec(func(done pgconn.CommandTag) error {
			swapped = done.RowsAffected() == 1
			return nil
		})
	})
	if swapped && err == nil {
		note.Added()
	}
	return swapped && err == nil, engine.Wrap(err, "changing a key")
}

// swapQuery returns a statement that touches one row if the value is still the old one, and its arguments.
func swapQuery(key, old []byte, c store.Change, now int64) (query string, args []any) {
	switch {
	case old == nil && c.Value == nil:
		return "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM kv WHERE key = $1 AND expires_at > $2)", []any{key, now}
	case old == nil:
		return `INSERT INTO kv AS k (key, value, expires_at) VALUES ($1, $3, $4) ON CONFLICT (key)
			DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at WHERE k.expires_at <= $2`,
			[]any{key, now, c.Value, engine.Expiry(c.Expires)}
	case c.Value == nil:
		return "DELETE FROM kv WHERE key = $1 AND expires_at > $2 AND value = $3", []any{key, now, old}
	}
	return "UPDATE kv SET value = $4, expires_at = $5 WHERE key = $1 AND expires_at > $2 AND value = $3",
		[]any{key, now, old, c.Value, engine.Expiry(c.Expires)}
}

// Reserve implements store.Store, by the clock of the database. It does not wait for the disk, so a reserved slot may
// be lost when the database fails.
func (s *Store) Reserve(ctx context.Context, key string, r store.Rate, most time.Duration) (
	wait time.Duration, err error) {
	if r.Messages <= 0 || r.Per <= 0 {
		return 0, nil
	}
	step := r.Per / time.Duration(r.Messages)
	slack := time.Duration(max(r.Burst, 1)-1) * step
	var now *int64
	if s.clock != nil {
		at := s.clock().UnixMicro()
		now = &at
	}
	var micros int64
	err = s.transact(ctx, func(t *tx) {
		t.queue("SET LOCAL synchronous_commit = off")
		args := []any{[]byte(key), now, step.Microseconds(), slack.Microseconds(), most.Microseconds()}
		t.queue(reserveSlot, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&micros) })
	})
	return time.Duration(micros) * time.Microsecond, engine.Wrap(err, "taking a place in a rate")
}

// reserveSlot is the generic cell rate algorithm: next_at is when the next slot would be without a burst.
const reserveSlot = `WITH c AS (
		SELECT coalesce($2::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now),
	r AS (
		INSERT INTO rates AS r (key, next_at, taken) SELECT $1::bytea, c.now + $3::bigint, true FROM c
		ON CONFLICT (key) DO UPDATE SET
			taken = greatest(r.next_at, (SELECT now FROM c)) - (SELECT now FROM c) - $4::bigint <= $5::bigint,
			next_at = CASE WHEN greatest(r.next_at, (SELECT now FROM c)) - (SELECT now FROM c) - $4::bigint <= $5::bigint
				THEN greatest(r.next_at, (SELECT now FROM c)) + $3::bigint ELSE r.next_at END
		RETURNING next_at, taken)
	SELECT greatest(0, r.next_at - CASE WHEN r.taken THEN $3::bigint ELSE 0 END - c.now - $4::bigint) FROM r, c`

// transact runs a short transaction of its own, beside those of the writers.
func (s *Store) transact(ctx context.Context, run func(t *tx)) error {
	return s.transactAll(ctx, func(t *tx) error {
		run(t)
		return nil
	})
}

// transactAll is transact for a transaction that also reads.
func (s *Store) transactAll(ctx context.Context, run func(t *tx) error) error {
	return s.read(ctx, func(ctx context.Context) error {
		t, err := s.begin(ctx, slotPurge)
		if err != nil {
			return err
		}
		defer t.end()
		if err := run(t); err != nil {
			return err
		}
		return t.commit()
	})
}

// Check implements store.Store. It writes through both writers, so it also shows that both make progress.
func (s *Store) Check(ctx context.Context) error {
	for _, w := range []*writer{s.events, s.work} {
		if err := w.Do(ctx, 1, &op{}); err != nil {
			return fmt.Errorf("writing to the store: %w%s", err, session.Remedy(err))
		}
	}
	return nil
}

// probe queues a write for Check.
func (t *tx) probe() {
	const q = "INSERT INTO probe (node, at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET at = excluded.at"
	t.queue("SELECT 1 FROM events, deliveries, dedupe, kv LIMIT 0") // they exist
	t.queue(q, t.store.self.node.Load(), t.now)
}

// fromMillis returns the zero time for 0.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
