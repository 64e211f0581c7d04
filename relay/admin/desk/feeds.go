package desk

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/ingest/refused"
	"qaserelay/relay/store"
	"qaserelay/rules/flow"
)

// Feed is what comes from a source about one project.
type Feed struct {
	Source  string     `json:"source"`
	Project string     `json:"project"`
	LastAt  *time.Time `json:"last_at,omitempty"` // of the last event; absent if none has come
	Last    string     `json:"last_event_id,omitempty"`
	PerDay  float64    `json:"per_day"` // events a day, of the last 7 days or since the first event
	// Expected is how often events are expected, as rules files write it.
	Expected string `json:"expected,omitempty"`
	Overdue  bool   `json:"overdue"` // no event came in that time
	Silent   bool   `json:"silent"`  // the silence was reported
	// OverdueBy is how long the event is overdue, in seconds.
	OverdueBy int64 `json:"overdue_seconds,omitempty"`
}

// perDayDays are the days of which events a day are an average.
const perDayDays = 7

// Feeds lists the feeds: those that have sent an event, those whose projects are expected, and sources without any. Those
// that are overdue come first.
func (d *Desk) Feeds(ctx context.Context) ([]Feed, error) {
	seen, err := d.o.Store.Seen(ctx, store.SeenFeed)
	if err != nil {
		return nil, failed("reading the last events of feeds", err)
	}
	now := d.o.Store.Now()
	counts, err := d.o.Store.Tallies(ctx, store.TallyFilter{Kind: store.TallyName, From: now.AddDate(0, 0, -perDayDays),
		Step: wholeTime})
	if err != nil {
		return nil, failed("counting the events of feeds", err)
	}
	slots, err := d.watched(ctx)
	if err != nil {
		return nil, err
	}
	feeds := map[string]*Feed{}
	for _, one := range seen {
		feedOf(feeds, one.Name).seen(one.ID)
	}
	d.addExpected(feeds)
	addPerDay(feeds, counts, now)
	list := make([]Feed, 0, len(feeds))
	for _, f := range feeds {
		d.judge(f, slots, now)
		list = append(list, *f)
	}
	slices.SortFunc(list, func(x, y Feed) int {
		return cmp.Or(cmp.Compare(y.OverdueBy, x.OverdueBy), strings.Compare(x.Source, y.Source),
			strings.Compare(x.Project, y.Project))
	})
	return list, nil
}

func feedOf(feeds map[string]*Feed, name string) *Feed {
	if feeds[name] == nil {
		source, project := store.CutFeedName(name)
		feeds[name] = &Feed{Source: source, Project: project}
	}
	return feeds[name]
}

func (f *Feed) seen(id store.ID) {
	at := id.Time().UTC()
	f.Last, f.LastAt = id.String(), &at
}

// addExpected adds the projects that are expected from the start, and the sources that have sent nothing.
func (d *Desk) addExpected(feeds map[string]*Feed) {
	cfg := d.o.Config()
	for i := range cfg.Sources {
		name, found := cfg.Sources[i].Name, false
		if expected := cfg.Rules.Expected(name); expected != nil {
			for _, project := range expected.Projects {
				feedOf(feeds, store.FeedName(name, project))
			}
		}
		for _, f := range feeds {
			found = found || f.Source == name
		}
		if !found {
			feedOf(feeds, store.FeedName(name, ""))
		}
	}
}

// addPerDay sets how many events a day came. Feeds that are younger than the whole time count since their first event.
func addPerDay(feeds map[string]*Feed, counts []store.Tally, now time.Time) {
	first := map[string]time.Time{}
	for _, t := range counts {
		f := feeds[t.A]
		if f == nil {
			continue
		}
		if _, known := first[t.A]; !known {
			first[t.A] = t.At
		}
		f.PerDay += float64(t.N)
	}
	for name, at := range first {
		days := min(perDayDays, max(now.Sub(at).Hours()/24, 1))
		feeds[name].PerDay = float64(int64(feeds[name].PerDay/days*10+0.5)) / 10
	}
}

// judge says whether an event of a feed is overdue. slots are the feeds that are watched, by name.
func (d *Desk) judge(f *Feed, slots map[string]flow.FeedSlot, now time.Time) {
	expected := d.o.Config().Rules.Expected(f.Source)
	if expected == nil || !expected.Expects(f.Project) {
		return
	}
	f.Expected = shortDuration(expected.Every)
	slot, watched := slots[store.FeedName(f.Source, f.Project)]
	last := slot.LastAt()
	if f.LastAt != nil && len(expected.Events) == 0 && f.LastAt.After(last) {
		last = *f.LastAt
	}
	if f.Silent = watched && slot.Silent != 0 && !slot.Resumed; last.IsZero() {
		return
	}
	if late := now.Sub(expected.SilentFrom(last)); late > 0 {
		f.Overdue, f.OverdueBy = true, int64(late/time.Second)
	}
}

// maxWatched is how many feeds are looked at, at most.
const maxWatched = 1000

// watched returns the feeds that are expected to send events, by name.
func (d *Desk) watched(ctx context.Context) (map[string]flow.FeedSlot, error) {
	prefix := store.SlotPrefix
	if d.o.Status().DryRun {
		prefix = store.DrySlotPrefix
	}
	values, err := d.o.Store.SlotValues(ctx, prefix+string(flow.Feed)+"/", maxWatched)
	slots := map[string]flow.FeedSlot{}
	for _, value := range values {
		if slot, ok := flow.ReadFeed(value); ok {
			slots[store.FeedName(slot.Source, slot.Project)] = slot
		}
	}
	return slots, failed("reading the feeds that are expected", err)
}

// Refused is how often webhook calls were refused for the same reason in one minute.
type Refused = refused.Group

// Refusals lists the webhook calls that were refused, in groups, the newest first.
func (d *Desk) Refusals(ctx context.Context) ([]Refused, error) {
	list, err := d.o.Refused(ctx)
	return orEmpty(list), failed("reading the refused calls", err)
}
