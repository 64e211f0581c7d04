// Package jobs retries or cancels many deliveries in the background: those that a filter selects, page by page, from the
// newest to the oldest.
//
// All jobs are one value of the store, which is changed by comparing and swapping. One job runs at a time in a store: the
// relay that runs it holds a lease in the value, and the others wait for their turn.
//
//	queued  ── turn  ──▶ running
//	queued  ── stop  ──▶ stopped
//	running ── stop  ──▶ stopped, between two pages
//	running ── end   ──▶ done
//	running ── error ──▶ failed, if the store fails for long
//
// A page is noted in the value before its deliveries are changed. After a crash the page is read again: those that it no
// longer selects were changed, and count as done; the others are changed now. A job leaves out what has changed since a
// person asked for it, so a delivery that fails again meanwhile is not retried twice.
package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
)

// Verb is what a job does with each delivery.
type Verb string

// The verbs of jobs.
const (
	Retry    Verb = "retry"
	Rerender Verb = "retry-rerender" // by the current rules, before it is retried
	Cancel   Verb = "cancel"
)

// Verbs lists the verbs of jobs.
func Verbs() []Verb { return []Verb{Retry, Rerender, Cancel} }

// State is where a job stands.
type State string

// The states of a job.
const (
	Queued  State = "queued"
	Running State = "running"
	Stopped State = "stopped"
	Done    State = "done"
	Failed  State = "failed"
)

// Ended reports whether nothing follows a state.
func (s State) Ended() bool { return s == Stopped || s == Done || s == Failed }

// MaxIDs is how many ids a choice may have.
const MaxIDs = 500

// Choice says which deliveries a job is about: those with its ids, or those that all of its other fields select. Empty
// fields select all.
type Choice struct {
	State    store.State `json:"state,omitempty"` // dead or pending
	Notifier string      `json:"notifier,omitempty"`
	Rule     string      `json:"rule,omitempty"`
	Project  string      `json:"project,omitempty"`
	Event    string      `json:"event,omitempty"` // event_name
	EventID  store.ID    `json:"event_id,omitempty"`
	Reason   string      `json:"reason,omitempty"` // why an attempt failed
	Since    time.Time   `json:"since,omitzero"`   // made at this time or later
	Until    time.Time   `json:"until,omitzero"`   // made before this time
	Error    string      `json:"error,omitempty"`
	IDs      []store.ID  `json:"ids,omitempty"`
}

// Filter returns the choice as a filter of the store. The error and the ids are not in it.
func (c *Choice) Filter() store.DeliveryFilter {
	f := store.DeliveryFilter{State: c.State, Notifier: c.Notifier, Rule: c.Rule, Project: c.Project, EventName: c.Event,
		Event: c.EventID, Reason: c.Reason}
	if !c.Since.IsZero() {
		f.After = store.FirstID(c.Since) - 1
	}
	if !c.Until.IsZero() {
		f.Before = max(1, store.FirstID(c.Until))
	}
	return f
}

// Takes reports whether the choice has a delivery that the store found by its filter or by its id.
func (c *Choice) Takes(d *store.Delivery) bool {
	if len(c.IDs) > 0 {
		return d.State == store.Dead || d.State == store.Pending
	}
	return c.Error == "" || GroupOf(d) == c.Error
}

// Text returns the choice in words.
func (c *Choice) Text() string {
	switch len(c.IDs) {
	case 0:
	case 1:
		return "1 chosen delivery"
	default:
		return fmt.Sprintf("%d chosen deliveries", len(c.IDs))
	}
	var words []string
	add := func(name, text string) {
		if text != "" {
			words = append(words, name+" "+text)
		}
	}
	add("state", string(c.State))
	add("notifier", c.Notifier)
	add("rule", c.Rule)
	add("project", c.Project)
	add("event", c.Event)
	if c.EventID != 0 {
		add("event", c.EventID.String())
	}
	add("reason", c.Reason)
	if !c.Since.IsZero() {
		add("since", c.Since.UTC().Format(time.RFC3339))
	}
	if !c.Until.IsZero() {
		add("until", c.Until.UTC().Format(time.RFC3339))
	}
	if c.Error != "" {
		add("error", fmt.Sprintf("%q", c.Error))
	}
	return strings.Join(words, ", ")
}

// Problem says why one delivery was not changed.
type Problem struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// Job is a job as it is stored. Times are those of the store's clock.
type Job struct {
	ID        string         `json:"id"`
	Verb      Verb           `json:"verb"`
	Choice    Choice         `json:"choice"`
	Who       string         `json:"who"`
	How       string         `json:"how"`
	Peer      string         `json:"peer,omitempty"`
	State     State          `json:"state"`
	AskedAt   time.Time      `json:"asked_at"`
	StartedAt time.Time      `json:"started_at,omitzero"`
	EndedAt   time.Time      `json:"ended_at,omitzero"`
	Stopping  bool           `json:"stopping,omitempty"` // a person has asked to stop it
	Counted   bool           `json:"counted,omitempty"`  // the total is known
	Total     int            `json:"total"`
	Done      int            `json:"done"`
	Skipped   int            `json:"skipped,omitempty"` // they had another state when their turn came
	Failed    int            `json:"failed,omitempty"`
	Problems  []Problem      `json:"problems,omitempty"` // of the first that failed
	Touched   map[string]int `json:"touched,omitempty"`  // done, by notifier
	Worked    time.Duration  `json:"worked,omitempty"`   // how long it has run, without pauses between relays
	Waits     string         `json:"waits,omitempty"`    // why it does not go on at the moment
	Error     string         `json:"error,omitempty"`    // why it failed
	Page      *Page          `json:"page,omitempty"`     // that is worked on
	Owner     string         `json:"owner,omitempty"`    // the relay that runs it
	Lease     time.Time      `json:"lease,omitzero"`     // until when it is the owner's
}

// Page is a page of deliveries that a job is about to change.
type Page struct {
	Before store.ID       `json:"before,omitempty"` // its deliveries are older than this
	Last   store.ID       `json:"last"`             // the oldest of them
	Next   store.ID       `json:"next,omitempty"`   // behind which the next page begins; zero is the end
	Of     map[string]int `json:"of"`               // how many it changes, by notifier
}

// Handled returns how many deliveries have had their turn.
func (j *Job) Handled() int { return j.Done + j.Skipped + j.Failed }

// Rate returns how many deliveries a second have had their turn, or zero if that is not known.
func (j *Job) Rate() float64 {
	if j.Worked <= 0 {
		return 0
	}
	return float64(j.Handled()) / j.Worked.Seconds()
}

// Remaining returns how long the rest takes at the present rate, or zero if that is not known.
func (j *Job) Remaining() time.Duration {
	rate := j.Rate()
	if j.State != Running || !j.Counted || rate == 0 {
		return 0
	}
	return time.Duration(float64(max(0, j.Total-j.Handled())) / rate * float64(time.Second))
}

// takes reports whether a job changes a delivery: not if it has changed since a person asked for the job.
func (j *Job) takes(d *store.Delivery) bool {
	return !d.UpdatedAt.After(j.AskedAt) && j.Choice.Takes(d)
}

// Errors of requests.
var (
	// ErrNotFound says that no job has an id.
	ErrNotFound = errors.New("no job has this id; the last 100 are listed, for 30 days")
	// ErrEnded says that a job cannot be stopped.
	ErrEnded = errors.New("the job has ended already")
	// ErrTooMany says that too many jobs wait.
	ErrTooMany = fmt.Errorf("%d jobs wait already, which is the most: stop some first", maxKept)
)

const (
	// maxKept is how many jobs are kept.
	maxKept = 100
	// keptFor is how long a job is kept once it has ended.
	keptFor = 30 * 24 * time.Hour
	// maxProblems is how many problems a job names, and keptProblems how many once a later job is added.
	maxProblems  = 100
	keptProblems = 20
)

// add adds a job and forgets old ones.
func add(list []*Job, j *Job, now time.Time) ([]*Job, error) {
	list = slices.DeleteFunc(list, func(old *Job) bool { return old.State.Ended() && now.Sub(old.EndedAt) > keptFor })
	for _, old := range list {
		if old.State.Ended() {
			old.Problems = old.Problems[:min(len(old.Problems), keptProblems)]
		}
	}
	for len(list) >= maxKept {
		i := slices.IndexFunc(list, func(old *Job) bool { return old.State.Ended() })
		if i < 0 {
			return nil, ErrTooMany
		}
		list = slices.Delete(list, i, i+1)
	}
	return append(list, j), nil
}
