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

// eventQuery is the filter of the list of events, as its URL has it.
type eventQuery struct {
	Project, Event, Source, Rule, Notifier, Outcome, State, Since, Until string

	before, after store.ID
	filter        desk.EventFilter
	Notes         []string // what the list does not follow
}

// parseEvents reads the filter in a URL. A value that it does not know becomes a note: the list says so, and shows
// what the others select.
func parseEvents(v url.Values) eventQuery {
	text := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	q := eventQuery{Project: text("project"), Event: text("event"), Source: text("source"), Rule: text("rule"),
		Notifier: text("notifier"), Outcome: text("outcome"), State: text("state"), Since: text("since"), Until: text("until")}
	q.filter = desk.EventFilter{Source: q.Source, DeliveryFilter: store.DeliveryFilter{Project: q.Project,
		EventName: q.Event, Rule: q.Rule, Notifier: q.Notifier}}
	state, err := desk.ParseState(q.State)
	if q.note(err); err == nil {
		q.filter.State = state
	}
	outcome, err := desk.ParseOutcome(q.Outcome)
	if q.note(err); err == nil {
		q.filter.Outcome = outcome
	}
	q.before, q.after = q.cursor("before", v), q.cursor("after", v)
	within := desk.Range{Before: q.before, After: q.after, OldestFirst: q.after != 0}
	for _, bound := range [][2]string{{q.Since, ""}, {"", q.Until}} {
		narrowed := within
		if err := narrowed.Narrow(bound[0], bound[1]); err != nil {
			q.note(err)
			continue
		}
		within = narrowed
	}
	q.filter.Before, q.filter.After, q.filter.OldestFirst = within.Before, within.After, within.OldestFirst
	for name := range v {
		if !slices.Contains(eventParameters(), name) && name != "again" {
			q.Notes = append(q.Notes, "The list has no filter "+name+".")
		}
	}
	slices.Sort(q.Notes)
	return q
}

// eventParameters are the parameters of the list of events.
func eventParameters() []string {
	return []string{"project", "event", "source", "rule", "notifier", "outcome", "state", "since", "until", "before",
		"after"}
}

func (q *eventQuery) note(err error) {
	if err != nil {
		q.Notes = append(q.Notes, "Not filtered by "+err.Error()+".")
	}
}

func (q *eventQuery) cursor(name string, v url.Values) store.ID {
	if v.Get(name) == "" {
		return 0
	}
	id, err := store.ParseID(v.Get(name))
	if err != nil {
		q.Notes = append(q.Notes, "Not filtered by "+name+": "+err.Error()+".")
	}
	return id
}

// Filtered reports whether a filter is set.
func (q eventQuery) Filtered() bool { return len(q.values()) > 0 }

// values returns the filter without the page.
func (q eventQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"project": q.Project, "event": q.Event, "source": q.Source, "rule": q.Rule,
		"notifier": q.Notifier, "outcome": q.Outcome, "state": q.State, "since": q.Since, "until": q.Until} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// With returns the query of the list with another value of one parameter.
func (q eventQuery) With(name, value string) string {
	v := q.values()
	if v.Set(name, value); value == "" {
		v.Del(name)
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// Query returns the query of the list, for links to the same events in another form.
func (q eventQuery) Query() string { return q.With("", "") }

// Words says in words what is selected.
func (q eventQuery) Words() string {
	var words []string
	for _, one := range [][2]string{{"project", q.Project}, {"event", q.Event}, {"source", q.Source}, {"rule", q.Rule},
		{"notifier", q.Notifier}, {"outcome", q.Outcome}, {"state", q.State}, {"since", q.Since}, {"until", q.Until}} {
		if one[1] != "" {
			words = append(words, one[0]+" "+one[1])
		}
	}
	return strings.Join(words, ", ")
}

// eventList is what the page of events shows.
type eventList struct {
	eventQuery
	Choices      eventChoices
	Rows         []eventRow
	Older, Newer string // the queries of the pages beside this one, or empty
	Paged        bool   // it is not the newest page
	Reached      time.Time
	More         bool // there are older events that were not looked at
}

// eventChoices are the values that the filters offer.
type eventChoices struct {
	Events, Rules, Notifiers, Outcomes, States []string
}

func (c *Console) events(r *http.Request) (*frame.View, error) {
	q := parseEvents(r.URL.Query())
	page, err := c.o.Desk.Events(r.Context(), q.filter, pageSize)
	if err != nil {
		return nil, err
	}
	list := &eventList{eventQuery: q, Choices: c.eventChoices(), Paged: q.before != 0 || q.after != 0}
	for _, e := range page.Events {
		list.Rows = append(list.Rows, rowOf(e))
	}
	list.turn(page.Next)
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

// turn puts the newest row first, and adds the pages beside this one. next is the cursor that the desk returned.
func (l *eventList) turn(next string) {
	first, last := "", next
	if l.filter.OldestFirst {
		slices.Reverse(l.Rows)
		first, last = next, ""
		if len(l.Rows) > 0 {
			last = l.Rows[len(l.Rows)-1].ID
		}
	} else if len(l.Rows) > 0 && l.before != 0 {
		first = l.Rows[0].ID
	}
	if first != "" {
		l.Newer = l.With("after", first)
	}
	if last != "" {
		l.Older, l.More = l.With("before", last), true
		if id, err := store.ParseID(last); err == nil {
			l.Reached = id.Time()
		}
	}
}

func (c *Console) eventChoices() eventChoices {
	st, ch := c.o.Desk.Status(), eventChoices{Outcomes: desk.Outcomes()}
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

// eachEvent calls yield for the events of a list, page after page, until it returns an error.
func (c *Console) eachEvent(ctx context.Context, q eventQuery, yield func(desk.Event) error) error {
	f := q.filter
	f.OldestFirst, f.After = false, max(f.After, 0)
	for {
		page, err := c.o.Desk.Events(ctx, f, desk.MaxPage)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := yield(e); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		if f.Before, err = store.ParseID(page.Next); err != nil {
			return err
		}
	}
}

func (c *Console) eventsCSV(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "events.csv", "id", "received_at", "source", "project", "event", "subject", "outcome", "rules",
		"delivered", "unfinished", "dead", "cancelled")
	return out.end(c.eachEvent(r.Context(), parseEvents(r.URL.Query()), func(e desk.Event) error {
		return out.row(e.ID, e.ReceivedAt.UTC().Format(time.RFC3339Nano), e.Source, e.Project, e.Event, e.Subject,
			e.Outcome, strings.Join(e.Matched, " "), out.number(e.States[store.Delivered]),
			out.number(e.States[store.Pending]+e.States[store.Sending]), out.number(e.States[store.Dead]),
			out.number(e.States[store.Cancelled]))
	}))
}

func (c *Console) eventsJSONL(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "events.jsonl")
	return out.end(c.eachEvent(r.Context(), parseEvents(r.URL.Query()), func(e desk.Event) error { return out.json(e) }))
}
