package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/memory"
	"qaserelay/rules/silence"
)

// EntityRef names a thing of Qase that events are about, such as run 7 of the project WEB.
type EntityRef struct {
	Source  string `json:"source"`
	Project string `json:"project"`
	Type    string `json:"type"` // such as run
	ID      string `json:"id"`
}

// Key returns source/project/type/id, each part escaped: the key under which rules and silences know the entity.
func (r EntityRef) Key() string { return event.JoinKey(r.Source, r.Project, r.Type, r.ID) }

// ParseEntity reads the key of an entity.
func ParseEntity(key string) (r EntityRef, ok bool) {
	parts := event.SplitKey(key)
	if len(parts) != 4 {
		return r, false
	}
	return EntityRef{parts[0], parts[1], parts[2], parts[3]}, true
}

// Entity is what the relay knows of an entity.
type Entity struct {
	EntityRef
	Key       string         `json:"key"`
	Title     string         `json:"title"`
	URL       string         `json:"url,omitempty"` // its page in Qase
	Fields    map[string]any `json:"fields"`        // that its events have set
	StartedAt *time.Time     `json:"started_at,omitempty"`
	CreatedBy map[string]any `json:"created_by,omitempty"`
	Reviewers []any          `json:"reviewers,omitempty"`
	// Results are the tests that failed in a run, by the newest of its events that knows them, and Left is how many more
	// there are.
	Results []failures.Result `json:"results,omitempty"`
	Left    int               `json:"results_left,omitempty"`
	// Runs are the last runs of the series of a run, the newest first, also itself.
	Runs     []PastRun `json:"runs,omitempty"`
	Silences []Silence `json:"silences"` // that can hold back messages about it, expired ones left out
	Waiting  []Waiting `json:"waiting"`  // what waits for its time and is about it
}

// PastRun is a run that ended.
type PastRun struct {
	ID         string    `json:"id"`
	Title      string    `json:"title"`
	FinishedAt time.Time `json:"finished_at"`
	PassRate   *int      `json:"pass_rate,omitempty"` // in percent, if it is known
	Aborted    bool      `json:"aborted,omitempty"`
}

// EntityEvents returns a page of the events about an entity, the newest first, each as [Desk.Event] returns it.
func (d *Desk) EntityEvents(ctx context.Context, r EntityRef, before store.ID, limit int) (EventPage, error) {
	ids, next, err := d.idsOf(ctx, r, before, limit)
	if err != nil {
		return EventPage{}, failed("listing the events of an entity", err)
	}
	page := EventPage{Events: []Event{}, Next: idText(next)}
	for _, id := range ids {
		e, err := d.Event(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // it was deleted a moment ago
		}
		if err != nil {
			return EventPage{}, err
		}
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// maxEarlier is how long the event before one is looked for where no index helps.
const maxEarlier = time.Second

// EarlierEvent returns the id of the event before one about the same entity, or zero if there is none. back is the time
// back to which events were looked at, if not all were.
func (d *Desk) EarlierEvent(ctx context.Context, e *Event) (found store.ID, back time.Time, err error) {
	r, ok := ParseEntity(e.Entity)
	before, wrong := store.ParseID(e.ID)
	if !ok || wrong != nil {
		return 0, back, nil
	}
	for began := time.Now(); ; {
		ids, next, err := d.idsOf(ctx, r, before, 1)
		switch {
		case err != nil:
			return 0, back, failed("looking for the event before", err)
		case len(ids) > 0:
			return ids[0], back, nil
		case next == 0:
			return 0, back, nil
		case time.Since(began) > maxEarlier:
			return 0, next.Time(), nil
		}
		before = next
	}
}

// EntityOf returns the key of the entity that an event is about. It is empty for an event without one, and for one that
// is not stored.
func (d *Desk) EntityOf(ctx context.Context, event string) (string, error) {
	id, err := store.ParseID(event)
	if err != nil {
		return "", nil
	}
	stored, err := d.o.Store.Event(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return entityOf(&stored), failed("reading an event", err)
}

// Entity returns what is known of an entity. events are its newest ones.
func (d *Desk) Entity(ctx context.Context, r EntityRef, events []Event) (Entity, error) {
	kept, err := d.o.Store.Get(ctx, memory.EntityPrefix+r.Key())
	if err != nil {
		return Entity{}, failed("reading what is known of an entity", err)
	}
	ev := r.event(events)
	known, settings := memory.Decode(kept), d.o.Config().Settings
	x := Entity{EntityRef: r, Key: r.Key(), Title: memory.TitleOf(ev, kept), Fields: known.Fields, CreatedBy: known.CreatedBy,
		Reviewers: known.Reviewers, Silences: []Silence{}, Waiting: []Waiting{},
		URL: event.Entity{Name: r.Type, Project: r.Project, ID: r.ID, Fields: known.Fields}.URL(settings.QaseURL)}
	if known.StartedAt > 0 {
		at := time.Unix(known.StartedAt, 0).UTC()
		x.StartedAt = &at
	}
	x.addResults(events)
	if err := d.addRuns(ctx, &x, ev); err != nil {
		return x, failed("reading the runs before", err)
	}
	d.addSilences(ctx, &x, ev)
	return x, failed("listing what waits", d.addWaiting(ctx, &x, events))
}

// event returns the newest event about the entity that can be read, or one that says no more than its name.
func (r EntityRef) event(events []Event) *event.Event {
	for i := range events {
		if ev, err := event.ParseStored(r.Source, events[i].Body, events[i].Facts, events[i].ReceivedAt); err == nil {
			return ev
		}
	}
	return &event.Event{Source: r.Source, Name: r.Type, Project: r.Project, Payload: map[string]any{"id": r.ID, "hash": r.ID}}
}

// addResults adds the tests that failed.
func (x *Entity) addResults(events []Event) {
	for i := range events {
		if f := failures.ReadFacts(events[i].Facts); f != nil && f.Run != nil && f.Run.Known {
			x.Results, x.Left = f.Run.Results, f.Run.Left
			return
		}
	}
}

// addRuns adds the last runs of the series of a run, if the relay keeps them.
func (d *Desk) addRuns(ctx context.Context, x *Entity, ev *event.Event) error {
	finished := memory.FinishedKeyOf(ev, x.Fields, nil)
	if x.Type != "run" || finished == "" {
		return nil
	}
	kept, err := d.o.Store.Get(ctx, memory.CasesKey(finished))
	for _, past := range failures.ReadHistory(kept).Runs {
		run := PastRun{ID: past.ID, Title: past.Title, FinishedAt: time.Unix(past.FinishedAt, 0).UTC(), Aborted: past.Aborted}
		if percent := failures.Percent(past.Rate); past.Rate >= 0 {
			run.PassRate = &percent
		}
		x.Runs = append(x.Runs, run)
	}
	return err
}

// addSilences adds the silences that are not over and can hold back messages about the entity.
func (d *Desk) addSilences(ctx context.Context, x *Entity, ev *event.Event) {
	now := d.o.Store.Now()
	all := slices.Clone(d.o.Silences.List().All())
	silence.Sort(all, now)
	if len(all) == 0 {
		return
	}
	scope := d.o.Config().Rules.SilenceScope(ev, rules.State{Now: now,
		Get: func(key string) ([]byte, error) { return d.o.Store.Get(ctx, key) }})
	for _, s := range all {
		if s.State(now) != silence.Expired && s.Concerns(&scope.Fields, func() *condition.Env { return scope.Env }) {
			x.Silences = append(x.Silences, d.silenceOf(s))
		}
	}
}

// maxWaiting is how many things that wait are named.
const maxWaiting = 20

// addWaiting adds the waits of the entity, its events that are not decided, and the digests that its messages joined.
func (d *Desk) addWaiting(ctx context.Context, x *Entity, events []Event) error {
	joined := slotsOf(events)
	hash := flow.Hash(x.Key)
	slots, _, err := d.o.Store.OpenSlots(ctx, store.SlotFilter{Dry: d.o.Status().DryRun, Limit: MaxPage, Match: func(key string) bool {
		name, ok := flow.Parse(key)
		return ok && (name.Hash == hash && (name.Kind == flow.Wait || name.Kind == flow.Event && name.Owner == x.Source) ||
			name.Kind == flow.Digest && len(joined) > 0 || joined[flow.ID(key)])
	}})
	for i := range slots {
		w, ok := d.waitingOf(&slots[i])
		if name, _ := flow.Parse(slots[i].Key); !ok || len(x.Waiting) == maxWaiting || name.Hash != hash && !joined[w.ID] {
			continue
		}
		d.slots.Add(w.ID, slots[i].Key)
		x.Waiting = append(x.Waiting, w)
	}
	return err
}

// slotsOf returns the ids of the slots that messages about events have joined.
func slotsOf(events []Event) map[string]bool {
	ids := map[string]bool{}
	for i := range events {
		for _, r := range resultsOf(events[i].Decisions) {
			for _, stage := range r.Flow {
				if stage.Slot != "" {
					ids[stage.Slot] = true
				}
			}
		}
	}
	return ids
}

// idsOf returns the ids of events about an entity, the newest first, and the id that the next page is before, or zero.
func (d *Desk) idsOf(ctx context.Context, r EntityRef, before store.ID, limit int) (ids []store.ID, next store.ID, err error) {
	q := search.Query{}.OfThing(r.Type, r.ID).Of(search.Source, r.Source).With(store.Term{Text: search.Facet(search.Project, r.Project)})
	return d.o.Store.FindEvents(ctx, store.SearchFilter{Terms: q, Before: before, Limit: limit})
}

// entityOf returns the key of the entity that a stored event is about, or "".
func entityOf(stored *store.StoredEvent) string {
	if stored.Kind != "" {
		return ""
	}
	ev, err := event.Parse(stored.Source, stored.Body, stored.ReceivedAt)
	if err != nil {
		return ""
	}
	return ev.EntityKey()
}
