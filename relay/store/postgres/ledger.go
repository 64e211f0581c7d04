package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/postgres/tables"
	"qaserelay/relay/store/postgres/words"
)

// ledger returns what reads outlines, audit entries and tallies.
func (s *Store) ledger() *ledger.DB {
	db := &ledger.DB{
		Waiting: &ledger.Gather{Write: func(ctx context.Context, b ledger.Batch) error {
			return s.transact(ctx, func(t *tx) { t.addTallies(b.Tallies, b.Seen) })
		}},
		Query: func(ctx context.Context, query string, args []any, each func(ledger.Row) error) error {
			return s.list(ctx, ledger.Numbered(query), args, func(rows pgx.Rows) error {
				values, err := rows.Values()
				if err != nil {
					return err
				}
				return each(values)
			})
		},
		Dialect: ledger.Dialect{Outlines: "outlines o", Position: "strpos", AnyOf: "= ANY (?)", IDs: func(ids []store.ID) any { return int64s(ids) },
			DeliveriesOf: tables.DeliveriesOf("SELECT DISTINCT unnest(?::bigint[])"), Pending: "state = 'pending'"},
	}
	s.words = &words.Index{DB: db, List: s.list, Lock: func() int64 { return s.lockName(lockIndex, "") },
		Begin: func(ctx context.Context, run func(pgx.Tx) error) error {
			return s.read(ctx, func(ctx context.Context) error { return pgx.BeginFunc(ctx, s.pool, run) })
		},
		AwaitIdle: func(ctx context.Context) { s.events.AwaitIdle(ctx, idleFor) }}
	db.Index = ledger.Index{Match: s.words.Match, Place: s.words.Place, Fresh: s.words.Fresh, Next: s.words.Next}
	return db
}

// idleFor is how long a step of the index waits at most until no events are stored here.
const idleFor = 100 * time.Millisecond

// IndexEvents implements store.Search.
func (s *Store) IndexEvents(ctx context.Context, on bool) (store.IndexState, error) {
	state, err := s.words.Step(ctx, on)
	state.Relays = int(s.self.others.Load()) + 1
	return state, err
}

// decideStored queues the decision about an event that is stored, and counts it.
func (t *tx) decideStored(id store.ID, plan *store.Plan) {
	const outline = `UPDATE outlines SET subject = $2, outcome = $3, rules = $4, tx = pg_current_xact_id()
		WHERE id = $1 RETURNING project`
	o, project := &plan.Outline, ""
	t.queue("UPDATE events SET decisions = $2, facts = $3 WHERE id = $1", int64(id), plan.Decisions, plan.Facts)
	t.queueRows(func(rows pgx.Rows) error { return rows.Scan(&project) }, outline, int64(id), clean(o.Subject), o.Outcome,
		clean(o.RulesText()))
	t.after = append(t.after, func(bool) {
		if o.Outcome != store.OutcomeWaiting && o.Outcome != "" {
			t.sums.Add(store.TallyEvent, project, o.Outcome)
			t.sums.Rules(id, o)
		}
	})
}

// recordedRows are the outcomes that were recorded, as columns.
type recordedRows struct {
	ids       []store.ID
	notifiers []string
	made      []int64
	ended     []bool
}

// countOutcomes counts the outcomes that were recorded.
func (t *tx) countOutcomes(done []*store.Outcome, r *recordedRows) {
	at := make(map[store.ID]int, len(r.ids))
	for i, id := range r.ids {
		at[id] = i
	}
	for _, o := range done {
		if i, ok := at[o.ID]; ok {
			delete(at, o.ID)
			t.sums.Outcome(r.notifiers[i], o, time.Duration(t.now-r.made[i])*time.Millisecond)
		}
	}
}

// addTallies queues rows to be added to tallies, and what was seen. They are those of this relay, which has one writer of
// them at a time in most cases, so relays do not wait for each other.
func (t *tx) addTallies(tallies []ledger.TallyRow, seen []store.Seen) {
	node := t.store.self.node.Load()
	if len(tallies) > 0 {
		var kinds, as, bs []string
		var buckets, ns []int64
		for _, r := range tallies {
			kinds, as, bs = append(kinds, r.Kind), append(as, clean(r.A)), append(bs, clean(r.B))
			buckets, ns = append(buckets, r.Bucket), append(ns, r.N)
		}
		t.queue(`INSERT INTO tally AS t (node, slot, kind, bucket, a, b, n)
			SELECT $1::integer, $2::integer, kind, bucket, a, b, sum(n)
			FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[]) AS n (kind, bucket, a, b, n)
			GROUP BY kind, bucket, a, b ORDER BY kind, bucket, a, b
			ON CONFLICT (kind, bucket, a, b, node, slot) DO UPDATE SET n = t.n + excluded.n`,
			node, t.slot, kinds, buckets, as, bs, ns)
	}
	if len(seen) > 0 {
		var kinds, names []string
		var ids []int64
		for _, s := range seen {
			kinds, names, ids = append(kinds, s.Kind), append(names, clean(s.Name)), append(ids, int64(s.ID))
		}
		t.queue(`INSERT INTO seen AS s (node, slot, kind, name, id) SELECT $1::integer, $2::integer, kind, name, max(id)
			FROM unnest($3::text[], $4::text[], $5::bigint[]) AS n (kind, name, id) GROUP BY kind, name ORDER BY kind, name
			ON CONFLICT (kind, name, node, slot) DO UPDATE SET id = excluded.id WHERE excluded.id > s.id`,
			node, t.slot, kinds, names, ids)
	}
}

// AddTallies implements store.Tallies.
func (s *Store) AddTallies(ctx context.Context, list []store.Tally) error {
	err := s.transact(ctx, func(t *tx) { t.addTallies(ledger.RowsOf(list), nil) })
	return engine.Wrap(err, "adding to tallies")
}

// AddAudit implements store.Audit.
func (s *Store) AddAudit(ctx context.Context, e store.AuditEntry) error {
	err := s.transact(ctx, func(t *tx) { t.audit(&store.AuditNote{AuditEntry: e}) })
	return engine.Wrap(err, "adding an audit entry")
}

// audit queues an entry, unless it is nil.
func (t *tx) audit(n *store.AuditNote) {
	if n == nil {
		return
	}
	t.queue("INSERT INTO audit ("+ledger.AuditColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		ledger.AuditRow(t.store.auditIDs.Next(time.UnixMilli(t.now)), t.now, &n.AuditEntry)...)
}

// beginFill notes since when outlines and tallies are made, if an earlier release has stored events without them.
func (s *Store) beginFill(ctx context.Context) error {
	value, err := s.Get(ctx, ledger.FillKey)
	state, ok := ledger.ReadFillState(value)
	if err != nil || !ok || state.Since != 0 {
		return err
	}
	state.Since = s.Now().UnixMilli()
	_, err = s.pool.Exec(ctx, "UPDATE kv SET value = $1 WHERE key = $2 AND value = $3", state.Encode(),
		[]byte(ledger.FillKey), value)
	return engine.Wrap(err, "noting since when events are outlined")
}

// missedFor is how far back FillOutlines looks for events without an outline: those that a relay of an earlier release
// stores while it is being replaced.
const missedFor = 2 * time.Hour

// FillOutlines implements store.Outlines.
func (s *Store) FillOutlines(ctx context.Context, outline func(*store.StoredEvent) store.Outline) (time.Time, error) {
	value, err := s.Get(ctx, ledger.FillKey)
	state, ok := ledger.ReadFillState(value)
	if err != nil {
		return time.Time{}, err
	}
	if !ok {
		return time.Time{}, s.fillMissed(ctx, outline)
	}
	f, err := s.Fill(ctx, state, outline)
	if err != nil {
		return time.Time{}, err
	}
	err = s.transactAll(ctx, func(t *tx) error {
		held := false
		t.queueRows(func(rows pgx.Rows) error { return rows.Scan(&held) },
			"SELECT true FROM kv WHERE key = $1 AND value = $2 FOR UPDATE", []byte(ledger.FillKey), value)
		if err := t.send(); err != nil || !held {
			return err // another relay has written them
		}
		if f.Next.Before == 0 {
			t.queue("DELETE FROM kv WHERE key = $1", []byte(ledger.FillKey))
		} else {
			t.queue("UPDATE kv SET value = $2 WHERE key = $1", []byte(ledger.FillKey), f.Next.Encode())
		}
		t.writeOutlines(f.Outlines)
		t.addTallies(f.Tallies, f.Seen)
		return nil
	})
	return f.From(), engine.Wrap(err, "outlining events")
}

// fillMissed makes the outlines of events that have none.
func (s *Store) fillMissed(ctx context.Context, outline func(*store.StoredEvent) store.Outline) error {
	var missed []store.ID
	const q = `SELECT e.id FROM events e WHERE e.id > $1
		AND NOT EXISTS (SELECT 1 FROM outlines o WHERE o.id = e.id) LIMIT 1000`
	since := store.FirstID(s.Now().Add(-missedFor))
	if err := s.list(ctx, q, []any{since}, appendTo(&missed)); err != nil || len(missed) == 0 {
		return engine.Wrap(err, "looking for events without an outline")
	}
	var made []store.Outlined
	for _, id := range missed {
		ev, err := s.Event(ctx, id)
		if err != nil {
			return err
		}
		made = append(made, store.Outlined{ID: id, Source: ev.Source, Name: ev.Name, Project: ev.Project, Kind: ev.Kind,
			ReplayOf: ev.ReplayOf, Outline: outline(&ev)})
	}
	err := s.transact(ctx, func(t *tx) { t.writeOutlines(made) })
	return engine.Wrap(err, "outlining events")
}

// writeOutlines queues the outlines of events that may have some already.
func (t *tx) writeOutlines(list []store.Outlined) {
	for i := range list {
		o := &list[i]
		t.queue(`INSERT INTO outlines (id, source, name, project, kind, replay_of, subject, outcome, rules)
			SELECT $1::bigint, $2, $3, $4, $5, $6, $7, $8, $9 WHERE EXISTS (SELECT 1 FROM events WHERE id = $1)
			ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, replay_of = excluded.replay_of,
				subject = excluded.subject, outcome = excluded.outcome, rules = excluded.rules, tx = excluded.tx`,
			int64(o.ID), o.Source, o.Name, o.Project, o.Kind, int64(o.ReplayOf), clean(o.Subject), o.Outcome,
			clean(o.RulesText()))
	}
}

// purgeLedger deletes old audit entries and tallies.
func (s *Store) purgeLedger(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "DELETE FROM audit WHERE id < $1", ledger.AuditBefore(s.Now())); err != nil {
		return err
	}
	for _, old := range ledger.OldTallies(s.Now()) {
		if _, err := conn.Exec(ctx, "DELETE FROM tally WHERE kind = $1 AND bucket < $2", old.Kind, old.Bucket); err != nil {
			return err
		}
	}
	return nil
}
