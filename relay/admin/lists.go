package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"qaserelay/relay/store"
)

// EventPage is a page of events, newest first unless the question said order=asc.
type EventPage struct {
	Events []Event `json:"events"`
	// Next is what to pass as before (or after, if oldest first) for the next page. It is empty on the last. A page that would take long to fill
	// ends early, with few events or none, and has a next one all the same.
	Next string `json:"next,omitempty"`
}

// DeliveryPage is a page of deliveries, in the same way.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"`
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "source", "project", "event", "rule", "notifier", "state", "since", "until", "before", "after", "order", "limit")
	limit, span := q.limit(), q.span()
	f := eventFilter{source: q.text("source"), deliveries: store.DeliveryFilter{Project: q.text("project"), EventName: q.text("event"),
		Rule: q.text("rule"), Notifier: q.text("notifier"), State: q.state(), Before: span.before, After: span.after, OldestFirst: span.oldestFirst}}
	if q.refuse(w) {
		return
	}
	found, next, err := s.findEvents(r.Context(), f, limit)
	if err != nil {
		s.fail(w, "listing events", err)
		return
	}
	page := EventPage{Events: []Event{}, Next: idText(next)}
	for _, e := range found {
		listed, err := s.outline(r.Context(), e)
		if err != nil {
			s.fail(w, "listing an event's deliveries", err)
			return
		}
		page.Events = append(page.Events, listed)
	}
	writeJSON(w, http.StatusOK, page)
}

// outline is an event as it stands in a list: without its body, but with what became of it in short.
func (s *server) outline(ctx context.Context, e store.StoredEvent) (Event, error) {
	listed := eventOf(e)
	listed.Body, listed.Decisions = nil, nil
	if len(listed.Matched) == 0 {
		return listed, nil
	}
	deliveries, _, err := s.Store.Deliveries(ctx, store.DeliveryFilter{Event: e.ID, Limit: 1000})
	listed.countStates(deliveries)
	return listed, err
}

// eventFilter selects events by themselves, and by what deliveries they have.
type eventFilter struct {
	source     string
	deliveries store.DeliveryFilter
}

// findEvents returns a page of events, and behind which id the next one begins, or zero.
func (s *server) findEvents(ctx context.Context, f eventFilter, limit int) (found []store.StoredEvent, next store.ID, err error) {
	d := f.deliveries
	if d.Rule != "" || d.Notifier != "" || d.State != "" {
		return s.findByDelivery(ctx, f, limit)
	}
	return s.Store.Events(ctx, store.EventFilter{Source: f.source, Name: d.EventName, Project: d.Project,
		Before: d.Before, After: d.After, OldestFirst: d.OldestFirst, Limit: limit})
}

// findByDelivery goes through the deliveries, in their order, and returns their events, each once. Ids of events and deliveries are of
// one sort, so a page can begin at either.
func (s *server) findByDelivery(ctx context.Context, f eventFilter, limit int) (found []store.StoredEvent, next store.ID, err error) {
	d, seen := f.deliveries, map[store.ID]bool{}
	d.Limit = maxLimit
	for {
		page, more, err := s.Store.Deliveries(ctx, d)
		if err != nil {
			return nil, 0, err
		}
		for _, one := range page {
			if seen[one.EventID] {
				next = one.ID
				continue
			}
			if len(found) == limit {
				return found, next, nil
			}
			seen[one.EventID], next = true, one.ID
			ev, err := s.Store.Event(ctx, one.EventID)
			switch {
			case errors.Is(err, store.ErrNotFound): // deleted a moment ago
			case err != nil:
				return nil, 0, err
			case f.source == "" || f.source == ev.Source:
				found = append(found, ev)
			}
		}
		if next = more; len(page) < d.Limit || next == 0 {
			return found, next, nil
		}
		if d.OldestFirst {
			d.After = next
		} else {
			d.Before = next
		}
	}
}

func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "state", "rule", "notifier", "project", "event", "since", "until", "before", "after", "order", "limit")
	limit, span := q.limit(), q.span()
	f := store.DeliveryFilter{State: q.state(), Rule: q.text("rule"), Notifier: q.text("notifier"), Project: q.text("project"),
		Before: span.before, After: span.after, OldestFirst: span.oldestFirst, Limit: limit}
	f.EventName, f.Event = nameOrID(q.text("event"))
	if q.refuse(w) {
		return
	}
	found, next, err := s.Store.Deliveries(r.Context(), f)
	if err != nil {
		s.fail(w, "listing deliveries", err)
		return
	}
	page := DeliveryPage{Deliveries: []Delivery{}, Next: idText(next)}
	for _, d := range found {
		page.Deliveries = append(page.Deliveries, deliveryOf(d))
	}
	writeJSON(w, http.StatusOK, page)
}

// nameOrID tells the id of an event from the name of one, which has a dot.
func nameOrID(text string) (name string, id store.ID) {
	if id, err := store.ParseID(text); err == nil {
		return "", id
	}
	return text, 0
}

// idText is empty for no id.
func idText(id store.ID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

func (s *server) rules(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string][]Rule{"rules": orEmpty(s.Status().Rules)})
}

// notifiers lists what is configured, and behind it what deliveries wait for in vain.
func (s *server) notifiers(w http.ResponseWriter, r *http.Request) {
	backlog, err := s.Store.Backlog(r.Context())
	if err != nil {
		s.fail(w, "counting the backlog", err)
		return
	}
	list := slices.Clone(orEmpty(s.Status().Notifiers))
	for _, b := range backlog {
		i := slices.IndexFunc(list, func(n Notifier) bool { return n.Name == b.Notifier })
		if i < 0 {
			i, list = len(list), append(list, Notifier{Name: b.Notifier})
		}
		list[i].Pending, list[i].Dead = b.Pending, b.Dead
		if !b.Oldest.IsZero() {
			list[i].Oldest = &b.Oldest
		}
	}
	writeJSON(w, http.StatusOK, map[string][]Notifier{"notifiers": list})
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
