package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"qaserelay/relay/store"
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
	Matched  []string  `json:"matched"` // the rules
	Messages []Message `json:"messages"`
}

// export answers a page of events with their bodies, the oldest first.
func (s *server) export(w http.ResponseWriter, r *http.Request) {
	q := newQuery(r.URL.Query(), "source", "project", "event", "since", "until", "after", "limit", "decided")
	limit, span := q.limit(), q.span()
	f := store.EventFilter{Source: q.text("source"), Project: q.text("project"), Name: q.text("event"),
		Before: span.before, After: span.after, OldestFirst: true, Limit: limit}
	if q.refuse(w) {
		return
	}
	found, next, err := s.Store.Events(r.Context(), f)
	if err != nil {
		s.fail(w, "exporting events", err)
		return
	}
	page := newExportPage(found, next)
	if q.text("decided") == "true" {
		err = s.addDecided(r.Context(), found, page.Events)
	}
	if err != nil {
		s.fail(w, "reading what was decided", err)
		return
	}
	writeJSON(w, http.StatusOK, page)
}

func newExportPage(found []store.StoredEvent, next store.ID) ExportPage {
	page, size := ExportPage{Events: []Exported{}, Next: idText(next)}, 0
	for i, e := range found {
		page.Events = append(page.Events, ExportedOf(e))
		if size += len(e.Body); size > maxExport && i+1 < len(found) {
			page.Next = idText(e.ID)
			break
		}
	}
	return page
}

// ExportedOf returns an event as other programs take it, without what was decided.
func ExportedOf(e store.StoredEvent) Exported {
	return Exported{ID: e.ID.String(), ReceivedAt: e.ReceivedAt, Source: e.Source, Project: e.Project, Event: e.Name,
		ReplayOf: idText(e.ReplayOf), Body: rawJSON(e.Body)}
}

// addDecided says of each event what followed from it.
func (s *server) addDecided(ctx context.Context, found []store.StoredEvent, page []Exported) (err error) {
	for i := range page {
		if page[i].Decided, err = DecidedOf(ctx, s.Store, found[i]); err != nil {
			return err
		}
	}
	return nil
}

// DecidedOf says what followed from an event. Only where a rule matched are there deliveries to be read. Those that stand in
// for a dead one are left out: no rule asked for them.
func DecidedOf(ctx context.Context, s store.Reader, e store.StoredEvent) (*Decided, error) {
	d := &Decided{Matched: orEmpty(eventOf(e).Matched), Messages: []Message{}}
	if len(d.Matched) == 0 {
		return d, nil
	}
	list, _, err := s.Deliveries(ctx, store.DeliveryFilter{Event: e.ID, OldestFirst: true, Limit: 1000})
	for _, one := range list {
		if one.FallbackFor == 0 {
			d.Messages = append(d.Messages, Message{Rule: one.Rule, Notifier: one.Notifier, Title: one.Title})
		}
	}
	return d, err
}
