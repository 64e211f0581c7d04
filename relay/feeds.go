package relay

import (
	"context"
	"sync"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
)

// feeds remembers when the feed of each source and project was stored last, so that few events store it again. Its
// methods may be called from many goroutines.
type feeds struct {
	mu     sync.Mutex
	stored map[feed]time.Time
}

type feed struct{ source, project string }

// maxFeeds is the most feeds that are remembered; then all are forgotten.
const maxFeeds = 100_000

// isSign reports whether an event has to be stored as the sign of life of its feed.
func (f *feeds) isSign(cfg *config.Config, p *pendingEvent) bool {
	if p.replayOf != 0 {
		return false
	}
	every := cfg.Rules.FeedEvery(p.event)
	if every == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.stored[feed{p.event.Source, p.event.Project}]
	return p.event.ReceivedAt.Sub(last) >= every/flow.Share
}

// noteStored notes that the feed of an event was stored.
func (f *feeds) noteStored(ev *event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stored == nil || len(f.stored) >= maxFeeds {
		f.stored = map[feed]time.Time{}
	}
	f.stored[feed{ev.Source, ev.Project}] = ev.ReceivedAt
}

// noteSigns notes the feeds that a batch has stored. A duplicate is not decided on, but Qase did call: its feed is
// stored now.
func (e *Engine) noteSigns(ctx context.Context, batch []*pendingEvent) {
	cfg := e.Config()
	for _, p := range batch {
		if p.err != nil || !e.feeds.isSign(cfg, p) {
			continue
		}
		if !p.receipt.Duplicate || e.touchFeed(ctx, cfg, p.event) {
			e.feeds.noteStored(p.event)
		}
	}
}

// touchFeed stores the feed of an event that is not decided on, and reports whether the store could be reached.
func (e *Engine) touchFeed(ctx context.Context, cfg *config.Config, ev *event.Event) bool {
	key := rules.FeedKey(ev.Source, ev.Project, e.DryRun)
	old, err := e.Store.Get(ctx, key)
	if err == nil {
		c, ok := cfg.Rules.TouchFeed(ev, old, rules.State{Now: ev.ReceivedAt, Dry: e.DryRun})
		if !ok {
			return true
		}
		_, err = e.Store.SwapSlot(ctx, old, store.Change(c)) // another event may have changed it meanwhile
		e.waker.look()
	}
	if err != nil {
		e.storeFailed(ctx, "keeping a feed", err)
	}
	return err == nil
}
