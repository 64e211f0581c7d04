// Package ledger reads what lists and charts show of a store: outlines of events, audit entries, and tallies. Its SQL is
// that which both engines understand, and what differs is in a [Dialect].
package ledger

import (
	"context"
	"strconv"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// DB reads the tables of an engine. Its methods may be called from many goroutines.
type DB struct {
	// Query runs a query with question marks for its arguments, and calls each for every row.
	Query func(ctx context.Context, query string, args []any, each func(Row) error) error
	Dialect
	// Sending returns the deliveries that are being sent and may be pending in the table, or nil if none is.
	Sending func() func(id store.ID) bool
	// Show returns what shows a delivery as it is if it is being sent, or nil if the table says so.
	Show func() func(store.Delivery) store.Delivery
	// Waiting are the counts that wait in memory; nil is none.
	Waiting *Gather
	// Index is the index of words.
	Index Index

	found found
}

// Dialect is what the engines write in different ways.
type Dialect struct {
	// Outlines is the table of outlines, named o.
	Outlines string
	// Position is the function that returns where its second argument is in its first one, and 0 if it is not.
	Position string
	// AnyOf is the condition behind a column that selects some ids, and IDs its argument.
	AnyOf string
	IDs   func(ids []store.ID) any
	// DeliveriesOf are the deliveries of some events, as a table; its argument is that of IDs.
	DeliveriesOf string
	// Pending are the conditions of the index of pending deliveries.
	Pending string
}

// Row is a row of an answer. Numbers are int64, and texts string.
type Row []any

// Int returns a number, or 0 for NULL.
func (r Row) Int(i int) int64 { n, _ := r[i].(int64); return n }

// ID returns an id, or 0 for NULL.
func (r Row) ID(i int) store.ID { return store.ID(r.Int(i)) }

// Text returns a text, or "" for NULL.
func (r Row) Text(i int) string { s, _ := r[i].(string); return s }

// Bytes returns bytes, or nil for NULL.
func (r Row) Bytes(i int) []byte { b, _ := r[i].([]byte); return b }

// Time returns a time that is kept in milliseconds, or the zero time for NULL and 0.
func (r Row) Time(i int) time.Time {
	if r.Int(i) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(r.Int(i)).UTC()
}

// list runs a query, and adds what scan makes of each row.
func list[T any](ctx context.Context, db *DB, q query, scan func(Row) T) (all []T, err error) {
	err = db.Query(ctx, q.text, q.args, func(r Row) error {
		all = append(all, scan(r))
		return nil
	})
	return all, err
}

// query is a query with its arguments.
type query struct {
	text string
	args []any
}

// ask returns a query of some rows in the order of ids.
func ask(text string, w listing.Where, order string, limit int) query {
	return query{text + w.Text() + order + " LIMIT ?", append(w.Args, limit)}
}

// reach reads the ids of a table only.
func (db *DB) reach(ctx context.Context, table string) listing.Reach {
	return func(sp listing.Span, n int) (id store.ID, err error) {
		w := new(listing.Where).Within("id", sp)
		q := ask("SELECT id FROM "+table, w, sp.Order("id"), 1)
		err = db.Query(ctx, q.text+" OFFSET ?", append(q.args, n-1), func(r Row) error {
			id = r.ID(0)
			return nil
		})
		return id, err
	}
}

// Numbered returns a query of PostgreSQL, whose parameters are numbered.
func Numbered(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			b.WriteString("$")
			b.WriteString(strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}
