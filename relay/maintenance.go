package relay

import (
	"context"
	"time"
)

const (
	purgeInterval   = time.Hour
	backlogInterval = time.Minute
	linesInterval   = time.Second
)

// runMaintenance purges expired events every hour, and checks the backlog and counts the waits every minute, until
// ctx is done. At the start it logs the number of deliveries that are pending from before, so that a restart visibly
// loses nothing.
func (e *Engine) runMaintenance(ctx context.Context) {
	purge, backlog, lines := time.NewTicker(purgeInterval), time.NewTicker(backlogInterval),
		time.NewTicker(linesInterval)
	defer purge.Stop()
	defer backlog.Stop()
	defer lines.Stop()
	defer e.logLeftOut()
	warned := map[string]bool{}
	if pending := e.checkBacklog(ctx, warned); pending > 0 {
		e.Logger.Info("deliveries pending from before the start", "pending", pending)
	}
	e.countWaits(ctx)
	e.purge(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-lines.C:
			e.logLeftOut()
		case <-purge.C:
			e.purge(ctx)
			e.checkBacklog(ctx, warned)
		case <-backlog.C:
			e.checkBacklog(ctx, warned)
			e.countWaits(ctx)
		}
	}
}

// purge deletes the events and dead deliveries that are past their retention.
func (e *Engine) purge(ctx context.Context) {
	keep, now := e.Config().Settings.Retention, e.Now()
	n, err := e.Store.Purge(ctx, expiry(now, keep.Events, 30), expiry(now, keep.Dead, 90))
	if err != nil {
		e.storeFailed(ctx, "deleting old events", err)
	} else if n > 0 {
		e.Logger.Info("deleted old events", "count", n)
	}
}

// expiry returns the time before which things have expired. A zero retention means the given number of days.
func expiry(now time.Time, retention time.Duration, days int) time.Time {
	if retention <= 0 {
		return now.AddDate(0, 0, -days)
	}
	return now.Add(-retention)
}

// checkBacklog returns the number of unfinished deliveries. It warns once of each notifier that has some and is no
// longer configured.
func (e *Engine) checkBacklog(ctx context.Context, warned map[string]bool) (pending int) {
	backlog, err := e.Store.Backlog(ctx)
	if err != nil {
		e.storeFailed(ctx, "counting the backlog", err)
		return 0
	}
	configured := e.Config().Notifiers
	for _, b := range backlog {
		pending += b.Pending
		if _, known := configured[b.Notifier]; known || b.Pending == 0 {
			delete(warned, b.Notifier)
		} else if !warned[b.Notifier] {
			warned[b.Notifier] = true
			e.Logger.Warn("deliveries pending for an unknown notifier", "notifier", b.Notifier, "pending", b.Pending,
				"hint", "they are sent when it is configured again")
		}
	}
	return pending
}
