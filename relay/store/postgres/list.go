package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// deliveryColumns are what scanDelivery reads, from deliveries d and events e.
const deliveryColumns = `d.id, d.event_id, e.name, e.project, d.rule, d.notifier, d.order_key, d.title, d.state,
	d.attempts, d.lease, coalesce(d.next_at, 0), d.created_at, d.first_at, d.updated_at, d.fallback_for, d.status, d.error,
	d.message`

// scanDelivery reads a delivery, and what follows its columns.
func scanDelivery(rows pgx.Rows, d *store.Delivery, rest ...any) error {
	var next, created, first, updated int64
	targets := []any{&d.ID, &d.EventID, &d.EventName, &d.Project, &d.Rule, &d.Notifier, &d.OrderKey, &d.Title, &d.State,
		&d.Attempts, &d.Lease, &next, &created, &first, &updated, &d.FallbackFor, &d.Status, &d.Error, &d.Message}
	err := rows.Scan(append(targets, rest...)...)
	d.NextAt, d.CreatedAt = fromMillis(next), fromMillis(created)
	d.FirstAt, d.UpdatedAt = fromMillis(first), fromMillis(updated)
	return err
}

const eventColumns = "e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.replay_of"

func scanEvent(rows pgx.Rows) (ev store.StoredEvent, err error) {
	var received int64
	err = rows.Scan(&ev.ID, &ev.Source, &ev.Name, &ev.Project, &ev.Body, &received, &ev.Decisions, &ev.ReplayOf)
	ev.ReceivedAt = fromMillis(received)
	return ev, err
}

// Event implements store.Store.
func (s *Store) Event(ctx context.Context, id store.ID) (ev store.StoredEvent, err error) {
	q := listing.Query{Text: "SELECT " + eventColumns + " FROM events e WHERE e.id = $1", Args: []any{id}}
	err = s.list(ctx, q, func(rows pgx.Rows) (err error) {
		ev, err = scanEvent(rows)
		return err
	})
	if err != nil {
		return store.StoredEvent{}, fmt.Errorf("reading event %s: %w", id, err)
	}
	if ev.ID == 0 {
		return store.StoredEvent{}, fmt.Errorf("event %s: %w", id, store.ErrNotFound)
	}
	q = listing.Query{Text: "SELECT id FROM deliveries WHERE event_id = $1 ORDER BY id", Args: []any{id}}
	err = s.list(ctx, q, func(rows pgx.Rows) error {
		var d store.ID
		err := rows.Scan(&d)
		ev.Deliveries = append(ev.Deliveries, d)
		return err
	})
	return ev, store.Wrap(err, "reading an event's deliveries")
}

// Delivery implements store.Store.
func (s *Store) Delivery(ctx context.Context, id store.ID) (d store.Delivery, as []store.Attempt, err error) {
	q := listing.Query{Text: "SELECT " + deliveryColumns + `, e.body
		FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = $1`, Args: []any{id}}
	err = s.list(ctx, q, func(rows pgx.Rows) error { return scanDelivery(rows, &d, &d.EventBody) })
	if err != nil {
		return store.Delivery{}, nil, fmt.Errorf("reading delivery %s: %w", id, err)
	}
	if d.ID == 0 {
		return store.Delivery{}, nil, fmt.Errorf("delivery %s: %w", id, store.ErrNotFound)
	}
	const attempts = "SELECT at, took, status, reason, error, response FROM attempts WHERE delivery_id = $1 ORDER BY lease"
	q = listing.Query{Text: attempts, Args: []any{id}}
	err = s.list(ctx, q, func(rows pgx.Rows) error {
		var a store.Attempt
		var at, took int64
		err := rows.Scan(&at, &took, &a.Status, &a.Reason, &a.Error, &a.Response)
		a.At, a.Took = fromMillis(at), time.Duration(took)
		as = append(as, a)
		return err
	})
	return d, as, store.Wrap(err, "reading a delivery's attempts")
}

// NotifiersOf implements store.Store.
func (s *Store) NotifiersOf(ctx context.Context, ids []store.ID) (names []string, err error) {
	const q = `SELECT DISTINCT notifier FROM deliveries
		WHERE state IN ('dead', 'pending') AND id = ANY ($1) ORDER BY notifier`
	err = s.list(ctx, listing.Query{Text: q, Args: []any{int64s(ids)}}, func(rows pgx.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, store.Wrap(err, "reading the notifiers of deliveries")
}

// Events implements store.Store.
func (s *Store) Events(ctx context.Context, f store.EventFilter) (list []store.StoredEvent, next store.ID, err error) {
	var w listing.Where
	w.Equal("e.source", clean(f.Source))
	w.Equal("e.name", clean(f.Name))
	w.Equal("e.project", clean(f.Project))
	p := listing.Pager[store.StoredEvent]{Limit: listing.PageLimit(f.Limit)}
	p.ID = func(ev store.StoredEvent) store.ID { return ev.ID }
	if len(w.Conds) > 0 {
		p.Reach = func(sp listing.Span, n int) (store.ID, error) {
			return s.reach(ctx, walk{"events e", "e.id", listing.Where{}}, sp, n)
		}
	}
	p.Read = func(sp listing.Span, limit int) (part []store.StoredEvent, err error) {
		w := w.Within("e.id", sp)
		q := w.Query("SELECT "+eventColumns+" FROM events e", inOrder("e.id", sp.OldestFirst)+" LIMIT ?", limit)
		err = s.list(ctx, q, func(rows pgx.Rows) error {
			ev, err := scanEvent(rows)
			part = append(part, ev)
			return err
		})
		return part, err
	}
	list, next, err = p.Page(listing.Span{After: f.After, Before: f.Before, OldestFirst: f.OldestFirst})
	return list, next, store.Wrap(err, "listing events")
}

// Deliveries implements store.Store.
func (s *Store) Deliveries(ctx context.Context, f store.DeliveryFilter) (
	list []store.Delivery, next store.ID, err error) {
	var w listing.Where
	switch f.State {
	case "":
	case store.Pending, store.Sending, store.Delivered, store.Dead, store.Cancelled:
		// A constant, so that PostgreSQL uses an index of this state.
		w.Conds = append(w.Conds, "d.state = '"+string(f.State)+"'")
	default:
		return nil, 0, fmt.Errorf("listing deliveries: unknown state %q", f.State)
	}
	along := listing.Where{Conds: slices.Clone(w.Conds)}
	w.Equal("d.rule", clean(f.Rule))
	w.Equal("d.notifier", clean(f.Notifier))
	w.Equal("e.name", clean(f.EventName))
	w.Equal("e.project", clean(f.Project))
	p := listing.Pager[store.Delivery]{Limit: listing.PageLimit(f.Limit)}
	p.ID = func(d store.Delivery) store.ID { return d.ID }
	switch {
	case f.Event != 0:
		w.Add("d.event_id = ?", f.Event)
	case len(w.Conds) == 0, f.State == store.Sending:
	case f.State == store.Pending && s.Load().Deliveries <= listing.FewUnfinished:
	case f.State == store.Dead, f.State == store.Cancelled: // these states have an index in the order of ids
		p.Reach = func(sp listing.Span, n int) (store.ID, error) {
			return s.reach(ctx, walk{"deliveries d", "d.id", along}, sp, n)
		}
	default:
		p.Reach = func(sp listing.Span, n int) (store.ID, error) {
			return s.reach(ctx, walk{"deliveries d", "d.id", listing.Where{}}, sp, n)
		}
	}
	p.Read = func(sp listing.Span, limit int) ([]store.Delivery, error) {
		return s.readDeliveries(ctx, w.Within("d.id", sp), sp.OldestFirst, limit)
	}
	list, next, err = p.Page(listing.Span{After: f.After, Before: f.Before, OldestFirst: f.OldestFirst})
	return list, next, store.Wrap(err, "listing deliveries")
}

func (s *Store) readDeliveries(ctx context.Context, w listing.Where, oldestFirst bool, limit int) (
	list []store.Delivery, err error) {
	const text = "SELECT " + deliveryColumns + " FROM deliveries d JOIN events e ON e.id = d.event_id"
	q := w.Query(text, inOrder("d.id", oldestFirst)+" LIMIT ?", limit)
	err = s.list(ctx, q, func(rows pgx.Rows) error {
		var d store.Delivery
		err := scanDelivery(rows, &d)
		list = append(list, d)
		return err
	})
	return list, err
}

// walk is the index by which a page counts how many rows it has read: a table, its id, and the conditions of the index.
type walk struct {
	table, id string
	conds     listing.Where
}

// reach returns the id of the n-th row of a span, or zero. It reads an index only.
func (s *Store) reach(ctx context.Context, along walk, sp listing.Span, n int) (id store.ID, err error) {
	w := along.conds.Within(along.id, sp)
	q := w.Query("SELECT "+along.id+" FROM "+along.table, inOrder(along.id, sp.OldestFirst)+" LIMIT 1 OFFSET ?", n-1)
	err = s.list(ctx, q, func(rows pgx.Rows) error { return rows.Scan(&id) })
	return id, err
}

func inOrder(id string, oldestFirst bool) string {
	if oldestFirst {
		return " ORDER BY " + id
	}
	return " ORDER BY " + id + " DESC"
}
