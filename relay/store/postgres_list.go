package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// deliveryColumnsPG are what scanDeliveryPG reads, from deliveries d and events e.
const deliveryColumnsPG = `d.id, d.event_id, e.name, e.project, d.rule, d.notifier, d.order_key, d.title, d.state, d.attempts, d.lease,
	coalesce(d.next_at, 0), d.created_at, d.first_at, d.updated_at, d.fallback_for, d.status, d.error, d.message`

// scanDeliveryPG reads a delivery, and what follows its columns.
func scanDeliveryPG(rows pgx.Rows, d *Delivery, rest ...any) error {
	var next, created, first, updated int64
	targets := []any{&d.ID, &d.EventID, &d.EventName, &d.Project, &d.Rule, &d.Notifier, &d.OrderKey, &d.Title, &d.State, &d.Attempts, &d.Lease,
		&next, &created, &first, &updated, &d.FallbackFor, &d.Status, &d.Error, &d.Message}
	err := rows.Scan(append(targets, rest...)...)
	d.NextAt, d.CreatedAt, d.FirstAt, d.UpdatedAt = fromMillis(next), fromMillis(created), fromMillis(first), fromMillis(updated)
	return err
}

const eventColumnsPG = "e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.replay_of"

func scanEventPG(rows pgx.Rows) (ev StoredEvent, err error) {
	var received int64
	err = rows.Scan(&ev.ID, &ev.Source, &ev.Name, &ev.Project, &ev.Body, &received, &ev.Decisions, &ev.ReplayOf)
	ev.ReceivedAt = fromMillis(received)
	return ev, err
}

// Event implements Store.
func (s *Postgres) Event(ctx context.Context, id ID) (ev StoredEvent, err error) {
	err = s.list(ctx, query{"SELECT " + eventColumnsPG + " FROM events e WHERE e.id = $1", []any{id}}, func(rows pgx.Rows) (err error) {
		ev, err = scanEventPG(rows)
		return err
	})
	if err != nil {
		return StoredEvent{}, fmt.Errorf("reading event %s: %w", id, err)
	}
	if ev.ID == 0 {
		return StoredEvent{}, fmt.Errorf("event %s: %w", id, ErrNotFound)
	}
	err = s.list(ctx, query{"SELECT id FROM deliveries WHERE event_id = $1 ORDER BY id", []any{id}}, func(rows pgx.Rows) error {
		var d ID
		err := rows.Scan(&d)
		ev.Deliveries = append(ev.Deliveries, d)
		return err
	})
	return ev, wrap(err, "reading an event's deliveries")
}

// Delivery implements Store.
func (s *Postgres) Delivery(ctx context.Context, id ID) (d Delivery, as []Attempt, err error) {
	q := query{"SELECT " + deliveryColumnsPG + ", e.body FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = $1", []any{id}}
	err = s.list(ctx, q, func(rows pgx.Rows) error { return scanDeliveryPG(rows, &d, &d.EventBody) })
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("reading delivery %s: %w", id, err)
	}
	if d.ID == 0 {
		return Delivery{}, nil, fmt.Errorf("delivery %s: %w", id, ErrNotFound)
	}
	q = query{"SELECT at, took, status, reason, error, response FROM attempts WHERE delivery_id = $1 ORDER BY lease", []any{id}}
	err = s.list(ctx, q, func(rows pgx.Rows) error {
		var a Attempt
		var at, took int64
		err := rows.Scan(&at, &took, &a.Status, &a.Reason, &a.Error, &a.Response)
		a.At, a.Took = fromMillis(at), time.Duration(took)
		as = append(as, a)
		return err
	})
	return d, as, wrap(err, "reading a delivery's attempts")
}

// Events implements Store.
func (s *Postgres) Events(ctx context.Context, f EventFilter) (list []StoredEvent, next ID, err error) {
	var w where
	w.equal("e.source", clean(f.Source))
	w.equal("e.name", clean(f.Name))
	w.equal("e.project", clean(f.Project))
	p := pager[StoredEvent]{limit: pageLimit(f.Limit), id: func(ev StoredEvent) ID { return ev.ID }}
	if len(w.conds) > 0 {
		p.reach = func(sp span, n int) (ID, error) { return s.reach(ctx, walk{"events e", "e.id", where{}}, sp, n) }
	}
	p.read = func(sp span, limit int) (part []StoredEvent, err error) {
		w := w.within("e.id", sp)
		q := w.query("SELECT "+eventColumnsPG+" FROM events e", inOrder("e.id", sp.oldestFirst)+" LIMIT ?", limit)
		err = s.list(ctx, q, func(rows pgx.Rows) error {
			ev, err := scanEventPG(rows)
			part = append(part, ev)
			return err
		})
		return part, err
	}
	list, next, err = p.page(span{f.After, f.Before, f.OldestFirst}, standardLooks())
	return list, next, wrap(err, "listing events")
}

// Deliveries implements Store.
func (s *Postgres) Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, next ID, err error) {
	var w where
	switch f.State {
	case "":
	case Pending, Sending, Delivered, Dead, Cancelled:
		w.conds = append(w.conds, "d.state = '"+string(f.State)+"'") // a constant, so that an index of this state will do
	default:
		return nil, 0, fmt.Errorf("listing deliveries: there is no state %q", f.State)
	}
	along := where{conds: slices.Clone(w.conds)}
	w.equal("d.rule", clean(f.Rule))
	w.equal("d.notifier", clean(f.Notifier))
	w.equal("e.name", clean(f.EventName))
	w.equal("e.project", clean(f.Project))
	p := pager[Delivery]{limit: pageLimit(f.Limit), id: func(d Delivery) ID { return d.ID }}
	switch {
	case f.Event != 0:
		w.add("d.event_id = ?", f.Event)
	case len(w.conds) == 0, f.State == Sending, f.State == Pending && s.Load().Deliveries <= fewUnfinished:
	case f.State == Dead, f.State == Cancelled: // they have an index in the order of ids
		p.reach = func(sp span, n int) (ID, error) { return s.reach(ctx, walk{"deliveries d", "d.id", along}, sp, n) }
	default:
		p.reach = func(sp span, n int) (ID, error) { return s.reach(ctx, walk{"deliveries d", "d.id", where{}}, sp, n) }
	}
	p.read = func(sp span, limit int) ([]Delivery, error) {
		return s.readDeliveries(ctx, w.within("d.id", sp), sp.oldestFirst, limit)
	}
	list, next, err = p.page(span{f.After, f.Before, f.OldestFirst}, standardLooks())
	return list, next, wrap(err, "listing deliveries")
}

func (s *Postgres) readDeliveries(ctx context.Context, w where, oldestFirst bool, limit int) (list []Delivery, err error) {
	q := w.query("SELECT "+deliveryColumnsPG+" FROM deliveries d JOIN events e ON e.id = d.event_id", inOrder("d.id", oldestFirst)+" LIMIT ?", limit)
	err = s.list(ctx, q, func(rows pgx.Rows) error {
		var d Delivery
		err := scanDeliveryPG(rows, &d)
		list = append(list, d)
		return err
	})
	return list, err
}

// walk is what a list looks along: a table, its id, and the conditions that an index in the order of ids knows.
type walk struct {
	table, id string
	conds     where
}

// reach returns the id of the n-th row of a span, or zero. It reads an index and nothing else.
func (s *Postgres) reach(ctx context.Context, along walk, sp span, n int) (id ID, err error) {
	w := along.conds.within(along.id, sp)
	q := w.query("SELECT "+along.id+" FROM "+along.table, inOrder(along.id, sp.oldestFirst)+" LIMIT 1 OFFSET ?", n-1)
	err = s.list(ctx, q, func(rows pgx.Rows) error { return rows.Scan(&id) })
	return id, err
}

func inOrder(id string, oldestFirst bool) string {
	if oldestFirst {
		return " ORDER BY " + id
	}
	return " ORDER BY " + id + " DESC"
}

// query makes a query of PostgreSQL, whose parameters have numbers. n is the parameter of the tail.
func (w *where) query(text, tail string, n int) query {
	text += w.text() + tail
	args := append(w.args, n)
	for i := range args {
		text = strings.Replace(text, "?", "$"+strconv.Itoa(i+1), 1)
	}
	return query{text, args}
}
