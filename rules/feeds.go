package rules

import (
	"slices"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/flow"
)

// The events that the relay makes about feeds.
const (
	SilentEvent  = "relay.silent"
	ResumedEvent = "relay.resumed"
)

// feedRest is how long a silent feed is kept without an event.
const feedRest = 90 * 24 * time.Hour

// feedOf returns the feed of an event, or nil if the event is no sign of life of one.
func (s *Set) feedOf(ev *event.Event) *flow.Expected {
	for i := range s.feeds {
		f := &s.feeds[i]
		if event.CheckOutside(ev) == nil && f.Source == ev.Source && f.Expects(ev.Project) && (len(f.Events) == 0 || slices.Contains(f.Events, ev.Name)) {
			return f
		}
	}
	return nil
}

// feedNamed returns the feed of a source, or nil.
func (s *Set) feedNamed(source string) *flow.Expected {
	i := slices.IndexFunc(s.feeds, func(f flow.Expected) bool { return f.Source == source })
	if i < 0 {
		return nil
	}
	return &s.feeds[i]
}

// Expected returns how often events of a source are expected, or nil.
func (s *Set) Expected(source string) *flow.Expected { return s.feedNamed(source) }

// IsExpected reports whether events of a project are expected from a source.
func (s *Set) IsExpected(source, project string) bool {
	f := s.feedNamed(source)
	return f != nil && f.Expects(project)
}

// FeedEvery returns how long the feed of an event may be silent, or 0 if the event is no sign of life of one.
func (s *Set) FeedEvery(ev *event.Event) time.Duration {
	if f := s.feedOf(ev); f != nil {
		return f.Every
	}
	return 0
}

// FeedKey returns the key of the slot of a feed.
func FeedKey(source, project string, dry bool) string {
	return flow.Name{Dry: dry, Kind: flow.Feed, Owner: source, Hash: flow.Hash(project)}.Key()
}

// TouchFeed returns the change of a feed's slot by an event that came at a time, given the value of the slot. ok is false
// if the event is no sign of life.
func (s *Set) TouchFeed(ev *event.Event, value []byte, st State) (c Change, ok bool) {
	f := s.feedOf(ev)
	if f == nil || st.Replay != "" {
		return c, false
	}
	slot, known := flow.ReadFeed(value)
	if !known {
		slot = flow.FeedSlot{Source: ev.Source, Project: ev.Project}
	}
	due := slot.Touch(f, ev.Name, st.Now, st.Exact)
	return Change{Key: FeedKey(ev.Source, ev.Project, st.Dry), Value: flow.Encode(slot), Due: due}, true
}

// noteSign changes the feed of an event.
func (s *Set) noteSign(ev *event.Event, st State, d *Decision) {
	if len(s.feeds) == 0 || !st.Exact && !st.IsSign || s.feedOf(ev) == nil {
		return
	}
	if c, ok := s.TouchFeed(ev, st.get(FeedKey(ev.Source, ev.Project, st.Dry)), st); ok {
		d.Changes = append(d.Changes, c)
	}
}

// armedFeeds returns the slots of the projects that are expected from the start.
func (s *Set) armedFeeds(now time.Time, dry bool) (changes []Change) {
	for i := range s.feeds {
		f := &s.feeds[i]
		for _, project := range f.Projects {
			slot := flow.FeedSlot{Source: f.Source, Project: project, Last: now.UnixMilli(), Never: true}
			due := f.SilentFrom(now)
			slot.Due = due.UnixMilli()
			changes = append(changes, Change{Key: FeedKey(f.Source, project, dry), Value: flow.Encode(slot), Due: due})
		}
	}
	return changes
}

// feed tells that a feed is silent, or that it has resumed.
func (w *waking) feed() {
	slot, ok := flow.ReadFeed(w.Value)
	f := w.feedNamed(w.name.Owner)
	if !ok || f == nil || w.Removed || !f.Expects(slot.Project) {
		w.end()
		return
	}
	now := w.state.Now
	from := f.SilentFrom(slot.LastAt())
	if !slot.Resumed && from.After(now) { // it may be silent for longer now
		slot.Due = from.UnixMilli()
		w.move(slot, from, time.Time{})
		return
	}
	name, kind := SilentEvent, "silent"
	if slot.Resumed {
		name, kind = ResumedEvent, "resumed"
	}
	ev := w.feedEvent(name, f, &slot)
	st := w.state
	st.later = false
	d := w.Decide(ev, st)
	if next := w.postponed(&d); !next.IsZero() {
		slot.Due = next.UnixMilli()
		w.move(slot, next, time.Time{})
		return
	}
	*w.decision = d
	w.decision.Row = rowOf(kind, ev)
	w.nextLook(f, &slot)
}

// nextLook arms a feed after it was told that it is silent, or has resumed.
func (w *waking) nextLook(f *flow.Expected, slot *flow.FeedSlot) {
	now := w.state.Now
	if slot.Resumed {
		slot.Resumed, slot.Silent, slot.Before = false, 0, 0
		due := latest(f.SilentFrom(slot.LastAt()), now.Add(time.Second))
		slot.Due = due.UnixMilli()
		w.move(slot, due, time.Time{})
		return
	}
	if slot.Silent == 0 {
		slot.Silent = now.UnixMilli()
	}
	if slot.Due = 0; f.Repeat > 0 && now.Sub(slot.LastAt()) < feedRest {
		due := now.Add(f.Repeat)
		slot.Due = due.UnixMilli()
		w.move(slot, due, time.Time{})
		return
	}
	w.move(slot, time.Time{}, slot.LastAt().Add(feedRest+f.Every))
}

// postponed returns when a silenced decision about a slot is looked at again, or the zero time if it is not silenced.
func (w *waking) postponed(d *Decision) (next time.Time) {
	if len(d.Notifications) > 0 {
		return next
	}
	for i := range d.Results {
		if d.Results[i].Outcome == Silenced {
			return w.lookAgain(&d.Results[i])
		}
	}
	return next
}

// feedEvent returns the event about a feed.
func (w *waking) feedEvent(name string, f *flow.Expected, slot *flow.FeedSlot) *event.Event {
	return w.ownEvent(name, slot.Source, slot.Project, slot.Payload(f, w.state.Now, w.settings.Location))
}
