package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/dbfile"
	"qaserelay/relay/store/sqlite/tables"
	"qaserelay/relay/store/transfer"
)

// transferFrom returns the tables from which rows are copied: those of the file, with the hashes that are kept with the
// newest events only (see [dedupeCache]), and without the mark of a copy.
func transferFrom(table string) string {
	switch table {
	case "dedupe":
		return fmt.Sprintf(`(SELECT hash, event_id, expires_at FROM dedupe UNION ALL
			SELECT hash, max(id) AS event_id, max(received_at) + %d AS expires_at FROM events
			WHERE hash IS NOT NULL AND id > coalesce((SELECT value FROM marks WHERE name = '%s'), 0)
				AND hash NOT IN (SELECT hash FROM dedupe) GROUP BY hash)`,
			store.DedupeWindow.Milliseconds(), movedUpTo)
	case "kv":
		return "(SELECT * FROM kv WHERE key <> '" + transfer.MarkKey + "')"
	case "audit":
		return "(SELECT * FROM audit WHERE verb <> '" + transfer.CopyVerb + "')"
	}
	return table
}

// transferColumns returns the columns of a table in the form that both engines have.
func transferColumns(columns []string) string {
	list := make([]string, len(columns))
	for i, column := range columns {
		switch column {
		case "replay_of", "fallback_for":
			column = "coalesce(" + column + ", 0)"
		case "state":
			column = "CASE state WHEN 'sending' THEN 'pending' ELSE state END"
		case "next_at":
			column = "CASE state WHEN 'sending' THEN created_at ELSE next_at END"
		case "wait":
			column = fmt.Sprintf("coalesce(wait, %d)", store.OrderWait.Milliseconds())
		case "key":
			column = "CAST(key AS BLOB)"
		}
		list[i] = column
	}
	return strings.Join(list, ", ")
}

// transferReader reads one moment of a file. It implements transfer.Reader.
type transferReader struct {
	conn *conn.Conn
	lock *dbfile.Lock
}

// OpenTransfer opens a file to copy all of it. It reserves the file, so that no relay uses it meanwhile.
func OpenTransfer(path string) (_ transfer.Reader, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	r := &transferReader{}
	if r.lock, err = dbfile.Reserve(path); err != nil {
		return nil, err
	}
	if r.conn, err = conn.OpenAs(path, "ro"); err == nil {
		err = prepareToRead(r.conn, path)
	}
	if err == nil {
		err = r.conn.Run("BEGIN")
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close implements transfer.Reader.
func (r *transferReader) Close() (err error) {
	if r.conn != nil {
		err = r.conn.Close()
	}
	return errors.Join(err, r.lock.Release())
}

// Page implements transfer.Reader.
func (r *transferReader) Page(ctx context.Context, t transfer.Table, after transfer.Row) ([]transfer.Row, error) {
	key := strings.Join(t.Columns[:t.Key], ", ")
	q := "SELECT " + transferColumns(t.Columns) + " FROM " + transferFrom(t.Name)
	args := keyArgs(t, after)
	if after != nil {
		q += " WHERE (" + key + ") > (?" + strings.Repeat(", ?", t.Key-1) + ")"
	}
	var page transfer.Page
	full := errors.New("the page is full")
	err := r.conn.Query(ctx, q+" ORDER BY "+key+" LIMIT ?", append(args, t.Page), func(row conn.Row) error {
		if page.Full() {
			return full
		}
		page.Add(rowOf(row))
		return nil
	})
	if errors.Is(err, full) {
		err = nil
	}
	return page.Rows, engine.Wrap(err, "reading "+t.Name)
}

// keyArgs returns the values of a row as arguments. Keys of kv and items are text here.
func keyArgs(t transfer.Table, values transfer.Row) []any {
	args := append([]any{}, values...)
	if t.Columns[0] == "key" && len(args) > 0 {
		key, _ := args[0].([]byte)
		args[0] = string(key)
	}
	return args
}

func rowOf(r conn.Row) transfer.Row {
	return slices.Clone(transfer.Row(r))
}

// Count implements transfer.Reader.
func (r *transferReader) Count(ctx context.Context, t transfer.Table) (int64, error) {
	return countRows(ctx, r.conn, t)
}

func countRows(ctx context.Context, c *conn.Conn, t transfer.Table) (n int64, err error) {
	err = c.Query(ctx, "SELECT count(*) FROM "+transferFrom(t.Name), nil, func(r conn.Row) error {
		n = r.Int(0)
		return nil
	})
	return n, engine.Wrap(err, "counting "+t.Name)
}

// State implements transfer.Reader.
func (r *transferReader) State(ctx context.Context) (state string, err error) {
	err = r.conn.Query(ctx, transferState, nil, func(r conn.Row) error {
		state = r.Str(0)
		return nil
	})
	return state, engine.Wrap(err, "reading the state of the store")
}

// transferState is the same for a store and its copy in the other engine.
const transferState = `SELECT 'events ' || (SELECT count(*) || ' ' || coalesce(max(id), 0) FROM events)
	|| ', deliveries ' || (SELECT count(*) || ' ' || coalesce(max(id), 0) || ' ' || coalesce(max(updated_at), 0)
		FROM deliveries)
	|| ', attempts ' || (SELECT count(*) FROM attempts) || ', keys ' || (SELECT count(*) FROM kv)
	|| ', items ' || (SELECT count(*) FROM items)`

// transferWriter writes a new file. It implements transfer.Writer.
type transferWriter struct {
	path string
	conn *conn.Conn
	lock *dbfile.Lock
}

// OpenTarget opens a file for the rows of another store, and creates it if it does not exist.
func OpenTarget(path string) (_ transfer.Writer, err error) {
	w := &transferWriter{path: path}
	if w.lock, err = dbfile.Claim(path); err != nil {
		return nil, err
	}
	if w.conn, err = connectWriter(path); err == nil {
		err = w.conn.Run("PRAGMA wal_autocheckpoint = 4000") // the store has a goroutine for this
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close implements transfer.Writer. It moves the log into the file.
func (w *transferWriter) Close() (err error) {
	if w.conn != nil {
		err = w.conn.Close()
	}
	return errors.Join(err, w.lock.Release())
}

// Count implements transfer.Writer.
func (w *transferWriter) Count(ctx context.Context, t transfer.Table) (int64, error) {
	return countRows(ctx, w.conn, t)
}

// Last implements transfer.Writer.
func (w *transferWriter) Last(ctx context.Context, t transfer.Table) (key transfer.Row, err error) {
	names := strings.Join(t.Columns[:t.Key], " DESC, ") + " DESC"
	q := "SELECT " + transferColumns(t.Columns[:t.Key]) + " FROM " + transferFrom(t.Name) +
		" ORDER BY " + names + " LIMIT 1"
	err = w.conn.Query(ctx, q, nil, func(r conn.Row) error {
		key = rowOf(r)
		return nil
	})
	return key, engine.Wrap(err, "looking for the last row of "+t.Name)
}

// Mark implements transfer.Writer.
func (w *transferWriter) Mark(ctx context.Context) (string, error) {
	kv, err := readKey(ctx, w.conn, transfer.MarkKey)
	return string(kv.Value), engine.Wrap(err, "reading the mark of a copy")
}

// Put implements transfer.Writer.
func (w *transferWriter) Put(_ context.Context, t transfer.Table, rows []transfer.Row, mark string) error {
	err := w.conn.Transact(func() error {
		if err := w.setMark(mark); err != nil {
			return err
		}
		q := "INSERT INTO " + t.Name + " (" + strings.Join(t.Columns, ", ")
		values := "?" + strings.Repeat(", ?", len(t.Columns)-1)
		if t.Name == "deliveries" {
			q, values = q+", unfinished", values+", ?8 = 'pending'" // the state
		}
		for _, r := range rows {
			if _, err := w.conn.Exec(q+") VALUES ("+values+")", fileRow(t, r)...); err != nil {
				return err
			}
		}
		return nil
	})
	return engine.Wrap(err, "writing "+t.Name)
}

// fileRow returns a row as the file keeps it.
func fileRow(t transfer.Table, r transfer.Row) []any {
	values := keyArgs(t, r)
	for i, column := range t.Columns {
		if n, ok := values[i].(int64); ok && (column == "replay_of" || column == "fallback_for") {
			values[i] = conn.Optional(n)
		}
	}
	return values
}

func (w *transferWriter) setMark(mark string) error {
	if mark == "" {
		_, err := w.conn.Exec("DELETE FROM kv WHERE key = ?", transfer.MarkKey)
		return err
	}
	const q = "INSERT OR REPLACE INTO kv (key, value, expires_at) VALUES (?, ?, 9223372036854775807)"
	_, err := w.conn.Exec(q, transfer.MarkKey, []byte(mark))
	return err
}

// Finish implements transfer.Writer.
func (w *transferWriter) Finish(context.Context) error {
	err := w.conn.Transact(func() error {
		if err := w.setMark(""); err != nil {
			return err
		}
		return w.conn.Run("DELETE FROM counts; " + tables.CountAll + tables.CountItems +
			"INSERT OR REPLACE INTO marks (name, value) SELECT '" + talliedUpTo + "', coalesce(max(id), 0) FROM events")
	})
	return engine.Wrap(err, "finishing the copy")
}
