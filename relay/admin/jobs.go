package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
)

// jobBody is the body of a request for a job.
type jobBody struct {
	desk.JobSpec
	Preview bool `json:"preview,omitempty"` // only say what it would change
}

// startJob starts a job or, with preview, says what it would change.
func (s *server) startJob(w http.ResponseWriter, r *http.Request) {
	var b jobBody
	if !readBody(w, r, &b) || !b.Preview && !mayOperate(w, r) {
		return
	}
	if b.Preview {
		found, err := s.Desk.PreviewJob(r.Context(), b.JobSpec)
		s.answer(w, found, err)
		return
	}
	made, err := s.Desk.StartJob(r.Context(), b.JobSpec)
	s.answer(w, made, err)
}

func (s *server) jobs(w http.ResponseWriter, r *http.Request) {
	list, err := s.Desk.Jobs(r.Context())
	s.answer(w, list, err)
}

func (s *server) job(w http.ResponseWriter, r *http.Request) {
	j, err := s.Desk.Job(r.Context(), mux.Vars(r)["id"])
	s.answer(w, j, err)
}

func (s *server) stopJob(w http.ResponseWriter, r *http.Request) {
	stopped, err := s.Desk.StopJob(r.Context(), mux.Vars(r)["id"])
	s.answer(w, stopped, err)
}

// retryAll retries what a filter selects, and answers before the time for the answer is over.
func (s *server) retryAll(ctx context.Context, spec desk.JobSpec) (Retried, error) {
	j, err := s.Desk.RetryAll(ctx, spec, longAnswer-10*time.Second)
	done := Retried{Retried: j.Done}
	for _, p := range j.Problems {
		done.Refused = append(done.Refused, desk.Refusal(p))
	}
	if !j.State.Ended() || j.State != jobs.Done || j.Failed > len(j.Problems) {
		done.Job = j.ID
	}
	return done, err
}
