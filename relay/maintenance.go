package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"qaserelay/relay/dispatch"
)

const (
	purgeEvery   = time.Hour
	backlogEvery = time.Minute
	checkEvery   = time.Second
)

// keepHouse deletes what is past its retention, and warns of deliveries that no notifier takes, until ctx is done. First of all it
// says how many wait from before, so that a person who starts a relay again sees that nothing was lost.
func (e *Engine) keepHouse(ctx context.Context) {
	purge, backlog := time.NewTicker(purgeEvery), time.NewTicker(backlogEvery)
	defer purge.Stop()
	defer backlog.Stop()
	warned := map[string]bool{}
	if pending := e.lookAtBacklog(ctx, warned); pending > 0 {
		e.Logger.Info("deliveries wait from before the start", "pending", pending)
	}
	e.purge(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-purge.C:
			e.purge(ctx)
		case <-backlog.C:
		}
		e.lookAtBacklog(ctx, warned)
	}
}

func (e *Engine) purge(ctx context.Context) {
	keep, now := e.Current.Load().Settings.Retention, e.Now()
	n, err := e.Store.Purge(ctx, before(now, keep.Events, 30), before(now, keep.Dead, 90))
	if err != nil {
		e.StoreFailed(ctx, "deleting old events", err)
	} else if n > 0 {
		e.Logger.Info("deleted old events", "count", n)
	}
}

// before returns the moment that long ago; zero means the given number of days.
func before(now time.Time, age time.Duration, days int) time.Time {
	if age <= 0 {
		return now.AddDate(0, 0, -days)
	}
	return now.Add(-age)
}

// lookAtBacklog returns how many deliveries are not finished.
func (e *Engine) lookAtBacklog(ctx context.Context, warned map[string]bool) (pending int) {
	backlog, err := e.Store.Backlog(ctx)
	if err != nil {
		e.StoreFailed(ctx, "counting the backlog", err)
		return 0
	}
	outs := e.Current.Load().Outs
	for _, b := range backlog {
		pending += b.Pending
		if _, known := outs[b.Notifier]; known || b.Pending == 0 {
			delete(warned, b.Notifier)
		} else if !warned[b.Notifier] {
			warned[b.Notifier] = true
			e.Logger.Warn("deliveries wait for a notifier that is not configured; they go out when it is back",
				"notifier", b.Notifier, "pending", b.Pending)
		}
	}
	return pending
}

// refreshMetrics reads the backlog for a scrape. When that fails, the scrape shows the one before.
func (e *Engine) refreshMetrics(ctx context.Context) {
	setStates(e.Metrics, e.NotifierStates())
	backlog, err := e.Store.Backlog(ctx)
	if err != nil {
		e.StoreFailed(ctx, "counting the backlog", err)
		return
	}
	setBacklog(e.Metrics, backlog, e.Current.Load(), e.Now())
}

// health remembers for a moment whether the store can write, so that probes do not load it.
type health struct {
	mu      sync.Mutex
	checked time.Time
	err     error
}

// Ready returns nil if the engine takes events now, and otherwise why it does not.
func (e *Engine) Ready(ctx context.Context) error {
	if !e.inbox.Accepting() {
		return dispatch.ErrStopping
	}
	if err := e.hasRoom(); err != nil {
		return err
	}
	h := &e.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := e.Now(); h.checked.IsZero() || now.Sub(h.checked) >= checkEvery || h.err != nil {
		if err := e.Store.Check(ctx); err == nil || !errors.Is(err, context.Canceled) {
			h.err, h.checked = err, now
		}
	}
	return h.err
}
