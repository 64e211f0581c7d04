// Package failures is about the tests that failed in a run: what the Qase API says of them ([Facts]), what was known of
// the runs before ([History]), and what follows, for conditions, templates and default messages. It is pure: it asks
// nothing and keeps nothing.
package failures

import "encoding/json"

// Limits of what is kept about one event.
const (
	// MaxFactsBytes is the size of encoded facts. Encode leaves out the last failures beyond it.
	MaxFactsBytes = 256 << 10
	// MaxResults is how many failing tests of one run are kept, unless the source wants fewer.
	MaxResults = 1000
)

// Facts are what the Qase API has said about an event. They are stored beside its body, so that a decision about the event
// can be made again.
type Facts struct {
	AskedAt int64 `json:"asked_at,omitempty"` // Unix milliseconds of the last answer
	// Entity are fields of the event's entity, in the form that events have. started_at is in Unix seconds.
	Entity map[string]any `json:"entity,omitempty"`
	// Member is the person with the team_member_id of the event: name and email.
	Member map[string]any `json:"member,omitempty"`
	// Run is nil if nothing was asked about the results of a run.
	Run *Run `json:"run,omitempty"`
	// Trace is the W3C traceparent of the call that brought the event. It is kept here beside the answers of Qase.
	Trace string `json:"trace,omitempty"`
}

// Run is what is known of the results of a run that has ended.
type Run struct {
	// Known says that the list of failing results was read, at least in part.
	Known bool `json:"known"`
	// Complete says that as many failing results are known as the run has. Results come in late.
	Complete bool `json:"complete"`
	// Source says where the list is from.
	Source Origin `json:"source,omitempty"`
	// Error says why the list is not known or not complete, in words: "the Qase API did not answer in 20 s".
	Error string `json:"error,omitempty"`
	// Cause is the kind of Error, for metrics.
	Cause Cause `json:"cause,omitempty"`
	// Requests is how many requests were made, and WaitedMS how long it took in milliseconds.
	Requests int   `json:"requests,omitempty"`
	WaitedMS int64 `json:"waited_ms,omitempty"`
	// Failed is how many results fail by the run's own count (failed, invalid and failing statuses of the workspace); at
	// least the payload's. Statuses are the counts of the run by the slug of the status.
	Failed int `json:"failed,omitempty"`
	// Recounted reports that a person has asked again, and that Failed is less than the payload's since cases were tested
	// again after the end of the run.
	Recounted bool           `json:"recounted,omitempty"`
	Statuses  map[string]int `json:"statuses,omitempty"`
	// Cases are the ids of all cases of the run, in order, and nil if they are not known.
	Cases IDs `json:"cases,omitempty"`
	// Others are the cases that neither passed nor failed: blocked, skipped or not run. Nil if that was not asked; then no
	// case counts as passed in a run that has such.
	Others IDs `json:"others,omitempty"`
	// Results are the newest failing results, one for each case, in the order of their cases.
	Results []Result `json:"results,omitempty"`
	// Left is how many failing tests beyond these are known to exist and are not listed.
	Left int `json:"left,omitempty"`
	// Recovered are results of cases that failed in this run and passed on a later attempt.
	Recovered []Result `json:"recovered,omitempty"`
	Defects   []Defect `json:"defects,omitempty"` // open ones that results or the run refer to
	// FinishedAt is the end of the run in Unix seconds, by Qase. 0 is the timestamp of the event.
	FinishedAt int64 `json:"finished_at,omitempty"`
	// TookMS is how long the run took in milliseconds, by Qase, whose events give it in milliseconds or seconds.
	TookMS int64 `json:"took_ms,omitempty"`
	// Compared are the failing cases of the run before, if nothing was kept of that one and Qase was asked: nil if not.
	Compared *Compared `json:"compared,omitempty"`
}

// Cause is why a list is not known or not complete.
type Cause string

// The causes. A list without one lacks results that are still to come.
const (
	CauseOff     Cause = "off"     // the source does not ask
	CauseRefused Cause = "refused" // Qase does not give it: the token, the project, a deleted run
	CauseLimited Cause = "limited" // by the rate limit of Qase or that of the source
	CauseAway    Cause = "away"    // the API does not answer, or not with what was asked
)

// Outcome returns how far the list is known, in one word for metrics: complete, partial, none, off, limited or refused.
func (r *Run) Outcome() string {
	switch {
	case r == nil:
		return "none"
	case r.Complete:
		return "complete"
	case r.Known:
		return "partial"
	case r.Cause != "" && r.Cause != CauseAway:
		return string(r.Cause)
	}
	return "none"
}

// Compared is the run before of the same series, by the Qase API.
type Compared struct {
	Run        string `json:"run"` // its id
	Title      string `json:"title,omitempty"`
	FinishedAt int64  `json:"finished_at,omitempty"` // Unix seconds
	Cases      IDs    `json:"cases,omitempty"`
	Failed     IDs    `json:"failed,omitempty"` // the cases that failed
}

// Origin is where a list of failing results is from.
type Origin string

// The origins of a list.
const (
	FromAPI    Origin = "api"
	FromEvents Origin = "events" // result.created and result.updated
)

// Result is the newest result of one test.
type Result struct {
	CaseID int    `json:"case_id,omitempty"` // 0: a result without a case
	Hash   string `json:"hash,omitempty"`
	Status string `json:"status"` // failed, blocked, invalid, or the slug of a status of the workspace
	// Reason is the first line of the comment or stack trace: one line of text without markup, at most 200 characters, with
	// secrets masked.
	Reason     string `json:"reason,omitempty"`
	DurationMS int64  `json:"duration_ms,omitempty"`
	EndTime    int64  `json:"end_time,omitempty"` // Unix seconds
	Attempts   int    `json:"attempts,omitempty"` // 0 and 1: one
	// Times is how many results of the case fail beside each other, those of a case with parameters. 0 and 1: one.
	Times int `json:"times,omitempty"`

	// What is known of its case.
	Title    string   `json:"title,omitempty"`
	Suite    string   `json:"suite,omitempty"`    // the path, with " / "
	Flaky    bool     `json:"is_flaky,omitempty"` // marked so in Qase
	Muted    bool     `json:"muted,omitempty"`
	Deleted  bool     `json:"deleted,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Owner    *Person  `json:"owner,omitempty"`    // by the custom field failures.owner_field
	Assignee *Person  `json:"assignee,omitempty"` // by the plan
}

// Person is a person as the Qase API names one.
type Person struct {
	MemberID int    `json:"member_id,omitempty"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
}

// Defect is a defect in Qase that is open or in progress.
type Defect struct {
	ID     int      `json:"id"`
	Title  string   `json:"title"`
	Status string   `json:"status"`
	Hashes []string `json:"hashes,omitempty"` // of the results that it was linked to
}

// ReadFacts reads encoded facts. It returns nil for anything else, and for none.
func ReadFacts(data []byte) *Facts {
	if len(data) == 0 {
		return nil
	}
	var f Facts
	if json.Unmarshal(data, &f) != nil || f.Trace != "" && f.isEmpty() {
		return nil
	}
	return &f
}

// isEmpty reports whether Qase has said nothing.
func (f *Facts) isEmpty() bool {
	return f.AskedAt == 0 && f.Entity == nil && f.Member == nil && f.Run == nil
}

// Encode returns the facts as JSON of at most MaxFactsBytes, and nil for nil. The failing tests and then the cases that do
// not fit are left out, and count as left.
func (f *Facts) Encode() []byte {
	if f == nil {
		return nil
	}
	kept := *f
	for {
		data, err := json.Marshal(&kept)
		switch {
		case err == nil && len(data) <= MaxFactsBytes:
			return data
		case err != nil || kept.Run == nil:
			return []byte("{}") // fields of an entity are bounded, so this is no JSON at all
		}
		kept.Run = kept.Run.half()
	}
}

// WithRun returns the facts, which may be nil, with a run.
func (f *Facts) WithRun(r *Run) *Facts {
	with := Facts{}
	if f != nil {
		with = *f
	}
	with.Run = r
	return &with
}

// half returns the run with half of its failing tests, then without the list of its cases, then without anything else
// that can be long.
func (r *Run) half() *Run {
	less := *r
	switch n := len(r.Results); {
	case n > 1:
		less.Results, less.Left, less.Complete = r.Results[:n/2], r.Left+n-n/2, false
	case r.Cases != nil:
		less.Cases = nil
	default:
		less = Run{Known: r.Known, Source: r.Source, Error: r.Error, Failed: r.Failed, Recounted: r.Recounted, Left: r.Left + n}
	}
	return &less
}

// Fields returns the fields of the entity, or nil. Nil facts have none.
func (f *Facts) Fields() map[string]any {
	if f == nil {
		return nil
	}
	return f.Entity
}

// Person returns the member who acted, or nil. Nil facts have none.
func (f *Facts) Person() map[string]any {
	if f == nil {
		return nil
	}
	return f.Member
}
