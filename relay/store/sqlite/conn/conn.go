// Package conn is a connection to a file of SQLite: statements, rows, settings and result codes.
package conn

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

// Conn is one connection to a database file, used by one goroutine at a time. It calls the driver itself, since the
// locks and conversions of database/sql would take a large part of the time of the small statements here. Every
// statement is prepared once and kept, so queries must be constants or one of few.
type Conn struct {
	raw   driver.Conn
	stmts map[string]prepared
	args  []driver.NamedValue
	// Noted gets the errors of SQLite; may be nil.
	Noted func(error)
}

// prepared is what the driver's statements offer.
type prepared interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// Open opens a connection and sets nothing yet, since the file may be of another program.
func Open(path string) (*Conn, error) { return OpenAs(path, "rwc") }

// OpenAs opens a connection in a mode of SQLite's URIs: ro changes nothing in the file.
func OpenAs(path, mode string) (*Conn, error) {
	query := "mode=" + mode + "&_pragma=busy_timeout(5000)&_dqs=0"
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query}
	raw, err := new(sqlite.Driver).Open(name.String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &Conn{raw: raw, stmts: map[string]prepared{}}, nil
}

// noted shows an error to Noted.
func (c *Conn) noted(err error) error {
	if err != nil && c.Noted != nil {
		c.Noted(err)
	}
	return err
}

// Run executes statements without arguments, and does not keep them.
func (c *Conn) Run(script string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), script, nil)
	return c.noted(err)
}

// Exec executes one statement and returns how many rows it changed.
func (c *Conn) Exec(query string, args ...any) (int64, error) {
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

// Query calls each for every row of the answer. The row's memory is used again for the next one, but not what its
// values point to. each must not run the same Query.
func (c *Conn) Query(ctx context.Context, query string, args []any, each func(Row) error) (err error) {
	st, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, c.bind(args))
	if err != nil {
		return c.noted(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := make(Row, len(rows.Columns()))
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

// Each is query in a transaction or at a start, with a function that cannot fail.
func (c *Conn) Each(query string, args []any, each func(Row)) error {
	return c.Query(context.Background(), query, args, func(r Row) error {
		each(r)
		return nil
	})
}

// Sixteen is a list of so many parameters, for queryMany.
const Sixteen = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

// QueryMany runs a query that ends with Sixteen for all values, sixteen at a time: that costs less than one
// by one.
func (c *Conn) QueryMany(query string, args, values []any, each func(Row)) error {
	const atOnce = 16
	for chunk := range slices.Chunk(values, atOnce) {
		all := append(slices.Clone(args), chunk...)
		for len(all) < len(args)+atOnce {
			all = append(all, nil)
		}
		if err := c.Each(query, all, each); err != nil {
			return err
		}
	}
	return nil
}

// CopyTo writes what the file holds into an empty file.
func (c *Conn) CopyTo(ctx context.Context, file string) error {
	args := []driver.NamedValue{{Ordinal: 1, Value: file}}
	_, err := c.raw.(driver.ExecerContext).ExecContext(ctx, "VACUUM INTO ?", args)
	return err
}

// PagesWritten returns how many pages were written since it was called last.
func (c *Conn) PagesWritten() (int, error) {
	pages, _, err := c.raw.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
	return pages, err
}

// Transact executes statements in one transaction.
func (c *Conn) Transact(change func() error) error {
	if err := c.Run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := change()
	if err == nil {
		err = c.Run("COMMIT")
	}
	if err != nil {
		c.Rollback()
	}
	return err
}

// Rollback ends a transaction, unless a failure has ended it.
func (c *Conn) Rollback() { _, _ = c.Exec("ROLLBACK") }

func (c *Conn) prepare(query string) (prepared, error) {
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

func (c *Conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case store.ID:
			a = int64(v)
		case Optional:
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

// Optional is a number of which zero is kept as NULL.
type Optional int64

func (c *Conn) Close() error {
	for _, st := range c.stmts {
		_ = st.Close() // repeats the error of the last execution, which was reported then
	}
	return c.raw.Close()
}

func firstWords(query string) string {
	f := strings.Fields(query)
	return strings.Join(f[:min(len(f), 6)], " ")
}

// Row is one Row of an answer.
type Row []driver.Value

func (r Row) Int(i int) int64 { n, _ := r[i].(int64); return n }

func (r Row) ID(i int) store.ID { return store.ID(r.Int(i)) }

func (r Row) Str(i int) string { s, _ := r[i].(string); return s }

func (r Row) Bytes(i int) []byte { b, _ := r[i].([]byte); return b }

// Time returns the zero Time for NULL.
func (r Row) Time(i int) time.Time {
	if r[i] == nil {
		return time.Time{}
	}
	return time.UnixMilli(r.Int(i)).UTC()
}

// Result codes of SQLite that are handled (sqlite.org/rescode.html).
const (
	PrimaryCode      = 0xff // the bits of the primary code
	codeCorrupt      = 11
	CodeTooBig       = 18
	CodeConstraint   = 19
	CodeMismatch     = 20
	CodeNotADatabase = 26
	CodeFsync        = 10 | 4<<8
	CodeDirFsync     = 10 | 5<<8
	CodeReadOnlyDir  = 8 | 6<<8
	codeMoved        = 8 | 4<<8 // the file is not in its place any more
)

// IsDamage reports whether an error of SQLite says that the file is damaged, or not the one that was opened.
func IsDamage(err error) bool {
	code := ResultCode(err)
	return code&PrimaryCode == codeCorrupt || code&PrimaryCode == CodeNotADatabase || code == codeMoved
}

// ResultCode returns SQLite's extended result code of an error, or 0.
func ResultCode(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return 0
}

// Into inserts rows of one table, several with each statement: that costs half of inserting them one by one.
type Into struct {
	Columns int
	sizes   []int // rows of each statement, the largest first
	texts   []string
	doing   string // for errors
}

// NewInto returns the statements with the given text before and after the rows.
func NewInto(doing, before string, columns int, after string) Into {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	in := Into{Columns: columns, sizes: []int{16, 4, 1}, doing: doing}
	for _, n := range in.sizes {
		in.texts = append(in.texts, before+" VALUES "+row+strings.Repeat(", "+row, n-1)+after)
	}
	return in
}

// Insert writes the rows whose values follow one another in args.
func (c *Conn) Insert(in Into, args []any) error {
	for i, n := range in.sizes {
		for size := n * in.Columns; len(args) >= size; args = args[size:] {
			if _, err := c.Exec(in.texts[i], args[:size]...); err != nil {
				return engine.Wrap(err, in.doing)
			}
		}
	}
	return nil
}

// IDList returns ids as a JSON array for json_each: a list of any length in one argument.
func IDList(ids iter.Seq[store.ID]) string {
	list := []byte{'['}
	for id := range ids {
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, int64(id), 10)
	}
	return string(append(list, ']'))
}
