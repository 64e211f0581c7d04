package why

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
)

const (
	// maxSearch is after how long a search ends where it is.
	maxSearch = time.Second
	// maxFound is how many events are named.
	maxFound = 20
)

// find returns the events that a question is about, the newest first, and the delivery if it names one. back is the time
// of the oldest event that was looked at, unless all were.
func (a *Asker) find(ctx context.Context, q *question, until time.Time) (found []Found, delivery store.ID, back time.Time, err error) {
	switch {
	case q.id != 0:
		found, delivery, err = a.byID(ctx, q.id)
	case q.entity != "":
		found, back, err = a.byEntity(ctx, q, until)
	default:
		found, back, err = a.byWords(ctx, q, until)
	}
	return found, delivery, back, err
}

// byID returns the event with an id, or that of the delivery with it.
func (a *Asker) byID(ctx context.Context, id store.ID) ([]Found, store.ID, error) {
	eventID, delivery := id, store.ID(0)
	d, _, err := a.store.Delivery(ctx, id)
	switch {
	case err == nil:
		eventID, delivery = d.EventID, id
	case !errors.Is(err, store.ErrNotFound):
		return nil, 0, err
	}
	rows, err := a.store.OutlinesOf(ctx, []store.ID{eventID})
	if row, known := rows[eventID]; err == nil && known {
		return []Found{foundOf(&row)}, delivery, nil
	}
	return nil, delivery, err
}

func foundOf(o *store.Outlined) Found {
	return Found{ID: o.ID.String(), Event: o.Name, Project: o.Project, Subject: o.Subject, Outcome: o.Outcome,
		ReceivedAt: o.ReceivedAt}
}

// before returns the id before which a search begins.
func before(until time.Time) store.ID {
	if until.IsZero() {
		return 0
	}
	return store.FirstID(until)
}

// byEntity finds the events of an entity.
func (a *Asker) byEntity(ctx context.Context, q *question, until time.Time) (found []Found, back time.Time, err error) {
	return a.byTerms(ctx, search.Query{}.OfThing(q.kind, q.entity).Of(search.Project, q.project), until)
}

// byWords finds the events with the words, or with words that begin so.
func (a *Asker) byWords(ctx context.Context, q *question, until time.Time) (found []Found, back time.Time, err error) {
	terms, err := search.Parse(strings.Join(q.words, " "))
	if err != nil {
		return nil, back, &QuestionError{err.Error()}
	}
	found, back, err = a.byTerms(ctx, terms.Of(search.Project, q.project), until)
	switch {
	case errors.Is(err, store.ErrTooManyWords):
		return nil, back, &QuestionError{store.ErrTooManyWords.Error()}
	case err != nil || len(found) > 0:
		return found, back, err
	}
	var begins search.Query
	for _, t := range terms {
		t.Prefix = t.Prefix || utf8.RuneCountInString(t.Text) >= search.MinPrefix
		begins = begins.With(t)
	}
	more, reached, err := a.byTerms(ctx, begins.Of(search.Project, q.project), until)
	if errors.Is(err, store.ErrTooManyWords) {
		return nil, back, nil
	}
	return more, reached, err
}

// byTerms finds the events that have all terms, the newest ones. back is the time of the oldest one that was looked at,
// unless all were.
func (a *Asker) byTerms(ctx context.Context, terms []store.Term, until time.Time) (found []Found, back time.Time, err error) {
	f := store.SearchFilter{Terms: terms, Before: before(until), Limit: maxFound}
	var ids []store.ID
	for began := time.Now(); len(ids) < maxFound; {
		some, next, err := a.store.FindEvents(ctx, f)
		if err != nil {
			return nil, back, err
		}
		ids = append(ids, some...)
		if f.Before = next; next == 0 {
			break
		}
		if len(ids) >= maxFound || time.Since(began) > maxSearch {
			back = next.Time()
			break
		}
	}
	ids = ids[:min(len(ids), maxFound)]
	rows, err := a.store.OutlinesOf(ctx, ids)
	for _, id := range ids {
		if row, known := rows[id]; known {
			found = append(found, foundOf(&row))
		}
	}
	return found, back, err
}
