package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unsafe"

	"modernc.org/sqlite"

	"qaserelay/relay/store"
)

// conn is one connection to a database file, used by one goroutine at a time. It talks to the driver itself, since
// the locks and conversions of database/sql would take a large part of the time of our small statements. Every
// statement is prepared once and kept, so queries must be constants or one of few.
type conn struct {
	raw   driver.Conn
	stmts map[string]prepared
	known map[spot]prepared // the same, found faster
	args  []driver.NamedValue
}

// prepared is what the driver's statements offer.
type prepared interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// connect opens a connection and sets nothing yet: what it finds may not be ours.
func connect(path string) (*conn, error) { return connectAs(path, "rwc") }

// connectAs does so in a mode of SQLite's URIs: ro can change nothing in the file.
func connectAs(path, mode string) (*conn, error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=" + mode + "&_pragma=busy_timeout(5000)&_dqs=0"}
	raw, err := new(sqlite.Driver).Open(name.String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &conn{raw: raw, stmts: map[string]prepared{}, known: map[spot]prepared{}}, nil
}

// run executes statements without arguments that are not worth keeping.
func (c *conn) run(script string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), script, nil)
	return err
}

// exec executes one statement and returns how many rows it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	st, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query calls each for every row of the answer. The row's memory is used again for the next one, but not what its
// values point to. each must not run the same query.
func (c *conn) query(ctx context.Context, query string, args []any, each func(Row) error) (err error) {
	st, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := make(Row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// sixteen is a list of so many arguments, for queryMany.
const (
	sixteen = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	atOnce  = 16
)

// queryMany runs a query that ends with sixteen for all values, so many at a time, since that costs less than one by one.
func (c *conn) queryMany(query string, args, values []any, each func(Row)) error {
	for chunk := range slices.Chunk(values, atOnce) {
		all := append(slices.Clone(args), chunk...)
		for len(all) < len(args)+atOnce {
			all = append(all, nil)
		}
		err := c.query(context.Background(), query, all, func(r Row) error {
			each(r)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rollback ends a transaction if there is still one; some failures end it by themselves.
func (c *conn) rollback() { _, _ = c.exec("ROLLBACK") }

// spot tells a text by where it is in memory, which for long texts is much faster than by its words.
type spot struct {
	at  *byte
	len int
}

// maxKnown bounds how many texts are told by their spots; there are more only when texts are made anew each time.
const maxKnown = 256

func (c *conn) prepare(query string) (prepared, error) {
	at := spot{unsafe.StringData(query), len(query)}
	if st, ok := c.known[at]; ok {
		return st, nil
	}
	st, err := c.prepareNew(query)
	if err == nil && len(c.known) < maxKnown {
		c.known[at] = st
	}
	return st, err
}

func (c *conn) prepareNew(query string) (prepared, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.raw.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", firstWords(query), err)
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

// optional is a number that is kept as NULL when it is zero.
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

// Row is one row of an answer.
type Row []driver.Value

func (r Row) int(i int) int64 { n, _ := r[i].(int64); return n }

func (r Row) id(i int) store.ID { return store.ID(r.int(i)) }

func (r Row) Str(i int) string { s, _ := r[i].(string); return s }

func (r Row) bytes(i int) []byte { b, _ := r[i].([]byte); return b }

// time returns the zero time for NULL.
func (r Row) time(i int) time.Time {
	if r[i] == nil {
		return time.Time{}
	}
	return time.UnixMilli(r.int(i)).UTC()
}

// Result codes of SQLite that steer us (sqlite.org/rescode.html).
const (
	codeNotADatabase = 26
	codeFsync        = 10 | 4<<8
	codeDirFsync     = 10 | 5<<8
	codeReadOnlyDir  = 8 | 6<<8
)

// resultCode returns SQLite's extended result code of an error, or 0.
func resultCode(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return 0
}
