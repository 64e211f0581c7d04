package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// deliveryColumns are what scanDelivery reads, from deliveries d and events e.
const deliveryColumns = `d.id, d.event_id, e.name, e.project, d.rule, d.notifier, d.order_key, d.title, d.state,
	d.attempts, d.lease, d.next_at, d.created_at, d.first_at, d.updated_at, d.status, d.error, d.message, d.fallback_for`

// claimColumns are what scanClaimed reads: what a caller who knows the notifier and sends the delivery needs. Each column costs, since every message is
// read so.
const claimColumns = `d.id, d.event_id, e.name, e.project, d.rule, d.order_key, d.title, d.attempts, d.lease, d.created_at, d.first_at,
	d.message, d.fallback_for, e.body`

// scanClaimed reads a delivery that is claimed by its row.
func (t *tx) scanClaimed(r Row, notifier string) store.Delivery {
	return store.Delivery{
		ID: r.id(0), EventID: r.id(1), EventName: r.Str(2), Project: r.Str(3), Rule: r.Str(4), Notifier: notifier, OrderKey: r.Str(5), Title: r.Str(6),
		State: store.Sending, Attempts: int(r.int(7)), Lease: r.int(8) + 1, CreatedAt: r.time(9), FirstAt: r.time(10), UpdatedAt: time.UnixMilli(t.now).UTC(),
		Message: r.bytes(11), FallbackFor: r.id(12), EventBody: r.bytes(13),
	}
}

func scanDelivery(r Row) store.Delivery {
	return store.Delivery{
		ID: r.id(0), EventID: r.id(1), EventName: r.Str(2), Project: r.Str(3), Rule: r.Str(4), Notifier: r.Str(5),
		OrderKey: r.Str(6), Title: r.Str(7), State: store.State(r.Str(8)), Attempts: int(r.int(9)), Lease: r.int(10),
		NextAt: r.time(11), CreatedAt: r.time(12), FirstAt: r.time(13), UpdatedAt: r.time(14), Status: r.Str(15),
		Error: r.Str(16), Message: r.bytes(17), FallbackFor: r.id(18),
	}
}

// Claim implements Store. When the caller has gone before the answer, the deliveries are handed back.
func (s *Store) Claim(ctx context.Context, notifier string, limit int) ([]store.Delivery, error) {
	var claimed []store.Delivery
	if err := s.writer.do(claimOp(ctx, &claimed, notifier, limit)); err != nil {
		return nil, fmt.Errorf("claiming deliveries for %s: %w", notifier, err)
	}
	return claimed, nil
}

func claimOp(ctx context.Context, claimed *[]store.Delivery, notifier string, limit int) *op {
	claim := func(t *tx) (err error) {
		*claimed, err = t.claim(notifier, limit)
		return err
	}
	undo := func(t *tx) error {
		back := make([]store.Outcome, len(*claimed))
		for i, d := range *claimed {
			back[i] = store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Pending}
		}
		return t.finish(back)
	}
	return &op{ctx: ctx, rows: limit, run: claim, undo: undo}
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
		t.hold(d.ID, held{Stream: store.Stream{Notifier: d.Notifier, Key: d.OrderKey}, lease: d.Lease, message: int64(len(d.Message))})
	}
	for _, h := range heads {
		if h.followed {
			t.follow(store.Stream{Notifier: notifier, Key: h.OrderKey})
		}
	}
	return claimed, nil
}

// due returns which deliveries of the notifier are due and not being sent, the first due first. It reads an index and nothing else.
func (t *tx) due(notifier string, limit int) (due []store.ID, err error) {
	const q = `SELECT id FROM deliveries INDEXED BY deliveries_due
		WHERE unfinished = 1 AND notifier = ? AND next_at <= ? ORDER BY next_at, id LIMIT ?`
	err = t.query(context.Background(), q, []any{notifier, t.now, limit + t.sending.count(notifier) + len(t.claims)}, func(r Row) error {
		if _, held := t.held(r.id(0)); !held && len(due) < limit {
			due = append(due, r.id(0))
		}
		return nil
	})
	return due, store.Wrap(err, "looking for due deliveries")
}

// head is a due delivery.
type head struct {
	store.Delivery
	followed bool // there are later ones of its order key
}

// heads reads deliveries, in the order of their ids in the list. One query for all costs half of one for each.
func (t *tx) heads(notifier string, ids []store.ID) (heads []head, err error) {
	const q = "SELECT " + claimColumns + `, d.order_key <> '' AND EXISTS (
			SELECT 1 FROM deliveries f INDEXED BY deliveries_lane
			WHERE f.unfinished = 1 AND f.notifier = d.notifier AND f.order_key = d.order_key AND f.id > d.id)
		FROM json_each(?) j CROSS JOIN deliveries d ON d.id = j.value JOIN events e ON e.id = d.event_id`
	heads = make([]head, 0, len(ids))
	err = t.query(context.Background(), q, []any{idList(slices.Values(ids))}, func(r Row) error {
		heads = append(heads, head{t.scanClaimed(r, notifier), r.int(14) == 1})
		return nil
	})
	return heads, store.Wrap(err, "reading due deliveries")
}

// addFollowers puts the deliveries of one order key together, in order, and adds those that wait behind them.
func (t *tx) addFollowers(heads []head, limit int) ([]store.Delivery, error) {
	all := make([]store.Delivery, 0, len(heads))
	room := limit - len(heads)
	lanes := store.ByStream(heads, func(h head) string { return h.OrderKey }, func(a, b head) int { return cmp.Compare(a.ID, b.ID) })
	for _, ds := range lanes {
		for _, d := range ds {
			all = append(all, d.Delivery)
		}
		if last := ds[len(ds)-1]; last.followed && room > 0 {
			more, err := t.followers(last.Delivery, min(room, store.MaxFollowers))
			if err != nil {
				return nil, err
			}
			all, room = append(all, more...), room-len(more)
		}
	}
	return all, nil
}

// followers returns the pending deliveries behind the last claimed one of an order key, up to the first that is being sent,
// since the rest waits for that one.
func (t *tx) followers(last store.Delivery, limit int) (behind []store.Delivery, err error) {
	const q = "SELECT " + claimColumns + `
		FROM deliveries d INDEXED BY deliveries_lane JOIN events e ON e.id = d.event_id
		WHERE d.unfinished = 1 AND d.notifier = ? AND d.order_key = ? AND d.id > ? ORDER BY d.id LIMIT ?`
	free := true
	args := []any{last.Notifier, last.OrderKey, last.ID, limit}
	err = t.query(context.Background(), q, args, func(r Row) error {
		d := t.scanClaimed(r, last.Notifier)
		_, held := t.held(d.ID)
		if free = free && !held; free {
			behind = append(behind, d)
		}
		return nil
	})
	return behind, store.Wrap(err, "reading followers")
}
