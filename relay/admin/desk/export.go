package desk

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"qaserelay/relay/store"
)

// maxExportBytes is the size of the bodies on a page of an export after which the page ends.
const maxExportBytes = 8 << 20

// ExportPage is a page of an export, the oldest event first.
type ExportPage struct {
	Events []Exported `json:"events"`
	Next   string     `json:"next,omitempty"` // the after of the next page; empty on the last
}

// Exported is an event in the form for other programs.
type Exported struct {
	ID         string          `json:"id"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Project    string          `json:"project"`
	Event      string          `json:"event_name"`
	ReplayOf   string          `json:"replay_of,omitempty"` // the event that this one repeats
	Kind       string          `json:"kind,omitempty"`      // what the relay has made; empty if it was received
	Body       json.RawMessage `json:"body"`                // as Qase sent it
	Facts      json.RawMessage `json:"facts,omitempty"`     // what the Qase API said of it
	Decided    *Decided        `json:"decided,omitempty"`   // only on request
}

// Decided is the decision on an event when it came.
type Decided struct {
	Matched  []string  `json:"matched"` // the rules
	Messages []Message `json:"messages"`
}

// Export returns a page of events with their bodies, the oldest first, on request with the decisions.
func (d *Desk) Export(ctx context.Context, f store.EventFilter, decided bool) (ExportPage, error) {
	page, err := ExportFrom(ctx, d.o.Store, f, decided)
	if f.After == 0 { // the other pages are of the same export
		of := store.DeliveryFilter{EventName: f.Name, Project: f.Project, Before: f.Before}
		d.note(ctx, deed{verb: VerbExport, details: strings.Join([]string{"events", FilterText(of)}, " ")}, err)
	}
	return page, err
}

// ExportFrom returns the page that Export returns, from a store that may have no relay.
func ExportFrom(ctx context.Context, s store.Reader, f store.EventFilter, decided bool) (ExportPage, error) {
	f.OldestFirst = true
	found, next, err := s.Events(ctx, f)
	if err != nil {
		return ExportPage{}, failed("exporting events", err)
	}
	page := exportPage(found, next)
	for i := range page.Events {
		if !decided {
			break
		}
		if page.Events[i].Decided, err = decidedOf(ctx, s, found[i]); err != nil {
			return ExportPage{}, failed("reading a decision", err)
		}
	}
	return page, nil
}

func exportPage(found []store.StoredEvent, next store.ID) ExportPage {
	page, size := ExportPage{Events: []Exported{}, Next: idText(next)}, 0
	for i, e := range found {
		page.Events = append(page.Events, exportedOf(e))
		if size += len(e.Body) + len(e.Facts); size > maxExportBytes && i+1 < len(found) {
			page.Next = idText(e.ID)
			break
		}
	}
	return page
}

// exportedOf returns a stored event in the form for other programs, without the decision.
func exportedOf(e store.StoredEvent) Exported {
	return Exported{ID: e.ID.String(), ReceivedAt: e.ReceivedAt, Source: e.Source, Project: e.Project, Event: e.Name,
		ReplayOf: idText(e.ReplayOf), Kind: e.Kind, Body: rawJSON(e.Body), Facts: rawJSON(e.Facts)}
}

// decidedOf returns the decision on a stored event. Only events on which a rule matched have deliveries. Fallbacks are
// left out: no rule asked for them.
func decidedOf(ctx context.Context, s store.Reader, e store.StoredEvent) (*Decided, error) {
	d := &Decided{Matched: orEmpty(eventOf(e).Matched), Messages: []Message{}}
	if len(d.Matched) == 0 {
		return d, nil
	}
	list, _, err := s.Deliveries(ctx, store.DeliveryFilter{Event: e.ID, OldestFirst: true, Limit: maxSiblings})
	for _, one := range list {
		if one.FallbackFor == 0 {
			d.Messages = append(d.Messages, Message{Rule: one.Rule, Notifier: one.Notifier, Title: one.Title})
		}
	}
	return d, err
}
