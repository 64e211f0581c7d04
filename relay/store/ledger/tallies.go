package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
)

// minuteKind is what stands behind the kind of a tally of a minute.
const minuteKind = ".m"

// Bucket returns the kind and the bucket of a tally as the engines keep them: minutes or hours since 1970.
func Bucket(kind string, minute bool, at time.Time) (string, int64) {
	if minute {
		return kind + minuteKind, at.Unix() / 60
	}
	return kind, at.Unix() / 3600
}

// Tallies implements store.Tallies.
func (db *DB) Tallies(ctx context.Context, f store.TallyFilter) ([]store.Tally, error) {
	if err := db.flush(ctx); err != nil {
		return nil, err
	}
	kind, from := Bucket(f.Kind, f.Minute, f.From)
	_, until := Bucket(f.Kind, f.Minute, f.Until)
	var w listing.Where
	w.Add("kind = ?", kind)
	w.Add("bucket >= ?", from)
	if !f.Until.IsZero() {
		w.Add("bucket < ?", until)
	}
	w.Equal("a", f.A)
	w.Equal("b", f.B)
	limit := cmp.Or(f.MaxRows, 1<<30)
	q := ask("SELECT bucket, a, b, CAST(sum(n) AS bigint) FROM tally", w, " GROUP BY bucket, a, b ORDER BY bucket, a, b", limit)
	size := time.Hour
	if f.Minute {
		size = time.Minute
	}
	all, err := list(ctx, db, q, func(r Row) store.Tally {
		return store.Tally{Kind: f.Kind, Minute: f.Minute, At: time.Unix(r.Int(0)*int64(size.Seconds()), 0).UTC(),
			A: r.Text(1), B: r.Text(2), N: r.Int(3)}
	})
	return all, engine.Wrap(err, "reading tallies")
}

// flush writes what was counted and waits in memory, so that what is read is complete.
func (db *DB) flush(ctx context.Context) error {
	if db.Waiting == nil {
		return nil
	}
	return engine.Wrap(db.Waiting.Flush(ctx), "writing tallies")
}

// Seen implements store.Tallies.
func (db *DB) Seen(ctx context.Context, kind string) ([]store.Seen, error) {
	if err := db.flush(ctx); err != nil {
		return nil, err
	}
	q := query{"SELECT name, max(id) FROM seen WHERE kind = ? GROUP BY name ORDER BY name", []any{kind}}
	all, err := list(ctx, db, q, func(r Row) store.Seen { return store.Seen{Kind: kind, Name: r.Text(0), ID: r.ID(1)} })
	return all, engine.Wrap(err, "reading what was seen last")
}

// candidates is how many deliveries of a notifier LastAttempts looks at, of each kind.
const candidates = 200

// newest returns among how many deliveries of all notifiers LastAttempts looks for them: first among few, which is
// enough for most notifiers, then among many.
func newest() []int { return []int{2_000, 50_000} }

// LastAttempts implements store.Tallies.
func (db *DB) LastAttempts(ctx context.Context, notifier string, limit int) ([]store.NotifierAttempt, error) {
	limit = min(limit, candidates)
	var ids []store.ID
	for _, n := range newest() {
		end, err := db.reach(ctx, "deliveries")(listing.Span{}, n)
		if err != nil {
			return nil, engine.Wrap(err, "looking for the newest deliveries")
		}
		if ids, err = db.attempted(ctx, notifier, end); err != nil {
			return nil, engine.Wrap(err, "looking for the last attempts")
		}
		if end == 0 || len(ids) >= limit {
			break
		}
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

// attempted returns the deliveries of a notifier that may have been tried last: the newest ones after an id, the newest
// dead ones, and those that are due first.
func (db *DB) attempted(ctx context.Context, notifier string, after store.ID) (ids []store.ID, err error) {
	for _, q := range []query{
		{"SELECT id FROM deliveries WHERE id > ? AND notifier = ? ORDER BY id DESC LIMIT ?", []any{after, notifier, candidates}},
		{"SELECT id FROM deliveries WHERE id > ? AND notifier = ? AND state = 'dead' ORDER BY id DESC LIMIT ?",
			[]any{after, notifier, candidates}},
		{"SELECT id FROM deliveries WHERE " + db.Pending + " AND notifier = ? ORDER BY next_at LIMIT ?",
			[]any{notifier, candidates}},
	} {
		some, err := list(ctx, db, q, func(r Row) store.ID { return r.ID(0) })
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// Sums are what one transaction adds to the tallies, and what it has seen. The zero value is empty.
type Sums struct {
	minutes, hours map[pair]int64
	seen           map[pair]store.ID
	last           store.ID // the newest event
}

// pair is a kind with A and B of a tally, or a kind with a name.
type pair struct{ kind, a, b string }

// Add adds to the tallies of the current hour and, for kinds that have them, of the current minute.
func (s *Sums) Add(kind, a, b string) { s.AddN(kind, a, b, 1) }

// AddN is Add for several at once.
func (s *Sums) AddN(kind, a, b string, n int64) {
	if s.hours == nil {
		s.minutes, s.hours = map[pair]int64{}, map[pair]int64{}
	}
	at := pair{kind, a, b}
	s.hours[at] += n
	if kind == store.TallyEvent || kind == store.TallyDelivery {
		s.minutes[at] += n
	}
}

// See notes the last event of something.
func (s *Sums) See(kind, name string, id store.ID) {
	if s.seen == nil {
		s.seen = map[pair]store.ID{}
	}
	at := pair{kind: kind, a: name}
	s.seen[at] = max(s.seen[at], id)
}

// Event counts an event that is stored. Those that the relay has made, and replays, are no arrivals; their rules count.
func (s *Sums) Event(ev *store.Event, o *store.Outline) {
	s.last = max(s.last, ev.ID)
	if ev.Kind == "" && ev.ReplayOf == 0 {
		feed := store.FeedName(ev.Source, ev.Project)
		s.Add(store.TallyName, feed, ev.Name)
		s.See(store.SeenFeed, feed, ev.ID)
		if o.Outcome != store.OutcomeWaiting && o.Outcome != "" {
			s.Add(store.TallyEvent, ev.Project, o.Outcome)
		}
	}
	s.Rules(ev.ID, o)
}

// Rules counts what the rules did with an event, once it is decided.
func (s *Sums) Rules(event store.ID, o *store.Outline) {
	if o.Outcome == store.OutcomeWaiting {
		return
	}
	for _, r := range o.Rules {
		s.Add(store.TallyRule, r.Rule, r.Outcome)
		if r.Outcome != store.OutcomeError {
			s.See(store.SeenRule, r.Rule, event)
		}
	}
}

// Outcome counts the outcome of an attempt, and how long the delivery took if it has arrived.
func (s *Sums) Outcome(notifier string, o *store.Outcome, took time.Duration) {
	if o.State != store.Pending {
		s.Add(store.TallyDelivery, notifier, string(o.State))
	}
	if o.Attempt == nil {
		return
	}
	s.Add(store.TallyAttempt, notifier, store.LatencyBucket(o.Attempt.Took))
	if o.Attempt.Reason != "" && o.State != store.Delivered {
		s.Add(store.TallyReason, notifier, o.Attempt.Reason)
	}
	if o.State == store.Delivered {
		s.Add(store.TallySent, notifier, store.LatencyBucket(took))
	}
}

// TallyRow is a row of the table tally.
type TallyRow struct {
	Kind   string
	Bucket int64
	A, B   string
	N      int64
}

func compareRows(x, y TallyRow) int {
	return cmp.Or(strings.Compare(x.Kind, y.Kind), cmp.Compare(x.Bucket, y.Bucket), strings.Compare(x.A, y.A),
		strings.Compare(x.B, y.B))
}

// SeenRows returns what was seen, sorted by kind and name.
func (s *Sums) SeenRows() []store.Seen { return seenRows(s.seen) }

// RowsOf returns the rows of tallies, sorted by their key, each once.
func RowsOf(list []store.Tally) []TallyRow {
	sum := map[place]int64{}
	for _, t := range list {
		kind, bucket := Bucket(t.Kind, t.Minute, t.At)
		sum[place{pair{kind, t.A, t.B}, bucket}] += t.N
	}
	return rowsOf(sum)
}

// Old says which tallies are deleted: those of a kind before a bucket.
type Old struct {
	Kind   string
	Bucket int64
}

// OldTallies returns which tallies are deleted at a time.
func OldTallies(now time.Time) (list []Old) {
	for _, kind := range store.TallyKinds() {
		for minute, kept := range map[bool]time.Duration{true: store.TallyMinutesKept, false: store.TallyHoursKept} {
			name, bucket := Bucket(kind, minute, now.Add(-kept))
			list = append(list, Old{name, bucket})
		}
	}
	return list
}

// Recount counts the events behind one that a process has stored and not counted, because it was killed.
func (db *DB) Recount(ctx context.Context, after store.ID) error {
	q := "SELECT id, source, name, project, kind, replay_of, outcome, rules FROM " + db.Dialect.Outlines +
		" WHERE id > ? ORDER BY id"
	return db.Query(ctx, q, []any{after}, func(r Row) error {
		var one Sums
		ev := &store.Event{ID: r.ID(0), Source: r.Text(1), Name: r.Text(2), Project: r.Text(3), Kind: r.Text(4),
			ReplayOf: r.ID(5)}
		one.Event(ev, &store.Outline{Outcome: r.Text(6), Rules: store.ParseRules(r.Text(7))})
		db.Waiting.Add(&one, ev.ID.Time())
		return nil
	})
}
