package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
)

// pageSize is the number of rows of a list.
const pageSize = 50

// eventFilters are the filters of the list of events.
func eventFilters() []string {
	return []string{"project", "event", "source", "rule", "notifier", "outcome", "state", "q", "entity", "since", "until"}
}

// parseEvents reads the filter in a URL.
func parseEvents(v url.Values) (q listQuery, f desk.EventFilter) {
	q = parseList(v, eventFilters())
	f = desk.EventFilter{Source: q.Get("source"), Terms: q.words(), DeliveryFilter: store.DeliveryFilter{Project: q.Get("project"),
		EventName: q.Get("event"), Rule: q.Get("rule"), Notifier: q.Get("notifier")}}
	state, err := desk.ParseState(q.Get("state"))
	if q.note(err); err == nil {
		f.State = state
	}
	outcome, err := desk.ParseOutcome(q.Get("outcome"))
	if q.note(err); err == nil {
		f.Outcome = outcome
	}
	within := q.within()
	f.Before, f.After, f.OldestFirst = within.Before, within.After, within.OldestFirst
	return q, f
}

// eventList is what the page of events shows.
type eventList struct {
	listQuery
	listPager
	Choices   eventChoices
	Rows      []eventRow
	IndexedTo *time.Time // up to when words are indexed, if that is behind
}

// eventChoices are the values that the filters offer.
type eventChoices struct {
	Events, Rules, Notifiers, Outcomes, States, Reasons []string
}

func (c *Console) events(r *http.Request) (*frame.View, error) {
	q, f := parseEvents(r.URL.Query())
	page, err := c.o.Desk.Events(r.Context(), f, pageSize)
	if err != nil && !q.refused(err) {
		return nil, err
	}
	list := &eventList{listQuery: q, Choices: c.eventChoices(), IndexedTo: page.IndexedTo}
	if f.OldestFirst {
		slices.Reverse(page.Events)
	}
	var ids []string
	for _, e := range page.Events {
		ids, list.Rows = append(ids, e.ID), append(list.Rows, rowOf(e))
	}
	list.listPager = q.pager(ids, page.Next)
	return &frame.View{Template: "events", Title: "Events", Data: list, JSON: "api/v1/events" + q.Query(),
		Live: !list.Paged}, nil
}

// eventRow is an event as the list shows it.
type eventRow struct {
	ID, Event, Project, Subject string
	ReceivedAt                  time.Time
	ReplayOf                    string
	Rules                       []string // that matched
	states
}

// states is what became of an event.
type states struct {
	Delivered, Dead, Unfinished, DryRun, Cancelled int
	NextAt                                         time.Time // when the first unfinished one is due, if that is known
	Held                                           []string  // why messages were held back
	Failed                                         int       // rules that failed
	Nothing                                        bool      // no rule matched
}

func rowOf(e desk.Event) eventRow {
	return eventRow{ID: e.ID, Event: e.Event, Project: e.Project, Subject: e.Subject, ReceivedAt: e.ReceivedAt,
		ReplayOf: e.ReplayOf, Rules: e.Matched, states: statesOf(e)}
}

func statesOf(e desk.Event) states {
	s := states{Delivered: e.States[store.Delivered], Dead: e.States[store.Dead], DryRun: e.DryRun,
		Unfinished: e.States[store.Pending] + e.States[store.Sending], Cancelled: e.States[store.Cancelled] - e.DryRun}
	if e.NextAt != nil {
		s.NextAt = *e.NextAt
	}
	for _, r := range e.Results {
		switch rules.Outcome(r.Outcome) {
		case rules.Matched, rules.NotMatched:
		case rules.Failed:
			s.Failed++
		default:
			if text := outcomeText(r.Outcome); !slices.Contains(s.Held, text) {
				s.Held = append(s.Held, text)
			}
		}
	}
	if e.State == "waiting" && len(s.Held) == 0 {
		s.Held = []string{"waits to be decided"}
	}
	s.Nothing = len(e.Matched)+len(s.Held)+s.Failed == 0
	return s
}

// outcomeText returns the outcome of a rule in words.
func outcomeText(outcome string) string {
	words := map[rules.Outcome]string{
		rules.NoRecipients: "no recipient", rules.NotMatched: "did not match", rules.Failed: "failed",
		rules.Stopped: "stopped by an earlier rule", rules.Held: "throttled", rules.Grouped: "in a digest",
		rules.Deferred: "held until its hours", rules.Muted: "dropped outside its hours", rules.Silenced: "silenced",
		rules.Waiting: "waits for a later event", rules.Done: "done already", rules.Awaiting: "waits for the failed tests",
		rules.Postponed: "postponed by a silence", rules.Dropped: "dropped by a person"}
	if text, known := words[rules.Outcome(outcome)]; known {
		return text
	}
	return strings.ReplaceAll(outcome, "_", " ")
}

func (c *Console) eventChoices() eventChoices {
	st, ch := c.o.Desk.Status(), eventChoices{Outcomes: desk.Outcomes(), Reasons: desk.Reasons()}
	for _, state := range store.States() {
		ch.States = append(ch.States, string(state))
	}
	for _, e := range catalog.All() {
		ch.Events = append(ch.Events, e.Name)
	}
	for _, r := range c.o.Desk.Rules() {
		ch.Rules = append(ch.Rules, r.Name)
	}
	for _, n := range st.Notifiers {
		ch.Notifiers = append(ch.Notifiers, n.Name)
	}
	return ch
}

// eachEvent calls yield for the events of a list, until it returns an error.
func (c *Console) eachEvent(ctx context.Context, f desk.EventFilter, yield func(desk.Event) error) error {
	f.OldestFirst = false
	return eachRow(f.Before, func(before store.ID) ([]desk.Event, string, error) {
		f.Before = before
		page, err := c.o.Desk.Events(ctx, f, desk.MaxPage)
		return page.Events, page.Next, err
	}, yield)
}

func (c *Console) eventsCSV(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "events.csv", "id", "received_at", "source", "project", "event", "subject", "outcome", "rules",
		"delivered", "unfinished", "dead", "cancelled")
	_, f := parseEvents(r.URL.Query())
	return out.end(c.eachEvent(r.Context(), f, func(e desk.Event) error {
		return out.row(e.ID, e.ReceivedAt.UTC().Format(time.RFC3339Nano), e.Source, e.Project, e.Event, e.Subject,
			e.Outcome, strings.Join(e.Matched, " "), out.number(e.States[store.Delivered]),
			out.number(e.States[store.Pending]+e.States[store.Sending]), out.number(e.States[store.Dead]),
			out.number(e.States[store.Cancelled]))
	}))
}

func (c *Console) eventsJSONL(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "events.jsonl")
	_, f := parseEvents(r.URL.Query())
	return out.end(c.eachEvent(r.Context(), f, func(e desk.Event) error { return out.json(e) }))
}
