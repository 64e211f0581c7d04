package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// Claim implements store.Store. If the caller leaves before the answer, the deliveries are handed back.
func (s *Store) Claim(ctx context.Context, notifier string, limit int) ([]store.Delivery, error) {
	if s.nothingDue(notifier) {
		return nil, nil
	}
	var claimed []store.Delivery
	err := s.writer.Do(ctx, limit, &op{
		run: func(t *tx) (err error) {
			claimed, err = t.claim(notifier, limit)
			return err
		},
		undo: func(t *tx) error { return t.finish(engine.HandBack(claimed)) },
	})
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries for %s: %w", notifier, err)
	}
	return claimed, nil
}

func (t *tx) claim(notifier string, limit int) ([]store.Delivery, error) {
	ids, err := t.due(notifier, limit)
	if err != nil {
		return nil, err
	}
	heads, err := t.heads(notifier, ids)
	if err != nil {
		return nil, err
	}
	claimed, err := t.addFollowers(heads, limit)
	if err != nil {
		return nil, err
	}
	for i := range claimed {
		d := &claimed[i]
		stream := engine.Stream{Notifier: d.Notifier, Key: d.OrderKey}
		t.lease(d.ID, lease{Stream: stream, number: d.Lease, message: int64(len(d.Message)),
			made: d.CreatedAt.UnixMilli()})
	}
	for _, h := range heads {
		if h.followed {
			t.noteWaiting(engine.Stream{Notifier: notifier, Key: h.OrderKey})
		}
	}
	return claimed, nil
}

// due returns the deliveries of the notifier that are due and not being sent, the first due first. It reads an index
// only.
func (t *tx) due(notifier string, limit int) (due []store.ID, err error) {
	const q = `SELECT id FROM deliveries INDEXED BY deliveries_due
		WHERE state = 'pending' AND notifier = ? AND next_at <= ? ORDER BY next_at, id LIMIT ?`
	args := []any{notifier, t.now, limit + t.leases.count(notifier) + len(t.leased)}
	err = t.Each(q, args, func(r conn.Row) {
		if _, sending := t.leaseOf(r.ID(0)); !sending && len(due) < limit {
			due = append(due, r.ID(0))
		}
	})
	return due, engine.Wrap(err, "looking for due deliveries")
}

// head is a due delivery.
type head struct {
	store.Delivery
	followed bool // others of its stream are pending
}

// heads reads deliveries in the order of the list. One query for all costs half of one for each.
func (t *tx) heads(notifier string, ids []store.ID) (heads []head, err error) {
	const q = "SELECT " + claimColumns + `, d.order_key <> '' AND EXISTS (
			SELECT 1 FROM deliveries f INDEXED BY deliveries_lane
			WHERE f.state = 'pending' AND f.notifier = d.notifier AND f.order_key = d.order_key AND f.id <> d.id)
		FROM json_each(?) j CROSS JOIN deliveries d ON d.id = j.value JOIN events e ON e.id = d.event_id`
	heads = make([]head, 0, len(ids))
	err = t.Each(q, []any{conn.IDList(slices.Values(ids))}, func(r conn.Row) {
		heads = append(heads, head{t.scanClaimed(r, notifier), r.Int(14) == 1})
	})
	return heads, engine.Wrap(err, "reading due deliveries")
}

// addFollowers groups the deliveries by stream, in order, and adds those that wait behind them.
func (t *tx) addFollowers(heads []head, limit int) ([]store.Delivery, error) {
	all := make([]store.Delivery, 0, len(heads))
	room := limit - len(heads)
	byID := func(a, b head) int { return cmp.Compare(a.ID, b.ID) }
	for _, ds := range store.ByStream(heads, func(h head) string { return h.OrderKey }, byID) {
		for _, d := range ds {
			all = append(all, d.Delivery)
		}
		if last := ds[len(ds)-1]; last.followed && room > 0 {
			more, err := t.followers(last.Delivery, min(room, engine.MaxFollowers))
			if err != nil {
				return nil, err
			}
			all, room = append(all, more...), room-len(more)
		}
	}
	return all, nil
}

// followers returns the pending deliveries behind the last claimed one of a stream, up to the first that is being sent:
// the rest waits for that one.
func (t *tx) followers(last store.Delivery, limit int) (behind []store.Delivery, err error) {
	const q = "SELECT " + claimColumns + `
		FROM deliveries d INDEXED BY deliveries_lane JOIN events e ON e.id = d.event_id
		WHERE d.state = 'pending' AND d.notifier = ? AND d.order_key = ? AND d.id > ? ORDER BY d.id LIMIT ?`
	free := !t.bornIn(engine.Stream{Notifier: last.Notifier, Key: last.OrderKey})
	args := []any{last.Notifier, last.OrderKey, last.ID, limit}
	err = t.Each(q, args, func(r conn.Row) {
		d := t.scanClaimed(r, last.Notifier)
		_, sending := t.leaseOf(d.ID)
		if free = free && !sending; free {
			behind = append(behind, d)
		}
	})
	return behind, engine.Wrap(err, "reading followers")
}

// claimColumns are what scanClaimed reads: only what sending needs, since each column costs, and every message is read
// so.
const claimColumns = `d.id, d.event_id, e.name, e.project, d.rule, d.order_key, d.title, d.attempts, d.lease,
	d.created_at, d.first_at, d.message, d.fallback_for, e.body`

// scanClaimed returns the claimed delivery of a row.
func (t *tx) scanClaimed(r conn.Row, notifier string) store.Delivery {
	return store.Delivery{
		ID: r.ID(0), EventID: r.ID(1), EventName: r.Str(2), Project: r.Str(3), Rule: r.Str(4), Notifier: notifier,
		OrderKey: r.Str(5), Title: r.Str(6), State: store.Sending, Attempts: int(r.Int(7)), Lease: r.Int(8) + 1,
		CreatedAt: r.Time(9), FirstAt: r.Time(10), UpdatedAt: time.UnixMilli(t.now).UTC(),
		Message: r.Bytes(11), FallbackFor: r.ID(12), EventBody: r.Bytes(13),
	}
}
