// Package standin is a Qase API for tests and for the demo: it answers the questions of the relay about a world that
// it was given, with the envelope, the page limits and the errors of the real one, and makes trouble on request.
package standin

import "time"

// World is what the API knows. The zero value has no projects and accepts any token.
type World struct {
	Token    string // that requests have to have; empty accepts any
	Projects []*Project
	Members  []Member
	// NoSearch answers questions in QQL as a plan without search does.
	NoSearch bool
}

// Project is a project with all that belongs to it.
type Project struct {
	Code, Title  string
	Cases        []Case
	Suites       []Suite
	Plans        []Plan
	Environments []Environment
	Runs         []Run
	Results      []Result
	Defects      []Defect
	Fields       []Field
	// Hidden answers 403 to all questions about the project: the token may not read it.
	Hidden bool
}

// Case is a test case.
type Case struct {
	ID, Suite    int
	Title        string
	Flaky, Muted bool
	Tags         []string
	Fields       map[int]string // values of custom fields by their ids
}

// Suite is a suite of cases.
type Suite struct {
	ID, Parent int
	Title      string
}

// Plan is a test plan. Assignees are the members who test its cases.
type Plan struct {
	ID        int
	Title     string
	Assignees map[int]int
}

// Environment is an environment of runs.
type Environment struct {
	ID          int
	Title, Slug string
}

// Run is a test run.
type Run struct {
	ID                 int
	Title, Description string
	Environment        string // the slug
	Plan               int
	Cases              []int
	Start, End         time.Time
	Status             string         // passed, failed or aborted; empty is failed
	Statuses           map[string]int // nil counts the newest results of its cases
	OldDates           bool           // dates without an offset, as older answers have them
}

// Result is one attempt at a case in a run.
type Result struct {
	Run, Case               int
	Hash, Status            string
	Comment, Trace          string
	TraceBytes              int // the trace is repeated up to this length
	Steps                   int // that many long steps and attachments
	Took                    time.Duration
	End                     time.Time
	AfterQuestions          int // it is there once the results of its run were asked for so many times
	AppearsAt               time.Time
	NoCase                  bool // case_id is null
	IgnoredFieldsAreStrange bool // fields that are not read have other types than usual
}

// Defect is a defect.
type Defect struct {
	ID            int
	Title, Status string // open, in_progress, resolved or invalid; empty is open
	Runs          []int
	Results       []string // hashes
}

// Field is a custom field of cases.
type Field struct {
	ID          int
	Title, Type string
}

// Member is a person. Qase has them under the ids of users, of authors, or both.
type Member struct {
	ID                   int
	Name, Email          string
	NotAuthor, NotMember bool
}

// Trouble is a fault that the API has on request.
type Trouble struct {
	// Path is the beginning of the path of the requests that it is about, with their query, such as /v1/result; empty is
	// all.
	Path  string
	Times int // how many requests it is about; 0 is all
	// Status answers with an error, and with RetryAfter as the header of that name if it is given.
	Status     int
	RetryAfter string
	Delay      time.Duration   // before the answer
	Hold       <-chan struct{} // before the answer, until it is closed or the caller has left
	Empty      bool            // an answer without a body
	Cut        bool            // an answer that ends in its middle
	Body       string          // this answer
	Redirect   string          // to this address
	HangUp     bool            // the connection ends without an answer
}
