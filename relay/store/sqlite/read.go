package sqlite

import (
	"context"
	"maps"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/tables"
)

// list runs a query and calls each for every row.
func (s *Store) list(ctx context.Context, query string, args []any, each func(conn.Row)) error {
	return s.readers.Read(ctx, func(ctx context.Context, c *conn.Conn) error {
		return c.Query(ctx, query, args, func(r conn.Row) error {
			each(r)
			return nil
		})
	})
}

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, notifier string) (due time.Time, err error) {
	const q = `SELECT id, next_at FROM deliveries INDEXED BY deliveries_due
		WHERE state = 'pending' AND notifier = ? ORDER BY next_at, id LIMIT ?`
	if s.nothingDue(notifier) {
		return due, nil
	}
	sending := s.leases.snapshot()
	err = s.list(ctx, q, []any{notifier, 1 + len(sending)}, func(r conn.Row) {
		if _, ok := sending[r.ID(0)]; !ok && due.IsZero() {
			due = r.Time(1)
		}
	})
	return due, engine.Wrap(err, "reading when the next delivery is due")
}

// NotifiersOf implements store.Store.
func (s *Store) NotifiersOf(ctx context.Context, ids []store.ID) (names []string, err error) {
	const q = `SELECT DISTINCT notifier FROM deliveries
		WHERE (state = 'dead' OR state = 'pending') AND id IN ` + conn.Sixteen
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = id
	}
	err = s.readers.Read(ctx, func(_ context.Context, c *conn.Conn) error {
		return c.QueryMany(q, nil, values, func(r conn.Row) { names = append(names, r.Str(0)) })
	})
	slices.Sort(names)
	return slices.Compact(names), engine.Wrap(err, "reading the notifiers of deliveries")
}

// Event implements store.Store.
func (s *Store) Event(ctx context.Context, id store.ID) (store.StoredEvent, error) {
	const q = "SELECT " + eventColumns + " FROM events e WHERE e.id = ?"
	deliveries := "SELECT id FROM " + tables.DeliveriesOf("SELECT ?") + " ORDER BY id"
	var ev store.StoredEvent
	err := s.list(ctx, q, []any{id}, func(r conn.Row) { ev = scanEvent(r) })
	if err := engine.Found("event", id, ev.ID != 0, err); err != nil {
		return store.StoredEvent{}, err
	}
	err = s.list(ctx, deliveries, []any{id}, func(r conn.Row) { ev.Deliveries = append(ev.Deliveries, r.ID(0)) })
	return ev, engine.Wrap(err, "reading an event's deliveries")
}

// Delivery implements store.Store.
func (s *Store) Delivery(ctx context.Context, id store.ID) (store.Delivery, []store.Attempt, error) {
	const q = "SELECT " + deliveryColumns + ", e.body FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = ?"
	const attempts = "SELECT at, took, status, reason, error, response FROM attempts WHERE delivery_id = ? ORDER BY lease"
	var d store.Delivery
	var as []store.Attempt
	sending := s.leases.snapshot()
	err := s.list(ctx, q, []any{id}, func(r conn.Row) { d = sending.show(scanDelivery(r)); d.EventBody = r.Bytes(19) })
	if err := engine.Found("delivery", id, d.ID != 0, err); err != nil {
		return store.Delivery{}, nil, err
	}
	err = s.list(ctx, attempts, []any{id}, func(r conn.Row) {
		as = append(as, store.Attempt{At: r.Time(0), Took: time.Duration(r.Int(1)), Status: r.Str(2), Reason: r.Str(3),
			Error: r.Str(4), Response: r.Str(5)})
	})
	return d, as, engine.Wrap(err, "reading a delivery's attempts")
}

const eventColumns = "e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.replay_of, e.kind, e.facts"

func scanEvent(r conn.Row) store.StoredEvent {
	return store.StoredEvent{
		ID: r.ID(0), Source: r.Str(1), Name: r.Str(2), Project: r.Str(3), Body: r.Bytes(4), ReceivedAt: r.Time(5),
		Decisions: r.Bytes(6), ReplayOf: r.ID(7), Kind: r.Str(8), Facts: r.Bytes(9),
	}
}

// deliveryColumns are what scanDelivery reads, from deliveries d and events e.
const deliveryColumns = `d.id, d.event_id, e.name, e.project, d.rule, d.notifier, d.order_key, d.title, d.state,
	d.attempts, d.lease, d.next_at, d.created_at, d.first_at, d.updated_at, d.status, d.error, d.message, d.fallback_for`

func scanDelivery(r conn.Row) store.Delivery {
	return store.Delivery{
		ID: r.ID(0), EventID: r.ID(1), EventName: r.Str(2), Project: r.Str(3), Rule: r.Str(4), Notifier: r.Str(5),
		OrderKey: r.Str(6), Title: r.Str(7), State: store.State(r.Str(8)), Attempts: int(r.Int(9)), Lease: r.Int(10),
		NextAt: r.Time(11), CreatedAt: r.Time(12), FirstAt: r.Time(13), UpdatedAt: r.Time(14), Status: r.Str(15),
		Error: r.Str(16), Message: r.Bytes(17), FallbackFor: r.ID(18),
	}
}

// ofState selects a state. What this relay is sending is known by its ids; a reader of the file has to look for it.
func (s *Store) ofState(w *listing.Where, state store.State, sending leased) {
	const ids = "IN (SELECT value FROM json_each(?))"
	switch {
	case state == store.Pending:
		w.Add("id NOT "+ids, conn.IDList(maps.Keys(sending)))
	case state == store.Sending && s.Waiting == nil:
		w.Conds = append(w.Conds, "state = 'sending'")
	case state == store.Sending:
		w.Add("id "+ids, conn.IDList(maps.Keys(sending)))
	}
}

// byOutline is the index by which lists of events are read.
const byOutline = " INDEXED BY events_outline"

// Events implements store.Store. The inner query reads only the narrow index.
func (s *Store) Events(ctx context.Context, f store.EventFilter) (list []store.StoredEvent, next store.ID, err error) {
	var w listing.Where
	w.Equal("source", f.Source)
	w.Equal("name", f.Name)
	w.Equal("project", f.Project)
	var reach listing.Reach
	if len(w.Conds) > 0 {
		reach = s.reach(ctx, "events"+byOutline, nil)
	}
	return listing.Events(ctx, f, reach, func(sp listing.Span, limit int) (part []store.StoredEvent, err error) {
		w, order := w.Within("id", sp), sp.Order("1")
		inner := "SELECT id FROM events" + byOutline + w.Text() + order + " LIMIT ?"
		q := "SELECT " + eventColumns + " FROM events e WHERE e.id IN (" + inner + ")" + order
		err = s.list(ctx, q, append(w.Args, limit), func(r conn.Row) { part = append(part, scanEvent(r)) })
		return part, err
	})
}

// Deliveries implements store.Store.
func (s *Store) Deliveries(ctx context.Context, f store.DeliveryFilter) (
	list []store.Delivery, next store.ID, err error) {
	if err := listing.CheckState(f); err != nil {
		return nil, 0, err
	}
	sc := scanOf(f, s.counts.many(f.State, f.Notifier))
	w, sending := listing.Where{Conds: sc.conds}, s.leases.snapshot()
	table := "deliveries" + sc.index
	if f.Event != 0 {
		table, w.Args = tables.DeliveriesOf("SELECT ?")+" deliveries", []any{f.Event}
	}
	s.ofState(&w, f.State, sending)
	w.Equal("rule", f.Rule)
	w.Equal("notifier", f.Notifier)
	w.Equal("order_key", f.OrderKey)
	w.OfEvent(f.EventName, f.Project)
	w.OfAttempts("deliveries.id", f.Reason)
	var reach listing.Reach
	if sc.along != "" {
		reach = s.reach(ctx, "deliveries"+sc.along, sc.alongConds)
	}
	return listing.Deliveries(ctx, f, reach, func(sp listing.Span, limit int) (part []store.Delivery, err error) {
		w, order := w.Within("id", sp), sp.Order("1")
		const from = " FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id IN (SELECT id FROM "
		q := "SELECT " + deliveryColumns + from + table + w.Text() + order + " LIMIT ?)" + order
		err = s.list(ctx, q, append(w.Args, limit), func(r conn.Row) { part = append(part, sending.show(scanDelivery(r))) })
		return part, err
	})
}

// reach reads a narrow index only.
func (s *Store) reach(ctx context.Context, from string, conds []string) listing.Reach {
	return func(sp listing.Span, n int) (id store.ID, err error) {
		w := (&listing.Where{Conds: conds}).Within("id", sp)
		q := "SELECT id FROM " + from + w.Text() + sp.Order("1") + " LIMIT 1 OFFSET ?"
		err = s.list(ctx, q, append(w.Args, n-1), func(r conn.Row) { id = r.ID(0) })
		return id, err
	}
}

// scan says how deliveries are searched.
type scan struct {
	index string // to use
	// conds select the state. They are constants, since SQLite uses a partial index only if it can prove its condition.
	conds []string
	// along is the index by which a page counts the rows it has read, and alongConds its condition; empty for few rows.
	along      string
	alongConds []string
}

// scanOf chooses the index that leaves the least to read. That of a state knows neither rules nor events, so each of many
// deliveries in it would be read; and that of due deliveries is not in the order of ids.
func scanOf(f store.DeliveryFilter, many bool) (sc scan) {
	const byList = " INDEXED BY deliveries_list"
	switch f.State {
	case "":
	case store.Pending:
		sc.index, sc.conds = " INDEXED BY deliveries_due", []string{"state = 'pending'"}
	case store.Sending:
		sc.index, sc.conds = " NOT INDEXED", []string{"unfinished = 1"}
	case store.Dead:
		sc.index, sc.conds = " INDEXED BY deliveries_dead", []string{"state = 'dead'"}
	case store.Cancelled:
		sc.index, sc.conds = " INDEXED BY deliveries_cancelled", []string{"state = 'cancelled'"}
	case store.Delivered:
		sc.conds = []string{"state = 'delivered'"}
	}
	other := f.Rule != "" || f.OrderKey != "" || f.EventName != "" || f.Project != "" || f.Reason != ""
	switch {
	case f.Event != 0: // few, of which each is read
	case f.State == store.Pending && f.Notifier != "" && f.OrderKey != "":
		sc.index = " INDEXED BY deliveries_lane"
	case f.State == store.Cancelled:
		sc.along, sc.alongConds = sc.index, sc.conds
	case sc.index != "" && !(many && (other || f.State == store.Pending)):
	case other || f.Notifier != "":
		sc.index, sc.along = byList, byList
	case f.State != "":
		sc.index, sc.along = " NOT INDEXED", byList
	}
	return sc
}
