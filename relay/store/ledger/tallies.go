package ledger

import (
	"cmp"
	"context"
	"math"
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
func (db *DB) Tallies(ctx context.Context, f store.TallyFilter) (all []store.Tally, err error) {
	t := tallied{TallyFilter: f, size: time.Hour, step: 1}
	if f.Minute {
		t.size = time.Minute
	}
	t.step = max(1, int64(f.Step/t.size))
	t.kind, t.from = Bucket(f.Kind, f.Minute, f.From)
	t.until = math.MaxInt64
	if !f.Until.IsZero() {
		_, t.until = Bucket(f.Kind, f.Minute, f.Until)
	}
	q := t.query()
	waiting, _, err := db.beside(ctx, func() (err error) {
		all, err = list(ctx, db, q, func(r Row) store.Tally { return t.tally(r.Int(0), r.Text(1), r.Text(2), r.Int(3)) })
		return err
	})
	return t.with(all, waiting), engine.Wrap(err, "reading tallies")
}

// beside calls read, and returns what waits in memory beside what it has read.
func (db *DB) beside(ctx context.Context, read func() error) (map[place]int64, map[pair]store.ID, error) {
	if db.Waiting == nil {
		return nil, nil, read()
	}
	return db.Waiting.Beside(ctx, read)
}

// tallied is what Tallies selects: buckets of a kind as the engines keep them.
type tallied struct {
	store.TallyFilter
	kind        string
	from, until int64
	size        time.Duration // of a bucket
	step        int64         // how many of them are summed
}

func (t *tallied) query() query {
	at, group, args := "bucket", "bucket", []any(nil)
	if t.step > 1 {
		at, group, args = "min(bucket)", "(bucket - ?) / ?", []any{t.from, t.step}
	}
	var w listing.Where
	w.Add("kind = ?", t.kind)
	w.Add("bucket >= ?", t.from)
	w.Add("bucket < ?", t.until)
	w.Equal("a", t.A)
	w.Equal("b", t.B)
	return query{"SELECT " + at + ", a, b, CAST(sum(n) AS bigint) FROM tally" + w.Text() + " GROUP BY " + group +
		", a, b ORDER BY 1, a, b", append(w.Args, args...)}
}

func (t *tallied) tally(bucket int64, a, b string, n int64) store.Tally {
	at := time.Unix(bucket*int64(t.size.Seconds()), 0).UTC()
	return store.Tally{Kind: t.Kind, Minute: t.Minute, At: at, A: a, B: b, N: n}
}

// takes reports whether a tally is selected.
func (t *tallied) takes(at place) bool {
	return at.kind == t.kind && at.bucket >= t.from && at.bucket < t.until && (t.A == "" || t.A == at.a) &&
		(t.B == "" || t.B == at.b)
}

// with adds what waits to what is in the table.
func (t *tallied) with(all []store.Tally, waiting map[place]int64) []store.Tally {
	type key struct {
		step int64
		a, b string
	}
	rows := map[key]int{}
	for at, n := range waiting {
		if !t.takes(at) {
			continue
		}
		if len(rows) == 0 {
			for i, row := range all {
				rows[key{(row.At.Unix()/int64(t.size.Seconds()) - t.from) / t.step, row.A, row.B}] = i
			}
		}
		one := t.tally(at.bucket, at.a, at.b, n)
		of := key{(at.bucket - t.from) / t.step, at.a, at.b}
		i, known := rows[of]
		if !known {
			rows[of], all = len(all), append(all, one)
			continue
		}
		all[i].N += n
		if one.At.Before(all[i].At) {
			all[i].At = one.At
		}
	}
	if len(rows) > 0 {
		slices.SortFunc(all, func(x, y store.Tally) int {
			return cmp.Or(x.At.Compare(y.At), strings.Compare(x.A, y.A), strings.Compare(x.B, y.B))
		})
	}
	return all
}

// Seen implements store.Tallies.
func (db *DB) Seen(ctx context.Context, kind string) (all []store.Seen, err error) {
	q := query{"SELECT name, max(id) FROM seen WHERE kind = ? GROUP BY name ORDER BY name", []any{kind}}
	_, waiting, err := db.beside(ctx, func() (err error) {
		all, err = list(ctx, db, q, func(r Row) store.Seen { return store.Seen{Kind: kind, Name: r.Text(0), ID: r.ID(1)} })
		return err
	})
	for at, id := range waiting {
		if at.kind != kind {
			continue
		}
		i, known := slices.BinarySearchFunc(all, at.a, func(s store.Seen, name string) int {
			return strings.Compare(s.Name, name)
		})
		if !known {
			all = slices.Insert(all, i, store.Seen{Kind: kind, Name: at.a})
		}
		all[i].ID = max(all[i].ID, id)
	}
	return all, engine.Wrap(err, "reading what was seen last")
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
