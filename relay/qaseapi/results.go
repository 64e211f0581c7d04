package qaseapi

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

const (
	maxRunRequests = 30 // of all rounds about one run
	pageSize       = 100
	maxPages       = 10
	maxAgain       = time.Minute // between two rounds
)

// RunQuery is a run that has ended, whose failing tests are wanted.
type RunQuery struct {
	Source  *rules.Source // with the token, the address of the API and the settings of failures
	Project string
	RunID   string
	Failed  int // payload.failed
	Event   *event.Event
}

// Results asks once about the results of a run, which come in late. It never takes longer than ctx, and returns what is
// known then: the run, the fields of the run as its events have them (nil if not known), and when it could help to ask once
// more: 0 if the list is complete, or cannot become so.
func (c *Client) Results(ctx context.Context, q RunQuery) (run *failures.Run, entity map[string]any, again time.Duration) {
	p := c.progressOf(q)
	r := &round{c: c, q: q, progress: p, run: &failures.Run{Failed: q.Failed},
		base: request{source: q.Source, project: q.Project, patient: true, budget: &p.budget}}
	if q.Source.APIToken() == "" || q.Source.Failures.Off {
		r.run.Error = "the source " + q.Source.Name + " does not ask the Qase API"
		return r.run, nil, 0
	}
	if err := r.ask(ctx); err != nil {
		r.fail(failureOf(err))
	}
	r.run.Requests = p.budget.used()
	r.run.WaitedMS = c.now().Sub(p.started).Milliseconds()
	return r.run, r.entity, r.again
}

// budget counts the requests about one run. Nil is without a limit.
type budget struct{ spent atomic.Int64 }

// take takes a request out of the budget, and reports whether there was one.
func (b *budget) take() bool {
	if b == nil {
		return true
	}
	if b.spent.Add(1) > maxRunRequests {
		b.spent.Add(-1)
		return false
	}
	return true
}

func (b *budget) used() int { return int(b.spent.Load()) }

func (b *budget) left() int { return maxRunRequests - b.used() }

// progress is what the rounds about one run share.
type progress struct {
	started time.Time
	budget  budget
	rounds  atomic.Int64
}

func (c *Client) progressOf(q RunQuery) *progress {
	key := event.JoinKey(q.Source.Name, q.Project, q.RunID)
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.progress.get(key, c.now())
	if !known {
		p = &progress{started: c.now()}
		c.progress.put(key, p, c.now().Add(failures.MaxWait+time.Minute))
	}
	return p
}

// round is one round of questions about a run.
type round struct {
	c        *Client
	q        RunQuery
	base     request
	progress *progress
	thing    thing
	run      *failures.Run
	entity   map[string]any
	again    time.Duration
}

// ask asks one question after the other. What is known at an error stays.
func (r *round) ask(ctx context.Context) (err error) {
	req := r.base
	req.endpoint, req.path = "run", entityPath("run", r.q.Project, r.q.RunID)+"?include=cases"
	if r.thing, err = fetch(ctx, r.c, req, readThing); err != nil {
		return err
	}
	r.entity = r.c.fieldsOf(ctx, r.base, r.thing)
	r.describe()
	rows, err := r.failing(ctx)
	r.list(rows)
	if err != nil {
		return err
	}
	r.judge(len(rows))
	return nil
}

// describe fills in what the run itself says.
func (r *round) describe() {
	t := r.thing
	r.run.Statuses, r.run.FinishedAt, r.run.TookMS = t.statuses, t.ended, int64(t.elapsed)
	r.run.Failed = max(r.q.Failed, t.statuses["failed"]+t.statuses["invalid"])
	if t.cases != nil {
		slices.Sort(t.cases)
		r.run.Cases = slices.Compact(t.cases)
	}
}

// row is one failing result.
type row struct {
	result failures.Result
}

// page is one page of results.
type page struct {
	rows     []row
	filtered int
}

// failing reads the failing results.
func (r *round) failing(ctx context.Context) (rows []row, err error) {
	for n := range maxPages {
		req := r.base
		req.endpoint = "result"
		req.path = fmt.Sprintf("/result/%s?run=%s&status=failed&limit=%d&offset=%d", url.PathEscape(r.q.Project),
			url.QueryEscape(r.q.RunID), pageSize, n*pageSize)
		p, err := fetch(ctx, r.c, req, readPage)
		if err != nil {
			return rows, err
		}
		r.run.Known, r.run.Source = true, failures.FromAPI
		rows = append(rows, p.rows...)
		if len(p.rows) < pageSize || len(rows) >= r.q.Source.Failures.Most {
			break
		}
	}
	return rows, nil
}

func readPage(s stream) (p page, err error) {
	err = s.object(func(key string) error {
		switch key {
		case "filtered":
			return s.number(&p.filtered)
		case "entities":
			return s.list(func() error {
				one, err := readRow(s)
				if err == nil {
					p.rows = append(p.rows, one)
				}
				return err
			})
		}
		return s.skip()
	})
	return p, err
}

func readRow(s stream) (one row, err error) {
	var took int
	err = s.object(func(key string) error {
		switch key {
		case "hash":
			return s.text(&one.result.Hash)
		case "case_id":
			return s.number(&one.result.CaseID)
		case "status":
			return s.text(&one.result.Status)
		case "end_time":
			return s.seconds(&one.result.EndTime)
		case "time_spent_ms":
			return s.number(&took)
		}
		return s.skip()
	})
	one.result.DurationMS = int64(took)
	return one, err
}

// list puts the newest failing result of each case into the list.
func (r *round) list(rows []row) {
	at := map[int]int{}
	for _, one := range rows {
		i, known := at[one.result.CaseID]
		if known && one.result.CaseID != 0 {
			r.run.Results[i].Times = max(r.run.Results[i].Times, 1) + 1
			continue
		}
		at[one.result.CaseID] = len(r.run.Results)
		r.run.Results = append(r.run.Results, one.result)
	}
	slices.SortStableFunc(r.run.Results, func(a, b failures.Result) int { return cmp.Compare(a.CaseID, b.CaseID) })
}

// judge says whether the list is complete, and when to ask again.
func (r *round) judge(known int) {
	if r.run.Complete = known >= r.run.Failed; r.run.Complete {
		return
	}
	r.run.Error = fmt.Sprintf("Qase has %d of %d failing results so far", known, r.run.Failed)
	r.again = r.later()
}

// later returns the time until the next round: 1, 2, 4, 8 s …
func (r *round) later() time.Duration {
	if r.progress.budget.left() < 2 {
		return 0
	}
	n := r.progress.rounds.Add(1)
	return min(time.Second<<min(n-1, 10), maxAgain)
}

// fail notes why not all is known.
func (r *round) fail(f *failure) {
	r.run.Error, r.again = f.said, f.again
}
