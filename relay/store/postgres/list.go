package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/postgres/tables"
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

const eventColumns = "e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.replay_of, e.kind, e.facts"

func scanEvent(rows pgx.Rows) (ev store.StoredEvent, err error) {
	var received int64
	err = rows.Scan(&ev.ID, &ev.Source, &ev.Name, &ev.Project, &ev.Body, &received, &ev.Decisions, &ev.ReplayOf, &ev.Kind,
		&ev.Facts)
	ev.ReceivedAt = fromMillis(received)
	return ev, err
}

// Event implements store.Store.
func (s *Store) Event(ctx context.Context, id store.ID) (ev store.StoredEvent, err error) {
	const q = "SELECT " + eventColumns + " FROM events e WHERE e.id = $1"
	deliveries := "SELECT id FROM " + tables.DeliveriesOf("SELECT $1::bigint") + " d ORDER BY id"
	err = s.list(ctx, q, []any{id}, func(rows pgx.Rows) (err error) {
		ev, err = scanEvent(rows)
		return err
	})
	if err := engine.Found("event", id, ev.ID != 0, err); err != nil {
		return store.StoredEvent{}, err
	}
	err = s.list(ctx, deliveries, []any{id}, appendTo(&ev.Deliveries))
	return ev, engine.Wrap(err, "reading an event's deliveries")
}

// Delivery implements store.Store.
func (s *Store) Delivery(ctx context.Context, id store.ID) (d store.Delivery, as []store.Attempt, err error) {
	const q = "SELECT " + deliveryColumns + `, e.body
		FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = $1`
	const attempts = "SELECT at, took, status, reason, error, response FROM attempts WHERE delivery_id = $1 ORDER BY lease"
	err = s.list(ctx, q, []any{id}, func(rows pgx.Rows) error { return scanDelivery(rows, &d, &d.EventBody) })
	if err := engine.Found("delivery", id, d.ID != 0, err); err != nil {
		return store.Delivery{}, nil, err
	}
	err = s.list(ctx, attempts, []any{id}, func(rows pgx.Rows) error {
		var a store.Attempt
		var at, took int64
		err := rows.Scan(&at, &took, &a.Status, &a.Reason, &a.Error, &a.Response)
		a.At, a.Took = fromMillis(at), time.Duration(took)
		as = append(as, a)
		return err
	})
	return d, as, engine.Wrap(err, "reading a delivery's attempts")
}

// NotifiersOf implements store.Store.
func (s *Store) NotifiersOf(ctx context.Context, ids []store.ID) (names []string, err error) {
	const q = `SELECT DISTINCT notifier FROM deliveries
		WHERE state IN ('dead', 'pending') AND id = ANY ($1) ORDER BY notifier`
	err = s.list(ctx, q, []any{int64s(ids)}, appendTo(&names))
	return names, engine.Wrap(err, "reading the notifiers of deliveries")
}

// Events implements store.Store. A filter reads the narrow table of outlines.
func (s *Store) Events(ctx context.Context, f store.EventFilter) (list []store.StoredEvent, next store.ID, err error) {
	var w listing.Where
	w.Equal("o.source", clean(f.Source))
	w.Equal("o.name", clean(f.Name))
	w.Equal("o.project", clean(f.Project))
	var reach listing.Reach
	from, id := " FROM events e", "e.id"
	if len(w.Conds) > 0 {
		from, id = " FROM outlines o JOIN events e ON e.id = o.id", "o.id"
		reach = s.reach(ctx, "outlines o", "o.id", nil)
	}
	return listing.Events(ctx, f, reach, func(sp listing.Span, limit int) (part []store.StoredEvent, err error) {
		w := w.Within(id, sp)
		q, args := w.Numbered("SELECT "+eventColumns+from, sp.Order(id)+" LIMIT ?", limit)
		err = s.list(ctx, q, args, func(rows pgx.Rows) error {
			ev, err := scanEvent(rows)
			part = append(part, ev)
			return err
		})
		return part, err
	})
}

// Deliveries implements store.Store.
func (s *Store) Deliveries(ctx context.Context, f store.DeliveryFilter) (
	list []store.Delivery, next store.ID, err error) {
	if err := listing.CheckState(f); err != nil {
		return nil, 0, err
	}
	w, table := listing.Where{}, "deliveries"
	if f.Event != 0 {
		table, w.Args = tables.DeliveriesOf("SELECT ?::bigint"), []any{f.Event}
	}
	var ofState []string
	if f.State != "" { // a constant, so that PostgreSQL uses an index of this state
		ofState = []string{"d.state = '" + string(f.State) + "'"}
	}
	w.Conds = slices.Clone(ofState)
	w.Equal("d.rule", clean(f.Rule))
	w.Equal("d.notifier", clean(f.Notifier))
	w.Equal("d.order_key", clean(f.OrderKey))
	w.Equal("e.name", clean(f.EventName))
	w.Equal("e.project", clean(f.Project))
	w.OfAttempts("d.id", clean(f.Reason))
	var reach listing.Reach
	switch {
	case f.Event != 0, len(w.Conds) == 0, f.State == store.Sending:
	case f.State == store.Pending && f.Notifier != "" && f.OrderKey != "":
	case f.State == store.Pending && s.Load().Deliveries <= listing.FewUnfinished:
	case f.State == store.Dead, f.State == store.Cancelled: // these states have an index in the order of ids
		reach = s.reach(ctx, "deliveries d", "d.id", ofState)
	default:
		reach = s.reachDeliveries(ctx)
	}
	return listing.Deliveries(ctx, f, reach, func(sp listing.Span, limit int) (part []store.Delivery, err error) {
		text := "SELECT " + deliveryColumns + " FROM " + table + " d JOIN events e ON e.id = d.event_id"
		w := w.Within("d.id", sp)
		q, args := w.Numbered(text, sp.Order("d.id")+" LIMIT ?", limit)
		err = s.list(ctx, q, args, func(rows pgx.Rows) error {
			var d store.Delivery
			err := scanDelivery(rows, &d)
			part = append(part, d)
			return err
		})
		return part, err
	})
}

// reachDeliveries goes by the events, which are about as many, and whose outlines are narrow and hardly ever change: the
// pages of deliveries that have changed lately would have to be read.
func (s *Store) reachDeliveries(ctx context.Context) listing.Reach {
	byEvent, exact := s.reach(ctx, "outlines o", "o.id", nil), s.reach(ctx, "deliveries d", "d.id", nil)
	return func(sp listing.Span, n int) (store.ID, error) {
		if at, err := byEvent(sp, n); at != 0 || err != nil {
			return at, err
		}
		return exact(sp, n)
	}
}

// reach reads an index only. conds are the conditions of the index.
func (s *Store) reach(ctx context.Context, table, id string, conds []string) listing.Reach {
	return func(sp listing.Span, n int) (at store.ID, err error) {
		w := (&listing.Where{Conds: conds}).Within(id, sp)
		q, args := w.Numbered("SELECT "+id+" FROM "+table, sp.Order(id)+" LIMIT 1 OFFSET ?", n-1)
		err = s.list(ctx, q, args, func(rows pgx.Rows) error { return rows.Scan(&at) })
		return at, err
	}
}
