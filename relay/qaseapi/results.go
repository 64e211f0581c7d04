package qaseapi

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/value"
)

const (
	maxRunRequests = 30          // of all rounds about one run
	maxAgain       = time.Minute // between two rounds
	maxKeptRuns    = 32          // of which the last round is kept
)

// RunQuery is a run that has ended, whose failing tests are wanted.
type RunQuery struct {
	Source  *rules.Source // with the token, the address of the API and the settings of failures
	Project string
	RunID   string
	Failed  int // payload.failed
	// Again is set if a person asks for the run as it is now: its own counts hold, though fewer fail than its event says.
	Again  bool
	Event  *event.Event
	Series *Series // finds the run before; nil does not ask for it
}

// Results asks once about the results of a run, which come in late. It never takes longer than ctx, and returns what is
// known then: the run, the fields of the run as its events have them (nil if not known), and when it could help to
// ask once more: 0 if the list is complete, or cannot become so.
func (c *Client) Results(ctx context.Context, q RunQuery) (run *failures.Run, entity map[string]any,
	again time.Duration) {
	key, p := c.progressOf(q)
	r := &round{c: c, q: q, progress: p, run: &failures.Run{Failed: q.Failed},
		base: request{source: q.Source, project: q.Project, patient: true, budget: &p.budget}}
	if q.Source.APIToken() == "" || q.Source.Failures.Off {
		r.run.Error, r.run.Cause = "the source "+q.Source.Name+" does not ask the Qase API", failures.CauseOff
		return r.run, nil, 0
	}
	c.mu.Lock()
	before, _ := c.rounds.get(key, c.now())
	gone, isGone := c.small.get("gone:"+key, c.now())
	c.mu.Unlock()
	if isGone {
		return gone.(*failures.Run), nil, 0
	}
	if err := r.ask(ctx, before); err != nil {
		r.fail(ctx, failureOf(err))
		if before != nil && len(before.run.Results) > len(r.run.Results) {
			kept := *before.run
			kept.Error, kept.Cause, kept.Complete = r.run.Error, r.run.Cause, false
			r.run, r.entity = &kept, before.entity
		}
	}
	r.run.Requests, r.run.WaitedMS = p.budget.used(), r.waited().Milliseconds()
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.gone {
		c.small.put("gone:"+key, r.run, c.now().Add(answerLifetime))
	}
	if r.again > 0 {
		c.rounds.put(key, r, c.now().Add(failures.MaxWait))
	} else {
		c.rounds.drop(key)
	}
	return r.run, r.entity, r.again
}

// Anew lets the next question about a run go out as if it was the first one, for a person who asks: what earlier
// ones brought is forgotten, and pauses after them end, except one that Qase has asked for.
func (c *Client) Anew(q RunQuery) {
	key := event.JoinKey(q.Source.Name, q.Project, q.RunID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.drop(key)
	c.rounds.drop(key)
	c.small.drop("gone:" + key)
	quota := c.quota(q.Source)
	if quota.rest != nil && quota.rest.why.cause != limited {
		quota.rest = nil
	}
	delete(quota.projects, q.Project)
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

// giveBack returns a request that was not sent.
func (b *budget) giveBack() {
	if b != nil {
		b.spent.Add(-1)
	}
}

func (b *budget) used() int { return int(b.spent.Load()) }

func (b *budget) left() int { return maxRunRequests - b.used() }

// progress is what the rounds about one run share.
type progress struct {
	started time.Time
	budget  budget
	rounds  atomic.Int64
}

func (c *Client) progressOf(q RunQuery) (key string, p *progress) {
	key = event.JoinKey(q.Source.Name, q.Project, q.RunID)
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.progress.get(key, c.now())
	if !known {
		p = &progress{started: c.now()}
		c.progress.put(key, p, c.now().Add(failures.MaxWait+time.Minute))
	}
	return key, p
}

// round is one round of questions about a run. It does not change once it is over.
type round struct {
	c        *Client
	q        RunQuery
	base     request
	progress *progress
	thing    thing
	asked    bool // thing is known
	gone     bool // Qase does not have the run
	compared bool // the run before was asked for, or is not wanted
	run      *failures.Run
	entity   map[string]any
	again    time.Duration
}

// ask asks one question after the other. What is known at an error stays.
func (r *round) ask(ctx context.Context, before *round) error {
	if err := r.askRun(ctx, before); err != nil {
		return err
	}
	l := &listing{round: r}
	err := l.read(ctx)
	if err == nil && before != nil && l.total < len(before.run.Results) {
		if err := r.askRun(ctx, nil); err != nil { // it may have been deleted, with its results
			return err
		}
	}
	if err == nil && l.total != r.run.Failed {
		err = l.verify(ctx)
	}
	l.conclude()
	l.readOthers(ctx)
	r.compare(ctx, before)
	r.dress(ctx)
	if err == nil && !r.run.Complete && r.run.Left == 0 {
		r.run.Error = fmt.Sprintf("Qase has %d of %d failing results so far", l.known, r.run.Failed)
		r.again = r.later()
	}
	return err
}

// askRun asks about the run itself, in the first round only.
func (r *round) askRun(ctx context.Context, before *round) (err error) {
	if before != nil && before.asked {
		r.thing, r.entity = before.thing, before.entity
	} else {
		req := r.base
		req.endpoint, req.path = "run", entityPath("run", r.q.Project, r.q.RunID)+"?include=cases"
		if r.thing, err = fetch(ctx, r.c, req, readThing); err != nil {
			return err
		}
		r.entity = r.c.fieldsOf(ctx, r.base, r.thing)
	}
	t := r.thing
	r.asked = true
	r.run.Statuses, r.run.FinishedAt, r.run.TookMS = t.statuses, t.ended, int64(t.elapsed)
	own := t.statuses[failed] + t.statuses[invalid]
	if r.run.Failed = max(r.q.Failed, own); r.q.Again && t.statuses != nil && own < r.q.Failed {
		r.run.Failed, r.run.Recounted = own, true
	}
	if t.cases != nil {
		cases := slices.Clone(t.cases)
		slices.Sort(cases)
		r.run.Cases = slices.Compact(cases)
	}
	return nil
}

// later returns the time until the next round: 1, 2, 4, 8 s … It is 0 if another round would have too few requests.
func (r *round) later() time.Duration {
	needed := 1 + len(r.run.Results)/pageSize
	if r.progress.budget.left() < needed {
		return 0
	}
	n := r.progress.rounds.Add(1)
	return min(time.Second<<min(n-1, 10), maxAgain)
}

// fail notes why not all is known.
func (r *round) fail(ctx context.Context, f *failure) {
	switch {
	case f.code == 403, f.code == 402:
		f = r.c.refuseProject(r.q, fmt.Sprintf("the api_token may not read the project %s (%d)", r.q.Project, f.code))
	case f.cause == missing && !r.asked && !r.hasProject(ctx):
		f = r.c.refuseProject(r.q, fmt.Sprintf("the api_token does not see a project %s (404)", r.q.Project))
	case f.cause == missing:
		f, r.gone = &failure{cause: missing, said: "Qase does not have the run any more"}, true
	case f.cause == cut:
		f = &failure{cause: away, said: f.said, again: r.later()}
	case f.cause == giveUp:
		waited := max(r.waited().Round(time.Second), time.Second)
		f = &failure{cause: away, said: fmt.Sprintf("the Qase API did not answer in %s", value.HumanDuration(waited)),
			again: r.later()}
	}
	r.run.Error, r.again = f.said, f.again
	switch f.cause {
	case refused, missing, rejected:
		r.run.Cause = failures.CauseRefused
	case limited:
		r.run.Cause = failures.CauseLimited
	default:
		r.run.Cause = failures.CauseAway
	}
}

// waited returns how long the event has waited for the names, also before a restart of the relay.
func (r *round) waited() time.Duration {
	since := r.progress.started
	if ev := r.q.Event; ev != nil && ev.ReceivedAt.Before(since) {
		since = ev.ReceivedAt
	}
	return r.c.now().Sub(since)
}

// hasProject reports whether the project of a run that Qase does not have is there. A doubt is a yes.
func (r *round) hasProject(ctx context.Context) bool {
	req := r.base
	req.endpoint, req.path = "project", projectPath(r.q.Project)
	_, err := fetch(ctx, r.c, req, readThing)
	f := failureOf(err)
	return f == nil || f.cause != missing && f.cause != refused
}

// refuseProject keeps the source from asking about a project that its token may not read.
func (c *Client) refuseProject(q RunQuery, said string) *failure {
	f := &failure{cause: refused, said: said}
	c.pause(q.Source, q.Project, rest{c.now().Add(refusedPause), f})
	return f
}
