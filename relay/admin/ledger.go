package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// audit answers what people have done.
func (s *server) audit(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "who", "verb", "object", "since", "until", "before", "after", "order", "limit")
	limit, within := q.limit(), q.within()
	f := store.AuditFilter{Who: q.text("who"), Verb: q.text("verb"), Object: q.text("object"), Before: within.Before,
		After: within.After, OldestFirst: within.OldestFirst, Limit: limit}
	if q.refuse(w) {
		return
	}
	page, err := s.Desk.Audit(r.Context(), f)
	s.answer(w, page, err)
}

// stats answers counts over time.
func (s *server) stats(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "of", "by", "since", "until", "step")
	f := desk.StatsQuery{Of: q.text("of"), By: q.text("by"), Since: q.time("since"), Until: q.time("until")}
	if step := q.text("step"); step != "" {
		var err error
		if f.Step, err = value.ParseDuration(step); err != nil || f.Step <= 0 {
			q.add(fmt.Errorf("step: want a duration such as 5m or 1h, not %q", value.Shorten(step, 40)))
		}
	}
	if q.refuse(w) {
		return
	}
	stats, err := s.Desk.Stats(r.Context(), f)
	s.answer(w, stats, err)
}

// time reads a time, or how long ago it was; the zero time is none.
func (q *query) time(name string) time.Time {
	at, err := desk.ParseTime(name, q.text(name))
	q.add(err)
	return at
}

func (s *server) feeds(w http.ResponseWriter, r *http.Request) {
	list, err := s.Desk.Feeds(r.Context())
	s.answer(w, map[string]any{"feeds": list}, err)
}

func (s *server) refusals(w http.ResponseWriter, r *http.Request) {
	list, err := s.Desk.Refusals(r.Context())
	s.answer(w, map[string]any{"refusals": list}, err)
}

// notifier answers how a notifier does.
func (s *server) notifier(w http.ResponseWriter, r *http.Request) {
	if name, ok := notifierName(w, r); ok {
		health, err := s.Desk.NotifierHealth(r.Context(), name)
		s.answer(w, health, err)
	}
}

func (s *server) pause(w http.ResponseWriter, r *http.Request) {
	s.operateNotifier(w, r, "its messages wait until it is resumed", s.Desk.Pause)
}

func (s *server) resume(w http.ResponseWriter, r *http.Request) {
	s.operateNotifier(w, r, "the next message tries the receiver", s.Desk.Resume)
}

// operateNotifier does something with the notifier in the path.
func (s *server) operateNotifier(w http.ResponseWriter, r *http.Request, done string,
	act func(ctx context.Context, name string) error) {
	if name, ok := notifierName(w, r); ok {
		s.answer(w, map[string]string{"status": done}, act(r.Context(), name))
	}
}

func (s *server) testNotifier(w http.ResponseWriter, r *http.Request) {
	if name, ok := notifierName(w, r); ok {
		tested, err := s.Desk.TestMessage(r.Context(), name)
		s.answer(w, tested, err)
	}
}

// notifierName returns the name of the notifier in the path, or answers 404.
func notifierName(w http.ResponseWriter, r *http.Request) (string, bool) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err != nil {
		writeError(w, http.StatusNotFound, dispatch.ErrNoNotifier.Error())
	}
	return name, err == nil
}
