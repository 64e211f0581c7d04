package admin

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
)

func (s *server) waiting(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "kind", "rule", "after", "limit")
	limit := q.limit()
	f := desk.WaitingFilter{Kind: q.text("kind"), Rule: q.text("rule"), After: q.text("after")}
	if q.refuse(w) {
		return
	}
	page, err := s.Desk.Waiting(r.Context(), f, limit)
	s.answer(w, page, err)
}

func (s *server) waitingOne(w http.ResponseWriter, r *http.Request) {
	one, err := s.Desk.WaitingOne(r.Context(), mux.Vars(r)["id"])
	s.answer(w, one, err)
}

// authorBody is the body of a request that sends or drops what waits.
type authorBody struct {
	Author string `json:"author,omitempty"`
}

func (s *server) flush(w http.ResponseWriter, r *http.Request) { s.endWaiting(w, r, s.Desk.Flush) }

func (s *server) drop(w http.ResponseWriter, r *http.Request) { s.endWaiting(w, r, s.Desk.Drop) }

func (s *server) endWaiting(w http.ResponseWriter, r *http.Request,
	end func(ctx context.Context, id, author string) (desk.Ended, error)) {
	var b authorBody
	if !readBody(w, r, &b) {
		return
	}
	done, err := end(r.Context(), mux.Vars(r)["id"], b.Author)
	s.answer(w, done, err)
}
