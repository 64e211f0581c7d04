package sqlite

import (
	"bytes"
	"context"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/tables"
)

// ledger returns what reads outlines, audit entries and tallies.
func (s *Store) ledger() *ledger.DB {
	return &ledger.DB{
		Waiting: &ledger.Gather{Write: s.writeTallies},
		Query: func(ctx context.Context, query string, args []any, each func(ledger.Row) error) error {
			return s.readers.Read(ctx, func(ctx context.Context, c *conn.Conn) error {
				var row ledger.Row
				return c.Query(ctx, query, args, func(r conn.Row) error {
					row = row[:0]
					for _, v := range r {
						row = append(row, v)
					}
					return each(row)
				})
			})
		},
		Dialect: ledger.Dialect{
			Outlines: "events o" + byOutline, Position: "instr", AnyOf: "IN (SELECT value FROM json_each(?))",
			IDs:          func(ids []store.ID) any { return conn.IDList(slices.Values(ids)) },
			DeliveriesOf: tables.DeliveriesOf("SELECT DISTINCT value FROM json_each(?)"), Pending: "state = 'pending'",
		},
		Show:  func() func(store.Delivery) store.Delivery { return s.leases.snapshot().show },
		Index: ledger.Index{Match: s.match, Place: s.indexPlace, Fresh: s.unindexed},
		Sending: func() func(store.ID) bool {
			sending := s.leases.snapshot()
			return func(id store.ID) bool { _, ok := sending[id]; return ok }
		},
	}
}

// talliedUpTo is the mark of the event up to which all are counted in the table tally.
const talliedUpTo = "tallied"

// writeTallies writes what commits have counted.
func (s *Store) writeTallies(ctx context.Context, b ledger.Batch) error {
	return s.writer.Do(ctx, len(b.Tallies), &op{run: func(t *tx) error {
		if err := t.addTallies(b.Tallies, b.Seen); err != nil || b.Last == 0 {
			return err
		}
		return t.mark(talliedUpTo, int64(b.Last))
	}})
}

// recount counts the events that the last process has stored and not counted. The writer does not run yet.
func (s *Store) recount(c *conn.Conn) {
	last, known := store.ID(0), false
	err := c.Each("SELECT value FROM marks WHERE name = ?", []any{talliedUpTo}, func(r conn.Row) { last, known = r.ID(0), true })
	if err == nil && known {
		err = s.Recount(context.Background(), last)
	}
	if err != nil {
		s.log.Warn("last events not counted", "error", err)
	}
}

// stopCounting writes what was counted last. It is no reason to fail if that does not work.
func (s *Store) stopCounting() {
	ctx, cancel := context.WithTimeout(context.Background(), engine.ReadTimeout)
	defer cancel()
	if err := s.Waiting.Stop(ctx); err != nil {
		s.log.Warn("last counts not written", "error", err)
	}
}

func (t *tx) addTallies(tallies []ledger.TallyRow, seen []store.Seen) error {
	rows := make([]any, 0, t.into.Tallies.Columns*len(tallies))
	for _, r := range tallies {
		rows = append(rows, r.Kind, r.Bucket, r.A, r.B, r.N)
	}
	if err := t.Insert(t.into.Tallies, rows); err != nil {
		return err
	}
	rows = rows[:0]
	for _, s := range seen {
		rows = append(rows, s.Kind, s.Name, s.ID)
	}
	return t.Insert(t.into.Seen, rows)
}

// AddTallies implements store.Tallies.
func (s *Store) AddTallies(ctx context.Context, list []store.Tally) error {
	rows := ledger.RowsOf(list)
	err := s.writer.Do(ctx, len(rows), &op{run: func(t *tx) error { return t.addTallies(rows, nil) }})
	return engine.Wrap(err, "adding to tallies")
}

// AddAudit implements store.Audit.
func (s *Store) AddAudit(ctx context.Context, e store.AuditEntry) error {
	err := s.writer.Do(ctx, 1, &op{run: func(t *tx) error { return t.audit(&store.AuditNote{AuditEntry: e}) }})
	return engine.Wrap(err, "adding an audit entry")
}

const addAudit = "INSERT INTO audit (" + ledger.AuditColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

// audit adds an entry, unless it is nil.
func (t *tx) audit(n *store.AuditNote) error {
	if n == nil {
		return nil
	}
	_, err := t.Exec(addAudit, ledger.AuditRow(t.auditIDs.Next(time.UnixMilli(t.now)), t.now, &n.AuditEntry)...)
	return engine.Wrap(err, "adding an audit entry")
}

// beginFill notes in the file since when outlines and tallies are made, if an earlier release has stored events without
// them.
func beginFill(c *conn.Conn, now time.Time) error {
	state, ok, err := fillState(context.Background(), c)
	if err != nil || !ok || state.Since != 0 {
		return err
	}
	state.Since = now.UnixMilli()
	_, err = c.Exec("UPDATE kv SET value = ? WHERE key = ?", state.Encode(), ledger.FillKey)
	return engine.Wrap(err, "noting since when events are outlined")
}

func fillState(ctx context.Context, c *conn.Conn) (ledger.FillState, bool, error) {
	kv, err := readKey(ctx, c, ledger.FillKey)
	state, ok := ledger.ReadFillState(kv.Value)
	return state, ok, engine.Wrap(err, "reading how far events are outlined")
}

// FillOutlines implements store.Outlines.
func (s *Store) FillOutlines(ctx context.Context, outline func(*store.StoredEvent) store.Outline) (time.Time, error) {
	value, err := s.Get(ctx, ledger.FillKey)
	state, ok := ledger.ReadFillState(value)
	if err != nil || !ok {
		return time.Time{}, err
	}
	f, err := s.Fill(ctx, state, outline)
	if err != nil {
		return time.Time{}, err
	}
	err = s.writer.Do(ctx, 4*len(f.Outlines), &op{run: func(t *tx) error {
		now, err := t.getKey(ledger.FillKey)
		if err != nil || !bytes.Equal(now, value) {
			return err // another call has written them
		}
		return t.writeFilled(f)
	}})
	return f.From(), engine.Wrap(err, "outlining events")
}

func (t *tx) writeFilled(f *ledger.Filled) error {
	const q = "UPDATE events SET subject = ?2, outcome = ?3, rules = ?4 WHERE id = ?1"
	for i := range f.Outlines {
		o := &f.Outlines[i]
		if _, err := t.Exec(q, o.ID, o.Subject, o.Outcome, o.RulesText()); err != nil {
			return err
		}
	}
	next := store.Change{Key: ledger.FillKey}
	if f.Next.Before != 0 {
		next.Value = f.Next.Encode()
	}
	t.keys.Set(next)
	return t.addTallies(f.Tallies, f.Seen)
}

// purgeLedger deletes old audit entries and tallies.
func (s *Store) purgeLedger(ctx context.Context) error {
	entries := func(t *tx) (int64, error) {
		const q = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)"
		return t.Exec(q, ledger.AuditBefore(time.UnixMilli(t.now)), engine.PurgeSlice)
	}
	if err := s.whileFull(ctx, entries); err != nil {
		return err
	}
	for _, old := range ledger.OldTallies(s.now()) {
		err := s.whileFull(ctx, func(t *tx) (int64, error) {
			const q = `DELETE FROM tally WHERE (kind, bucket, a, b) IN (
				SELECT kind, bucket, a, b FROM tally WHERE kind = ? AND bucket < ? LIMIT ?)`
			return t.Exec(q, old.Kind, old.Bucket, engine.PurgeSlice)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// whileFull repeats a step that deletes rows, until it deletes fewer than it may.
func (s *Store) whileFull(ctx context.Context, del func(*tx) (int64, error)) error {
	for more := true; more; {
		err := s.step(ctx, func(t *tx) error {
			n, err := del(t)
			more = n == engine.PurgeSlice
			return err
		})
		if err != nil { // the step may still run, so more must not be read
			return err
		}
	}
	return nil
}
