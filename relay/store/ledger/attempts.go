package ledger

import (
	"context"
	"slices"
	"sync"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
)

const (
	// LastAttempts looks at so many deliveries of a notifier at least and at most, of each kind.
	fewCandidates, candidates = 50, 200
	// farthest is among how many deliveries of all notifiers it looks for them.
	farthest = 50_000
	// lateBy is how much later a delivery may be stored than one with a greater id.
	lateBy = time.Minute
)

// looks returns among how many deliveries of all notifiers LastAttempts looks for them: first among few, which is enough
// for most notifiers, then among more.
func looks() []int { return []int{2_000, 10_000, farthest} }

// LastAttempts implements store.Tallies.
func (db *DB) LastAttempts(ctx context.Context, notifier string, limit int) ([]store.NotifierAttempt, error) {
	limit = min(limit, candidates)
	ids, err := db.attempted(ctx, notifier, max(limit, fewCandidates))
	if err != nil {
		return nil, engine.Wrap(err, "looking for the last attempts")
	}
	const columns = "SELECT a.delivery_id, d.title, a.at, a.took, a.status, a.reason, a.error FROM attempts a " +
		"JOIN deliveries d ON d.id = a.delivery_id WHERE a.delivery_id "
	q := query{columns + db.AnyOf + " ORDER BY a.at DESC, a.delivery_id DESC, a.lease DESC LIMIT ?",
		[]any{db.IDs(slices.Compact(slices.Sorted(slices.Values(ids)))), limit}}
	all, err := list(ctx, db, q, func(r Row) store.NotifierAttempt {
		return store.NotifierAttempt{Delivery: r.ID(0), Title: r.Text(1), Attempt: store.Attempt{At: r.Time(2),
			Took: time.Duration(r.Int(3)), Status: r.Text(4), Reason: r.Text(5), Error: r.Text(6)}}
	})
	return all, engine.Wrap(err, "reading the last attempts")
}

// attempted returns the deliveries of a notifier that may have been tried last: its newest ones, the newest dead ones,
// and those that are due first, so many of each.
func (db *DB) attempted(ctx context.Context, notifier string, most int) ([]store.ID, error) {
	found, err := db.newestOf(ctx, notifier, most)
	if err != nil {
		return nil, err
	}
	ids := slices.Clone(found.ids)
	for _, q := range []query{
		{"SELECT id FROM deliveries WHERE id > ? AND notifier = ? AND state = 'dead' ORDER BY id DESC LIMIT ?",
			[]any{found.end, notifier, most}},
		{"SELECT id FROM deliveries WHERE " + db.Pending + " AND notifier = ? ORDER BY next_at LIMIT ?",
			[]any{notifier, most}},
	} {
		some, err := db.ids(ctx, q)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

func (db *DB) ids(ctx context.Context, q query) ([]store.ID, error) {
	return list(ctx, db, q, func(r Row) store.ID { return r.ID(0) })
}

// newest are the newest deliveries of a notifier among those behind end; zero is all.
type newest struct {
	ids  []store.ID
	end  store.ID
	upTo store.ID // the newest delivery of all notifiers then
}

// newestKey says of which notifier, and how many.
type newestKey struct {
	notifier string
	most     int
}

// found keeps the newest deliveries of notifiers, so that only those behind them are looked at the next time. The zero
// value is empty. Its methods may be called from many goroutines.
type found struct {
	mu sync.Mutex
	of map[newestKey]newest
}

// maxKept is for how many notifiers they are kept.
const maxKept = 1000

func (f *found) get(key newestKey) (n newest, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, known = f.of[key]
	return n, known
}

func (f *found) put(key newestKey, n newest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil || len(f.of) >= maxKept {
		f.of = map[newestKey]newest{}
	}
	f.of[key] = n
}

// newestOf returns the newest deliveries of a notifier.
func (db *DB) newestOf(ctx context.Context, notifier string, most int) (n newest, err error) {
	key := newestKey{notifier, most}
	reach := db.reach(ctx, "deliveries")
	last, err := reach(listing.Span{}, 1)
	if err != nil {
		return n, err
	}
	if n, known := db.found.get(key); known {
		n.ids = slices.Clone(n.ids)
		after := max(n.end, store.FirstID(n.upTo.Time().Add(-lateBy)))
		switch many, err := reach(listing.Span{After: after}, farthest); {
		case err != nil:
			return n, err
		case many == 0:
			fresh, err := db.behind(ctx, key, after)
			n.ids = slices.DeleteFunc(n.ids, func(id store.ID) bool { return id > after })
			n.ids = append(fresh, n.ids...)
			n.ids, n.upTo = n.ids[:min(len(n.ids), most)], last
			if err == nil {
				db.found.put(key, n)
			}
			return n, err
		}
	}
	for _, rows := range looks() {
		if n.end, err = reach(listing.Span{}, rows); err != nil {
			return n, err
		}
		if n.ids, err = db.behind(ctx, key, n.end); err != nil {
			return n, err
		}
		if n.end == 0 || len(n.ids) >= most {
			break
		}
	}
	n.upTo = last
	db.found.put(key, n)
	return n, nil
}

// behind returns the newest deliveries of a notifier behind an id.
func (db *DB) behind(ctx context.Context, key newestKey, after store.ID) ([]store.ID, error) {
	return db.ids(ctx, query{"SELECT id FROM deliveries WHERE id > ? AND notifier = ? ORDER BY id DESC LIMIT ?",
		[]any{after, key.notifier, key.most}})
}
