package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/store"
)

// maxLimit is how long a page may be.
const maxLimit = 500

// EventPage is a page of events, newest first.
type EventPage struct {
	Events []Event `json:"events"`
	Next   string  `json:"next,omitempty"` // what to pass as before for the next page; empty on the last
}

// DeliveryPage is a page of deliveries, newest first.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"`
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "source", "project", "event", "before", "limit")
	limit := q.limit()
	f := store.EventFilter{Source: q.text("source"), Project: q.text("project"), Name: q.text("event"),
		Before: q.id("before"), Limit: limit + 1}
	if q.refuse(w) {
		return
	}
	found, err := s.Store.Events(r.Context(), f)
	if err != nil {
		s.fail(w, "listing events", err)
		return
	}
	page := EventPage{Events: []Event{}}
	for _, e := range found[:min(limit, len(found))] {
		listed := eventOf(e)
		listed.Body, listed.Decisions = nil, nil
		page.Events = append(page.Events, listed)
	}
	if len(found) > limit {
		page.Next = found[limit-1].ID.String()
	}
	writeJSON(w, http.StatusOK, page)
}

func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "state", "rule", "notifier", "event", "before", "limit")
	limit := q.limit()
	f := store.DeliveryFilter{State: q.state(), Rule: q.text("rule"), Notifier: q.text("notifier"),
		Event: q.id("event"), Before: q.id("before"), Limit: limit + 1}
	if q.refuse(w) {
		return
	}
	found, err := s.Store.Deliveries(r.Context(), f)
	if err != nil {
		s.fail(w, "listing deliveries", err)
		return
	}
	page := DeliveryPage{Deliveries: []Delivery{}}
	for _, d := range found[:min(limit, len(found))] {
		page.Deliveries = append(page.Deliveries, deliveryOf(d))
	}
	if len(found) > limit {
		page.Next = found[limit-1].ID.String()
	}
	writeJSON(w, http.StatusOK, page)
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

// query reads parameters and collects what is wrong with them.
type query struct {
	values url.Values
	errs   []error
}

func newQuery(values url.Values, allowed ...string) *query {
	q := &query{values: values}
	for name := range values {
		if !slices.Contains(allowed, name) {
			q.errs = append(q.errs, fmt.Errorf("no parameter %q: there are %s", name, strings.Join(allowed, ", ")))
		}
	}
	return q
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) id(name string) store.ID {
	text := q.values.Get(name)
	if text == "" {
		return 0
	}
	id, err := store.ParseID(text)
	if err != nil {
		q.errs = append(q.errs, fmt.Errorf("%s: %w", name, err))
	}
	return id
}

func (q *query) limit() int {
	text := q.values.Get("limit")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.errs = append(q.errs, fmt.Errorf("limit: want a number from 1 to %d, not %q", maxLimit, text))
		return 1
	}
	return n
}

func (q *query) state() store.State {
	states := []string{"pending", "sending", "delivered", "dead", "cancelled"}
	text := q.values.Get("state")
	if text != "" && !slices.Contains(states, text) {
		q.errs = append(q.errs, fmt.Errorf("state: want one of %s, not %q", strings.Join(states, ", "), text))
	}
	return store.State(text)
}

// refuse answers 400 if anything was wrong, and reports whether it did.
func (q *query) refuse(w http.ResponseWriter) bool {
	if err := errors.Join(q.errs...); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return true
	}
	return false
}

// pathID reads the id in the path, or answers 404.
func pathID(w http.ResponseWriter, r *http.Request) (store.ID, bool) {
	id, err := store.ParseID(mux.Vars(r)["id"])
	if err != nil {
		writeError(w, http.StatusNotFound, err.Error())
	}
	return id, err == nil
}
