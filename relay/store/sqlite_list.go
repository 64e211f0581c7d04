package store

import (
	"context"
	"fmt"
	"strings"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Events implements Store. The inner query reads only the narrow index, whatever it filters by.
func (s *SQLite) Events(ctx context.Context, f EventFilter) (list []StoredEvent, err error) {
	var w where
	w.equal("source", f.Source)
	w.equal("name", f.Name)
	w.equal("project", f.Project)
	w.between("id", f.After, f.Before)
	order := idOrder(f.OldestFirst)
	inner := "SELECT id FROM events INDEXED BY events_list" + w.text() + order + " LIMIT ?"
	q := query{"SELECT " + eventColumns + " FROM events e WHERE e.id IN (" + inner + ")" + order,
		append(w.args, pageLimit(f.Limit))}
	err = s.list(ctx, q, func(r row) { list = append(list, scanEvent(r)) })
	return list, wrap(err, "listing events")
}

// Deliveries implements Store.
func (s *SQLite) Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, err error) {
	index, states, err := deliveryIndex(f, s.counts.many(f.State, f.Notifier))
	if err != nil {
		return nil, err
	}
	w := where{conds: states}
	w.equal("rule", f.Rule)
	w.equal("notifier", f.Notifier)
	if f.Event != 0 {
		w.add("event_id = ?", f.Event)
	}
	w.between("id", f.After, f.Before)
	w.ofEvent(f.EventName, f.Project)
	order := idOrder(f.OldestFirst)
	inner := "SELECT id FROM deliveries" + index + w.text() + order + " LIMIT ?"
	q := query{"SELECT " + deliveryColumns + " FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id IN (" + inner + ")" + order,
		append(w.args, pageLimit(f.Limit))}
	err = s.list(ctx, q, func(r row) { list = append(list, scanDelivery(r)) })
	return list, wrap(err, "listing deliveries")
}

// deliveryIndex chooses the index that leaves the least to read, and the conditions that select the state. They are
// constants, because SQLite uses a partial index only when it can prove its condition. Where there are many in that state, its index, which
// does not know rules and events, would lead to a row for each of them.
func deliveryIndex(f DeliveryFilter, many bool) (index string, states []string, err error) {
	switch f.State {
	case "":
	case Pending:
		index, states = " INDEXED BY deliveries_due", []string{"unfinished = 1", "next_at IS NOT NULL"}
	case Sending:
		index, states = " INDEXED BY deliveries_due", []string{"unfinished = 1", "next_at IS NULL"}
	case Dead:
		index, states = " INDEXED BY deliveries_dead", []string{"state = 'dead'"}
	case Cancelled:
		index, states = " INDEXED BY deliveries_cancelled", []string{"state = 'cancelled'"}
	case Delivered:
		states = []string{"state = 'delivered'"}
	default:
		return "", nil, fmt.Errorf("listing deliveries: there is no state %q", f.State)
	}
	switch {
	case f.Event != 0:
		index = " INDEXED BY deliveries_event"
	case index != "" && !(many && (f.Rule != "" || f.EventName != "" || f.Project != "")):
	case f.Rule != "" || f.Notifier != "" || f.EventName != "" || f.Project != "":
		index = " INDEXED BY deliveries_list"
	}
	return index, states, nil
}

// idOrder sorts by the first column, which is the id.
func idOrder(oldestFirst bool) string {
	if oldestFirst {
		return " ORDER BY 1"
	}
	return " ORDER BY 1 DESC"
}

func pageLimit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
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

// between adds nothing for no id.
func (w *where) between(column string, after, before ID) {
	if after != 0 {
		w.add(column+" > ?", after)
	}
	if before != 0 {
		w.add(column+" < ?", before)
	}
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
