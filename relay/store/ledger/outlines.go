package ledger

import (
	"context"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
)

// outlineRows begins a query of rows for scanOutline.
func (db *DB) outlineRows() string {
	return `SELECT o.id, o.source, o.name, o.project, e.received_at, o.kind, o.replay_of, o.subject, o.outcome, o.rules
		FROM ` + db.Dialect.Outlines + " JOIN events e ON e.id = o.id WHERE o.id "
}

func scanOutline(r Row) store.Outlined {
	return store.Outlined{ID: r.ID(0), Source: r.Text(1), Name: r.Text(2), Project: r.Text(3), ReceivedAt: r.Time(4),
		Kind: r.Text(5), ReplayOf: r.ID(6),
		Outline: store.Outline{Subject: r.Text(7), Outcome: r.Text(8), Rules: store.ParseRules(r.Text(9))}}
}

// Outlines implements store.Outlines. The inner query reads the narrow table of outlines only.
func (db *DB) Outlines(ctx context.Context, f store.OutlineFilter) ([]store.Outlined, store.ID, error) {
	var w listing.Where
	w.Equal("source", f.Source)
	w.Equal("name", f.Name)
	w.Equal("project", f.Project)
	if f.Rule != "" {
		w.Add(db.Position+"(rules, ?) > 0", "\n"+store.RuleInText(f.Rule)+"\t")
	}
	if f.Outcome != "" {
		w.Add("(outcome = ? OR "+db.Position+"(rules, ?) > 0)", f.Outcome)
		w.Args = append(w.Args, "\t"+f.Outcome+"\n")
	}
	var reach listing.Reach
	if len(w.Conds) > 0 {
		reach = db.reach(ctx, db.Dialect.Outlines)
	}
	return listing.Outlines(ctx, f, reach, func(sp listing.Span, limit int) ([]store.Outlined, error) {
		ids := ask("SELECT id FROM "+db.Dialect.Outlines, w.Within("id", sp), sp.Order("id"), limit)
		return list(ctx, db, query{db.outlineRows() + "IN (" + ids.text + ")" + sp.Order("o.id"), ids.args}, scanOutline)
	})
}

// OutlinesOf implements store.Outlines.
func (db *DB) OutlinesOf(ctx context.Context, ids []store.ID) (map[store.ID]store.Outlined, error) {
	found := make(map[store.ID]store.Outlined, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := db.Query(ctx, db.outlineRows()+db.AnyOf, []any{db.IDs(ids)}, func(r Row) error {
		o := scanOutline(r)
		found[o.ID] = o
		return nil
	})
	return found, engine.Wrap(err, "reading outlines")
}

// DeliveryStates implements store.Outlines.
func (db *DB) DeliveryStates(ctx context.Context, events []store.ID) (map[store.ID]store.EventStates, error) {
	found := make(map[store.ID]store.EventStates, len(events))
	if len(events) == 0 {
		return found, nil
	}
	sending := func(store.ID) bool { return false }
	if db.Sending != nil {
		sending = db.Sending()
	}
	q := "SELECT event_id, id, state, next_at, CASE WHEN state = 'cancelled' THEN error END FROM " +
		db.Dialect.DeliveriesOf + " made"
	err := db.Query(ctx, q, []any{db.IDs(events)}, func(r Row) error {
		s, state := found[r.ID(0)], store.State(r.Text(2))
		if s.Count == nil {
			s.Count = map[store.State]int{}
		}
		if state == store.Pending && sending(r.ID(1)) {
			state = store.Sending
		}
		s.Count[state]++
		if due := r.Time(3); state == store.Pending && (s.NextAt.IsZero() || due.Before(s.NextAt)) {
			s.NextAt = due
		}
		if state == store.Cancelled && r.Text(4) == store.DryRun {
			s.DryRun++
		}
		found[r.ID(0)] = s
		return nil
	})
	return found, engine.Wrap(err, "counting the deliveries of events")
}
