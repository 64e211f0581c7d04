package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// maxExport is from how many bytes of bodies on a page of an export takes no further event.
const maxExport = 8 << 20

// ExportPage is a page of an export, the oldest event first.
type ExportPage struct {
	Events []Exported `json:"events"`
	Next   string     `json:"next,omitempty"` // what to pass as after for the next page; empty on the last
}

// Exported is an event as other programs take it.
type Exported struct {
	ID         string          `json:"id"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Project    string          `json:"project"`
	Event      string          `json:"event_name"`
	ReplayOf   string          `json:"replay_of,omitempty"` // the event that this one repeats
	Body       json.RawMessage `json:"body"`                // as Qase sent it
	Decided    *Decided        `json:"decided,omitempty"`   // only when asked for
}

// Decided is what followed from an event when it came.
type Decided struct {
	Matched  []string         `json:"matched"` // the rules
	Messages []DecidedMessage `json:"messages"`
}

// DecidedMessage is where a message of a rule went.
type DecidedMessage struct {
	Rule     string `json:"rule"`
	Notifier string `json:"notifier"`
	Title    string `json:"title"`
}

// export answers a page of events with their bodies, the oldest first.
func (s *server) export(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "source", "project", "event", "since", "until", "after", "limit", "decided")
	limit := q.limit()
	f := store.EventFilter{Source: q.text("source"), Project: q.text("project"), Name: q.text("event"),
		After: q.id("after"), OldestFirst: true, Limit: limit + 1}
	if since := q.time("since"); !since.IsZero() {
		f.After = max(f.After, store.FirstID(since)-1)
	}
	if until := q.time("until"); !until.IsZero() {
		f.Before = store.FirstID(until)
	}
	if q.refuse(w) {
		return
	}
	found, err := s.Store.Events(r.Context(), f)
	if err != nil {
		s.fail(w, "exporting events", err)
		return
	}
	page := newExportPage(found, limit)
	if q.text("decided") == "true" {
		err = s.addDecided(r, found, page.Events)
	}
	if err != nil {
		s.fail(w, "reading what was decided", err)
		return
	}
	writeJSON(w, http.StatusOK, page)
}

func newExportPage(found []store.StoredEvent, limit int) ExportPage {
	page, size := ExportPage{Events: []Exported{}}, 0
	for _, e := range found[:min(limit, len(found))] {
		page.Events = append(page.Events, ExportedOf(e))
		if size += len(e.Body); size > maxExport {
			break
		}
	}
	if n := len(page.Events); n < len(found) {
		page.Next = page.Events[n-1].ID
	}
	return page
}

// ExportedOf returns an event as other programs take it, without what was decided.
func ExportedOf(e store.StoredEvent) Exported {
	x := Exported{ID: e.ID.String(), ReceivedAt: e.ReceivedAt, Source: e.Source, Project: e.Project, Event: e.Name, Body: rawJSON(e.Body)}
	if e.ReplayOf != 0 {
		x.ReplayOf = e.ReplayOf.String()
	}
	return x
}

// addDecided says of each event what followed from it. Only where a rule matched are there messages to be read.
func (s *server) addDecided(r *http.Request, found []store.StoredEvent, page []Exported) error {
	for i := range page {
		d, err := DecidedOf(found[i], func() ([]store.Delivery, error) {
			return s.Store.Deliveries(r.Context(), store.DeliveryFilter{Event: found[i].ID, Limit: 1000})
		})
		if err != nil {
			return err
		}
		page[i].Decided = d
	}
	return nil
}

// DecidedOf says what followed from an event. deliveries reads those of the event; it is called only where a rule
// matched. Deliveries that stand in for a dead one are left out: no rule asked for them.
func DecidedOf(e store.StoredEvent, deliveries func() ([]store.Delivery, error)) (*Decided, error) {
	d := &Decided{Matched: matched(e.Decisions), Messages: []DecidedMessage{}}
	if len(d.Matched) == 0 {
		return d, nil
	}
	list, err := deliveries()
	for _, one := range slices.Backward(list) {
		if one.FallbackFor == 0 {
			d.Messages = append(d.Messages, DecidedMessage{one.Rule, one.Notifier, one.Title})
		}
	}
	return d, err
}

// matched names the rules that matched, by the decision that is kept with an event.
func matched(decisions []byte) []string {
	var d rules.Decision
	_ = json.Unmarshal(decisions, &d) // what cannot be read has matched nothing
	names := []string{}
	for _, r := range d.Results {
		if r.Outcome == rules.Matched {
			names = append(names, r.Rule)
		}
	}
	return names
}

// time reads a moment; without one it is zero.
func (q *query) time(name string) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.errs = append(q.errs, fmt.Errorf("%s: want a time such as 2026-01-31T09:00:00Z, not %q", name, text))
	}
	return at
}
