package admin

import (
	"net/http"

	"qaserelay/relay/store"
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
