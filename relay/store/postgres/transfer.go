package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/session"
	"qaserelay/relay/store/transfer"
)

// transferFrom returns the tables from which rows are copied: without the mark of a copy, and with the
// tallies of all relays together.
func transferFrom(table string) string {
	switch table {
	case "events":
		return `(SELECT e.*, coalesce(o.subject, '') AS subject, coalesce(o.outcome, '') AS outcome,
			coalesce(o.rules, '') AS rules FROM events e LEFT JOIN outlines o ON o.id = e.id) events`
	case "kv":
		return "(SELECT * FROM kv WHERE key <> '" + transfer.MarkKey + "'::bytea) kv"
	case "audit":
		return "(SELECT * FROM audit WHERE verb <> '" + transfer.CopyVerb + "') audit"
	case "tally":
		return "(SELECT kind, bucket, a, b, sum(n)::bigint AS n FROM tally GROUP BY kind, bucket, a, b) tally"
	case "seen":
		return "(SELECT kind, name, max(id) AS id FROM seen GROUP BY kind, name) seen"
	}
	return table
}

// transferColumns returns the columns of a table in the form that both engines have.
func transferColumns(columns []string) string {
	list := make([]string, len(columns))
	for i, column := range columns {
		switch column {
		case "state":
			column = "CASE state WHEN 'sending' THEN 'pending' ELSE state END"
		case "next_at":
			column = "CASE state WHEN 'sending' THEN updated_at ELSE next_at END"
		case "attempts":
			column = "attempts::bigint"
		}
		list[i] = column
	}
	return strings.Join(list, ", ")
}

// transferSession is one connection that no other transfer uses at the same time.
type transferSession struct {
	pool *pgxpool.Pool
	conn *pgxpool.Conn
}

// openSession connects, for reading only or to write.
func openSession(ctx context.Context, url string, readOnly bool) (_ *transferSession, err error) {
	s := &transferSession{}
	if s.pool, err = session.NewPool(ctx, url, readOnly); err != nil {
		return nil, err
	}
	if s.conn, err = s.pool.Acquire(ctx); err == nil {
		_, err = s.conn.Exec(ctx, "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", store.Redact(url), session.Advise(err)), s.Close())
	}
	return s, nil
}

// Close implements transfer.Reader and transfer.Writer.
func (s *transferSession) Close() error {
	if s.conn != nil {
		// The session has settings of its own, and maybe a lock and a transaction: it ends.
		_ = s.conn.Hijack().Close(context.Background())
	}
	s.pool.Close()
	return nil
}

// Count implements transfer.Reader and transfer.Writer.
func (s *transferSession) Count(ctx context.Context, t transfer.Table) (n int64, err error) {
	err = s.conn.QueryRow(ctx, "SELECT count(*) FROM "+transferFrom(t.Name)).Scan(&n)
	return n, engine.Wrap(err, "counting "+t.Name)
}

// refuseRelays returns an error if relays use the store.
func (s *transferSession) refuseRelays(ctx context.Context) error {
	var alive int64
	const q = "SELECT count(*) FROM replicas WHERE NOT ended AND beat_at > " + dbNow + " - $1::bigint"
	err := s.conn.QueryRow(ctx, q, deadAfter.Milliseconds()).Scan(&alive)
	if err == nil && alive > 0 {
		return fmt.Errorf("%d relays use the store; stop them first (one that was killed counts for %v)", alive,
			deadAfter)
	}
	return engine.Wrap(err, "looking for relays that use the store")
}

// transferReader reads one moment of a database. It implements transfer.Reader.
type transferReader struct{ *transferSession }

// OpenTransfer opens a database to copy all of it, as it is at this moment. Unless shared, it fails if relays use it.
func OpenTransfer(ctx context.Context, url string, shared bool) (_ transfer.Reader, err error) {
	checked, err := OpenReader(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := checked.Close(); err != nil {
		return nil, err
	}
	s, err := openSession(ctx, url, true)
	if err != nil {
		return nil, err
	}
	if !shared {
		err = s.refuseRelays(ctx)
	}
	if err == nil {
		_, err = s.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return transferReader{s}, nil
}

// Page implements transfer.Reader.
func (r transferReader) Page(ctx context.Context, t transfer.Table, after transfer.Row) ([]transfer.Row, error) {
	key := strings.Join(t.Columns[:t.Key], ", ")
	q := "SELECT " + transferColumns(t.Columns) + " FROM " + transferFrom(t.Name)
	if after != nil {
		q += " WHERE (" + key + ") > (" + parameters(t.Key) + ")"
	}
	rows, err := r.conn.Query(ctx, q+" ORDER BY "+key+" LIMIT "+strconv.Itoa(t.Page), after...)
	if err != nil {
		return nil, engine.Wrap(err, "reading "+t.Name)
	}
	defer rows.Close()
	var page transfer.Page
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, engine.Wrap(err, "reading "+t.Name)
		}
		if page.Full() {
			continue // the rest of the answer has to be read from the connection
		}
		page.Add(values)
	}
	return page.Rows, engine.Wrap(rows.Err(), "reading "+t.Name)
}

// parameters returns "$1, $2, …".
func parameters(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(list, ", ")
}

// State implements transfer.Reader.
func (r transferReader) State(ctx context.Context) (state string, err error) {
	const q = `SELECT concat('events ', (SELECT count(*) || ' ' || coalesce(max(id), 0) FROM events),
		', deliveries ', (SELECT count(*) || ' ' || coalesce(max(id), 0) || ' ' || coalesce(max(updated_at), 0)
			FROM deliveries), ', attempts ', (SELECT count(*) FROM attempts), ', keys ', (SELECT count(*) FROM kv), ', items ',
		(SELECT count(*) FROM items))`
	err = r.conn.QueryRow(ctx, q).Scan(&state)
	return state, engine.Wrap(err, "reading the state of the store")
}

// transferWriter writes a database. It implements transfer.Writer.
type transferWriter struct{ *transferSession }

// OpenTarget opens a database for the rows of another store, and creates or migrates its tables. It fails if relays or
// another copy use it.
func OpenTarget(ctx context.Context, url string) (_ transfer.Writer, err error) {
	made := &Store{log: slog.New(slog.DiscardHandler)}
	if made.pool, err = session.NewPool(ctx, url, false); err != nil {
		return nil, err
	}
	if err = made.inspect(ctx); err == nil {
		err = made.migrate(ctx)
	}
	made.pool.Close()
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", store.Redact(url), session.Advise(err))
	}
	s, err := openSession(ctx, url, false)
	if err != nil {
		return nil, err
	}
	var free bool
	err = s.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", made.lockName(lockSchema, "/copy")).Scan(&free)
	if err == nil && !free {
		err = errors.New("another copy writes to the store; wait for it to end")
	}
	if err == nil {
		err = s.refuseRelays(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return transferWriter{s}, nil
}

// Last implements transfer.Writer.
func (w transferWriter) Last(ctx context.Context, t transfer.Table) (transfer.Row, error) {
	names := strings.Join(t.Columns[:t.Key], ", ")
	order := strings.Join(t.Columns[:t.Key], " DESC, ") + " DESC"
	rows, err := w.conn.Query(ctx, "SELECT "+names+" FROM "+transferFrom(t.Name)+" ORDER BY "+order+" LIMIT 1")
	if err != nil {
		return nil, engine.Wrap(err, "looking for the last row of "+t.Name)
	}
	defer rows.Close()
	var key transfer.Row
	if rows.Next() {
		key, err = rows.Values()
	}
	return key, engine.Wrap(errors.Join(err, rows.Err()), "looking for the last row of "+t.Name)
}

// Mark implements transfer.Writer.
func (w transferWriter) Mark(ctx context.Context) (string, error) {
	var mark []byte
	err := w.conn.QueryRow(ctx, "SELECT value FROM kv WHERE key = $1", []byte(transfer.MarkKey)).Scan(&mark)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return string(mark), engine.Wrap(err, "reading the mark of a copy")
}

// Put implements transfer.Writer.
func (w transferWriter) Put(ctx context.Context, t transfer.Table, rows []transfer.Row, mark string) error {
	values := make([][]any, len(rows))
	for i, r := range rows {
		values[i] = cleanRow(r)
	}
	return w.transact(ctx, "writing "+t.Name, func(tx pgx.Tx) error {
		if err := setMark(ctx, tx, mark); err != nil {
			return err
		}
		if t.Name == "events" {
			return putEvents(ctx, tx, t.Columns, values)
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, pgx.CopyFromRows(values))
		return err
	})
}

// putEvents adds rows of events with their outlines, which are in a table of their own here.
func putEvents(ctx context.Context, tx pgx.Tx, columns []string, rows [][]any) error {
	outlined := []string{"subject", "outcome", "rules"}
	own := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(outlined, c) })
	for table, names := range map[string][]string{"events": own,
		"outlines": append([]string{"id", "source", "name", "project", "kind", "replay_of"}, outlined...)} {
		some := make([][]any, len(rows))
		for i, row := range rows {
			for _, name := range names {
				some[i] = append(some[i], row[slices.Index(columns, name)])
			}
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{table}, names, pgx.CopyFromRows(some)); err != nil {
			return err
		}
	}
	return nil
}

// cleanRow returns a row as PostgreSQL can keep it.
func cleanRow(r transfer.Row) []any {
	values := append([]any{}, r...)
	for i, v := range values {
		if text, ok := v.(string); ok {
			values[i] = clean(text)
		}
	}
	return values
}

func setMark(ctx context.Context, tx pgx.Tx, mark string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM kv WHERE key = $1", []byte(transfer.MarkKey)); err != nil || mark == "" {
		return err
	}
	const q = "INSERT INTO kv (key, value, expires_at) VALUES ($1, $2, 9223372036854775807)"
	_, err := tx.Exec(ctx, q, []byte(transfer.MarkKey), []byte(mark))
	return err
}

// Finish implements transfer.Writer.
func (w transferWriter) Finish(ctx context.Context) error {
	const count = `INSERT INTO counts (node, slot, notifier, unfinished, dead, bytes)
		SELECT 0, 0, notifier, count(*) FILTER (WHERE state IN ('pending', 'sending')),
			count(*) FILTER (WHERE state = 'dead'),
			coalesce(sum(length(message)) FILTER (WHERE state IN ('pending', 'sending')), 0)
		FROM deliveries GROUP BY notifier`
	const items = `INSERT INTO counts (node, slot, notifier, unfinished, dead, bytes)
		SELECT 0, 0, '', 0, 0, sum(octet_length(data)) FROM items HAVING count(*) > 0`
	return w.transact(ctx, "finishing the copy", func(tx pgx.Tx) error {
		if err := setMark(ctx, tx, ""); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM counts"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, count); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, items)
		return err
	})
}

func (w transferWriter) transact(ctx context.Context, doing string, change func(pgx.Tx) error) error {
	return engine.Wrap(pgx.BeginFunc(ctx, w.conn, change), doing)
}
