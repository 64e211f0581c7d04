package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// JobSpec asks for a job: what it does, and with which deliveries. It names them by ids, or by a filter, whose empty
// fields select all, except that an empty state means dead.
type JobSpec struct {
	Verb     jobs.Verb   `json:"verb,omitempty"`
	IDs      []string    `json:"ids,omitempty"`
	State    store.State `json:"state,omitempty"` // dead or pending
	Rule     string      `json:"rule,omitempty"`
	Notifier string      `json:"notifier,omitempty"`
	Project  string      `json:"project,omitempty"`
	Event    string      `json:"event,omitempty"`  // a name, or the id of an event
	Reason   string      `json:"reason,omitempty"` // why an attempt failed, in one word
	Since    string      `json:"since,omitempty"`  // made at this time or later
	Until    string      `json:"until,omitempty"`  // made before this time
	Error    string      `json:"error,omitempty"`  // a kind of error, as previews name it
}

// Job is a job that changes many deliveries.
type Job struct {
	ID         string         `json:"id"`
	Verb       jobs.Verb      `json:"verb"`
	Filter     JobSpec        `json:"filter"`
	Deliveries string         `json:"deliveries"` // the filter in words
	State      jobs.State     `json:"state"`
	Who        string         `json:"who"`
	AskedAt    time.Time      `json:"asked_at"`
	StartedAt  *time.Time     `json:"started_at,omitempty"`
	EndedAt    *time.Time     `json:"ended_at,omitempty"`
	Stopping   bool           `json:"stopping,omitempty"` // it stops behind its present page
	Total      *int           `json:"total,omitempty"`    // once it is counted
	Done       int            `json:"done"`
	Skipped    int            `json:"skipped"` // they had another state when their turn came
	Failed     int            `json:"failed"`
	Problems   []jobs.Problem `json:"problems,omitempty"` // of the first that failed
	Touched    map[string]int `json:"by_notifier,omitempty"`
	Rate       float64        `json:"per_second,omitempty"`
	Remaining  float64        `json:"remaining_seconds,omitempty"`
	Waits      string         `json:"waits,omitempty"` // why it does not go on at the moment
	Error      string         `json:"error,omitempty"` // why it failed
}

// Jobs is a list of jobs, the newest first.
type Jobs struct {
	Jobs []Job `json:"jobs"`
}

// JobPreview is what a job would change, as far as it was looked at.
type JobPreview struct {
	Verb       jobs.Verb  `json:"verb"`
	Deliveries string     `json:"deliveries"` // the filter in words
	Total      int        `json:"total"`
	More       bool       `json:"more,omitempty"` // there are, or may be, more than were looked at
	Oldest     *time.Time `json:"oldest_at,omitempty"`
	Seconds    float64    `json:"seconds"` // about how long the notifiers need by their rates
	Notifiers  []JobShare `json:"notifiers"`
	Groups     []JobGroup `json:"groups"`
}

// JobShare is what a job would change of one notifier.
type JobShare struct {
	Name       string  `json:"name"`
	Count      int     `json:"count"`
	Configured bool    `json:"configured"`
	State      string  `json:"state,omitempty"` // see [Notifier]
	Rate       string  `json:"rate,omitempty"`
	RateEach   bool    `json:"rate_each,omitempty"`
	Seconds    float64 `json:"seconds"` // about how long it needs by its rate
}

// JobGroup is the deliveries of one notifier with one kind of error.
type JobGroup struct {
	Notifier string    `json:"notifier"`
	Error    string    `json:"error"` // what differs from one to the next is left out
	Count    int       `json:"count"`
	First    time.Time `json:"first_at"` // when the first of them failed
	Last     time.Time `json:"last_at"`
	Sample   string    `json:"sample,omitempty"` // the error of the newest
}

// Further verbs of the audit trail.
const (
	VerbCancelMany = "cancel-many"
	VerbStopJob    = "job-stop"
	VerbEndJob     = jobs.VerbEnd
)

// ErrNoJob says that no job has an id.
var ErrNoJob = jobs.ErrNotFound

// choice reads what a job is about.
func (s *JobSpec) choice() (c jobs.Choice, err error) {
	filter := *s
	filter.Verb, filter.IDs = "", nil
	hasFilter := !isEmpty(filter)
	switch {
	case len(s.IDs) > 0 && hasFilter:
		return c, &InputError{"name either ids or a filter, not both"}
	case len(s.IDs) > jobs.MaxIDs:
		return c, &InputError{fmt.Sprintf("ids: at most %d at once; name more by a filter", jobs.MaxIDs)}
	case len(s.IDs) == 0 && !hasFilter:
		return c, &InputError{`say which deliveries: {"ids": ["…"]}, or a filter such as {"state": "dead", "notifier": "email"}`}
	}
	for _, text := range s.IDs {
		id, err := store.ParseID(text)
		if err != nil {
			return c, &InputError{"ids: " + err.Error()}
		}
		c.IDs = append(c.IDs, id)
	}
	if len(c.IDs) > 0 {
		return c, nil
	}
	c = jobs.Choice{State: s.State, Notifier: s.Notifier, Rule: s.Rule, Project: s.Project, Error: s.Error}
	if c.State == "" {
		c.State = store.Dead
	}
	if c.State != store.Dead && c.State != store.Pending {
		return c, &InputError{fmt.Sprintf("state: only dead and pending deliveries can be retried or cancelled, not %q",
			value.Shorten(string(s.State), 40))}
	}
	c.Event, c.EventID = ParseEvent(s.Event)
	var err1, err2, err3 error
	c.Reason, err3 = ParseReason(s.Reason)
	c.Since, err1 = ParseTime("since", s.Since)
	c.Until, err2 = ParseTime("until", s.Until)
	if err := errors.Join(err1, err2, err3); err != nil {
		return c, &InputError{err.Error()}
	}
	return c, nil
}

// isEmpty reports whether a filter selects all.
func isEmpty(s JobSpec) bool {
	return s.State == "" && s.Rule+s.Notifier+s.Project+s.Event+s.Reason+s.Since+s.Until+s.Error == ""
}

// verb reads what a job does.
func (s *JobSpec) verb() (jobs.Verb, error) {
	if !slices.Contains(jobs.Verbs(), s.Verb) {
		return "", &InputError{fmt.Sprintf("verb: want one of retry, retry-rerender, cancel, not %q",
			value.Shorten(string(s.Verb), 40))}
	}
	return s.Verb, nil
}

// StartJob starts a job, which goes on without the client.
func (d *Desk) StartJob(ctx context.Context, spec JobSpec) (Job, error) {
	verb, err := spec.verb()
	if err != nil {
		return Job{}, err
	}
	choice, err := spec.choice()
	if err != nil {
		return Job{}, err
	}
	return d.startJob(ctx, verb, choice)
}

func (d *Desk) startJob(ctx context.Context, verb jobs.Verb, choice jobs.Choice) (made Job, err error) {
	a := access.From(ctx)
	what := deed{verb: verb.AuditVerb(), details: string(verb) + ", started: " + choice.Text()}
	err = d.do(ctx, what, func(ctx context.Context) error {
		j, err := d.o.Jobs.Start(ctx, jobs.Request{Verb: verb, Choice: choice, Who: a.Name, How: a.How, Peer: a.Peer})
		if errors.Is(err, jobs.ErrTooMany) {
			return &StateError{err.Error()}
		}
		made = jobOf(j)
		return failed("starting a job", err)
	})
	return made, err
}

// StopJob stops a job. One that runs stops behind its present page.
func (d *Desk) StopJob(ctx context.Context, id string) (stopped Job, err error) {
	err = d.do(ctx, deed{verb: VerbStopJob, object: id}, func(ctx context.Context) error {
		j, err := d.o.Jobs.Stop(ctx, id)
		stopped = jobOf(j)
		return jobFailed("stopping a job", err)
	})
	return stopped, err
}

// Jobs lists the jobs, the newest first.
func (d *Desk) Jobs(ctx context.Context) (Jobs, error) {
	list, err := d.o.Jobs.List(ctx)
	all := Jobs{[]Job{}}
	for _, j := range list {
		all.Jobs = append(all.Jobs, jobOf(j))
	}
	return all, failed("listing jobs", err)
}

// Job returns one job. For an unknown id it returns ErrNoJob.
func (d *Desk) Job(ctx context.Context, id string) (Job, error) {
	j, err := d.o.Jobs.Get(ctx, id)
	return jobOf(j), jobFailed("reading a job", err)
}

// jobFailed returns the error of a request about one job.
func jobFailed(op string, err error) error {
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return ErrNoJob
	case errors.Is(err, jobs.ErrEnded):
		return &StateError{err.Error()}
	}
	return failed(op, err)
}

// RetryAll retries the deliveries that a filter selects, and waits at most so long for the job that does it.
func (d *Desk) RetryAll(ctx context.Context, spec JobSpec, most time.Duration) (Job, error) {
	j, err := d.StartJob(ctx, spec)
	if err != nil {
		return j, err
	}
	wait, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	ended, err := d.o.Jobs.Wait(wait, j.ID)
	if err == nil && ended.State == jobs.Failed {
		err = errors.New(ended.Error)
	}
	return jobOf(ended), retryFailed(ended.Done, err)
}

// jobOf returns a job as people see it.
func jobOf(j jobs.Job) Job {
	v := Job{ID: j.ID, Verb: j.Verb, Filter: specOf(j.Choice), Deliveries: j.Choice.Text(), State: j.State, Who: j.Who,
		AskedAt: j.AskedAt, StartedAt: optional(j.StartedAt), EndedAt: optional(j.EndedAt),
		Stopping: j.Stopping && !j.State.Ended(), Done: j.Done, Skipped: j.Skipped, Failed: j.Failed, Problems: j.Problems,
		Touched: maps.Clone(j.Touched), Remaining: j.Remaining().Seconds(), Waits: j.Waits, Error: j.Error}
	if j.Counted {
		v.Total = &j.Total
	}
	if j.State == jobs.Running {
		v.Rate = j.Rate()
	}
	return v
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// specOf returns a choice as a request names it.
func specOf(c jobs.Choice) JobSpec {
	s := JobSpec{State: c.State, Rule: c.Rule, Notifier: c.Notifier, Project: c.Project, Event: c.Event, Reason: c.Reason,
		Error: c.Error}
	if c.EventID != 0 {
		s.Event = c.EventID.String()
	}
	for at, text := range map[*string]time.Time{&s.Since: c.Since, &s.Until: c.Until} {
		if !text.IsZero() {
			*at = text.UTC().Format(time.RFC3339Nano)
		}
	}
	for _, id := range c.IDs {
		s.IDs = append(s.IDs, id.String())
	}
	return s
}

// PreviewJob looks at what a job would change. It changes nothing.
func (d *Desk) PreviewJob(ctx context.Context, spec JobSpec) (JobPreview, error) {
	verb, err := spec.verb()
	if err != nil {
		return JobPreview{}, err
	}
	choice, err := spec.choice()
	if err != nil {
		return JobPreview{}, err
	}
	found, err := jobs.Look(ctx, finder{d.o.Store, d}, choice, d.pace)
	if err != nil {
		return JobPreview{}, failed("listing deliveries", err)
	}
	p := JobPreview{Verb: verb, Deliveries: choice.Text(), Total: found.Total, More: found.More,
		Oldest: optional(found.Oldest), Notifiers: []JobShare{}, Groups: []JobGroup{}}
	known := d.o.Status().Notifiers
	for _, share := range found.Shares {
		n := JobShare{Name: share.Notifier, Count: share.Count, Seconds: share.Takes.Seconds()}
		if i := slices.IndexFunc(known, func(n Notifier) bool { return n.Name == share.Notifier }); i >= 0 {
			n.Configured, n.State, n.Rate, n.RateEach = known[i].Configured, known[i].State, known[i].Rate, known[i].RateEach
		}
		if verb == jobs.Cancel {
			n.Seconds = 0
		}
		p.Seconds, p.Notifiers = max(p.Seconds, n.Seconds), append(p.Notifiers, n)
	}
	for _, g := range found.Groups {
		p.Groups = append(p.Groups, JobGroup(g))
	}
	return p, nil
}

// finder reads deliveries as lists of the desk do.
type finder struct {
	store.Reader
	desk *Desk
}

// Deliveries implements store.Reader.
func (f finder) Deliveries(ctx context.Context, of store.DeliveryFilter) ([]store.Delivery, store.ID, error) {
	return f.desk.findDeliveries(ctx, DeliveryFilter{DeliveryFilter: of})
}

// pace returns the rate that a delivery counts for.
func (d *Desk) pace(of *store.Delivery) (key string, each time.Duration) {
	n, known := d.o.Config().Notifiers[of.Notifier]
	if !known {
		return "", 0
	}
	rate := n.Rate()
	if rate.Messages <= 0 {
		return "", 0
	}
	return n.RateKey(of.Message), rate.Per / time.Duration(rate.Messages)
}

// maxSought is how many deliveries are looked at for one page of those with one kind of error.
const maxSought = 5000

// Selected returns a page of the deliveries that a job would change, between two ids. A page may be short, or empty, and
// have a Next.
func (d *Desk) Selected(ctx context.Context, spec JobSpec, within Range, limit int) (DeliveryPage, error) {
	choice, err := spec.choice()
	if err != nil {
		return DeliveryPage{}, err
	}
	f := choice.Filter()
	f.After, f.OldestFirst, f.Limit = max(f.After, within.After), within.OldestFirst, limit
	if within.Before != 0 && (f.Before == 0 || within.Before < f.Before) {
		f.Before = within.Before
	}
	page := DeliveryPage{Deliveries: []Delivery{}}
	ctx = store.WithLook(ctx, pageTime)
	for looked := 0; ; looked += limit {
		list, next, err := d.findDeliveries(ctx, DeliveryFilter{DeliveryFilter: f})
		if err != nil {
			return page, failed("listing deliveries", err)
		}
		for i, one := range list {
			if !choice.Takes(&one) {
				continue
			}
			page.Deliveries = append(page.Deliveries, deliveryOf(one))
			if len(page.Deliveries) == limit && (next != 0 || i+1 < len(list)) {
				page.Next = idText(one.ID)
				return page, nil
			}
		}
		if next == 0 || looked >= maxSought || time.Now().After(store.LookEnds(ctx, 0)) {
			page.Next = idText(next)
			return page, nil
		}
		if f.OldestFirst {
			f.After = next
		} else {
			f.Before = next
		}
	}
}
