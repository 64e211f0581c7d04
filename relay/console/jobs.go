package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/console/frame"
)

// jobRow is a job as pages show it.
type jobRow struct {
	desk.Job
	Handled int
	Percent int // handled, of the total; 0 until that is known
}

// rowOfJob returns the row of a job.
func rowOfJob(j desk.Job) jobRow {
	row := jobRow{Job: j, Handled: j.Done + j.Skipped + j.Failed}
	switch {
	case j.Total != nil && *j.Total > 0:
		row.Percent = min(100, 100*row.Handled / *j.Total)
	case j.State == jobs.Done:
		row.Percent = 100
	}
	return row
}

// Open reports whether the job can be stopped.
func (j jobRow) Open() bool { return !j.State.Ended() && !j.Stopping }

// Does says in words what a job does.
func (j jobRow) Does() string {
	return map[jobs.Verb]string{jobs.Retry: "send again", jobs.Rerender: "render and send again", jobs.Cancel: "cancel"}[j.Verb]
}

// jobs lists the jobs.
func (c *Console) jobs(r *http.Request) (*frame.View, error) {
	list, err := c.o.Desk.Jobs(r.Context())
	if err != nil {
		return nil, c.problem(err)
	}
	var rows []jobRow
	for _, j := range list.Jobs {
		rows = append(rows, rowOfJob(j))
	}
	return &frame.View{Template: "jobs", Title: "Jobs", Data: rows, JSON: "api/v1/jobs", Live: true}, nil
}

// jobPage is what the page of a job shows.
type jobPage struct {
	jobRow
	Touched []touched
}

// touched is what a job has changed of one notifier.
type touched struct {
	Notifier    string
	Count, Wait int    // changed, and unfinished now
	Query       string // that selects them among the deliveries, with others of the same filter
}

// job shows one job and its progress.
func (c *Console) job(r *http.Request) (*frame.View, error) {
	id := mux.Vars(r)["id"]
	j, err := c.o.Desk.Job(r.Context(), id)
	if err != nil {
		return nil, jobProblem(err)
	}
	p := &jobPage{jobRow: rowOfJob(j)}
	notifiers, err := c.o.Desk.Notifiers(r.Context())
	if err != nil {
		return nil, c.problem(err)
	}
	for _, name := range slices.Sorted(maps.Keys(j.Touched)) {
		t := touched{Notifier: name, Count: j.Touched[name], Query: touchedQuery(j.Filter, name)}
		if i := slices.IndexFunc(notifiers, func(n desk.Notifier) bool { return n.Name == name }); i >= 0 {
			t.Wait = notifiers[i].Pending
		}
		p.Touched = append(p.Touched, t)
	}
	return &frame.View{Template: "job", Title: "Job " + j.ID, Data: p, JSON: "api/v1/jobs/" + j.ID, Live: true}, nil
}

// touchedQuery returns the query of the deliveries that a job has changed of a notifier, whatever became of them.
func touchedQuery(f desk.JobSpec, notifier string) string {
	v := url.Values{"notifier": {notifier}}
	for name, text := range map[string]string{"rule": f.Rule, "project": f.Project, "event": f.Event, "since": f.Since,
		"until": f.Until} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return "?" + v.Encode()
}

// stopJob stops a job.
func (c *Console) stopJob(r *http.Request) (to string, v *frame.View, err error) {
	id := mux.Vars(r)["id"]
	if _, err := c.o.Desk.StopJob(r.Context(), id); err != nil {
		return "", nil, jobProblem(err)
	}
	return "jobs/" + id, nil, nil
}

// jobProblem returns an error about one job for people.
func jobProblem(err error) error {
	var state *desk.StateError
	switch {
	case errors.Is(err, desk.ErrNoJob):
		return &frame.Problem{Status: http.StatusNotFound, Title: "Not found", Text: "No job has this id. The last 100 are kept, for 30 days."}
	case errors.As(err, &state):
		return &frame.Problem{Status: http.StatusConflict, Title: "Not stopped", Text: "The job has ended already."}
	}
	return err
}
