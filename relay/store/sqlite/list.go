package sqlite

import (
	"context"
	"fmt"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// Events implements Store. The inner query reads only the narrow index, whatever it filters by.
func (s *Store) Events(ctx context.Context, f store.EventFilter) (list []store.StoredEvent, next store.ID, err error) {
	const index = " INDEXED BY events_list"
	var w listing.Where
	w.Equal("source", f.Source)
	w.Equal("name", f.Name)
	w.Equal("project", f.Project)
	p := listing.Pager[store.StoredEvent]{Limit: listing.PageLimit(f.Limit), ID: func(ev store.StoredEvent) store.ID { return ev.ID }}
	if len(w.Conds) > 0 {
		p.Reach = func(sp listing.Span, n int) (store.ID, error) { return s.reach(ctx, "events"+index, nil, sp, n) }
	}
	p.Read = func(sp listing.Span, limit int) (part []store.StoredEvent, err error) {
		w, order := w.Within("id", sp), idOrder(sp.OldestFirst)
		inner := "SELECT id FROM events" + index + w.Text() + order + " LIMIT ?"
		q := listing.Query{Text: "SELECT " + eventColumns + " FROM events e WHERE e.id IN (" + inner + ")" + order, Args: append(w.Args, limit)}
		err = s.List(ctx, q, func(r Row) { part = append(part, scanEvent(r)) })
		return part, err
	}
	list, next, err = p.Page(listing.Span{After: f.After, Before: f.Before, OldestFirst: f.OldestFirst}, listing.StandardLooks())
	return list, next, store.Wrap(err, "listing events")
}

// Deliveries implements Store.
func (s *Store) Deliveries(ctx context.Context, f store.DeliveryFilter) (list []store.Delivery, next store.ID, err error) {
	sc, err := scanOf(f, s.counts.many(f.State, f.Notifier))
	if err != nil {
		return nil, 0, err
	}
	w, sending := listing.Where{Conds: sc.conds}, s.sending.snapshot()
	ofState(&w, f.State, sending)
	w.Equal("rule", f.Rule)
	w.Equal("notifier", f.Notifier)
	if f.Event != 0 {
		w.Add("event_id = ?", f.Event)
	}
	w.OfEvent(f.EventName, f.Project)
	p := listing.Pager[store.Delivery]{Limit: listing.PageLimit(f.Limit), ID: func(d store.Delivery) store.ID { return d.ID }}
	if sc.along != "" {
		p.Reach = func(sp listing.Span, n int) (store.ID, error) {
			return s.reach(ctx, "deliveries"+sc.along, sc.alongConds, sp, n)
		}
	}
	p.Read = func(sp listing.Span, limit int) (part []store.Delivery, err error) {
		w, order := w.Within("id", sp), idOrder(sp.OldestFirst)
		inner := "SELECT id FROM deliveries" + sc.index + w.Text() + order + " LIMIT ?"
		q := listing.Query{Text: "SELECT " + deliveryColumns + " FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id IN (" + inner + ")" + order,
			Args: append(w.Args, limit)}
		err = s.List(ctx, q, func(r Row) { part = append(part, sending.show(scanDelivery(r))) })
		return part, err
	}
	list, next, err = p.Page(listing.Span{After: f.After, Before: f.Before, OldestFirst: f.OldestFirst}, listing.StandardLooks())
	return list, next, store.Wrap(err, "listing deliveries")
}

// reach returns the id of the n-th row of a span, or zero. It reads a narrow index and nothing else.
func (s *Store) reach(ctx context.Context, from string, conds []string, sp listing.Span, n int) (id store.ID, err error) {
	w := (&listing.Where{Conds: conds}).Within("id", sp)
	q := listing.Query{Text: "SELECT id FROM " + from + w.Text() + idOrder(sp.OldestFirst) + " LIMIT 1 OFFSET ?", Args: append(w.Args, n-1)}
	err = s.List(ctx, q, func(r Row) { id = r.id(0) })
	return id, err
}

// scan is how deliveries are looked through.
type scan struct {
	index string   // to use
	conds []string // that select the state: constants, because SQLite uses a partial index only when it can prove its condition
	// along is the index whose rows are counted to look at so many at a time, in the order of ids, and alongConds its condition. It is empty
	// where there are few.
	along      string
	alongConds []string
}

// scanOf chooses what leaves the least to read. Where there are many in a state, its index, which does not know rules and events, would lead to
// a row for each of them, and that of what is due is in no order of ids.
func scanOf(f store.DeliveryFilter, many bool) (sc scan, err error) {
	const byList = " INDEXED BY deliveries_list"
	switch f.State {
	case "":
	case store.Pending:
		sc.index, sc.conds = " INDEXED BY deliveries_due", []string{"unfinished = 1", "next_at IS NOT NULL"}
	case store.Sending:
		sc.index, sc.conds = " NOT INDEXED", []string{"unfinished = 1"}
	case store.Dead:
		sc.index, sc.conds = " INDEXED BY deliveries_dead", []string{"state = 'dead'"}
	case store.Cancelled:
		sc.index, sc.conds = " INDEXED BY deliveries_cancelled", []string{"state = 'cancelled'"}
	case store.Delivered:
		sc.conds = []string{"state = 'delivered'"}
	default:
		return sc, fmt.Errorf("listing deliveries: there is no state %q", f.State)
	}
	other := f.Rule != "" || f.EventName != "" || f.Project != ""
	switch {
	case f.Event != 0:
		sc.index = " INDEXED BY deliveries_event"
	case f.State == store.Cancelled:
		sc.along, sc.alongConds = sc.index, sc.conds
	case sc.index != "" && !(many && (other || f.State == store.Pending)):
	case other || f.Notifier != "":
		sc.index, sc.along = byList, byList
	case f.State != "":
		sc.index, sc.along = " NOT INDEXED", byList
	}
	return sc, nil
}

// idOrder sorts by the first column, which is the id.
func idOrder(oldestFirst bool) string {
	if oldestFirst {
		return " ORDER BY 1"
	}
	return " ORDER BY 1 DESC"
}
