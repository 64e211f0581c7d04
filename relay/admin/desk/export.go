package desk

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
	"qaserelay/rules"
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
	page, err := d.export(ctx, f, decided)
	if f.After == 0 { // the other pages are of the same export
		of := store.DeliveryFilter{EventName: f.Name, Project: f.Project, Before: f.Before}
		d.note(ctx, deed{verb: VerbExport, details: strings.Join([]string{"events", FilterText(of)}, " ")}, err)
	}
	return page, err
}

// export looks for events by the index if a filter allows it.
func (d *Desk) export(ctx context.Context, f store.EventFilter, decided bool) (ExportPage, error) {
	terms := search.Query{}.Of(search.Source, f.Source).Of(search.Project, f.Project).Of(search.Name, f.Name)
	indexed, err := d.useIndex(ctx, terms, nil)
	if err != nil {
		return ExportPage{}, failed("reading how far events are indexed", err)
	}
	if !indexed {
		return ExportFrom(ctx, d.o.Store, f, decided)
	}
	ids, next, err := d.o.Store.FindEvents(ctx, store.SearchFilter{Terms: terms, After: f.After, Before: f.Before, OldestFirst: true,
		Limit: f.Limit})
	if err != nil {
		return ExportPage{}, failed("exporting events", err)
	}
	found, next, err := fitting(ctx, d.o.Store, ids, next)
	if err != nil {
		return ExportPage{}, failed("exporting events", err)
	}
	return exportPage(ctx, d.o.Store, past{found, next}, decided)
}

// fitting reads events until their bodies fill a page, and returns where the next page begins, or zero.
func fitting(ctx context.Context, s store.Reader, ids []store.ID, next store.ID) (found []store.StoredEvent, _ store.ID, _ error) {
	const atOnce = 16
	size, last := 0, store.ID(0)
	for some := range slices.Chunk(ids, atOnce) {
		if size > maxExportBytes {
			return found, last, nil
		}
		last = some[len(some)-1]
		events, err := s.EventsOf(ctx, some)
		if err != nil {
			return nil, 0, err
		}
		for i := range events {
			size += sizeOf(&events[i])
		}
		found = append(found, events...)
	}
	return found, next, nil
}

// ExportFrom returns the page that Export returns, from a store that may have no relay.
func ExportFrom(ctx context.Context, s store.Reader, f store.EventFilter, decided bool) (ExportPage, error) {
	all, err := read(ctx, s, f)
	if err != nil {
		return ExportPage{}, err
	}
	return exportPage(ctx, s, all, decided)
}

// HistoryFrom returns the page that ExportFrom returns, with the decisions, for use within this program: the bodies are as
// they were stored, and may not be JSON.
func HistoryFrom(ctx context.Context, s store.Reader, f store.EventFilter) (ExportPage, error) {
	all, err := read(ctx, s, f)
	if err != nil {
		return ExportPage{}, err
	}
	page := ExportPage{Next: idText(all.next)}
	for i := range all.events {
		page.Events = append(page.Events, exportedOf(&all.events[i]))
	}
	return page, addDecided(ctx, s, all.events, page.Events)
}

// past is a page of stored events, the oldest first.
type past struct {
	events []store.StoredEvent
	next   store.ID // the after of the next page, or zero
}

func read(ctx context.Context, s store.Reader, f store.EventFilter) (all past, err error) {
	f.OldestFirst = true
	all.events, all.next, err = s.Events(ctx, f)
	return all, failed("exporting events", err)
}

func exportPage(ctx context.Context, s store.Reader, all past, decided bool) (ExportPage, error) {
	page, size := ExportPage{Events: []Exported{}, Next: idText(all.next)}, 0
	for i := range all.events {
		e := exportedOf(&all.events[i])
		e.Body, e.Facts = rawJSON(e.Body), rawJSON(e.Facts)
		page.Events = append(page.Events, e)
		if size += sizeOf(&all.events[i]); size > maxExportBytes && i+1 < len(all.events) {
			page.Next = e.ID
			break
		}
	}
	if !decided {
		return page, nil
	}
	return page, addDecided(ctx, s, all.events[:len(page.Events)], page.Events)
}

// sizeOf returns the size of what an export holds of an event.
func sizeOf(e *store.StoredEvent) int { return len(e.Body) + len(e.Facts) }

// exportedOf returns a stored event in the form for other programs, without the decision.
func exportedOf(e *store.StoredEvent) Exported {
	return Exported{ID: e.ID.String(), ReceivedAt: e.ReceivedAt, Source: e.Source, Project: e.Project, Event: e.Name,
		ReplayOf: idText(e.ReplayOf), Kind: e.Kind, Body: e.Body, Facts: e.Facts}
}

// addDecided adds the decisions on stored events. Only events on which a rule matched have messages.
func addDecided(ctx context.Context, s store.Reader, events []store.StoredEvent, to []Exported) error {
	var ids []store.ID
	for i := range events {
		to[i].Decided = &Decided{Matched: orEmpty(matchedIn(events[i].Decisions)), Messages: []Message{}}
		if len(to[i].Decided.Matched) > 0 {
			ids = append(ids, events[i].ID)
		}
	}
	made, err := s.MessagesOf(ctx, ids)
	if err != nil {
		return failed("reading decisions", err)
	}
	for i := range events {
		for _, m := range made[events[i].ID] {
			to[i].Decided.Messages = append(to[i].Decided.Messages, Message{Rule: m.Rule, Notifier: m.Notifier, Title: m.Title})
		}
	}
	return nil
}

// matchedIn returns the rules that have matched by a stored decision. One that cannot be read has matched nothing.
func matchedIn(decisions []byte) (matched []string) {
	var d struct {
		Results []struct {
			Rule    string
			Outcome rules.Outcome
		}
	}
	_ = json.Unmarshal(decisions, &d)
	for _, r := range d.Results {
		if r.Outcome.IsMatch() {
			matched = append(matched, r.Rule)
		}
	}
	return matched
}
