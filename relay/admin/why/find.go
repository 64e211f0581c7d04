package why

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules/event"
)

const (
	// maxWalked is how many events are looked at for those of an entity, and maxRead how many rows for words.
	maxWalked = 5000
	maxRead   = 20_000
	// maxSearch is how long a search takes at most.
	maxSearch = 2 * time.Second
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

// byEntity walks back through the events of a project for those of an entity.
func (a *Asker) byEntity(ctx context.Context, q *question, until time.Time) (found []Found, back time.Time, err error) {
	f := store.EventFilter{Project: q.project, Before: before(until), Limit: 500}
	began := time.Now()
	var ids []store.ID
	for walked := 0; len(ids) < maxFound; {
		page, next, err := a.store.Events(ctx, f)
		if err != nil {
			return nil, back, err
		}
		for i := range page {
			if e := &page[i]; q.isOf(e) && len(ids) < maxFound {
				ids = append(ids, e.ID)
			}
		}
		walked += len(page)
		if f.Before = next; next == 0 {
			break
		}
		if back = next.Time(); walked >= maxWalked || time.Since(began) > maxSearch {
			break
		}
		back = time.Time{}
	}
	rows, err := a.store.OutlinesOf(ctx, ids)
	for _, id := range ids {
		if row, known := rows[id]; known {
			found = append(found, foundOf(&row))
		}
	}
	return found, back, err
}

// isOf reports whether an event is about the entity.
func (q *question) isOf(e *store.StoredEvent) bool {
	if e.Kind != "" || !strings.HasPrefix(e.Name, q.kind+".") {
		return false
	}
	ev, err := event.Parse(e.Source, e.Body, e.ReceivedAt)
	return err == nil && strings.EqualFold(ev.EntityID(), q.entity)
}

// byWords walks back through the list of events for those whose names and subjects have the words.
func (a *Asker) byWords(ctx context.Context, q *question, until time.Time) (found []Found, back time.Time, err error) {
	f := store.OutlineFilter{Project: q.project, Before: before(until), Limit: 1000}
	began := time.Now()
	for read := 0; len(found) < maxFound; {
		page, next, err := a.store.Outlines(ctx, f)
		if err != nil {
			return nil, back, err
		}
		for i := range page {
			if q.isIn(&page[i]) && len(found) < maxFound {
				found = append(found, foundOf(&page[i]))
			}
		}
		read += len(page)
		if f.Before = next; next == 0 {
			break
		}
		if read >= maxRead || time.Since(began) > maxSearch {
			back = next.Time()
			break
		}
	}
	return found, back, nil
}

// isIn reports whether a row of the list has all words.
func (q *question) isIn(o *store.Outlined) bool {
	text := strings.ToLower(o.Subject + " " + o.Name + " " + o.Project + " " + o.Source)
	return !slices.ContainsFunc(q.words, func(word string) bool { return !strings.Contains(text, word) })
}
