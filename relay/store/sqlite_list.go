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
	w.before("id", f.Before)
	inner := "SELECT id FROM events INDEXED BY events_list" + w.text() + " ORDER BY id DESC LIMIT ?"
	q := query{"SELECT " + eventColumns + " FROM events e WHERE e.id IN (" + inner + ") ORDER BY e.id DESC",
		append(w.args, pageLimit(f.Limit))}
	err = s.list(ctx, q, func(r row) { list = append(list, scanEvent(r)) })
	return list, wrap(err, "listing events")
}

// Deliveries implements Store.
func (s *SQLite) Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, err error) {
	index, states, err := deliveryIndex(f)
	if err != nil {
		return nil, err
	}
	w := where{conds: states}
	w.equal("rule", f.Rule)
	w.equal("notifier", f.Notifier)
	if f.Event != 0 {
		w.add("event_id = ?", f.Event)
	}
	w.before("id", f.Before)
	inner := "SELECT id FROM deliveries" + index + w.text() + " ORDER BY id DESC LIMIT ?"
	q := query{"SELECT " + deliveryColumns + " FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id IN (" + inner + ") ORDER BY d.id DESC",
		append(w.args, pageLimit(f.Limit))}
	err = s.list(ctx, q, func(r row) { list = append(list, scanDelivery(r)) })
	return list, wrap(err, "listing deliveries")
}

// deliveryIndex chooses the index that leaves the least to read, and the conditions that select the state. They are
// constants, because SQLite uses a partial index only when it can prove its condition.
func deliveryIndex(f DeliveryFilter) (index string, states []string, err error) {
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
	case index != "":
	case f.Rule != "" || f.Notifier != "":
		index = " INDEXED BY deliveries_list"
	}
	return index, states, nil
}

// Backlog implements Store. It reads two partial indexes, which hold only what it counts (about 20 ms for
// 100,000).
func (s *SQLite) Backlog(ctx context.Context) ([]Backlog, error) {
	const q = `SELECT u.notifier, u.pending, u.dead, d.created_at FROM (
			SELECT notifier, count(*) pending, 0 dead, min(id) oldest
			FROM deliveries INDEXED BY deliveries_lane WHERE unfinished = 1 GROUP BY notifier
			UNION ALL
			SELECT notifier, 0, count(*), NULL
			FROM deliveries INDEXED BY deliveries_dead WHERE state = 'dead' GROUP BY notifier) u
		LEFT JOIN deliveries d ON d.id = u.oldest ORDER BY u.notifier, u.pending DESC`
	var list []Backlog
	err := s.list(ctx, query{q, nil}, func(r row) {
		if n := len(list); n > 0 && list[n-1].Notifier == r.str(0) {
			list[n-1].Dead = int(r.int(2))
			return
		}
		list = append(list, Backlog{Notifier: r.str(0), Pending: int(r.int(1)), Dead: int(r.int(2)), Oldest: r.time(3)})
	})
	return list, wrap(err, "counting the backlog")
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

// before adds nothing for no id.
func (w *where) before(column string, id ID) {
	if id != 0 {
		w.add(column+" < ?", id)
	}
}

func (w *where) text() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}
