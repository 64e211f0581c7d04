// Package transfer copies a store into another one, of the same engine or of the other. An engine gives the rows of its
// tables in a form that both have (see [Tables]), and takes them in the same form.
//
// A copy goes table by table, in the order of keys, some rows with each transaction. The target keeps a mark until the
// copy is complete: an interrupted copy continues behind the last row of each table, and no relay starts on half a
// store. Deliveries come last, so that a relay of an older release on half a store would send nothing.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MarkKey is the key that holds the mark of an unfinished copy in the target.
const MarkKey = "copy/unfinished"

// CopyVerb is the verb of the audit entries about copies. They are of the store that was copied into, and not copied.
const CopyVerb = "copy"

// Table is a table in the form that both engines have. Its times are in milliseconds since 1970.
type Table struct {
	Name    string
	Columns []string
	Key     int // so many of the first columns are its key
	Page    int // how many rows a page may have
}

// PageBytes is about how much a page may hold.
const PageBytes = 8 << 20

// Tables lists the tables in the order in which they are copied. Numbers are int64, texts string, and bytes []byte; nil
// is NULL. A delivery that is being sent has the state pending, and is due when its attempt began.
func Tables() []Table {
	list := func(names string) []string { return strings.Fields(names) }
	return []Table{
		{"events", list("id source name project received_at replay_of kind decisions body facts " +
			"subject outcome rules"), 1, 500},
		{"audit", list("id at who how peer verb object details outcome"), 1, 2_000},
		{"tally", list("kind bucket a b n"), 4, 20_000},
		{"seen", list("kind name id"), 2, 20_000},
		{"dedupe", list("hash event_id expires_at"), 1, 20_000},
		{"kv", list("key value expires_at due_at"), 1, 2_000},
		{"items", list("key event_id data"), 2, 2_000},
		{"attempts", list("delivery_id lease at took status reason error response"), 2, 2_000},
		{"deliveries", list("id event_id fallback_for rule notifier order_key title state next_at wait attempts " +
			"lease created_at first_at updated_at status error message"), 1, 2_000},
	}
}

// Row holds the values of one row, in the order of the table's columns.
type Row []any

// size is about how many bytes a row holds.
func (r Row) size() (n int) {
	for _, v := range r {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	return n + 16*len(r)
}

// Page collects rows until they are enough. The zero value is empty.
type Page struct {
	Rows  []Row
	bytes int
}

// Add adds a row.
func (p *Page) Add(r Row) {
	p.Rows = append(p.Rows, r)
	p.bytes += r.size()
}

// Full reports whether the page takes no more rows.
func (p *Page) Full() bool { return p.bytes >= PageBytes }

// Reader reads the rows of a store. It sees the store as it was when the reader was opened.
type Reader interface {
	// Page returns the rows behind a key in the order of keys, at most t.Page and about PageBytes, but one at least
	// unless there is none. A nil key is before all rows.
	Page(ctx context.Context, t Table, after Row) ([]Row, error)
	// Count returns the number of rows.
	Count(ctx context.Context, t Table) (int64, error)
	// State returns a text that changes with each change of the store.
	State(ctx context.Context) (string, error)
	io.Closer
}

// Writer writes the rows of a store that no relay uses.
type Writer interface {
	// Last returns the key of the last row, or nil if there is none.
	Last(ctx context.Context, t Table) (Row, error)
	// Count returns the number of rows.
	Count(ctx context.Context, t Table) (int64, error)
	// Put adds rows and, unless it is empty, the mark of an unfinished copy in one transaction, which is on disk when
	// Put returns.
	Put(ctx context.Context, t Table, rows []Row, mark string) error
	// Mark returns the mark, or an empty text.
	Mark(ctx context.Context) (string, error)
	// Finish derives what is not copied, such as counts, and removes the mark, in one transaction.
	Finish(ctx context.Context) error
	io.Closer
}

// Errors of Copy that tell the user what to do.
var (
	// ErrNotEmpty says that the target holds other rows.
	ErrNotEmpty = errors.New("the target holds events or keys already; copy into a new store")
	// ErrOtherCopy says that the target holds a part of another copy.
	ErrOtherCopy = errors.New("the target holds an unfinished copy of another store, or of this one before it " +
		"changed; remove the target, and copy again")
)

// Progress is how far a copy has come.
type Progress struct {
	Table       string
	Done, Total int64 // rows of all tables
}

// Summary says what a copy has copied.
type Summary struct {
	Rows    map[string]int64 // by table, in the target
	Resumed bool             // an earlier copy had begun
	Copied  int64            // rows that this copy has added; zero if all were there
}

// Copy copies all rows that are missing in the target, and compares the numbers of rows. report is called now and then.
func Copy(ctx context.Context, from Reader, to Writer, report func(Progress)) (s Summary, err error) {
	c := &copying{from: from, to: to, report: report, mark: "copy of "}
	state, err := from.State(ctx)
	if err != nil {
		return s, err
	}
	c.mark += state
	if s.Resumed, err = c.begin(ctx); err != nil || c.complete {
		s.Rows = c.rows
		return s, err
	}
	for _, t := range Tables() {
		if err := c.table(ctx, t); err != nil {
			return s, fmt.Errorf("copying %s: %w", t.Name, err)
		}
	}
	if s.Rows, err = c.verify(ctx); err != nil {
		return s, err
	}
	s.Copied = c.copied
	return s, to.Finish(ctx)
}

// copying is a copy on its way.
type copying struct {
	from     Reader
	to       Writer
	report   func(Progress)
	mark     string
	rows     map[string]int64 // by table, in the source
	progress Progress
	copied   int64
	complete bool // an earlier copy has copied everything
}

// begin counts the rows, and decides whether the target may be used.
func (c *copying) begin(ctx context.Context) (resumed bool, err error) {
	mark, err := c.to.Mark(ctx)
	if err != nil {
		return false, err
	}
	c.rows = map[string]int64{}
	there, same := int64(0), true
	for _, t := range Tables() {
		if c.rows[t.Name], err = c.from.Count(ctx, t); err != nil {
			return false, err
		}
		n, err := c.to.Count(ctx, t)
		if err != nil {
			return false, err
		}
		there += n
		same = same && n == c.rows[t.Name]
		c.progress.Total += c.rows[t.Name]
	}
	switch {
	case mark == c.mark:
		return true, nil
	case mark != "":
		return false, ErrOtherCopy
	case there == 0:
		return false, nil
	case same:
		if c.complete, err = c.sameEnds(ctx); c.complete || err != nil {
			return true, err
		}
	}
	return false, ErrNotEmpty
}

// sameEnds reports whether both stores end with the same event.
func (c *copying) sameEnds(ctx context.Context) (bool, error) {
	events := Tables()[0]
	last, err := c.to.Last(ctx, events)
	if err != nil || last == nil {
		return false, err
	}
	before := Row{last[0].(int64) - 1}
	page, err := c.from.Page(ctx, events, before)
	return len(page) == 1 && page[0][0] == last[0], err
}

// table copies the rows of a table that the target does not have.
func (c *copying) table(ctx context.Context, t Table) error {
	after, err := c.to.Last(ctx, t)
	if err != nil {
		return err
	}
	have, err := c.to.Count(ctx, t)
	if err != nil {
		return err
	}
	c.progress.Table = t.Name
	c.progress.Done += have
	for {
		c.report(c.progress)
		rows, err := c.from.Page(ctx, t, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := c.to.Put(ctx, t, rows, c.mark); err != nil {
			return err
		}
		c.copied += int64(len(rows))
		c.progress.Done += int64(len(rows))
		after = rows[len(rows)-1][:t.Key]
	}
}

// verify compares the numbers of rows, and makes sure that the source did not change meanwhile.
func (c *copying) verify(ctx context.Context) (map[string]int64, error) {
	for _, t := range Tables() {
		n, err := c.to.Count(ctx, t)
		if err != nil {
			return nil, err
		}
		if n != c.rows[t.Name] {
			return nil, fmt.Errorf("the target has %d rows of %s, and the source %d: remove the target, and copy again",
				n, t.Name, c.rows[t.Name])
		}
	}
	return c.rows, nil
}
