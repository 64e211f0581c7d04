package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/value"
)

// EventPage is a page of events.
type EventPage struct {
	Events []Event `json:"events"`
	// Next is the before (or after, if the oldest come first) of the next page. It is empty on the last page. A page
	// that would take long to fill ends early, with few events or none, and has a next one all the same.
	Next string `json:"next,omitempty"`
	// IndexedTo is up to when words are indexed, if the index is more than 2 s behind: a page then takes longer, and may
	// end early.
	IndexedTo *time.Time `json:"indexed_to,omitempty"`
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
	Subject    string    `json:"subject,omitempty"`   // what it is about
	Entity     string    `json:"entity,omitempty"`    // the key of the run, defect … that it is about; not in lists
	Outcome    string    `json:"outcome,omitempty"`   // matched, held, none, error or waiting
	Matched    []string  `json:"matched,omitempty"`   // the rules that matched
	Results    []Result  `json:"results,omitempty"`   // what these rules, and those that failed or wait, did; in lists
	// States counts the deliveries by state.
	States     map[store.State]int `json:"states,omitempty"`
	NextAt     *time.Time          `json:"next_at,omitempty"`    // when the first pending one is due; in lists
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

// Result is what a rule did with an event.
type Result struct {
	Rule    string `json:"rule"`
	Outcome string `json:"outcome"`
}

// The states of an event: it is stored and not decided yet, or decided.
const (
	stateWaiting = "waiting"
	stateDecided = "decided"
)

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
	// Outcome is one of [Outcomes], or empty.
	Outcome string
	// Terms are the words and the entity that they have to have; see [ParseWords].
	Terms []store.Term
	store.DeliveryFilter
}

// Outcomes lists what an outcome of events can be: of the whole event, or of one of its rules.
func Outcomes() []string {
	return append(store.OutlineOutcomes(), string(rules.NotMatched), string(rules.NoRecipients), string(rules.Grouped),
		string(rules.Deferred), string(rules.Muted), string(rules.Silenced), string(rules.Done), string(rules.Awaiting),
		string(rules.Postponed), string(rules.Dropped))
}

// ParseOutcome reads an outcome, or none.
func ParseOutcome(text string) (string, error) {
	if text != "" && !slices.Contains(Outcomes(), text) {
		return text, fmt.Errorf("outcome: want one of %s, not %q", strings.Join(Outcomes(), ", "), value.Shorten(text, 40))
	}
	return text, nil
}

// Events returns a page of at most limit events.
func (d *Desk) Events(ctx context.Context, f EventFilter, limit int) (EventPage, error) {
	found, next, err := d.findEvents(ctx, f, limit)
	if err != nil {
		return EventPage{}, failed("listing events", err)
	}
	ids := make([]store.ID, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	states, err := d.o.Store.DeliveryStates(ctx, ids)
	if err != nil {
		return EventPage{}, failed("counting the deliveries of events", err)
	}
	page := EventPage{Events: []Event{}, Next: idText(next)}
	if page.IndexedTo, err = d.indexedTo(ctx, f.Terms); err != nil {
		return EventPage{}, err
	}
	for i := range found {
		e, err := d.listed(ctx, &found[i], states[found[i].ID])
		if err != nil {
			return EventPage{}, failed("reading an event", err)
		}
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// listed returns an event as a list shows it.
func (d *Desk) listed(ctx context.Context, o *store.Outlined, s store.EventStates) (Event, error) {
	e := Event{ID: o.ID.String(), Source: o.Source, Event: o.Name, Project: o.Project, ReceivedAt: o.ReceivedAt,
		ReplayOf: idText(o.ReplayOf), Kind: o.Kind, State: stateDecided, Subject: o.Subject, Outcome: o.Outcome,
		States: s.Count, DryRun: s.DryRun}
	if !s.NextAt.IsZero() {
		e.NextAt = &s.NextAt
	}
	if o.Outcome == "" { // an earlier release has stored it, and it is not outlined yet
		stored, err := d.o.Store.Event(ctx, o.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return e, err
		}
		whole := eventOf(stored)
		e.State, e.Matched = whole.State, whole.Matched
		return e, nil
	}
	if o.Outcome == store.OutcomeWaiting {
		e.State = stateWaiting
	}
	for _, r := range o.Rules {
		e.Results = append(e.Results, Result(r))
		if rules.Outcome(r.Outcome).IsMatch() {
			e.Matched = append(e.Matched, r.Rule)
		}
	}
	return e, nil
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
	e.Entity = entityOf(&stored)
	if e.State == stateWaiting {
		e.Waiting = d.waitingEvent(ctx, &stored)
	}
	e.countStates(deliveries)
	for _, one := range deliveries {
		e.Deliveries = append(e.Deliveries, deliveryOf(one))
	}
	outlines, err := d.o.Store.OutlinesOf(ctx, []store.ID{id})
	if err != nil {
		return Event{}, failed("reading the subject of an event", err)
	}
	e.Subject, e.Outcome = outlines[id].Subject, outlines[id].Outcome // empty until it is outlined
	if e.Digests, err = d.digestsOf(ctx, &stored); err != nil {
		return Event{}, failed("looking for the digests of an event", err)
	}
	return e, nil
}

// digestsOf returns the events as which the digests were sent that messages about an event have joined.
func (d *Desk) digestsOf(ctx context.Context, stored *store.StoredEvent) (sent map[string]string, err error) {
	for _, r := range resultsOf(stored.Decisions) {
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

// resultsOf returns the results of a stored decision. One that cannot be read has none.
func resultsOf(decisions []byte) []rules.Result {
	var decision struct{ Results []rules.Result }
	_ = json.Unmarshal(decisions, &decision)
	return decision.Results
}

// outlineOutcome returns an outcome as outlines have it.
func outlineOutcome(outcome string) string {
	if outcome == string(rules.NotMatched) {
		return store.OutcomeNone
	}
	return outcome
}

func eventOf(e store.StoredEvent) Event {
	v := Event{ID: e.ID.String(), Source: e.Source, Event: e.Name, Project: e.Project, ReceivedAt: e.ReceivedAt,
		ReplayOf: idText(e.ReplayOf), Kind: e.Kind, State: stateDecided, Body: rawJSON(e.Body), Facts: rawJSON(e.Facts),
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
