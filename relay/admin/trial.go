package admin

import (
	"errors"
	"io"
	"net/http"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/trial"
	"qaserelay/rules/catalog"
)

// maxTrialBody is the size of the largest request to try rules: a draft, an event, and others before it.
const maxTrialBody = 8 << 20

// trialRoutes try events with rules, and describe the events that Qase sends.
func (s *server) trialRoutes(r *mux.Router) {
	get(r, "/api/v1/catalog", s.catalog)
	get(r, "/api/v1/catalog/{event}", s.catalogEvent)
	get(r, "/api/v1/events/{id}/test", s.testOf)
	r.HandleFunc("/api/v1/explain", s.explain).Methods(http.MethodPost) // changes nothing
	r.HandleFunc("/api/v1/check", s.check).Methods(http.MethodPost)
}

func (s *server) explain(w http.ResponseWriter, r *http.Request) {
	var asked trial.Request
	if !readBodyOf(w, r, &asked, maxTrialBody) || !mayDraft(w, r, asked.Draft) {
		return
	}
	result, err := s.Trial.Try(r.Context(), asked)
	s.answerTrial(w, result, err)
}

func (s *server) check(w http.ResponseWriter, r *http.Request) {
	var draft trial.Draft
	if !readBodyOf(w, r, &draft, maxTrialBody) || !mayDraft(w, r, draft) {
		return
	}
	result, err := s.Trial.Check(r.Context(), draft)
	s.answerTrial(w, result, err)
}

// mayDraft reports whether a client may try a draft, or answers 403. The current rules may be tried by all.
func mayDraft(w http.ResponseWriter, r *http.Request, d trial.Draft) bool {
	return d.IsEmpty() || mayOperate(w, r)
}

// answerTrial writes the result of a trial, or its error.
func (s *server) answerTrial(w http.ResponseWriter, v any, err error) {
	var input *trial.InputError
	var busy *trial.BusyError
	switch {
	case errors.As(err, &input):
		writeError(w, http.StatusBadRequest, err.Error())
	case errors.As(err, &busy):
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusTooManyRequests, err.Error())
	case errors.Is(err, trial.ErrTime), errors.Is(err, trial.ErrMemory), errors.Is(err, trial.ErrSize):
		writeError(w, http.StatusUnprocessableEntity, err.Error())
	case err != nil:
		s.answer(w, nil, &desk.OpError{Op: "trying an event", Err: err})
	default:
		writeJSON(w, http.StatusOK, v)
	}
}

// testOf answers a test of the rules that lets a stored event happen.
func (s *server) testOf(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r)
	if !ok {
		return
	}
	if _, err := s.Desk.Event(r.Context(), id); err != nil {
		s.answer(w, nil, err)
		return
	}
	text, err := s.Trial.TestOf(r.Context(), trial.Request{Event: trial.Event{ID: id.String()}})
	if err != nil {
		s.answerTrial(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // a client that is gone needs no answer
}

func (s *server) catalog(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"events": catalog.All()})
}

func (s *server) catalogEvent(w http.ResponseWriter, r *http.Request) {
	name := mux.Vars(r)["event"]
	known, found := catalog.Lookup(name)
	if !found {
		hint := catalog.Hint(name)
		if hint == "" {
			hint = "GET /api/v1/catalog lists all"
		}
		writeError(w, http.StatusNotFound, "Qase has no such event; "+hint)
		return
	}
	writeJSON(w, http.StatusOK, known)
}

// backtestRoutes run drafts over stored events.
func (s *server) backtestRoutes(r *mux.Router) {
	post(r, "/api/v1/backtests", s.startBacktest)
	get(r, "/api/v1/backtests/{id}", s.backtest)
	r.HandleFunc("/api/v1/backtests/{id}", operators(s.stopBacktest)).Methods(http.MethodDelete)
}

func (s *server) startBacktest(w http.ResponseWriter, r *http.Request) {
	var asked trial.BacktestRequest
	if !readBody(w, r, &asked) {
		return
	}
	started, err := s.Backtests.Start(r.Context(), asked)
	s.Desk.Note(r.Context(), desk.VerbBacktest, started.ID, "", err)
	s.answerBacktest(w, started, err)
}

func (s *server) backtest(w http.ResponseWriter, r *http.Request) {
	found, err := s.Backtests.Get(mux.Vars(r)["id"])
	s.answerBacktest(w, found, err)
}

func (s *server) stopBacktest(w http.ResponseWriter, r *http.Request) {
	stopped, err := s.Backtests.Stop(mux.Vars(r)["id"])
	s.answerBacktest(w, stopped, err)
}

// answerBacktest writes the state of a backtest, or its error.
func (s *server) answerBacktest(w http.ResponseWriter, b trial.Backtest, err error) {
	switch {
	case errors.Is(err, trial.ErrRunning):
		writeError(w, http.StatusConflict, err.Error())
	case errors.Is(err, trial.ErrNoBacktest):
		writeError(w, http.StatusNotFound, err.Error())
	default:
		s.answerTrial(w, b, err)
	}
}
