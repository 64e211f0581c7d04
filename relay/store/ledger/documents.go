package ledger

import (
	"context"
	"strings"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/search"
)

// documentBytes is after how many bytes of bodies no further events are read at once.
const documentBytes = 2 << 20

// documents are what is indexed of some events.
type documents struct {
	list []search.Document // in any order, without the events that were deleted meanwhile
	of   int               // how many of the first ids were read, at least one
}

// documents reads the first of these events.
func (db *DB) documents(ctx context.Context, ids []store.ID) (d documents, err error) {
	if d.of, err = db.fitting(ctx, ids); err != nil {
		return d, engine.Wrap(err, "reading how large events are")
	}
	at := map[store.ID]int{}
	some := []any{db.IDs(ids[:d.of])}
	err = db.Query(ctx, `SELECT o.id, o.source, o.name, o.project, e.body, o.kind, o.subject, o.outcome, o.rules
		FROM `+db.Dialect.Outlines+" JOIN events e ON e.id = o.id WHERE o.id "+db.AnyOf, some, func(r Row) error {
		at[r.ID(0)] = len(d.list)
		d.list = append(d.list, search.Document{Event: store.StoredEvent{ID: r.ID(0), Source: r.Text(1), Name: r.Text(2),
			Project: r.Text(3), Body: r.Bytes(4), Kind: r.Text(5)},
			Outline: store.Outline{Subject: r.Text(6), Outcome: r.Text(7), Rules: store.ParseRules(r.Text(8))}})
		return nil
	})
	if err != nil {
		return d, engine.Wrap(err, "reading events to be found")
	}
	err = db.Query(ctx, "SELECT event_id, rule, notifier, title FROM "+db.Dialect.DeliveriesOf+" made", some,
		func(r Row) error {
			if i, known := at[r.ID(0)]; known {
				d.list[i].Deliveries = append(d.list[i].Deliveries, search.Message{Rule: r.Text(1), Notifier: r.Text(2), Title: r.Text(3)})
			}
			return nil
		})
	return d, engine.Wrap(err, "reading the deliveries of events to be found")
}

// fitting returns how many of the first events are read at once.
func (db *DB) fitting(ctx context.Context, ids []store.ID) (n int, err error) {
	sizes := map[store.ID]int64{}
	err = db.Query(ctx, "SELECT id, CAST(octet_length(body) AS bigint) FROM events WHERE id "+db.AnyOf, []any{db.IDs(ids)}, func(r Row) error {
		sizes[r.ID(0)] = r.Int(1)
		return nil
	})
	sum := int64(0)
	for i, id := range ids {
		if sum += sizes[id]; i > 0 && sum > documentBytes {
			return i, err
		}
	}
	return len(ids), err
}

// IndexRow is what the index keeps of an event: its words, with spaces between them.
type IndexRow struct {
	ID    store.ID
	Words string
}

// IndexRows returns the rows of the first of these events, and how many of the events these are. Those that were deleted
// have no row.
func (db *DB) IndexRows(ctx context.Context, ids []store.ID) (rows []IndexRow, of int, err error) {
	if len(ids) == 0 {
		return nil, 0, nil
	}
	docs, err := db.documents(ctx, ids)
	for i := range docs.list {
		d := &docs.list[i]
		rows = append(rows, IndexRow{d.Event.ID, strings.Join(d.Words(), " ")})
	}
	return rows, docs.of, err
}
