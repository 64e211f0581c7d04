package desk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// EventPage is a page of events.
type EventPage struct {
	Events []Event `json:"events"`
	// Next is the before (or after, if the oldest come first) of the next page. It is empty on the last page. A page
	// that would take long to fill ends early, with few events or none, and has a next one all the same.
	Next string `json:"next,omitempty"`
}

// Event is a stored event.
type Event struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	Event      string    `json:"event"` // event_name
	Project    string    `json:"project"`
	ReceivedAt time.Time `json:"received_at"`
	ReplayOf   string    `json:"replay_of,omitempty"` // the event that this one repeats
	Kind       string    `json:"kind,omitempty"`      // what the relay has made, such as digest; empty if it was received
	Matched    []string  `json:"matched,omitempty"`   // the rules that matched
	// States counts the deliveries by state.
	States     map[store.State]int `json:"states,omitempty"`
	DryRun     int                 `json:"dry_run,omitempty"`    // the cancelled ones that were only recorded
	Body       json.RawMessage     `json:"body,omitempty"`       // as Qase sent it; not in lists
	Facts      json.RawMessage     `json:"facts,omitempty"`      // what the Qase API said of it; not in lists
	State      string              `json:"state,omitempty"`      // waiting or decided
	Waiting    *WaitingEvent       `json:"waiting,omitempty"`    // while it waits; not in lists
	Decisions  json.RawMessage     `json:"decisions,omitempty"`  // the result of each rule; not in lists
	Deliveries []Delivery          `json:"deliveries,omitempty"` // not in lists
	// Digests are the events as which the digests of its messages were sent, by the id of the digest; not in lists.
	Digests map[string]string `json:"digests,omitempty"`
}

// stateWaiting is the state of an event that is stored, and not decided yet.
const stateWaiting = "waiting"

// WaitingEvent is what an event waits for.
type WaitingEvent struct {
	ID      string     `json:"id"`               // of what waits, as [Desk.WaitingOne] has it
	Until   *time.Time `json:"until,omitempty"`  // when it is decided at the latest
	Behind  string     `json:"behind,omitempty"` // the event of the same entity that is decided before it
	Results bool       `json:"results,omitempty"`
}

// EventFilter selects events by their source and by their deliveries. The filter of deliveries may not have an Event or
// a Limit.
type EventFilter struct {
	Source string
	store.DeliveryFilter
}

// Events returns a page of at most limit events.
func (d *Desk) Events(ctx context.Context, f EventFilter, limit int) (EventPage, error) {
	found, next, err := d.findEvents(ctx, f, limit)
	if err != nil {
		return EventPage{}, failed("listing events", err)
	}
	page := EventPage{Events: []Event{}, Next: idText(next)}
	for _, e := range found {
		summary, err := d.summarize(ctx, e)
		if err != nil {
			return EventPage{}, failed("listing an event's deliveries", err)
		}
		page.Events = append(page.Events, summary)
	}
	return page, nil
}

// Event returns one event with its deliveries.
func (d *Desk) Event(ctx context.Context, id store.ID) (Event, error) {
	stored, err := d.o.Store.Event(ctx, id)
	if err != nil {
		return Event{}, failed("reading an event", err)
	}
	deliveries, _, err := d.o.Store.Deliveries(ctx, store.DeliveryFilter{Event: id, Limit: maxSiblings})
	if err != nil {
		return Event{}, failed("listing an event's deliveries", err)
	}
	e := eventOf(stored)
	if e.State == stateWaiting {
		e.Waiting = d.waitingEvent(ctx, &stored)
	}
	e.countStates(deliveries)
	for _, one := range deliveries {
		e.Deliveries = append(e.Deliveries, deliveryOf(one))
	}
	if e.Digests, err = d.digestsOf(ctx, &stored); err != nil {
		return Event{}, failed("looking for the digests of an event", err)
	}
	return e, nil
}

// digestsOf returns the events as which the digests were sent that messages about an event have joined.
func (d *Desk) digestsOf(ctx context.Context, stored *store.StoredEvent) (sent map[string]string, err error) {
	var decision struct{ Results []rules.Result }
	_ = json.Unmarshal(stored.Decisions, &decision)
	for _, r := range decision.Results {
		for _, stage := range r.Flow {
			if stage.Stage != "group" && stage.Stage != "active" || stage.Slot == "" {
				continue
			}
			id, err := d.o.Store.Get(ctx, store.DigestKey(stage.Slot))
			if err != nil {
				return nil, err
			}
			if id != nil {
				if sent == nil {
					sent = map[string]string{}
				}
				sent[stage.Slot] = string(id)
			}
		}
	}
	return sent, nil
}

// findEvents returns a page of events, and the id behind which the next page begins, or zero.
func (d *Desk) findEvents(
	ctx context.Context, f EventFilter, limit int,
) (found []store.StoredEvent, next store.ID, err error) {
	if f.Rule != "" || f.Notifier != "" || f.State != "" {
		return d.findByDelivery(ctx, f, limit)
	}
	return d.o.Store.Events(ctx, store.EventFilter{Source: f.Source, Name: f.EventName, Project: f.Project,
		Before: f.Before, After: f.After, OldestFirst: f.OldestFirst, Limit: limit})
}

// findByDelivery goes through the deliveries, in their order, and returns their events, each once. The ids of events
// and deliveries are in one order, so a page can begin at either.
func (d *Desk) findByDelivery(
	ctx context.Context, f EventFilter, limit int,
) (found []store.StoredEvent, next store.ID, err error) {
	seen := map[store.ID]bool{}
	f.Limit = MaxPage
	for {
		page, more, err := d.o.Store.Deliveries(ctx, f.DeliveryFilter)
		if err != nil {
			return nil, 0, err
		}
		for _, one := range page {
			if seen[one.EventID] {
				next = one.ID
				continue
			}
			if len(found) == limit {
				return found, next, nil
			}
			seen[one.EventID], next = true, one.ID
			e, err := d.o.Store.Event(ctx, one.EventID)
			switch {
			case errors.Is(err, store.ErrNotFound): // deleted a moment ago
			case err != nil:
				return nil, 0, err
			case f.Source == "" || f.Source == e.Source:
				found = append(found, e)
			}
		}
		if next = more; len(page) < f.Limit || next == 0 {
			return found, next, nil
		}
		if f.OldestFirst {
			f.After = next
		} else {
			f.Before = next
		}
	}
}

// summarize returns an event as a list shows it.
func (d *Desk) summarize(ctx context.Context, e store.StoredEvent) (Event, error) {
	summary := eventOf(e)
	summary.Body, summary.Facts, summary.Decisions = nil, nil, nil
	if len(summary.Matched) == 0 {
		return summary, nil
	}
	deliveries, _, err := d.o.Store.Deliveries(ctx, store.DeliveryFilter{Event: e.ID, Limit: maxSiblings})
	summary.countStates(deliveries)
	return summary, err
}

func eventOf(e store.StoredEvent) Event {
	v := Event{ID: e.ID.String(), Source: e.Source, Event: e.Name, Project: e.Project, ReceivedAt: e.ReceivedAt,
		ReplayOf: idText(e.ReplayOf), Kind: e.Kind, State: "decided", Body: rawJSON(e.Body), Facts: rawJSON(e.Facts),
		Decisions: rawJSON(e.Decisions)}
	var decision struct {
		Results []rules.Result
		Waits   bool
	}
	_ = json.Unmarshal(e.Decisions, &decision) // a decision that cannot be read has matched nothing
	if decision.Waits {
		v.State = stateWaiting
	}
	for _, r := range decision.Results {
		if r.Outcome.IsMatch() {
			v.Matched = append(v.Matched, r.Rule)
		}
	}
	return v
}

func (e *Event) countStates(deliveries []store.Delivery) {
	for _, d := range deliveries {
		if e.States == nil {
			e.States = map[store.State]int{}
		}
		e.States[d.State]++
		if d.IsDryRun() {
			e.DryRun++
		}
	}
}
