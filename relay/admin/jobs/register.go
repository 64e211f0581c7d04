package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"qaserelay/relay/store"
)

const (
	// Key is the key of the jobs in the store.
	Key = "jobs"
	// maxTries is how often a change is tried that another one came before.
	maxTries = 50
)

// Options are what a Register works with. All are needed.
type Options struct {
	Store  store.Store
	NewID  func(now time.Time) string
	Logger *slog.Logger
	// Retry makes dead or pending deliveries due now, and returns their number.
	Retry func(ctx context.Context, ids []store.ID) (int, error)
	// Rerender renders a dead or pending delivery again and makes it due now. It reports whether it was one.
	Rerender func(ctx context.Context, id store.ID) (bool, error)
	// Refused returns why the rules do not render a delivery again, if err says that, or an empty text.
	Refused func(err error) string
	// Cancel ends dead or pending deliveries, and returns their number.
	Cancel func(ctx context.Context, list []store.Delivery) (int, error)
	// Busy says why no further deliveries should become due at the moment, or returns an empty text.
	Busy func() string
}

// Register keeps the jobs and runs them. Its methods may be called from many goroutines, Run only once.
type Register struct {
	o     Options
	owner string        // this relay, among those that use the store
	fresh chan struct{} // has an element when there may be a job to run
	rest  func(failures int) time.Duration
}

// New returns a register. Jobs are worked on while Run runs.
func New(o Options) *Register {
	return &Register{o: o, owner: o.NewID(o.Store.Now()), fresh: make(chan struct{}, 1), rest: restAfter}
}

// Request asks for a job.
type Request struct {
	Verb           Verb
	Choice         Choice
	Who, How, Peer string
}

// Start adds a job, which runs once those before it have ended. The entry in the context is added to the audit trail, with
// the id of the job as its object.
func (r *Register) Start(ctx context.Context, ask Request) (Job, error) {
	now := r.o.Store.Now()
	j := &Job{ID: r.o.NewID(now), Verb: ask.Verb, Choice: ask.Choice, Who: ask.Who, How: ask.How, Peer: ask.Peer,
		State: Queued, AskedAt: now}
	if note := store.AuditOf(ctx); note != nil {
		note.Object = j.ID
	}
	err := r.change(ctx, func(list []*Job) ([]*Job, *store.AuditEntry, error) {
		list, err := add(list, j, now)
		return list, nil, err
	})
	if err != nil {
		return Job{}, err
	}
	r.look()
	r.o.Logger.Info("job added", "job", j.ID, "verb", j.Verb, "deliveries", j.Choice.Text(), "who", j.Who)
	return *j, nil
}

// Stop ends a job: one that waits now, and one that runs behind its present page. It returns ErrEnded for one that has
// ended.
func (r *Register) Stop(ctx context.Context, id string) (stopped Job, err error) {
	err = r.change(ctx, func(list []*Job) ([]*Job, *store.AuditEntry, error) {
		j, err := find(list, id)
		switch {
		case err != nil:
			return nil, nil, err
		case j.State.Ended():
			return nil, nil, ErrEnded
		case j.State == Queued:
			j.State, j.EndedAt = Stopped, r.o.Store.Now()
		}
		j.Stopping = true
		stopped = *j
		return list, nil, nil
	})
	return stopped, err
}

// List returns the jobs, the newest first.
func (r *Register) List(ctx context.Context) ([]Job, error) {
	_, list, err := r.read(ctx)
	jobs := make([]Job, len(list))
	for i, j := range list {
		jobs[len(list)-1-i] = *j
	}
	return jobs, err
}

// Get returns the job with an id, or ErrNotFound.
func (r *Register) Get(ctx context.Context, id string) (Job, error) {
	_, list, err := r.read(ctx)
	if err != nil {
		return Job{}, err
	}
	j, err := find(list, id)
	if err != nil {
		return Job{}, err
	}
	return *j, nil
}

// Wait returns a job once it has ended, or as it is when ctx is done.
func (r *Register) Wait(ctx context.Context, id string) (j Job, err error) {
	for rest := 10 * time.Millisecond; ; rest = min(2*rest, 500*time.Millisecond) {
		next, err := r.Get(context.WithoutCancel(ctx), id)
		if err != nil {
			return j, err
		}
		if j = next; j.State.Ended() || !sleep(ctx, rest) {
			return j, nil
		}
	}
}

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func find(list []*Job, id string) (*Job, error) {
	i := slices.IndexFunc(list, func(j *Job) bool { return j.ID == id })
	if i < 0 {
		return nil, ErrNotFound
	}
	return list[i], nil
}

// read returns the jobs, the oldest first, and the value that has them.
func (r *Register) read(ctx context.Context) (raw []byte, list []*Job, err error) {
	if raw, err = r.o.Store.Get(ctx, Key); err != nil || raw == nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, nil, fmt.Errorf("the stored jobs cannot be read: %w", err)
	}
	return raw, list, nil
}

// edit changes jobs, and may return an entry for the audit trail. It may be called again.
type edit func(list []*Job) ([]*Job, *store.AuditEntry, error)

// change changes the jobs in the store, with the entry of the context or of the edit.
func (r *Register) change(ctx context.Context, edit edit) error {
	for range maxTries {
		raw, list, err := r.read(ctx)
		if err != nil {
			return err
		}
		list, entry, err := edit(list)
		if err != nil {
			return err
		}
		next, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("encoding the jobs: %w", err)
		}
		swap := ctx
		if entry != nil {
			swap = store.WithAudit(ctx, *entry)
		}
		if swapped, err := r.o.Store.Swap(swap, Key, raw, store.Change{Key: Key, Value: next}); swapped || err != nil {
			return err
		}
	}
	return errors.New("the jobs changed too often meanwhile; try again")
}

// look lets Run look for a job.
func (r *Register) look() {
	select {
	case r.fresh <- struct{}{}:
	default: // it will
	}
}
