package admin

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/rules/value"
)

func (s *server) silences(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "state")
	if q.refuse(w) {
		return
	}
	list, err := s.Desk.Silences(q.text("state"))
	s.answer(w, map[string]any{"silences": list}, err)
}

func (s *server) silence(w http.ResponseWriter, r *http.Request) {
	one, err := s.Desk.Silence(mux.Vars(r)["id"])
	s.answer(w, one, err)
}

// addSilence makes a silence or, with preview, says which messages it would have held back.
func (s *server) addSilence(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "preview")
	last := q.preview()
	var spec desk.SilenceSpec
	if q.refuse(w) || last == 0 && !mayOperate(w, r) || !readBody(w, r, &spec) {
		return
	}
	if last > 0 {
		found, err := s.Desk.PreviewSilence(r.Context(), spec, last)
		s.answer(w, found, err)
		return
	}
	made, err := s.Desk.AddSilence(r.Context(), spec)
	s.answer(w, made, err)
}

// preview reads the time that a preview looks back, or 0.
func (q *query) preview() time.Duration {
	if !q.values.Has("preview") {
		return 0
	}
	last, err := value.ParseDuration(q.text("preview"))
	if err == nil && last <= 0 {
		err = errors.New("write such as 24h")
	}
	if err != nil {
		q.add(fmt.Errorf("preview: %w", err))
	}
	return last
}

func (s *server) changeSilence(w http.ResponseWriter, r *http.Request) {
	var spec desk.SilenceSpec
	if !readBody(w, r, &spec) {
		return
	}
	changed, err := s.Desk.UpdateSilence(r.Context(), mux.Vars(r)["id"], spec)
	s.answer(w, changed, err)
}

func (s *server) expireSilence(w http.ResponseWriter, r *http.Request) {
	expired, err := s.Desk.ExpireSilence(r.Context(), mux.Vars(r)["id"])
	s.answer(w, expired, err)
}
