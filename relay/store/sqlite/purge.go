package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/tables"
)

const (
	purgeBytes = 4 << 20 // of events in one step
	freePages  = 200     // pages given back to the file system in one step
)

// Purge implements store.Store. Each step is one op, so that others come between. Space is given back to the file
// system while more than a tenth of the file is free; the rest is used again.
func (s *Store) Purge(ctx context.Context, events, dead time.Time) (int, error) {
	total := 0
	p := purge{before: store.FirstID(events), deadBefore: store.FirstID(dead)}
	for !p.done {
		if err := s.step(ctx, p.slice); err != nil {
			return total, fmt.Errorf("purging events: %w", err)
		}
		total += p.purged
	}
	if err := s.purgeDrySlots(ctx); err != nil {
		return total, fmt.Errorf("purging slots of dry runs: %w", err)
	}
	for _, k := range []keyed{{"dedupe", "hash", []byte{}}, {"kv", "key", ""}} {
		if err := s.purgeExpired(ctx, k); err != nil {
			return total, fmt.Errorf("purging what has expired: %w", err)
		}
	}
	if err := s.purgeLedger(ctx); err != nil {
		return total, fmt.Errorf("purging old audit entries and tallies: %w", err)
	}
	return total, s.giveBack(ctx)
}

func (s *Store) giveBack(ctx context.Context) error {
	for more := true; more; {
		err := s.step(ctx, func(t *tx) (err error) {
			more, err = t.giveBack()
			return err
		})
		if err != nil { // the step may still run, so more must not be read
			return fmt.Errorf("giving space back: %w", err)
		}
	}
	return nil
}

func (s *Store) step(ctx context.Context, run func(*tx) error) error {
	return s.writer.Do(ctx, engine.PurgeSlice, &op{run: run})
}

// keyed is a table whose rows expire, its key, and a value that sorts before every key.
type keyed struct {
	table, key string
	first      any
}

// purgeExpired reads a table by its key and deletes the expired rows. An index by time would cost every event more.
func (s *Store) purgeExpired(ctx context.Context, k keyed) error {
	end := fmt.Sprintf("SELECT max(%[2]s) FROM (SELECT %[2]s FROM %[1]s WHERE %[2]s > ? ORDER BY %[2]s LIMIT ?)",
		k.table, k.key)
	expired := fmt.Sprintf("DELETE FROM %[1]s WHERE %[2]s > ? AND %[2]s <= ? AND expires_at <= ?", k.table, k.key)
	for at := k.first; at != nil; {
		last := make(chan any, 1)
		err := s.step(ctx, func(t *tx) error {
			var next any
			err := t.Each(end, []any{at, engine.PurgeSlice}, func(r conn.Row) {
				next = r[0]
			})
			if err == nil && next != nil {
				_, err = t.Exec(expired, at, next, t.now)
			}
			if err == nil && next != nil && k.table == "kv" {
				err = t.purgeItems(at, next)
			}
			replace(last, next)
			return err
		})
		if err != nil {
			return err
		}
		at = <-last
	}
	return nil
}

// purgeItems deletes the items of keys in a range that are gone.
func (t *tx) purgeItems(after, last any) error {
	const orphans = ` FROM items WHERE key > ? AND key <= ? AND NOT EXISTS (SELECT 1 FROM kv k WHERE k.key = items.key)`
	var n, bytes int64
	err := t.Each("SELECT count(*), coalesce(sum(length(data)), 0)"+orphans, []any{after, last}, func(r conn.Row) {
		n, bytes = r.Int(0), r.Int(1)
	})
	if err != nil || n == 0 {
		return err
	}
	t.count("").bytes -= bytes
	_, err = t.Exec("DELETE"+orphans, after, last)
	return err
}

// purgeDrySlots lets the slots of dry runs expire that nothing has fired for a day.
func (s *Store) purgeDrySlots(ctx context.Context) error {
	const q = `UPDATE kv SET due_at = NULL, expires_at = 0 WHERE key IN (
		SELECT key FROM kv INDEXED BY kv_due WHERE due_at <= ? AND ` + dryKeys + ` LIMIT ?)`
	for more := true; more; {
		err := s.step(ctx, func(t *tx) error {
			n, err := t.Exec(q, t.now-(24*time.Hour).Milliseconds(), engine.PurgeSlice)
			more = n == engine.PurgeSlice
			return err
		})
		if err != nil { // the step may still run, so more must not be read
			return err
		}
	}
	return nil
}

// replace puts the newest value into a channel for one.
func replace(c chan any, v any) {
	select {
	case <-c:
	default:
	}
	c <- v
}

// purge reads the events from the oldest to the newest.
type purge struct {
	before, deadBefore store.ID
	at                 store.ID // the last event that was read
	purged             int
	done               bool
}

// slice reads the next events and deletes those that may be purged, with all that belongs to them. It changes p only if
// that succeeds, since it may be repeated.
func (p *purge) slice(t *tx) error {
	last, err := t.purgeEnd(p.at, p.before)
	if err != nil || last == 0 {
		p.purged, p.done = 0, err == nil
		return err
	}
	n, err := t.purgeRange(p.at, last, p.deadBefore)
	if err == nil {
		p.at, p.purged = last, n
	}
	return err
}

// purgeEnd returns the last event of the next step, or zero at the end.
func (t *tx) purgeEnd(after, before store.ID) (last store.ID, err error) {
	const q = `SELECT id, coalesce(length(body), 0) + coalesce(length(decisions), 0) FROM events
		WHERE id > ? AND id < ? ORDER BY id LIMIT ?`
	size := int64(0)
	err = t.Each(q, []any{after, before, engine.PurgeSlice}, func(r conn.Row) {
		if size < purgeBytes {
			last = r.ID(0)
		}
		size += r.Int(1)
	})
	return last, err
}

// purgeRange deletes the events after one id and up to another that have no unfinished and no young dead deliveries,
// and are in no item.
func (t *tx) purgeRange(after, last, deadBefore store.ID) (int, error) {
	const read = "SELECT id FROM events WHERE id > ?1 AND id <= ?2"
	kept := "SELECT event_id FROM " + tables.DeliveriesOf(read) +
		" WHERE unfinished = 1 OR (state = 'dead' AND event_id >= ?3)"
	events := "DELETE FROM events WHERE id > ?1 AND id <= ?2 AND id NOT IN (" + kept + `)
		AND NOT EXISTS (SELECT 1 FROM items i WHERE i.event_id = events.id) RETURNING id`
	if err := t.keepHashes(after, last); err != nil {
		return 0, err
	}
	var gone []store.ID
	err := t.Each(events, []any{after, last, deadBefore}, func(r conn.Row) { gone = append(gone, r.ID(0)) })
	if err == nil {
		err = t.purgeDeliveries(conn.IDList(slices.Values(gone)))
	}
	if err != nil {
		return 0, err
	}
	return len(gone), t.purgeIndex(after, last)
}

// purgeDeliveries deletes the deliveries of events and their attempts, and stops counting those that are dead.
func (t *tx) purgeDeliveries(events string) error {
	of := tables.DeliveriesOf("SELECT value FROM json_each(?)")
	t.settles = true // before rows are gone that tell what has ended
	err := t.Each("SELECT notifier, count(*) FROM "+of+" WHERE state = 'dead' GROUP BY notifier", []any{events},
		func(r conn.Row) { t.count(r.Str(0)).dead -= int(r.Int(1)) })
	if err != nil {
		return fmt.Errorf("counting dead deliveries: %w", err)
	}
	if _, err := t.Exec("DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM "+of+")", events); err != nil {
		return fmt.Errorf("deleting attempts: %w", err)
	}
	_, err = t.Exec("DELETE FROM deliveries WHERE id IN (SELECT id FROM "+of+")", events)
	return engine.Wrap(err, "deleting deliveries")
}

// giveBack shortens the file by one step and reports whether there is more to do.
func (t *tx) giveBack() (more bool, err error) {
	const q = "SELECT f.freelist_count, p.page_count FROM pragma_freelist_count f, pragma_page_count p"
	var free, pages int64
	err = t.Each(q, nil, func(r conn.Row) {
		free, pages = r.Int(0), r.Int(1)
	})
	if err != nil || free <= pages/10 {
		return false, err
	}
	_, err = t.Exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", freePages))
	return true, err
}
