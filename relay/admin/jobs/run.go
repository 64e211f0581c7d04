package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"qaserelay/relay/store"
)

const (
	// leaseFor is how long a relay that ended keeps others from going on with its job.
	leaseFor = 15 * time.Second
	// renewAfter is the age of a lease from which on it is renewed.
	renewAfter = leaseFor / 3
	// lookEvery is how often a relay looks for jobs of others, and for one that it could not read.
	lookEvery = 2 * time.Second
	// busyRest is how long a job waits before it looks again whether more deliveries may become due.
	busyRest = time.Second
	// maxFailures is how often in a row a step may fail before the job does, and maxRest the longest pause between two.
	maxFailures = 12
	maxRest     = 30 * time.Second
	// endLimit is how long the last change may take once the relay stops.
	endLimit = 2 * time.Second
)

// VerbEnd is the verb of the audit entry at the end of a job.
const VerbEnd = "job-end"

// AuditVerb returns the verb of the audit entries of a job: of its start, and of each of its pages.
func (v Verb) AuditVerb() string {
	if v == Cancel {
		return "cancel-many"
	}
	return "retry-many"
}

// errLost says that another relay runs the job, or that it has ended.
var errLost = errors.New("the job is run by another relay")

// Run works on the jobs, one after another, until ctx is done. The job that runs then goes on with the next start, or at
// once by another relay of the store.
func (r *Register) Run(ctx context.Context) {
	shared := r.o.Store.Notifications() != nil
	for {
		j, err := r.claim(ctx, shared)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && j != nil:
			r.work(ctx, *j)
			continue
		case err != nil:
			r.o.Logger.Warn("jobs not read, trying again", "error", err)
		}
		var again <-chan time.Time
		if shared || err != nil {
			again = time.After(lookEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-r.fresh:
		}
	}
}

// claim makes the next job this relay's, and returns it: the one that runs, unless another relay does that, or else the
// oldest that waits. It returns nil if there is none.
func (r *Register) claim(ctx context.Context, shared bool) (claimed *Job, err error) {
	none := errors.New("none")
	err = r.change(ctx, func(list []*Job) ([]*Job, *store.AuditEntry, error) {
		var next *Job
		for _, j := range list {
			if j.State == Running {
				next = j
				break
			}
			if j.State == Queued && next == nil {
				next = j
			}
		}
		now := r.o.Store.Now()
		if next == nil || next.State == Running && shared && next.Owner != r.owner && next.Lease.After(now) {
			return nil, nil, none
		}
		if next.StartedAt.IsZero() {
			next.StartedAt = now
		}
		next.State, next.Owner, next.Lease = Running, r.owner, now.Add(leaseFor)
		claimed = next
		return list, nil, nil
	})
	if errors.Is(err, none) {
		return nil, nil
	}
	return claimed, err
}

// run is the work on one job.
type run struct {
	*Register
	job    Job
	page   *page // that the job has noted, or nil if it has to be read again
	saved  time.Time
	result result // of the page
	acted  bool   // the page is changed, and that is not stored yet
}

// work works on a job until it has ended, or until ctx is done.
func (r *Register) work(ctx context.Context, j Job) {
	w := &run{Register: r, job: j, saved: r.o.Store.Now()}
	r.o.Logger.Info("job runs", "job", j.ID, "handled", j.Handled())
	for failures := 0; ; {
		err := w.step(ctx)
		switch {
		case err == nil && w.job.State.Ended():
			r.o.Logger.Info("job ended", "job", j.ID, "state", w.job.State, "done", w.job.Done, "skipped", w.job.Skipped,
				"failed", w.job.Failed)
			return
		case errors.Is(err, errLost), errors.Is(err, ErrNotFound):
			return
		case ctx.Err() != nil:
			w.release(ctx)
			return
		case err == nil:
			failures = 0
			continue
		}
		r.o.Logger.Warn("job does not go on, trying again", "job", j.ID, "error", err)
		if failures++; failures >= maxFailures {
			w.fail(ctx)
			return
		}
		sleep(ctx, w.rest(failures))
	}
}

// restAfter returns how long a job waits after so many failures in a row.
func restAfter(failures int) time.Duration { return min(maxRest, time.Second<<failures/4) }

// step works on one page, and notes the next one.
func (w *run) step(ctx context.Context) (err error) {
	switch {
	case !w.job.Counted:
		return w.count(ctx)
	case w.job.Page == nil:
		return w.goOn(ctx, w.job.Choice.Filter().Before, true)
	case w.page == nil && !w.acted:
		if err := w.resume(ctx); err != nil {
			return err
		}
	}
	if !w.acted {
		if ready, err := w.awaitTurn(ctx); !ready || err != nil {
			return err
		}
		if err := w.act(ctx); err != nil {
			w.page = nil // some may be changed
			return err
		}
	}
	return w.goOn(ctx, w.job.Page.Next, w.job.Page.Next != 0)
}

// count counts what the job is about.
func (w *run) count(ctx context.Context) error {
	total, before := 0, w.job.Choice.Filter().Before
	for {
		list, next, err := w.list(ctx, &w.job, before)
		if err != nil {
			return err
		}
		total += len(list)
		if before = next; next == 0 {
			break
		}
		if err := w.renew(ctx); err != nil {
			return err
		}
	}
	return w.turn(ctx, func(j *Job) { j.Total, j.Counted = total, true })
}

// goOn stores the result of the page, and notes the next one that has deliveries. Without more the job is done.
func (w *run) goOn(ctx context.Context, before store.ID, more bool) error {
	next := &page{}
	for more && len(next.list) == 0 {
		if err := w.renew(ctx); err != nil {
			return err
		}
		p, err := w.next(ctx, before)
		if err != nil {
			return err
		}
		next, before, more = p, p.Next, p.Next != 0
	}
	got := w.result
	err := w.turn(ctx, func(j *Job) {
		j.add(got)
		if j.Page, j.Waits = nil, ""; len(next.list) > 0 {
			noted := next.Page
			j.Page = &noted
		} else {
			j.State = Done
		}
	})
	if err == nil {
		w.page, w.result, w.acted = next, result{}, false
	}
	return err
}

// resume reads the noted page again. What it no longer selects was changed before.
func (w *run) resume(ctx context.Context) error {
	p, err := w.again(ctx, *w.job.Page)
	if err != nil {
		return err
	}
	w.result = result{done: maps.Clone(w.job.Page.Of)}
	for _, d := range p.list {
		w.result.done[d.Notifier] = max(0, w.result.done[d.Notifier]-1)
	}
	w.page = p
	return nil
}

// awaitTurn waits until more deliveries may become due. ready is false if the job has ended meanwhile.
func (w *run) awaitTurn(ctx context.Context) (ready bool, err error) {
	for {
		why := ""
		if w.job.Verb != Cancel {
			why = w.o.Busy()
		}
		if why == "" {
			return true, nil
		}
		if err := w.turn(ctx, func(j *Job) { j.Waits = why }); err != nil || w.job.State.Ended() {
			return false, err
		}
		if !sleep(ctx, busyRest) {
			return false, ctx.Err()
		}
	}
}

// turn changes the stored job between two pages. One that is to stop ends here.
func (w *run) turn(ctx context.Context, edit func(j *Job)) error {
	return w.save(ctx, func(j *Job) {
		edit(j)
		if j.Stopping && !j.State.Ended() {
			j.State = Stopped
		}
	})
}

// renew renews the lease if it is old.
func (w *run) renew(ctx context.Context) error {
	if w.o.Store.Now().Sub(w.saved) < renewAfter {
		return nil
	}
	return w.save(ctx, func(*Job) {})
}

// save changes the stored job, unless another relay has it.
func (w *run) save(ctx context.Context, edit func(j *Job)) error {
	now := w.o.Store.Now()
	var saved Job
	err := w.change(ctx, func(list []*Job) (_ []*Job, entry *store.AuditEntry, err error) {
		j, err := find(list, w.job.ID)
		if err != nil {
			return nil, nil, err
		}
		if j.State != Running || j.Owner != w.owner {
			return nil, nil, errLost
		}
		j.Worked += now.Sub(w.saved)
		j.Lease = now.Add(leaseFor)
		edit(j)
		if j.State.Ended() {
			j.end(now)
			entry = w.entry(VerbEnd, j.ending())
		}
		saved = *j
		return list, entry, nil
	})
	if err == nil {
		w.job, w.saved = saved, now
	}
	return err
}

// end ends the job at a time.
func (j *Job) end(now time.Time) {
	j.EndedAt, j.Page, j.Owner, j.Lease, j.Waits = now, nil, "", time.Time{}, ""
}

// ending says how a job has ended.
func (j *Job) ending() string {
	return fmt.Sprintf("%s: %d done, %d skipped, %d failed of %d", j.State, j.Done, j.Skipped, j.Failed, j.Total)
}

// entry returns an audit entry about the job, by the person who asked for it.
func (w *run) entry(verb, details string) *store.AuditEntry {
	return &store.AuditEntry{Who: w.job.Who, How: w.job.How, Peer: w.job.Peer, Verb: verb, Object: w.job.ID,
		Details: details, Outcome: "ok"}
}

// release lets another relay, or the next start, go on with the job at once.
func (w *run) release(ctx context.Context) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	err := w.save(last, func(j *Job) { j.Lease = time.Time{} })
	if err != nil && !errors.Is(err, errLost) {
		w.o.Logger.Warn("job not handed over, others wait for it", "job", w.job.ID, "error", err)
	}
}

// fail ends the job because the store fails.
func (w *run) fail(ctx context.Context) {
	err := w.save(ctx, func(j *Job) {
		j.State, j.Error = Failed, "the store failed again and again, the log says why; start a new job for the rest"
	})
	if err != nil {
		w.o.Logger.Error("job not ended, tried again later", "job", w.job.ID, "error", err)
		sleep(ctx, maxRest)
	}
}
