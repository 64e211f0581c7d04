// Package apart holds the part of the conformance suite about deliveries whose ids are right behind that of their event,
// and about all others.
package apart

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// fixture is an open store.
type fixture struct{ *storetest.Fixture }

// Run tests that each event has its deliveries, on stores of a factory.
func Run(t *testing.T, f storetest.Factory) {
	for name, run := range map[string]func(fixture){
		"each event has its deliveries, whatever their ids are":      testFound,
		"a filter selects among the deliveries of an event":          testFiltered,
		"a purge deletes all deliveries of old events, and no other": testPurged,
		"a fallback is found for its event, whatever its id is":      testFallbacks,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(fixture{storetest.NewFixture(t, f)})
		})
	}
}

func testFound(f fixture) {
	made := f.nearAndApart()
	f.hasDeliveries(made)
	f.Reopen()
	f.hasDeliveries(made)
}

func testFiltered(f fixture) {
	for _, m := range f.nearAndApart() {
		for _, filter := range []store.DeliveryFilter{{Notifier: "n0"}, {State: store.Dead}, {State: store.Pending},
			{Rule: "r", OldestFirst: true}, {After: m.event + 3}, {Before: m.event + 3}, {Limit: 2}} {
			all := filter
			all.Limit = 1000
			want := slices.DeleteFunc(f.DeliveryIDs(all), func(id store.ID) bool { return !slices.Contains(m.all, id) })
			if filter.Event = m.event; filter.Limit > 0 {
				want = want[:min(filter.Limit, len(want))]
			}
			f.Equal(fmt.Sprintf("%s, %+v", m.what, filter), f.DeliveryIDs(filter), want)
		}
	}
}

func testPurged(f fixture) {
	old := f.nearAndApart()
	f.FinishAs(store.Delivered, time.Time{}, f.claim(12)...)
	f.Advance(time.Hour)
	kept, gone := f.nearAndApart(), []family{}
	for _, m := range old {
		if slices.ContainsFunc(m.all, func(id store.ID) bool { return f.Find(id).State == store.Pending }) {
			kept = append(kept, m)
		} else {
			gone = append(gone, m)
		}
	}
	n, err := f.Purge(f.Context(), f.Now().Add(-time.Minute), f.Now().Add(-time.Minute))
	f.NoError(err)
	f.Equal("purged", n, len(gone))
	f.Equal("of them there are some that are kept", len(gone) > 1 && len(gone) < len(old), true)
	f.hasDeliveries(kept)
	for _, m := range gone {
		_, err := f.Event(f.Context(), m.event)
		f.Equal(m.what, errors.Is(err, store.ErrNotFound), true)
		for _, id := range m.all {
			_, _, err := f.Delivery(f.Context(), id)
			f.Equal(m.what+" has a delivery", errors.Is(err, store.ErrNotFound), true)
		}
	}
	left := 0
	for _, m := range kept {
		left += len(m.all)
	}
	f.Equal("left", len(f.DeliveryIDs(store.DeliveryFilter{Limit: 1000})), left)
}

func testFallbacks(f fixture) {
	ev, d := f.MakeEvent(), f.MakeDelivery("n", "")
	ev.ID = f.IDs.NextEvent(f.Now())
	d.ID = ev.ID + 1
	f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{d}})
	for i, id := range []store.ID{ev.ID + 7, f.IDs.Next(f.Now())} {
		f.ClaimIDs()
		instead := f.MakeDelivery("instead", "")
		instead.ID, instead.FallbackFor = id, d.ID
		f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: d.ID, Lease: int64(i + 1), State: store.Dead,
			Attempt: &store.Attempt{At: f.Now(), Error: "gone"}, Fallbacks: []store.NewDelivery{instead}}}))
		f.RetryAll(d.ID)
	}
	f.Equal("deliveries", f.DeliveryIDs(store.DeliveryFilter{Event: ev.ID}), []store.ID{ev.ID + 7, ev.ID + 1})
}

// family is an event with its deliveries.
type family struct {
	what     string
	event    store.ID
	all      []store.ID // in their order
	messages int        // without fallbacks
}

// nearAndApart stores events with deliveries of all kinds of ids. They are to n0 and n1 in turns.
func (f fixture) nearAndApart() (made []family) {
	f.Helper()
	before := []store.ID{f.IDs.Next(f.Now()), f.IDs.Next(f.Now())}
	for _, one := range []struct {
		what string
		ids  func(event store.ID) []store.ID
	}{
		{"without deliveries", func(store.ID) []store.ID { return nil }},
		{"near", func(e store.ID) []store.ID { return []store.ID{e + 1, e + 2} }},
		{"the first and the last that are near", func(e store.ID) []store.ID { return []store.ID{e + 1, e + 15} }},
		{"more than there are ids for", func(e store.ID) []store.ID { return f.nextIDs(e, 18) }},
		{"made before the event", func(store.ID) []store.ID { return before }},
		{"just behind", func(e store.ID) []store.ID { return []store.ID{e + 16, e + 17} }},
		{"near and apart", func(e store.ID) []store.ID { return []store.ID{e + 15, e + 16, e + 1<<30} }},
	} {
		ev := f.MakeEvent()
		ev.ID = f.IDs.NextEvent(f.Now())
		made = append(made, f.storeWith(one.what, ev, one.ids(ev.ID)))
		f.IDs.NextEvent(f.Now()) // whose ids the next ones do not take
	}
	first, second := f.MakeEvent(), f.MakeEvent() // as earlier releases made ids, in turns
	second.ID = first.ID + 1
	made = append(made, f.storeWith("the first of two", first, []store.ID{first.ID + 2, first.ID + 4}),
		f.storeWith("the second of two", second, []store.ID{first.ID + 3, first.ID + 20}))
	for i := range made {
		slices.Sort(made[i].all)
	}
	return made
}

// nextIDs returns the ids of deliveries that are made with an event.
func (f fixture) nextIDs(event store.ID, n int) (ids []store.ID) {
	for i := range n {
		ids = append(ids, f.IDs.NextDelivery(f.Now(), event, i))
	}
	return ids
}

// storeWith stores an event with deliveries. The last of several is a fallback for the first one.
func (f fixture) storeWith(what string, ev store.Event, ids []store.ID) family {
	f.Helper()
	var p store.Plan
	m := family{what, ev.ID, ids, len(ids)}
	for i, id := range ids {
		d := f.MakeDelivery(fmt.Sprint("n", i%2), "")
		if d.ID = id; i > 1 && i == len(ids)-1 {
			d.FallbackFor, m.messages = ids[0], len(ids)-1
		}
		p.Deliveries = append(p.Deliveries, d)
	}
	f.NoError(f.AcceptOne(ev, p).Err)
	return m
}

// claim claims deliveries of n0 and n1.
func (f fixture) claim(limit int) (ids []store.ID) {
	f.Helper()
	for _, notifier := range []string{"n0", "n1"} {
		ds, err := f.Claim(f.Context(), notifier, limit)
		f.NoError(err)
		ids = append(ids, storetest.IDsOf(ds)...)
	}
	return ids
}

// hasDeliveries makes sure that each way to read the deliveries of events finds these.
func (f fixture) hasDeliveries(want []family) {
	f.Helper()
	var events, all []store.ID
	with := map[store.ID]bool{}
	for _, m := range want {
		ev, err := f.Event(f.Context(), m.event)
		f.NoError(err)
		f.Equal(m.what+": deliveries of the event", ev.Deliveries, m.all)
		f.Equal(m.what+": listed", f.DeliveryIDs(store.DeliveryFilter{Event: m.event, OldestFirst: true}), m.all)
		events, all = append(events, m.event), append(all, m.all...)
		if len(m.all) > 0 {
			with[m.event] = true
		}
	}
	slices.Sort(all)
	twice := append(slices.Clone(events), events...)
	ds, err := f.DeliveriesOf(f.Context(), twice, store.DeliveryFilter{OldestFirst: true, Limit: len(all) + 1})
	f.NoError(err)
	f.Equal("deliveries of all events", storetest.IDsOf(ds), all)
	has, err := f.EventsWith(f.Context(), twice, store.DeliveryFilter{})
	f.NoError(err)
	f.Equal("events with deliveries", has, with)
	messages, err := f.MessagesOf(f.Context(), twice)
	f.NoError(err)
	states, err := f.DeliveryStates(f.Context(), twice)
	f.NoError(err)
	for _, m := range want {
		f.Equal(m.what+": messages", len(messages[m.event]), m.messages)
		sum := 0
		for _, n := range states[m.event].Count {
			sum += n
		}
		f.Equal(m.what+": states", sum, len(m.all))
	}
}
