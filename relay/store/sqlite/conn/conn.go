// Package conn is a connection to a file of SQLite: statements, rows, settings and result codes.
package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	lib "modernc.org/sqlite/lib"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// Conn is one connection to a database file, used by one goroutine at a time. Every statement is prepared once and kept,
// so queries must be constants or one of few. Arguments are texts, blobs, numbers, booleans, ids, states, [Optional] or nil.
type Conn struct {
	*handle
	stmts map[string]*statement
	log   *Log // nil until it is asked for
	// Noted gets the errors of SQLite; may be nil.
	Noted func(error)
}

// busyTimeout is how many milliseconds a new connection waits for a lock.
const busyTimeout = 5000

// Open opens a connection and sets nothing yet, since the file may be of another program.
func Open(path string) (*Conn, error) { return OpenAs(path, "rwc") }

// OpenAs opens a connection in a mode of SQLite's URIs: ro changes nothing in the file.
func OpenAs(path, mode string) (*Conn, error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=" + mode}
	h, err := openHandle(name.String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &Conn{handle: h, stmts: map[string]*statement{}}, nil
}

// noted shows an error to Noted.
func (c *Conn) noted(err error) error {
	if err != nil && c.Noted != nil {
		c.Noted(err)
	}
	return err
}

// Run executes statements without arguments, and does not keep them.
func (c *Conn) Run(script string) error { return c.noted(c.script(script)) }

// Exec executes one statement and returns how many rows it changed.
func (c *Conn) Exec(query string, args ...any) (int64, error) {
	err := c.Query(context.Background(), query, args, func(Row) error { return nil })
	if err != nil {
		return 0, err
	}
	return c.changes(), nil
}

// Query calls each for every row of the answer. The row's memory is used again for the next one, but not what its
// values point to. each must run nothing on this connection.
func (c *Conn) Query(ctx context.Context, query string, args []any, each func(Row) error) error {
	st, err := c.prepared(query)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	release := c.until(ctx)
	defer release()
	defer c.reset(st)
	if err := c.bind(st, args); err != nil {
		return c.noted(err)
	}
	for {
		switch more, err := c.step(st); {
		case err != nil && ctx.Err() != nil:
			return ctx.Err() // it was interrupted
		case err != nil:
			return c.noted(err)
		case !more:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := each(st.row); err != nil {
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

// Queries returns the statements that were prepared, so that a test can ask for their plans.
func (c *Conn) Queries() []string { return slices.Collect(maps.Keys(c.stmts)) }

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
	return c.Query(ctx, "VACUUM INTO ?", []any{file}, func(Row) error { return nil })
}

// PagesWritten returns how many pages were written since it was called last.
func (c *Conn) PagesWritten() (int, error) { return c.pagesWritten() }

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

func (c *Conn) prepared(query string) (*statement, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.prepare(query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", firstWords(query), c.noted(err))
	}
	c.stmts[query] = st
	return st, nil
}

// lengthOf returns how many bytes the value of an argument has.
func lengthOf(arg any) int {
	switch v := arg.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case store.State:
		return len(v)
	}
	return 0
}

// Optional is a number of which zero is kept as NULL.
type Optional int64

// KeepLog lets Close leave the write-ahead log as it is, for a start that checks it.
func (c *Conn) KeepLog() error { return c.set(lib.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) }

// Close ends the connection.
func (c *Conn) Close() error {
	for _, st := range c.stmts {
		c.finalize(st)
	}
	if c.log != nil {
		c.log.tls.Close()
	}
	return c.close()
}

func firstWords(query string) string {
	f := strings.Fields(query)
	return strings.Join(f[:min(len(f), 6)], " ")
}

// Row is one Row of an answer.
type Row []any

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
