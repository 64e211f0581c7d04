package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// apartCases are about deliveries whose ids are right behind that of their event, and all others.
func apartCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"each event has its deliveries, whatever their ids are": func(f *Fixture) {
			made := f.nearAndApart()
			f.hasDeliveries(made)
			f.Reopen()
			f.hasDeliveries(made)
		},
		"a filter selects among the deliveries of an event": func(f *Fixture) {
			for _, m := range f.nearAndApart() {
				for _, filter := range []store.DeliveryFilter{{Notifier: "n0"}, {State: store.Dead}, {State: store.Pending},
					{Rule: "r", OldestFirst: true}, {After: m.event + 3}, {Before: m.event + 3}, {Limit: 2}} {
					all := f.DeliveryIDs(filterOf(filter, 1000))
					want := slices.DeleteFunc(all, func(id store.ID) bool { return !slices.Contains(m.all, id) })
					limit := filter.Limit
					if filter.Event = m.event; limit > 0 {
						want = want[:min(limit, len(want))]
					}
					f.Equal(fmt.Sprintf("%s, %+v", m.what, filter), f.DeliveryIDs(filter), want)
				}
			}
		},
		"a purge deletes all deliveries of old events, and no other": func(f *Fixture) {
			old := f.nearAndApart()
			f.FinishAs(store.Delivered, time.Time{}, f.claimFrom(12)...)
			f.Advance(time.Hour)
			young := f.nearAndApart()
			kept, gone := young, []nearOrApart{}
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
			f.Equal("left", len(f.DeliveryIDs(store.DeliveryFilter{Limit: 1000})), countAll(kept))
		},
		"a fallback is found for its event, whatever its id is": func(f *Fixture) {
			ev := f.MakeEvent()
			ev.ID = f.IDs.NextEvent(f.Now())
			d := f.MakeDelivery("n", "")
			d.ID = ev.ID + 1
			f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{d}})
			f.ClaimIDs()
			for lease, id := range []store.ID{ev.ID + 7, f.IDs.Next(f.Now())} {
				o := f.failure(d.ID, int64(lease+1))
				o.Fallbacks[0].ID, o.Fallbacks[0].Notifier = id, "instead"
				f.NoError(f.Finish(f.Context(), []store.Outcome{o}))
				f.RetryAll(d.ID)
				f.ClaimIDs()
			}
			f.Equal("deliveries", f.DeliveryIDs(store.DeliveryFilter{Event: ev.ID}), []store.ID{ev.ID + 7, ev.ID + 1})
		},
	}
}

func filterOf(f store.DeliveryFilter, limit int) store.DeliveryFilter {
	f.Limit = limit
	return f
}

// nearOrApart is an event with its deliveries.
type nearOrApart struct {
	what     string
	event    store.ID
	all      []store.ID // in their order
	messages int        // without fallbacks
}

func countAll(list []nearOrApart) (n int) {
	for _, m := range list {
		n += len(m.all)
	}
	return n
}

// nearAndApart stores events with deliveries of all kinds of ids. Those to "n0" may be claimed, and one is dead.
func (f *Fixture) nearAndApart() (made []nearOrApart) {
	f.Helper()
	before := []store.ID{f.IDs.Next(f.Now()), f.IDs.Next(f.Now())}
	for _, one := range []struct {
		what string
		ids  func(event store.ID) []store.ID
	}{
		{"without deliveries", func(store.ID) []store.ID { return nil }},
		{"near", func(e store.ID) []store.ID { return []store.ID{e + 1, e + 2} }},
		{"the first and the last that are near", func(e store.ID) []store.ID { return []store.ID{e + 1, e + 15} }},
		{"more than there are ids for", func(e store.ID) (ids []store.ID) {
			for n := range 18 {
				ids = append(ids, f.IDs.NextDelivery(f.Now(), e, n))
			}
			return ids
		}},
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

// storeWith stores an event with deliveries. The last of several is a fallback for the first one.
func (f *Fixture) storeWith(what string, ev store.Event, ids []store.ID) nearOrApart {
	f.Helper()
	var p store.Plan
	m := nearOrApart{what, ev.ID, ids, len(ids)}
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

// claimFrom claims deliveries of n0 and n1.
func (f *Fixture) claimFrom(limit int) (ids []store.ID) {
	f.Helper()
	for _, notifier := range []string{"n0", "n1"} {
		ds, err := f.Claim(f.Context(), notifier, limit)
		f.NoError(err)
		ids = append(ids, IDsOf(ds)...)
	}
	return ids
}

// hasDeliveries makes sure that each way to read the deliveries of events finds these.
func (f *Fixture) hasDeliveries(want []nearOrApart) {
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
	f.Equal("deliveries of all events", IDsOf(ds), all)
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
