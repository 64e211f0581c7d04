package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
)

// madeFor is a delivery and its event.
type madeFor struct{ id, event store.ID }

// selected returns those of the deliveries of events that a filter selects.
func (db *DB) selected(ctx context.Context, events []store.ID, f store.DeliveryFilter) (found []madeFor, err error) {
	if strings.ContainsRune(f.Rule+f.Notifier+f.OrderKey+f.Reason, 0) || len(events) == 0 { // PostgreSQL keeps no NUL
		return nil, nil
	}
	w := listing.Where{Args: []any{db.IDs(events)}}
	sending := func(store.ID) bool { return false }
	if db.Sending != nil {
		sending = db.Sending()
	}
	if db.Sending != nil && f.State == store.Sending { // which may be pending in the table
		w.Conds = append(w.Conds, "state IN ('pending', 'sending')")
	} else {
		w.Equal("state", string(f.State))
	}
	w.Equal("notifier", f.Notifier)
	w.Equal("order_key", f.OrderKey)
	w.Equal("rule", f.Rule)
	w.OfAttempts("deliveries.id", f.Reason)
	w = w.Within("id", listing.Span{After: f.After, Before: f.Before})
	q := "SELECT id, event_id, state FROM " + db.Dialect.DeliveriesOf + " deliveries" + w.Text()
	err = db.Query(ctx, q, w.Args, func(r Row) error {
		isSending := sending(r.ID(0)) || store.State(r.Text(2)) == store.Sending
		if db.Sending == nil || f.State != store.Pending && f.State != store.Sending || isSending == (f.State == store.Sending) {
			found = append(found, madeFor{r.ID(0), r.ID(1)})
		}
		return nil
	})
	return found, engine.Wrap(err, "looking for the deliveries of events")
}

// EventsWith implements store.Search.
func (db *DB) EventsWith(ctx context.Context, events []store.ID, f store.DeliveryFilter) (map[store.ID]bool, error) {
	found, err := db.selected(ctx, events, f)
	with := map[store.ID]bool{}
	for _, one := range found {
		with[one.event] = true
	}
	return with, err
}

// DeliveriesOf implements store.Search.
func (db *DB) DeliveriesOf(ctx context.Context, events []store.ID, f store.DeliveryFilter) (list []store.Delivery, err error) {
	found, err := db.selected(ctx, events, f)
	if err != nil {
		return nil, err
	}
	sp := listing.Span{OldestFirst: f.OldestFirst}
	slices.SortFunc(found, func(a, b madeFor) int {
		if f.OldestFirst {
			return cmp.Compare(a.id, b.id)
		}
		return cmp.Compare(b.id, a.id)
	})
	var ids []store.ID
	for _, one := range found[:min(len(found), f.Limit)] {
		ids = append(ids, one.id)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	const columns = `SELECT d.id, d.event_id, e.name, e.project, d.rule, d.notifier, d.order_key, d.title, d.state,
		CAST(d.attempts AS bigint), d.lease, d.next_at, d.created_at, d.first_at, d.updated_at, d.status, d.error, d.message,
		d.fallback_for FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id `
	show := func(d store.Delivery) store.Delivery { return d }
	if db.Show != nil {
		show = db.Show()
	}
	err = db.Query(ctx, columns+db.AnyOf+sp.Order("d.id"), []any{db.IDs(ids)}, func(r Row) error {
		list = append(list, show(scanDelivery(r)))
		return nil
	})
	return list, engine.Wrap(err, "reading the deliveries of events")
}

func scanDelivery(r Row) store.Delivery {
	return store.Delivery{ID: r.ID(0), EventID: r.ID(1), EventName: r.Text(2), Project: r.Text(3), Rule: r.Text(4),
		Notifier: r.Text(5), OrderKey: r.Text(6), Title: r.Text(7), State: store.State(r.Text(8)), Attempts: int(r.Int(9)),
		Lease: r.Int(10), NextAt: r.Time(11), CreatedAt: r.Time(12), FirstAt: r.Time(13), UpdatedAt: r.Time(14),
		Status: r.Text(15), Error: r.Text(16), Message: r.Bytes(17), FallbackFor: r.ID(18)}
}
