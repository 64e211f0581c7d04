package admin

import (
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "source", "project", "event", "rule", "notifier", "outcome", "state", "q", "entity",
		"since", "until", "before", "after", "order", "limit")
	limit, within := q.limit(), q.within()
	f := desk.EventFilter{Source: q.text("source"), Outcome: q.outcome(), Terms: q.words(), DeliveryFilter: store.DeliveryFilter{Project: q.text("project"),
		EventName: q.text("event"), Rule: q.text("rule"), Notifier: q.text("notifier"), State: q.state(),
		Before: within.Before, After: within.After, OldestFirst: within.OldestFirst}}
	if q.refuse(w) {
		return
	}
	page, err := s.Desk.Events(r.Context(), f, limit)
	s.answer(w, page, err)
}

func (s *server) event(w http.ResponseWriter, r *http.Request) {
	if id, ok := pathID(w, r); ok {
		e, err := s.Desk.Event(r.Context(), id)
		s.answer(w, e, err)
	}
}

// export answers a page of events with their bodies, the oldest first.
func (s *server) export(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "source", "project", "event", "since", "until", "after", "limit", "decided")
	limit, within := q.limit(), q.within()
	f := store.EventFilter{Source: q.text("source"), Project: q.text("project"), Name: q.text("event"),
		Before: within.Before, After: within.After, Limit: limit}
	if q.refuse(w) {
		return
	}
	page, err := s.Desk.Export(r.Context(), f, q.text("decided") == "true")
	s.answer(w, page, err)
}

func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "state", "rule", "notifier", "project", "event", "reason", "q", "entity",
		"since", "until", "before", "after", "order", "limit")
	limit, within := q.limit(), q.within()
	f := desk.DeliveryFilter{Terms: q.words(), DeliveryFilter: store.DeliveryFilter{State: q.state(), Rule: q.text("rule"),
		Notifier: q.text("notifier"), Project: q.text("project"), Reason: q.reason(),
		Before: within.Before, After: within.After, OldestFirst: within.OldestFirst, Limit: limit}}
	f.EventName, f.Event = desk.ParseEvent(q.text("event"))
	if q.refuse(w) {
		return
	}
	page, err := s.Desk.Deliveries(r.Context(), f)
	s.answer(w, page, err)
}

func (s *server) delivery(w http.ResponseWriter, r *http.Request) {
	if id, ok := pathID(w, r); ok {
		d, err := s.Desk.Delivery(r.Context(), id)
		s.answer(w, d, err)
	}
}

func (s *server) status(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Desk.Status())
}

func (s *server) rules(w http.ResponseWriter, r *http.Request) {
	list, err := s.Desk.RulesInUse(r.Context())
	s.answer(w, map[string]any{"rules": list}, err)
}

func (s *server) rule(w http.ResponseWriter, r *http.Request) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err != nil {
		s.answer(w, nil, desk.ErrNoRule)
		return
	}
	rule, err := s.Desk.RuleInUse(r.Context(), name)
	s.answer(w, rule, err)
}

func (s *server) notifiers(w http.ResponseWriter, r *http.Request) {
	list, err := s.Desk.Notifiers(r.Context())
	s.answer(w, map[string]any{"notifiers": list}, err)
}

func (s *server) drift(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"drift": s.Desk.Drift()})
}

func (s *server) retryOne(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r)
	var b retryBody
	if !ok || !readBody(w, r, &b) {
		return
	}
	retry := s.Desk.Retry
	if b.Rerender {
		retry = s.Desk.Rerender
	}
	s.answer(w, Retried{Retried: 1}, retry(r.Context(), id))
}

func (s *server) retryMany(w http.ResponseWriter, r *http.Request) {
	var c choice
	if !readBody(w, r, &c) {
		return
	}
	extendDeadline(w)
	ids, spec, err := c.parse()
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	var done Retried
	switch {
	case ids == nil:
		done, err = s.retryAll(r.Context(), spec)
	case c.Rerender:
		done.Retried, done.Refused, err = s.Desk.RerenderMany(r.Context(), ids)
	default:
		done.Retried, err = s.Desk.RetryMany(r.Context(), ids)
	}
	s.answer(w, done, err)
}

func (s *server) cancel(w http.ResponseWriter, r *http.Request) {
	if id, ok := pathID(w, r); ok {
		s.answer(w, map[string]int{"cancelled": 1}, s.Desk.Cancel(r.Context(), id))
	}
}

func (s *server) replayOne(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r)
	var b replayBody
	if !ok || !readBody(w, r, &b) || !b.DryRun && !mayOperate(w, r) {
		return
	}
	if len(b.IDs) > 0 {
		writeError(w, http.StatusBadRequest,
			"ids: the path names the event; POST /api/v1/events/replay replays several")
		return
	}
	replay, err := s.Desk.Replay(r.Context(), id, b.options())
	s.answer(w, replay, err)
}

func (s *server) replayMany(w http.ResponseWriter, r *http.Request) {
	var b replayBody
	if !readBody(w, r, &b) || !b.DryRun && !mayOperate(w, r) {
		return
	}
	ids, err := b.parse()
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	extendDeadline(w)
	writeJSON(w, http.StatusOK, Replays{DryRun: b.DryRun, Replays: s.Desk.ReplayMany(r.Context(), ids, b.options())})
}
