package ledger

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/search"
)

const (
	usualFound = 50
	maxFound   = 5000
	// readAtOnce is how many events are read at once that are not indexed, and readTime how long at most.
	readAtOnce = 64
	readTime   = time.Second
	// firstRows is how many of the nearest rows are looked through first, and nextRows how many with each further step.
	firstRows, nextRows = 2_000, 5_000
	// dense is how many of the first rows are found if looking on row by row is quick, and many how many if there are
	// clearly more than few.
	dense, many = 20, 40
	// lookTime is how long a page looks, unless its context says so, and askTime how long the index is asked about all rows
	// at least.
	lookTime, askTime = 60 * time.Millisecond, 10 * time.Millisecond
)

// Index is what an engine does for the index of words.
type Index struct {
	// Match returns the first events that the index has of what is asked.
	Match func(ctx context.Context, a Ask) ([]store.ID, error)
	// Place returns how far the index is.
	Place func(ctx context.Context) (Place, error)
	// Fresh returns the first events of a span that are not indexed as they are now, except those before From.
	Fresh func(ctx context.Context, sp listing.Span, limit int) ([]store.ID, error)
	// Next returns the event that is to be indexed next, or zero, if reading all that are fresh takes longer. Nil is that it
	// does not.
	Next func(ctx context.Context) (store.ID, error)
}

// next returns the event that is to be indexed next, or zero.
func (x *Index) next(ctx context.Context) (store.ID, error) {
	if x.Next != nil {
		return x.Next(ctx)
	}
	first, err := x.Fresh(ctx, listing.Span{OldestFirst: true}, 1)
	if err != nil || len(first) == 0 {
		return 0, err
	}
	return first[0], nil
}

// Ask is a question to the index.
type Ask struct {
	Terms []store.Term // all of them
	Span  listing.Span
	Limit int
	// Within is how long it may take; zero is a span of few events. The error is context.DeadlineExceeded if it takes
	// longer, or clearly would.
	Within time.Duration
}

// Place is how far the index is.
type Place struct {
	On   bool
	From store.ID // events before it are not indexed; zero is all of them
}

// IndexState implements store.Search.
func (db *DB) IndexState(ctx context.Context) (s store.IndexState, err error) {
	place, err := db.Index.Place(ctx)
	if err != nil || !place.On {
		return s, engine.Wrap(err, "reading how far events are indexed")
	}
	next, err := db.Index.next(ctx)
	s = store.IndexState{On: true, More: next != 0 || place.From != 0}
	if next != 0 {
		s.UpTo = next.Time().UTC()
	}
	if place.From != 0 {
		s.From = place.From.Time().UTC()
	}
	return s, engine.Wrap(err, "reading how far events are indexed")
}

// FindEvents implements store.Search.
func (db *DB) FindEvents(ctx context.Context, f store.SearchFilter) ([]store.ID, store.ID, error) {
	sp := listing.Span{After: f.After, Before: f.Before, OldestFirst: f.OldestFirst}
	l := &lookup{db: db, terms: f.Terms, few: f.Few, limit: min(cmp.Or(max(f.Limit, 0), usualFound), maxFound),
		ends: store.LookEnds(ctx, lookTime)}
	ids, next, err := l.page(ctx, sp)
	return ids, next, engine.Wrap(err, "searching events")
}

// Having implements store.Search.
func (db *DB) Having(ctx context.Context, events []store.ID, terms []store.Term) (map[store.ID]bool, error) {
	has := map[store.ID]bool{}
	for len(events) > 0 {
		docs, err := db.documents(ctx, events)
		if err != nil {
			return nil, err
		}
		for i := range docs.list {
			d := &docs.list[i]
			has[d.Event.ID] = search.Query(terms).Matches(d.Words())
		}
		events = events[docs.of:]
	}
	return has, nil
}

// lookup is one call of FindEvents.
type lookup struct {
	db    *DB
	terms []store.Term
	limit int
	few   bool
	ends  time.Time         // when the page ends if it finds little
	read  map[store.ID]bool // the events that were read, since they are not indexed
}

// page joins what the index has and what is not indexed yet.
func (l *lookup) page(ctx context.Context, sp listing.Span) (ids []store.ID, next store.ID, err error) {
	place, err := l.db.Index.Place(ctx)
	if err != nil {
		return nil, 0, err
	}
	ids, end, err := l.scan(ctx, sp, place)
	if err != nil {
		return nil, 0, err
	}
	if place.On {
		near := sp
		if end != 0 {
			near, _ = sp.Split(end)
		}
		indexed, stop, err := l.indexed(ctx, near)
		if err != nil {
			return nil, 0, err
		}
		ids = append(ids, indexed...)
		if stop != 0 {
			end = stop
		}
	}
	sortIDs(ids, sp.OldestFirst)
	ids = slices.DeleteFunc(ids, func(id store.ID) bool { return end != 0 && sp.IsBehind(id, end) })
	if len(ids) > l.limit {
		return ids[:l.limit], ids[l.limit-1], nil
	}
	return ids, end, nil
}

func sortIDs(ids []store.ID, oldestFirst bool) {
	slices.Sort(ids)
	if !oldestFirst {
		slices.Reverse(ids)
	}
}

// scan reads the events of a span that are not indexed, until the page is full or for a second. It returns those that
// are found, and the last event that was looked at, or zero if all were.
func (l *lookup) scan(ctx context.Context, sp listing.Span, place Place) (found []store.ID, end store.ID, err error) {
	l.read = map[store.ID]bool{}
	for began := time.Now(); ; _, sp = sp.Split(end) {
		ids, err := l.db.unindexed(ctx, sp, place)
		if err != nil || len(ids) == 0 {
			return found, 0, err
		}
		docs, err := l.db.documents(ctx, ids)
		if err != nil {
			return nil, 0, err
		}
		for i := range docs.list {
			d := &docs.list[i]
			if search.Query(l.terms).Matches(d.Words()) {
				found = append(found, d.Event.ID)
			}
		}
		for _, id := range ids[:docs.of] {
			l.read[id] = true
		}
		end = ids[docs.of-1]
		if len(found) > l.limit || time.Since(began) > readTime {
			return found, end, nil
		}
	}
}

// unindexed returns the first events of a span that are not indexed as they are now.
func (db *DB) unindexed(ctx context.Context, sp listing.Span, place Place) (ids []store.ID, err error) {
	if place.On {
		if ids, err = db.Index.Fresh(ctx, sp, readAtOnce); err != nil {
			return nil, err
		}
	} else {
		place.From = math.MaxInt64
	}
	if place.From != 0 {
		var w listing.Where
		w.Add("id < ?", place.From)
		q := ask("SELECT id FROM "+db.Dialect.Outlines, w.Within("id", sp), sp.Order("id"), readAtOnce)
		older, err := list(ctx, db, q, func(r Row) store.ID { return r.ID(0) })
		if err != nil {
			return nil, err
		}
		ids = append(ids, older...)
	}
	sortIDs(ids, sp.OldestFirst)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), readAtOnce)], nil
}

// indexed asks the index about a span. It returns the last event that was looked at, or zero if all were.
//
// The index knows how often a word occurs, and not where. So the nearest rows are looked at first: what is frequent is
// found there. What is rare is then asked for among all others at once. If that takes long, since the words are frequent
// and hardly ever together, or have not come lately, the page goes on row by row, and ends early. If only few are asked
// for, it ends at once, since there may be many.
func (l *lookup) indexed(ctx context.Context, sp listing.Span) (found []store.ID, end store.ID, err error) {
	near, rest, err := l.step(ctx, sp, firstRows)
	if err != nil {
		return nil, 0, err
	}
	if found, err = l.match(ctx, near, 0); err != nil || rest == nil || len(found) > l.limit {
		return found, 0, err
	}
	if l.few && len(found) >= many {
		return found, near.End(), nil
	}
	if len(found) < dense || l.few {
		all, err := l.match(ctx, *rest, max(askTime, time.Until(l.ends)/2))
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return append(found, all...), 0, err
		}
		if l.few {
			return found, near.End(), nil
		}
	}
	for {
		if near, rest, err = l.step(ctx, *rest, nextRows); err != nil {
			return nil, 0, err
		}
		more, err := l.match(ctx, near, 0)
		if found = append(found, more...); err != nil || rest == nil || len(found) > l.limit {
			return found, 0, err
		}
		if time.Now().After(l.ends) {
			return found, near.End(), nil
		}
	}
}

// step returns the part of a span with its first rows, and the rest, or nil if that is all.
func (l *lookup) step(ctx context.Context, sp listing.Span, rows int) (near listing.Span, rest *listing.Span, err error) {
	end, err := l.db.reach(ctx, l.db.Dialect.Outlines)(sp, rows)
	if err != nil || end == 0 {
		return sp, nil, err
	}
	near, behind := sp.Split(end)
	return near, &behind, nil
}

// match returns what the index has of a span, as much as fills the page. What it has of events that were read is no
// longer true.
func (l *lookup) match(ctx context.Context, sp listing.Span, within time.Duration) ([]store.ID, error) {
	ids, err := l.db.Index.Match(ctx, Ask{l.terms, sp, l.limit + 1 + len(l.read), within})
	return slices.DeleteFunc(ids, func(id store.ID) bool { return l.read[id] }), err
}
