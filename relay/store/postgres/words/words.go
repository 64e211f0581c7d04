// Package words keeps the index of words of a store in PostgreSQL: a tsvector of ready words for each event.
//
// Events are committed out of the order of their ids, by several relays. So each row of outlines has the number of the
// transaction that wrote it last, and the index goes on in that order, up to the first transaction that still runs: all
// before it have ended, and can be seen. Stored events are indexed from the newest back.
package words

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/listing"
)

// Schema builds the tables. The number 0 is of events that were stored before.
const Schema = `
ALTER TABLE outlines ADD COLUMN tx xid8 NOT NULL DEFAULT '0';
ALTER TABLE outlines ALTER COLUMN tx SET DEFAULT pg_current_xact_id();
CREATE INDEX outlines_tx ON outlines (tx);
CREATE TABLE search (
	id    bigint PRIMARY KEY,
	words tsvector NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX search_words ON search USING gin (words) WITH (gin_pending_list_limit = 256);
-- How far the index is, if there is one: all is indexed that was written up to a transaction, and in it up to an id, and
-- of what was stored before, all from an id on (zero is all).
CREATE TABLE indexed (
	one    boolean PRIMARY KEY DEFAULT true CHECK (one),
	tx     xid8 NOT NULL,
	id     bigint NOT NULL,
	before bigint NOT NULL
);
`

// Again is the statement that has events indexed again, and AgainOf the one for those of deliveries.
const (
	Again = `UPDATE outlines o SET tx = pg_current_xact_id()
		FROM (SELECT id FROM outlines WHERE id = ANY ($1) ORDER BY id FOR UPDATE) a WHERE o.id = a.id`
	AgainOf = `UPDATE outlines o SET tx = pg_current_xact_id() FROM (SELECT id FROM outlines
		WHERE id IN (SELECT event_id FROM deliveries WHERE id = ANY ($1)) ORDER BY id FOR UPDATE) a WHERE o.id = a.id`
)

// PurgeRange is the statement that deletes from the index what was deleted of a range of events.
const PurgeRange = `DELETE FROM search s WHERE id > $1 AND id <= $2
	AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = s.id)`

// stepEvents is how many events one step indexes.
const stepEvents = 256

// Index is the index of a store.
type Index struct {
	DB *ledger.DB
	// List runs a query and calls scan for every row.
	List func(ctx context.Context, query string, args []any, scan func(pgx.Rows) error) error
	// Begin runs a transaction.
	Begin func(ctx context.Context, run func(pgx.Tx) error) error
	// Lock returns the number of the advisory lock that the relay holds that indexes.
	Lock func() int64
	// AwaitIdle waits for a short time until nothing else is written here.
	AwaitIdle func(ctx context.Context)
}

// Match returns the first events of a span that have all terms. It reads the words of each event of a span of few, and
// asks the index about a long one: OFFSET 0 keeps the planner to that, since the index does not know where a word is.
func (x *Index) Match(ctx context.Context, a ledger.Ask) (ids []store.ID, err error) {
	const has = "words @@ CAST(? AS tsquery)"
	w, asked := new(listing.Where).Within("id", a.Span), queryText(a.Terms)
	end := a.Span.Order("id") + " LIMIT ?"
	add := func(rows pgx.Rows) error {
		var id store.ID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}
	if a.Within == 0 {
		q := "SELECT id FROM (SELECT id, words FROM search" + w.Text() + " OFFSET 0) s WHERE " + has + end
		err = x.List(ctx, ledger.Numbered(q), append(w.Args, asked, a.Limit), add)
		return ids, err
	}
	if often, err := x.isFrequent(ctx, asked); err != nil || often {
		return nil, cmp.Or(err, context.DeadlineExceeded)
	}
	q := "SELECT id FROM (SELECT id FROM search WHERE " + has + " OFFSET 0) s" + w.Text() + end
	args := append(append([]any{asked}, w.Args...), a.Limit)
	err = x.Begin(ctx, func(tx pgx.Tx) error {
		within := fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL jit = off", a.Within.Milliseconds())
		if _, err := tx.Conn().PgConn().Exec(ctx, within).ReadAll(); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, ledger.Numbered(q), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := add(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) && failed.Code == "57014" { // query_canceled
		return nil, context.DeadlineExceeded
	}
	return ids, err
}

// frequent is how many events have all terms, as far as the planner knows, if asking the index about them takes long: it
// reads each of them, wherever it is.
const frequent = 5_000

// isFrequent reports whether so many events are likely to have what is asked for.
func (x *Index) isFrequent(ctx context.Context, asked string) (often bool, err error) {
	q := "EXPLAIN (FORMAT JSON) SELECT id FROM search WHERE words @@ '" + strings.ReplaceAll(asked, "'", "''") +
		"'::tsquery"
	err = x.List(ctx, q, []any{pgx.QueryExecModeSimpleProtocol}, func(rows pgx.Rows) error {
		var text []byte
		var plans []struct {
			Plan struct {
				Rows float64 `json:"Plan Rows"`
			}
		}
		if err := rows.Scan(&text); err != nil {
			return err
		}
		err := json.Unmarshal(text, &plans)
		often = len(plans) > 0 && plans[0].Plan.Rows > frequent
		return err
	})
	return often, err
}

// queryText returns terms as a tsquery. They have letters, digits and the mark of facets only.
func queryText(terms []store.Term) string {
	var parts []string
	for _, t := range terms {
		part := "'" + t.Text + "'"
		if t.Prefix {
			part += ":*"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " & ")
}

// at is how far the index is.
type at struct {
	ledger.Place
	tx string // up to which all is indexed
	id store.ID
}

// readPlace reads it. A number that is ahead of the database is of another one, which was copied here.
const readPlace = `SELECT tx::text, id, before FROM indexed WHERE tx <= pg_snapshot_xmax(pg_current_snapshot())`

// Place returns how far the index is.
func (x *Index) Place(ctx context.Context) (p ledger.Place, err error) {
	found, err := x.at(ctx)
	return found.Place, err
}

func (x *Index) at(ctx context.Context) (p at, err error) {
	err = x.List(ctx, readPlace, nil, func(rows pgx.Rows) error {
		p.On = true
		return rows.Scan(&p.tx, &p.id, &p.From)
	})
	return p, err
}

// fresh are the rows of outlines that were written behind a place.
const fresh = ` FROM outlines WHERE tx >= ?::text::xid8 AND (tx > ?::text::xid8 OR id > ?)
	AND tx < pg_snapshot_xmax(pg_current_snapshot())`

// Fresh returns the first events of a span that were written since.
func (x *Index) Fresh(ctx context.Context, sp listing.Span, limit int) (ids []store.ID, err error) {
	p, err := x.at(ctx)
	if err != nil || !p.On {
		return nil, err
	}
	w := new(listing.Where).Within("id", sp)
	q := "SELECT id" + fresh
	if len(w.Conds) > 0 {
		q += " AND " + strings.Join(w.Conds, " AND ")
	}
	args := append(append([]any{p.tx, p.tx, p.id}, w.Args...), limit)
	err = x.List(ctx, ledger.Numbered(q+sp.Order("id")+" LIMIT ?"), args, func(rows pgx.Rows) error {
		var id store.ID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// nextOf is of how many events the oldest one is the next: their ids are made shortly before their transactions begin.
const nextOf = 64

// Next returns about the oldest event that was written since, or zero. It looks at the first ones only, since very many may
// wait.
func (x *Index) Next(ctx context.Context) (id store.ID, err error) {
	p, err := x.at(ctx)
	if err != nil || !p.On {
		return 0, err
	}
	q := "SELECT coalesce(min(id), 0) FROM (SELECT id" + fresh + " ORDER BY tx, id LIMIT ?) f"
	err = x.List(ctx, ledger.Numbered(q), []any{p.tx, p.tx, p.id, nextOf}, func(rows pgx.Rows) error {
		return rows.Scan(&id)
	})
	return id, err
}

// Step implements store.Search's IndexEvents.
func (x *Index) Step(ctx context.Context, on bool) (store.IndexState, error) {
	s, err := x.DB.IndexState(ctx)
	if err != nil || on == s.On && !s.More {
		return s, err
	}
	if on {
		x.AwaitIdle(ctx)
	}
	alone := false
	err = x.Begin(ctx, func(tx pgx.Tx) error {
		const lock = "SELECT pg_try_advisory_xact_lock($1)"
		if err := tx.QueryRow(ctx, lock, x.Lock()).Scan(&alone); err != nil || !alone {
			return err
		}
		return x.step(ctx, tx, on)
	})
	switch {
	case err != nil:
		return store.IndexState{}, engine.Wrap(err, "indexing events")
	case !alone:
		s.Elsewhere = true
		return s, nil
	}
	return x.DB.IndexState(ctx)
}

// step does one step. No other relay does one meanwhile.
func (x *Index) step(ctx context.Context, tx pgx.Tx, on bool) error {
	var started bool
	const is = "SELECT count(*) > 0, coalesce(bool_or(tx > pg_snapshot_xmax(pg_current_snapshot())), false) FROM indexed"
	var foreign bool
	if err := tx.QueryRow(ctx, is).Scan(&started, &foreign); err != nil {
		return err
	}
	switch {
	case !on || foreign:
		_, err := tx.Conn().PgConn().Exec(ctx, "TRUNCATE search, indexed").ReadAll()
		return err
	case !started:
		_, err := tx.Exec(ctx, `INSERT INTO indexed (tx, id, before)
			SELECT pg_snapshot_xmin(pg_current_snapshot()), 0, coalesce(max(id) + 1, 0) FROM outlines`)
		return err
	}
	n, err := x.indexFresh(ctx, tx)
	if err == nil && n < stepEvents {
		err = x.indexOlder(ctx, tx)
	}
	return err
}

// indexFresh indexes the next events that were written, and returns how many.
func (x *Index) indexFresh(ctx context.Context, tx pgx.Tx) (int, error) {
	var p at
	if err := tx.QueryRow(ctx, readPlace).Scan(&p.tx, &p.id, &p.From); err != nil {
		return 0, err
	}
	q := "SELECT id, tx::text" + fresh + " AND tx < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY tx, id LIMIT ?"
	rows, err := tx.Query(ctx, ledger.Numbered(q), p.tx, p.tx, p.id, stepEvents)
	if err != nil {
		return 0, err
	}
	var ids []store.ID
	var numbers []string
	for rows.Next() {
		var id store.ID
		var number string
		if err := rows.Scan(&id, &number); err != nil {
			rows.Close()
			return 0, err
		}
		ids, numbers = append(ids, id), append(numbers, number)
	}
	rows.Close()
	if err := rows.Err(); err != nil || len(ids) == 0 {
		return 0, err
	}
	of, err := x.put(ctx, tx, ids)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, "UPDATE indexed SET tx = $1::text::xid8, id = $2", numbers[of-1], ids[of-1])
	return len(ids), err
}

// indexOlder indexes the last events that were stored before, as far as they are outlined.
func (x *Index) indexOlder(ctx context.Context, tx pgx.Tx) error {
	var from store.ID
	if err := tx.QueryRow(ctx, "SELECT before FROM indexed").Scan(&from); err != nil || from == 0 {
		return err
	}
	var value []byte
	err := tx.QueryRow(ctx, "SELECT value FROM kv WHERE key = $1", []byte(ledger.FillKey)).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	filled, filling := ledger.ReadFillState(value)
	rows, err := tx.Query(ctx, "SELECT id FROM outlines WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT $3", from,
		filled.Before, stepEvents)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[store.ID])
	next := store.ID(0)
	switch {
	case err != nil || len(ids) == 0 && filling:
		return err
	case len(ids) > 0:
		of, err := x.put(ctx, tx, ids)
		if err != nil {
			return err
		}
		next = ids[of-1]
	}
	_, err = tx.Exec(ctx, "UPDATE indexed SET before = $1", next)
	return err
}

// put writes the words of the first of these events, and returns how many of them.
func (x *Index) put(ctx context.Context, tx pgx.Tx, ids []store.ID) (of int, err error) {
	rows, of, err := x.DB.IndexRows(ctx, ids)
	if err != nil {
		return 0, err
	}
	var numbers []int64
	var texts []string
	for _, r := range rows {
		numbers, texts = append(numbers, int64(r.ID)), append(texts, r.Words)
	}
	_, err = tx.Exec(ctx, `INSERT INTO search (id, words)
		SELECT r.id, array_to_tsvector(string_to_array(r.words, ' ')) FROM unnest($1::bigint[], $2::text[]) AS r (id, words)
		WHERE EXISTS (SELECT 1 FROM events e WHERE e.id = r.id)
		ON CONFLICT (id) DO UPDATE SET words = excluded.words`, numbers, texts)
	return of, err
}
