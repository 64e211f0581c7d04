package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/metrics"
	"qaserelay/relay/store"
	"qaserelay/rules/flow"
)

const (
	// countRest is how long the number of open slots is not counted again, and countShare how many times longer than
	// the last count took: a million slots take some tenths of a second.
	countRest  = time.Minute
	countShare = 100
)

// openCount is the number of open slots. It may be used from many goroutines.
type openCount struct {
	mu   sync.Mutex
	next time.Time // by the clock of the machine

	waits atomic.Int64 // of a minute ago at most
}

// refreshOpen sets the metrics about open slots: how late the first one is, and now and then how many there are, and
// which feeds are silent.
func (e *Engine) refreshOpen(ctx context.Context) error {
	first, _, err := e.Store.OpenSlots(ctx, store.SlotFilter{Dry: e.DryRun, Limit: 1})
	if err != nil {
		return err
	}
	lag := time.Duration(0)
	if len(first) > 0 {
		lag = max(0, e.Now().Sub(first[0].Due))
	}
	e.Metrics.SetLag(lag)
	c := &e.openCount
	c.mu.Lock()
	defer c.mu.Unlock()
	start := time.Now()
	if start.Before(c.next) {
		return nil
	}
	open, err := e.countOpen(ctx)
	if err != nil {
		return err
	}
	feeds, err := e.expectedFeeds(ctx)
	if err != nil {
		return err
	}
	c.next = start.Add(max(countRest, countShare*time.Since(start)))
	e.Metrics.SetOpen(open)
	e.Metrics.SetFeeds(feeds)
	return nil
}

// countWaits counts the open waits, which have a limit.
func (e *Engine) countWaits(ctx context.Context) {
	n, err := e.Store.CountSlots(ctx, e.slotPrefix(flow.Wait), "")
	if err != nil {
		e.storeFailed(ctx, "counting waits", err)
		return
	}
	e.openCount.waits.Store(int64(n))
}

// countOpen counts the open slots by the kinds that people see.
func (e *Engine) countOpen(ctx context.Context) (open map[string]int, err error) {
	open = map[string]int{}
	count := func(name string, kind flow.Kind, text string) {
		if err == nil {
			open[name], err = e.Store.CountSlots(ctx, e.slotPrefix(kind), text)
		}
	}
	for _, kind := range []flow.Kind{flow.Throttle, flow.Digest, flow.Wait, flow.Feed, flow.Event} {
		count(kind.Text(), kind, "")
	}
	count(flow.KindHold, flow.Digest, flow.HoldText)
	open[flow.Digest.Text()] -= open[flow.KindHold]
	return open, err
}

// slotPrefix returns how the keys of slots of a kind begin.
func (e *Engine) slotPrefix(kind flow.Kind) string {
	prefix := store.SlotPrefix
	if e.DryRun {
		prefix = store.DrySlotPrefix
	}
	return prefix + string(kind) + "/"
}

// maxFeedSeries is how many feeds have a series, at most.
const maxFeedSeries = 1000

// expectedFeeds returns the feeds of sources that are expected to send events.
func (e *Engine) expectedFeeds(ctx context.Context) (feeds []metrics.Feed, err error) {
	values, err := e.Store.SlotValues(ctx, e.slotPrefix(flow.Feed), maxFeedSeries)
	for _, value := range values {
		slot, ok := flow.ReadFeed(value)
		if ok && e.Config().Rules.IsExpected(slot.Source, slot.Project) {
			feeds = append(feeds, metrics.Feed{Source: slot.Source, Project: slot.Project, Silent: slot.Silent != 0})
		}
	}
	return feeds, err
}
