package admin

import (
	"errors"
	"net/http"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/why"
)

// why says what became of an event, an entity of Qase, or words.
func (s *server) why(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "q", "until")
	until, err := desk.ParseTime("until", q.text("until"))
	if q.add(err); q.refuse(w) {
		return
	}
	answer, err := s.Why.Ask(r.Context(), q.text("q"), until)
	if errors.As(err, new(*why.QuestionError)) {
		writeError(w, http.StatusBadRequest, "q: "+err.Error())
		return
	}
	s.answer(w, answer, err)
}
