package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// conn is one connection to a database file, used by one goroutine at a time. It calls the driver itself, since the
// locks and conversions of database/sql would take a large part of the time of the small statements here. Every
// statement is prepared once and kept, so queries must be constants or one of few.
type conn struct {
	raw   driver.Conn
	stmts map[string]prepared
	args  []driver.NamedValue
	watch *watch // gets errors; may be nil
}

// prepared is what the driver's statements offer.
type prepared interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// connect opens a connection and sets nothing yet, since the file may be of another program.
func connect(path string) (*conn, error) { return connectAs(path, "rwc") }

// connectAs opens a connection in a mode of SQLite's URIs: ro changes nothing in the file.
func connectAs(path, mode string) (*conn, error) {
	query := "mode=" + mode + "&_pragma=busy_timeout(5000)&_dqs=0"
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query}
	raw, err := new(sqlite.Driver).Open(name.String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &conn{raw: raw, stmts: map[string]prepared{}}, nil
}

// noted shows an error to the watch.
func (c *conn) noted(err error) error {
	if err != nil && c.watch != nil {
		c.watch.note(err)
	}
	return err
}

// run executes statements without arguments, and does not keep them.
func (c *conn) run(script string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), script, nil)
	return c.noted(err)
}

// exec executes one statement and returns how many rows it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	st, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, c.noted(err)
	}
	return res.RowsAffected()
}

// query calls each for every row of the answer. The row's memory is used again for the next one, but not what its
// values point to. each must not run the same query.
func (c *conn) query(ctx context.Context, query string, args []any, each func(row) error) (err error) {
	st, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, c.bind(args))
	if err != nil {
		return c.noted(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case err == io.EOF:
			return nil
		case err != nil:
			return c.noted(err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// each is query in a transaction or at a start, with a function that cannot fail.
func (c *conn) each(query string, args []any, each func(row)) error {
	return c.query(context.Background(), query, args, func(r row) error {
		each(r)
		return nil
	})
}

// sixteen is a list of so many parameters, for queryMany.
const sixteen = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

// queryMany runs a query that ends with sixteen parameters for all values, sixteen at a time: that costs less than one
// by one.
func (c *conn) queryMany(query string, args, values []any, each func(row)) error {
	const atOnce = 16
	for chunk := range slices.Chunk(values, atOnce) {
		all := append(slices.Clone(args), chunk...)
		for len(all) < len(args)+atOnce {
			all = append(all, nil)
		}
		if err := c.each(query, all, each); err != nil {
			return err
		}
	}
	return nil
}

// rollback ends a transaction, unless a failure has ended it.
func (c *conn) rollback() { _, _ = c.exec("ROLLBACK") }

func (c *conn) prepare(query string) (prepared, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.raw.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", firstWords(query), c.noted(err))
	}
	c.stmts[query] = st.(prepared)
	return c.stmts[query], nil
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case store.ID:
			a = int64(v)
		case optional:
			if a = nil; v != 0 {
				a = int64(v)
			}
		case int:
			a = int64(v)
		case store.State:
			a = string(v)
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// optional is a number of which zero is kept as NULL.
type optional int64

func (c *conn) close() error {
	for _, st := range c.stmts {
		_ = st.Close() // repeats the error of the last execution, which was reported then
	}
	return c.raw.Close()
}

func firstWords(query string) string {
	f := strings.Fields(query)
	return strings.Join(f[:min(len(f), 6)], " ")
}

// row is one row of an answer.
type row []driver.Value

func (r row) int(i int) int64 { n, _ := r[i].(int64); return n }

func (r row) id(i int) store.ID { return store.ID(r.int(i)) }

func (r row) str(i int) string { s, _ := r[i].(string); return s }

func (r row) bytes(i int) []byte { b, _ := r[i].([]byte); return b }

// time returns the zero time for NULL.
func (r row) time(i int) time.Time {
	if r[i] == nil {
		return time.Time{}
	}
	return time.UnixMilli(r.int(i)).UTC()
}

// Result codes of SQLite that are handled (sqlite.org/rescode.html).
const (
	primaryCode      = 0xff // the bits of the primary code
	codeCorrupt      = 11
	codeTooBig       = 18
	codeConstraint   = 19
	codeMismatch     = 20
	codeNotADatabase = 26
	codeFsync        = 10 | 4<<8
	codeDirFsync     = 10 | 5<<8
	codeReadOnlyDir  = 8 | 6<<8
	codeMoved        = 8 | 4<<8 // the file is not in its place any more
)

// resultCode returns SQLite's extended result code of an error, or 0.
func resultCode(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return 0
}

// into inserts rows of one table, several with each statement: that costs half of inserting them one by one.
type into struct {
	columns int
	sizes   []int // rows of each statement, the largest first
	texts   []string
	doing   string // for errors
}

// newInto returns the statements with the given text before and after the rows.
func newInto(doing, before string, columns int, after string) into {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	in := into{columns: columns, sizes: []int{16, 4, 1}, doing: doing}
	for _, n := range in.sizes {
		in.texts = append(in.texts, before+" VALUES "+row+strings.Repeat(", "+row, n-1)+after)
	}
	return in
}

// insert writes the rows whose values follow one another in args.
func (c *conn) insert(in into, args []any) error {
	for i, n := range in.sizes {
		for size := n * in.columns; len(args) >= size; args = args[size:] {
			if _, err := c.exec(in.texts[i], args[:size]...); err != nil {
				return engine.Wrap(err, in.doing)
			}
		}
	}
	return nil
}

// inserts are the statements of the tables that have rows for each event.
type inserts struct{ events, deliveries, attempts, keys, slots, dedupe into }

func newInserts() inserts {
	return inserts{
		events: newInto("storing events", `INSERT INTO events
			(id, source, name, project, received_at, decisions, body, hash, replay_of, kind)`, 10, ""),
		deliveries: newInto("storing deliveries", `INSERT INTO deliveries
			(id, event_id, rule, notifier, order_key, title, state,
			unfinished, next_at, created_at, first_at, updated_at, error, message, fallback_for, wait)`, 16, ""),
		attempts: newInto("recording attempts", `INSERT INTO attempts
			(delivery_id, lease, at, took, status, reason, error, response)`, 8, ""),
		keys: newInto("keeping keys", "INSERT INTO kv (key, value, expires_at)", 3,
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"),
		slots: newInto("keeping slots", "INSERT INTO kv (key, value, expires_at, due_at)", 4, ` ON CONFLICT (key)
			DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`),
		dedupe: newInto("remembering bodies", "INSERT INTO dedupe (hash, event_id, expires_at)", 3,
			" ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at"),
	}
}

// idList returns ids as a JSON array for json_each: a list of any length in one argument.
func idList(ids iter.Seq[store.ID]) string {
	list := []byte{'['}
	for id := range ids {
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, int64(id), 10)
	}
	return string(append(list, ']'))
}
