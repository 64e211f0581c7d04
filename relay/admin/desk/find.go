package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
)

// maxFew is up to how many events a filter by its deliveries goes over the events, and not over the deliveries.
const maxFew = 4000

// ParseWords reads the words and the entity that events have to have; both may be empty.
func ParseWords(words, entity string) ([]store.Term, error) {
	q, err := search.Parse(words)
	if err != nil {
		return nil, fmt.Errorf("q: %w", err)
	}
	if q, err = q.OfEntity(entity); err != nil {
		return nil, fmt.Errorf("entity: %w", err)
	}
	return q, nil
}

// lateIndex is how far the index may be behind without a note.
const lateIndex = 2 * time.Second

// indexedTo returns up to when events are indexed, if words are asked for and the index is behind. Newer ones are read.
func (d *Desk) indexedTo(ctx context.Context, terms []store.Term) (*time.Time, error) {
	if len(terms) == 0 {
		return nil, nil
	}
	state, err := d.o.Store.IndexState(ctx)
	if err != nil || state.UpTo.IsZero() || time.Since(state.UpTo) < lateIndex {
		return nil, failed("reading how far events are indexed", err)
	}
	return &state.UpTo, nil
}

// terms returns all that the events of a filter have to have.
func (f *EventFilter) terms() []store.Term {
	q := search.Query(f.Terms).Of(search.Source, f.Source).Of(search.Outcome, outlineOutcome(f.Outcome)).
		Of(search.Project, f.Project).Of(search.Name, f.EventName)
	if f.byDelivery() {
		return q.Of(search.Sent, f.Rule).Of(search.Notifier, f.Notifier)
	}
	return q.Of(search.Rule, f.Rule)
}

// byDelivery reports whether the filter selects events by their deliveries.
func (f *EventFilter) byDelivery() bool { return f.Notifier != "" || f.State != "" }

// takes reports whether the filter selects an event, its words and deliveries aside.
func (f *EventFilter) takes(o *store.Outlined) bool {
	if f.Source != "" && f.Source != o.Source || f.Project != "" && f.Project != o.Project ||
		f.EventName != "" && f.EventName != o.Name {
		return false
	}
	want := outlineOutcome(f.Outcome)
	return want == "" || want == o.Outcome ||
		slices.ContainsFunc(o.Rules, func(r store.RuleOutcome) bool { return r.Outcome == want })
}

// useIndex reports whether events with these terms are looked for by the index: without words, the list can be read in
// place of one that is not complete.
func (d *Desk) useIndex(ctx context.Context, terms, words []store.Term) (bool, error) {
	if len(words) > 0 || len(terms) == 0 {
		return len(terms) > 0, nil
	}
	state, err := d.o.Store.IndexState(ctx)
	const quick = time.Second
	return state.On && state.From.IsZero() && (state.UpTo.IsZero() || time.Since(state.UpTo) < quick), err
}

// findEvents returns a page of events, and the id behind which the next page begins, or zero.
func (d *Desk) findEvents(ctx context.Context, f EventFilter, limit int) (
	found []store.Outlined, next store.ID, err error) {
	ctx = store.WithLook(ctx, pageTime)
	terms := f.terms()
	indexed, err := d.useIndex(ctx, terms, f.Terms)
	switch {
	case err != nil:
		return nil, 0, err
	case f.byDelivery():
		return d.findWithDeliveries(ctx, f, limit, indexed)
	case indexed:
		ids, next, err := d.o.Store.FindEvents(ctx, store.SearchFilter{Terms: terms, Before: f.Before, After: f.After,
			OldestFirst: f.OldestFirst, Limit: limit})
		if err != nil {
			return nil, 0, err
		}
		found, err := d.outlinesIn(ctx, ids)
		return found, next, err
	case f.Rule != "" && !d.o.FilledFrom().IsZero():
		return d.findByDelivery(ctx, f, limit)
	}
	return d.o.Store.Outlines(ctx, store.OutlineFilter{Source: f.Source, Name: f.EventName, Project: f.Project,
		Rule: f.Rule, Outcome: outlineOutcome(f.Outcome), Before: f.Before, After: f.After, OldestFirst: f.OldestFirst,
		Limit: limit})
}

// outlinesIn returns the outlines of events in their order. Some may have been deleted a moment ago.
func (d *Desk) outlinesIn(ctx context.Context, ids []store.ID) (list []store.Outlined, err error) {
	outlines, err := d.o.Store.OutlinesOf(ctx, ids)
	for _, id := range ids {
		if o, exists := outlines[id]; exists {
			list = append(list, o)
		}
	}
	return list, err
}

// findWithDeliveries returns events with deliveries that the filter selects. If few events have the rest, it goes over
// them, and otherwise over the deliveries.
func (d *Desk) findWithDeliveries(ctx context.Context, f EventFilter, limit int, indexed bool) (
	found []store.Outlined, next store.ID, err error) {
	if !indexed {
		return d.findByDelivery(ctx, f, limit)
	}
	few, more, err := d.o.Store.FindEvents(ctx, store.SearchFilter{Terms: f.terms(), Before: f.Before, After: f.After,
		OldestFirst: f.OldestFirst, Limit: maxFew, Few: true})
	if err != nil || more != 0 {
		if err == nil {
			found, next, err = d.findByDelivery(ctx, f, limit)
		}
		return found, next, err
	}
	seen, err := d.listedBefore(ctx, f.DeliveryFilter) // if it went over the deliveries
	if err != nil {
		return nil, 0, err
	}
	var ids []store.ID
	for some := range slices.Chunk(few, MaxPage) {
		of := store.DeliveryFilter{State: f.State, Rule: f.Rule, Notifier: f.Notifier}
		with, err := d.o.Store.EventsWith(ctx, some, of)
		if err != nil {
			return nil, 0, err
		}
		for _, id := range some {
			if with[id] && !seen[id] {
				ids = append(ids, id)
			}
		}
		if len(ids) > limit {
			ids = ids[:limit]
			next = ids[limit-1]
			break
		}
	}
	found, err = d.outlinesIn(ctx, ids)
	return found, next, err
}

// findByDelivery goes through the deliveries, in their order, and returns their events, each once. The ids of events
// and deliveries are in one order, so a page can begin at either.
func (d *Desk) findByDelivery(ctx context.Context, f EventFilter, limit int) (
	found []store.Outlined, next store.ID, err error) {
	f.Limit = pageOf(limit)
	seen, err := d.listedBefore(ctx, f.DeliveryFilter)
	if err != nil {
		return nil, 0, err
	}
	for ends := store.LookEnds(ctx, pageTime); ; {
		page, more, err := d.o.Store.Deliveries(ctx, f.DeliveryFilter)
		if err != nil {
			return nil, 0, err
		}
		outlines, err := d.outlinesOf(ctx, page, seen)
		if err != nil {
			return nil, 0, err
		}
		has, err := d.withWords(ctx, f.Terms, page)
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
			if o, exists := outlines[one.EventID]; exists && f.takes(&o) && has(one.EventID) { // others were deleted a moment ago
				found = append(found, o)
			}
		}
		if next = more; len(page) < f.Limit || next == 0 || time.Now().After(ends) {
			return found, next, nil
		}
		f.moveTo(next)
	}
}

// nearby is the time within which the deliveries of one decision get their ids.
const nearby = time.Second

// listedBefore returns the events that an earlier page has listed although deliveries of theirs are on this page, as
// when it ended early between the many deliveries of one event. There are none if the page begins at a time.
func (d *Desk) listedBefore(ctx context.Context, f store.DeliveryFilter) (map[store.ID]bool, error) {
	seen, first := map[store.ID]bool{}, f.Before // the first id that is not on this page
	if f.OldestFirst {
		first = f.After + 1
	}
	if first <= 1 || first == store.FirstID(first.Time()) {
		return seen, nil
	}
	if f.OldestFirst {
		f.Before, f.After = first, store.FirstID(first.Time().Add(-nearby))-1
	} else {
		f.Before, f.After = store.FirstID(first.Time().Add(nearby)), first-1
	}
	f.OldestFirst = !f.OldestFirst
	near, _, err := d.o.Store.Deliveries(ctx, f)
	for i := range near {
		seen[near[i].EventID] = true
	}
	return seen, err
}

// pageOf returns how many deliveries are read at once to fill a page: most are selected, or the page ends early.
func pageOf(limit int) int { return min(2*limit, MaxPage) }

// pageTime is how long a page looks for rows: one that finds little ends after it.
const pageTime = 50 * time.Millisecond

// moveTo has the filter begin behind an id.
func (f *EventFilter) moveTo(next store.ID) {
	if f.OldestFirst {
		f.After = next
	} else {
		f.Before = next
	}
}

// withWords returns which events of deliveries have all terms.
func (d *Desk) withWords(ctx context.Context, terms []store.Term, of []store.Delivery) (func(store.ID) bool, error) {
	if len(terms) == 0 {
		return func(store.ID) bool { return true }, nil
	}
	var ids []store.ID
	for i := range of {
		ids = append(ids, of[i].EventID)
	}
	slices.Sort(ids)
	has, err := d.o.Store.Having(ctx, slices.Compact(ids), terms)
	return func(id store.ID) bool { return has[id] }, err
}

// outlinesOf reads the outlines of the events of deliveries that were not seen yet.
func (d *Desk) outlinesOf(ctx context.Context, of []store.Delivery, seen map[store.ID]bool) (
	map[store.ID]store.Outlined, error) {
	var ids []store.ID
	for i := range of {
		if !seen[of[i].EventID] {
			ids = append(ids, of[i].EventID)
		}
	}
	return d.o.Store.OutlinesOf(ctx, ids)
}

// DeliveryFilter selects deliveries.
type DeliveryFilter struct {
	// Terms are what their events have to have; see [ParseWords].
	Terms []store.Term
	store.DeliveryFilter
}

// findDeliveries returns a page of deliveries, and the id behind which the next page begins, or zero. If few events
// have what is asked for, it goes over these.
func (d *Desk) findDeliveries(ctx context.Context, f DeliveryFilter) ([]store.Delivery, store.ID, error) {
	ctx = store.WithLook(ctx, pageTime)
	terms := search.Query(f.Terms).Of(search.Project, f.Project).Of(search.Name, f.EventName).Of(search.Sent, f.Rule).
		Of(search.Notifier, f.Notifier)
	indexed, err := d.useIndex(ctx, terms, f.Terms)
	if err != nil || f.Event != 0 && len(f.Terms) == 0 {
		indexed = false
	}
	if indexed {
		// An event is older than its deliveries, and may be much older.
		few, more, err := d.o.Store.FindEvents(ctx, store.SearchFilter{Terms: terms, Before: f.Before, Limit: maxFew, Few: true})
		if err != nil {
			return nil, 0, err
		}
		if more == 0 {
			return d.deliveriesOf(ctx, few, f)
		}
	}
	if len(f.Terms) == 0 {
		return d.o.Store.Deliveries(ctx, f.DeliveryFilter)
	}
	return d.deliveriesWith(ctx, f)
}

// deliveriesOf returns a page of the deliveries of events.
func (d *Desk) deliveriesOf(ctx context.Context, events []store.ID, f DeliveryFilter) ([]store.Delivery, store.ID, error) {
	of, limit := f.DeliveryFilter, f.limit()
	of.Limit = limit + 1
	if f.Event != 0 {
		events = slices.DeleteFunc(events, func(id store.ID) bool { return id != f.Event })
	}
	list, err := d.o.Store.DeliveriesOf(ctx, events, of)
	if len(list) > limit {
		return list[:limit], list[limit-1].ID, err
	}
	return list, 0, err
}

func (f *DeliveryFilter) limit() int {
	if f.Limit <= 0 {
		return usualPage
	}
	return f.Limit
}

// usualPage is the length of a page.
const usualPage = 50

// deliveriesWith goes through the deliveries, and returns those of events with the words.
func (d *Desk) deliveriesWith(ctx context.Context, f DeliveryFilter) (found []store.Delivery, next store.ID, err error) {
	limit := f.limit()
	f.Limit = pageOf(limit)
	for ends := store.LookEnds(ctx, pageTime); ; {
		page, more, err := d.o.Store.Deliveries(ctx, f.DeliveryFilter)
		if err != nil {
			return nil, 0, err
		}
		has, err := d.withWords(ctx, f.Terms, page)
		if err != nil {
			return nil, 0, err
		}
		for i := range page {
			if !has(page[i].EventID) {
				continue
			}
			if len(found) == limit {
				return found, found[limit-1].ID, nil
			}
			found = append(found, page[i])
		}
		if more == 0 || time.Now().After(ends) {
			return found, more, nil
		}
		if f.OldestFirst {
			f.After = more
		} else {
			f.Before = more
		}
	}
}
