package silences

import (
	"context"
	"time"

	"qaserelay/rules/silence"
)

const (
	// sharedEvery is how often a relay looks for silences that another one has changed.
	sharedEvery = 500 * time.Millisecond
	// tickEvery is how often matches are stored and ends are noticed.
	tickEvery = time.Second
	// stopLimit is how long the last matches may take to be stored.
	stopLimit = 2 * time.Second
)

// Run keeps the silences up to date until ctx is done: it reads what other relays change, stores the counts of matches,
// and ends silences that match nothing any more.
func (r *Register) Run(ctx context.Context) {
	look, tick := time.NewTicker(sharedEvery), time.NewTicker(tickEvery)
	defer look.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
			defer cancel()
			r.note(last, "storing matches of silences", r.flush(last))
			return
		case <-look.C:
			if r.o.Shared || !r.isLoaded() {
				r.note(ctx, "reading silences", r.Load(ctx))
			}
		case <-tick.C:
			r.note(ctx, "storing matches of silences", r.flush(ctx))
			r.note(ctx, "ending silences", r.end(ctx))
		}
	}
}

func (r *Register) isLoaded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded
}

// note logs an error; the next turn tries again.
func (r *Register) note(ctx context.Context, op string, err error) {
	if err != nil && ctx.Err() == nil {
		r.o.Logger.Warn("silences not up to date, trying again", "op", op, "error", err)
	}
}

// flush stores the counts of matches. They count again later if that fails.
func (r *Register) flush(ctx context.Context) error {
	taken := r.takeCounts()
	if len(taken) == 0 {
		return nil
	}
	err := r.change(ctx, func(v *value) error {
		for _, s := range v.silences {
			taken[s.ID].addTo(s)
		}
		return nil
	})
	if err != nil {
		r.countMu.Lock()
		defer r.countMu.Unlock()
		for id, c := range taken {
			r.counts[id] = r.counts[id].plus(c)
		}
	}
	return err
}

// takeCounts returns the counts that are not stored, and forgets them.
func (r *Register) takeCounts() map[string]count {
	r.countMu.Lock()
	defer r.countMu.Unlock()
	taken := r.counts
	r.counts = map[string]count{}
	return taken
}

// end logs the silences that have ended. It stores the end of those that match nothing any more, so that they never
// come back, and drops those that ended long ago.
func (r *Register) end(ctx context.Context) error {
	now, changes := r.o.Now(), false
	for _, s := range r.List().All() {
		if s.State(now) != silence.Expired {
			continue
		}
		changes = changes || s.End().Before(s.EndsAt) || s.End().Before(now.Add(-silence.Kept))
		if r.isNews(s.ID) {
			r.log("silence expired", s)
		}
	}
	if !changes {
		return nil
	}
	return r.change(ctx, func(v *value) error {
		for _, s := range v.silences {
			if s.State(now) == silence.Expired {
				s.EndsAt = s.End()
			}
		}
		return nil
	})
}

// isNews reports whether the end of a silence is not in the log yet.
func (r *Register) isNews(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.expired[id] {
		return false
	}
	r.expired[id] = true
	return true
}
