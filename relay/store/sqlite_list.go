package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Events implements Store. The inner query reads only the narrow index, whatever it filters by.
func (s *SQLite) Events(ctx context.Context, f EventFilter) (list []StoredEvent, next ID, err error) {
	const index = " INDEXED BY events_list"
	var w where
	w.equal("source", f.Source)
	w.equal("name", f.Name)
	w.equal("project", f.Project)
	p := pager[StoredEvent]{limit: pageLimit(f.Limit), id: func(ev StoredEvent) ID { return ev.ID }}
	if len(w.conds) > 0 {
		p.reach = func(sp span, n int) (ID, error) { return s.reach(ctx, "events"+index, nil, sp, n) }
	}
	p.read = func(sp span, limit int) (part []StoredEvent, err error) {
		w, order := w.within("id", sp), idOrder(sp.oldestFirst)
		inner := "SELECT id FROM events" + index + w.text() + order + " LIMIT ?"
		q := query{"SELECT " + eventColumns + " FROM events e WHERE e.id IN (" + inner + ")" + order, append(w.args, limit)}
		err = s.list(ctx, q, func(r row) { part = append(part, scanEvent(r)) })
		return part, err
	}
	list, next, err = p.page(span{f.After, f.Before, f.OldestFirst}, standardLooks())
	return list, next, wrap(err, "listing events")
}

// Deliveries implements Store.
func (s *SQLite) Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, next ID, err error) {
	sc, err := scanOf(f, s.counts.many(f.State, f.Notifier))
	if err != nil {
		return nil, 0, err
	}
	w, sending := where{conds: sc.conds}, s.sending.snapshot()
	w.ofState(f.State, sending)
	w.equal("rule", f.Rule)
	w.equal("notifier", f.Notifier)
	if f.Event != 0 {
		w.add("event_id = ?", f.Event)
	}
	w.ofEvent(f.EventName, f.Project)
	p := pager[Delivery]{limit: pageLimit(f.Limit), id: func(d Delivery) ID { return d.ID }}
	if sc.along != "" {
		p.reach = func(sp span, n int) (ID, error) { return s.reach(ctx, "deliveries"+sc.along, sc.alongConds, sp, n) }
	}
	p.read = func(sp span, limit int) (part []Delivery, err error) {
		w, order := w.within("id", sp), idOrder(sp.oldestFirst)
		inner := "SELECT id FROM deliveries" + sc.index + w.text() + order + " LIMIT ?"
		q := query{"SELECT " + deliveryColumns + " FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id IN (" + inner + ")" + order,
			append(w.args, limit)}
		err = s.list(ctx, q, func(r row) { part = append(part, sending.show(scanDelivery(r))) })
		return part, err
	}
	list, next, err = p.page(span{f.After, f.Before, f.OldestFirst}, standardLooks())
	return list, next, wrap(err, "listing deliveries")
}

// reach returns the id of the n-th row of a span, or zero. It reads a narrow index and nothing else.
func (s *SQLite) reach(ctx context.Context, from string, conds []string, sp span, n int) (id ID, err error) {
	w := (&where{conds: conds}).within("id", sp)
	q := query{"SELECT id FROM " + from + w.text() + idOrder(sp.oldestFirst) + " LIMIT 1 OFFSET ?", append(w.args, n-1)}
	err = s.list(ctx, q, func(r row) { id = r.id(0) })
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
func scanOf(f DeliveryFilter, many bool) (sc scan, err error) {
	const byList = " INDEXED BY deliveries_list"
	switch f.State {
	case "":
	case Pending:
		sc.index, sc.conds = " INDEXED BY deliveries_due", []string{"unfinished = 1", "next_at IS NOT NULL"}
	case Sending:
		sc.index, sc.conds = " NOT INDEXED", []string{"unfinished = 1"}
	case Dead:
		sc.index, sc.conds = " INDEXED BY deliveries_dead", []string{"state = 'dead'"}
	case Cancelled:
		sc.index, sc.conds = " INDEXED BY deliveries_cancelled", []string{"state = 'cancelled'"}
	case Delivered:
		sc.conds = []string{"state = 'delivered'"}
	default:
		return sc, fmt.Errorf("listing deliveries: there is no state %q", f.State)
	}
	other := f.Rule != "" || f.EventName != "" || f.Project != ""
	switch {
	case f.Event != 0:
		sc.index = " INDEXED BY deliveries_event"
	case f.State == Cancelled:
		sc.along, sc.alongConds = sc.index, sc.conds
	case sc.index != "" && !(many && (other || f.State == Pending)):
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

// where collects the conditions of a filter.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, arg any) {
	w.conds, w.args = append(w.conds, cond), append(w.args, arg)
}

// equal adds nothing for an empty value.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// ofState tells what is being sent from what is pending, which are the same on disk.
func (w *where) ofState(s State, sending flying) {
	const ids = "IN (SELECT value FROM json_each(?))"
	switch s {
	case Pending:
		w.add("id NOT "+ids, idList(maps.Keys(sending)))
	case Sending:
		w.add("id "+ids, idList(maps.Keys(sending)))
	}
}

// between adds nothing for no id.
func (w *where) between(column string, after, before ID) {
	if after != 0 {
		w.add(column+" > ?", after)
	}
	if before != 0 {
		w.add(column+" < ?", before)
	}
}

// within returns the conditions with those of a span added.
func (w *where) within(column string, s span) where {
	both := where{slices.Clone(w.conds), slices.Clone(w.args)}
	both.between(column, s.after, s.before)
	return both
}

// ofEvent selects deliveries by what is known of their events.
func (w *where) ofEvent(name, project string) {
	var e where
	e.equal("e.name", name)
	e.equal("e.project", project)
	if len(e.conds) > 0 {
		w.conds = append(w.conds, "EXISTS (SELECT 1 FROM events e INDEXED BY events_list WHERE e.id = event_id AND "+strings.Join(e.conds, " AND ")+")")
		w.args = append(w.args, e.args...)
	}
}

func (w *where) text() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}
