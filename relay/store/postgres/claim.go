package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// claim is one call of Claim.
type claim struct {
	notifier string
	limit    int
	claimed  []store.Delivery
	heads    []head
	followed []head
}

// head is a claimed delivery with its place in its stream.
type head struct {
	store.Delivery
	seq      int64
	due      int64
	followed bool // later ones of its stream are unfinished
}

// Claim implements store.Store. If the caller leaves before the answer, the deliveries are handed back.
func (s *Store) Claim(ctx context.Context, notifier string, limit int) ([]store.Delivery, error) {
	c := &claim{notifier: clean(notifier), limit: limit}
	if err := s.work.Do(ctx, limit, &op{claim: c}); err != nil {
		return nil, fmt.Errorf("claiming deliveries for %s: %w", notifier, err)
	}
	return c.claimed, nil
}

// claimAll claims due deliveries, and then those that wait behind them. It skips rows that another transaction has
// locked, so it never waits.
func (t *tx) claimAll(claims []*claim) error {
	if len(claims) == 0 {
		return nil
	}
	for _, c := range claims {
		c.claimed, c.heads, c.followed = nil, nil, nil
		t.queueRows(func(rows pgx.Rows) error { return c.scan(rows, &c.heads) },
			claimDue, c.notifier, t.now, c.limit, t.store.self.session.Load())
	}
	if err := t.send(); err != nil {
		return engine.Wrap(err, "marking deliveries as sending")
	}
	for _, c := range claims {
		t.claimFollowers(c)
	}
	t.after = append(t.after, func(committed bool) {
		for _, c := range claims {
			if committed {
				c.arrange()
				t.store.leases.addAll(c.claimed)
			}
		}
	})
	return nil
}

// claimFollowers queues the claiming of deliveries behind the last due one of each stream.
func (t *tx) claimFollowers(c *claim) {
	var keys []string
	var lasts []int64
	for _, ds := range c.streams() {
		if last := ds[len(ds)-1]; last.followed {
			keys, lasts = append(keys, last.OrderKey), append(lasts, last.seq)
		}
	}
	room := c.limit - len(c.heads)
	if len(keys) == 0 || room <= 0 {
		return
	}
	t.queueRows(func(rows pgx.Rows) error { return c.scan(rows, &c.followed) },
		claimBehind, c.notifier, t.now, room, t.store.self.session.Load(), keys, lasts, min(room, engine.MaxFollowers))
}

func (c *claim) scan(rows pgx.Rows, into *[]head) error {
	var h head
	err := scanDelivery(rows, &h.Delivery, &h.EventBody, &h.seq, &h.due, &h.followed)
	*into = append(*into, h)
	return err
}

// streams returns the due deliveries by order key, in the order of their first ones.
func (c *claim) streams() [][]head {
	slices.SortFunc(c.heads, func(a, b head) int { return cmp.Or(cmp.Compare(a.due, b.due), bySeq(a, b)) })
	return store.ByStream(c.heads, func(h head) string { return h.OrderKey }, bySeq)
}

func bySeq(a, b head) int { return cmp.Compare(a.seq, b.seq) }

// arrange groups the deliveries by stream, in order.
func (c *claim) arrange() {
	slices.SortFunc(c.followed, bySeq)
	behind := map[string][]head{}
	for _, h := range c.followed {
		behind[h.OrderKey] = append(behind[h.OrderKey], h)
	}
	for _, ds := range c.streams() {
		for _, h := range append(ds, behind[ds[0].OrderKey]...) {
			c.claimed = append(c.claimed, h.Delivery)
		}
	}
}

// claimedColumns are what claim.scan reads.
const claimedColumns = ` RETURNING ` + deliveryColumns + `, e.body, d.seq, t.next_at,
	d.order_key <> '' AND (SELECT 1 FROM deliveries f WHERE f.state IN ('pending', 'sending')
		AND f.notifier = d.notifier AND f.order_key = d.order_key AND f.seq > d.seq ORDER BY f.seq LIMIT 1) IS NOT NULL`

const claimDue = `WITH t AS (
		SELECT id, next_at FROM deliveries WHERE state = 'pending' AND notifier = $1 AND next_at <= $2
		ORDER BY next_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED)
	UPDATE deliveries d SET state = 'sending', next_at = NULL, holder = $4, lease = d.lease + 1, updated_at = $2
	FROM t, events e WHERE d.id = t.id AND e.id = d.event_id` + claimedColumns

// claimBehind takes the followers of each stream up to the first that is being sent or is locked: the rest waits for
// that one.
const claimBehind = `WITH behind AS (
		SELECT l.place, f.* FROM unnest($5::text[], $6::bigint[]) WITH ORDINALITY AS l (order_key, last, place)
		CROSS JOIN LATERAL (SELECT id, seq, state, next_at FROM deliveries d WHERE d.state IN ('pending', 'sending')
			AND d.notifier = $1 AND d.order_key = l.order_key AND d.seq > l.last ORDER BY d.seq LIMIT $7) f),
	free AS (
		SELECT d.id FROM behind b JOIN deliveries d ON d.id = b.id WHERE d.state = 'pending' FOR UPDATE OF d SKIP LOCKED),
	t AS (
		SELECT id, next_at FROM (SELECT b.*, bool_and(free.id IS NOT NULL) OVER (PARTITION BY b.place ORDER BY b.seq) AS ok
			FROM behind b LEFT JOIN free ON free.id = b.id) b
		WHERE ok ORDER BY place, seq LIMIT $3)
	UPDATE deliveries d SET state = 'sending', next_at = NULL, holder = $4, lease = d.lease + 1, updated_at = $2
	FROM t, events e WHERE d.id = t.id AND e.id = d.event_id` + claimedColumns

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, notifier string) (due time.Time, err error) {
	const q = "SELECT next_at FROM deliveries WHERE state = 'pending' AND notifier = $1 ORDER BY next_at, seq LIMIT 1"
	err = s.list(ctx, q, []any{clean(notifier)}, func(rows pgx.Rows) error {
		var at int64
		err := rows.Scan(&at)
		due = fromMillis(at)
		return err
	})
	return due, engine.Wrap(err, "reading when the next delivery is due")
}
