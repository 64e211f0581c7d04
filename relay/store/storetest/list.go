package storetest

import (
	"fmt"
	"time"

	"qaserelay/relay/store"
)

func listCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"deliveries are filtered by their stream": func(f *Fixture) {
			a, b, c := f.Put("one"), f.Put("one"), f.Put("two")
			for key, want := range map[string][]store.ID{"one": {b, a}, "two": {c}, "three": nil} {
				list, _, err := f.Deliveries(f.Context(), store.DeliveryFilter{Notifier: "n", OrderKey: key})
				f.NoError(err)
				var unfinished []store.ID
				for _, state := range []store.State{store.Pending, store.Sending} {
					some, _, err := f.Deliveries(f.Context(), store.DeliveryFilter{Notifier: "n", OrderKey: key, State: state})
					f.NoError(err)
					for _, d := range some {
						unfinished = append(unfinished, d.ID)
					}
				}
				var ids []store.ID
				for _, d := range list {
					ids = append(ids, d.ID)
				}
				f.Equal(key, fmt.Sprint(ids, unfinished), fmt.Sprint(want, want))
			}
		},
		"events come newest first, page by page": func(f *Fixture) {
			var want, got []store.ID
			for range 7 {
				ev := f.MakeEvent()
				f.AcceptOne(ev, store.Plan{})
				want = append([]store.ID{ev.ID}, want...)
			}
			for page := (store.EventFilter{Limit: 3}); ; page.Before = got[len(got)-1] {
				ids := f.EventIDs(page)
				if len(ids) == 0 {
					break
				}
				got = append(got, ids...)
			}
			f.Equal("ids", got, want)
		},
		"events are filtered by source, name and project": func(f *Fixture) {
			for _, source := range []string{"a", "b"} {
				for _, name := range []string{"x", "y"} {
					ev := f.MakeEvent()
					ev.Source, ev.Name, ev.Project = source, name, source+name
					f.AcceptOne(ev, store.Plan{})
				}
			}
			for filter, want := range map[store.EventFilter]string{
				{Source: "a"}:                "[ay ax]",
				{Name: "y"}:                  "[by ay]",
				{Project: "bx"}:              "[bx]",
				{Source: "b", Name: "x"}:     "[bx]",
				{Source: "a", Project: "bx"}: "[]",
			} {
				evs, _, err := f.Events(f.Context(), filter)
				f.NoError(err)
				got := []string{}
				for _, ev := range evs {
					got = append(got, ev.Project)
				}
				f.Equal(fmt.Sprintf("%+v", filter), got, want)
			}
		},
		"events are listed between two, and oldest first": func(f *Fixture) {
			var ids []store.ID
			for range 5 {
				ev := f.MakeEvent()
				f.AcceptOne(ev, store.Plan{})
				ids = append(ids, ev.ID)
			}
			for filter, want := range map[store.EventFilter][]store.ID{
				{After: ids[2]}:                                  {ids[4], ids[3]},
				{After: ids[0], Before: ids[3]}:                  {ids[2], ids[1]},
				{OldestFirst: true}:                              ids,
				{OldestFirst: true, Limit: 2}:                    ids[:2],
				{OldestFirst: true, After: ids[1], Limit: 2}:     ids[2:4],
				{OldestFirst: true, After: ids[1], Source: "no"}: {},
			} {
				f.Equal(fmt.Sprintf("%+v", filter), f.EventIDs(filter), want)
			}
		},
		"deliveries are filtered by their events": func(f *Fixture) {
			var ids []store.ID
			for _, name := range []string{"x", "y"} {
				for _, project := range []string{"A", "B"} {
					ev, d := f.MakeEvent(), f.MakeDelivery("n", "")
					ev.Name, ev.Project = name, project
					f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{d}})
					ids = append(ids, d.ID)
				}
			}
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, ids[3])
			for filter, want := range map[store.DeliveryFilter][]store.ID{
				{EventName: "x"}:                                        {ids[1], ids[0]},
				{Project: "B"}:                                          {ids[3], ids[1]},
				{EventName: "y", Project: "A"}:                          {ids[2]},
				{EventName: "y", State: store.Dead}:                     {ids[3]},
				{Project: "A", State: store.Dead}:                       {},
				{Project: "A", Rule: "r", Notifier: "n"}:                {ids[2], ids[0]},
				{Project: "A", After: ids[0]}:                           {ids[2]},
				{After: ids[0], Before: ids[3]}:                         {ids[2], ids[1]},
				{After: ids[0], OldestFirst: true, Limit: 2}:            {ids[1], ids[2]},
				{Project: "A", State: store.Sending, Event: 1}:          {},
				{Project: "A", State: store.Sending, OldestFirst: true}: {ids[0], ids[2]},
			} {
				f.Equal(fmt.Sprintf("%+v", filter), f.DeliveryIDs(filter), want)
			}
		},
		"deliveries are filtered by why an attempt failed": func(f *Fixture) {
			var ids []store.ID
			for range 4 {
				d := f.MakeDelivery("n", "")
				f.AcceptOne(f.MakeEvent(), store.Plan{Deliveries: []store.NewDelivery{d}})
				ids = append(ids, d.ID)
			}
			end := func(state store.State, reason string, ids ...store.ID) {
				f.report(state, f.Now(), &store.Attempt{At: f.Now(), Reason: reason}, ids)
			}
			f.claimAll()
			end(store.Pending, "serverError", ids[0], ids[1])
			f.claimAll()
			end(store.Dead, "authError", ids[0], ids[2])
			end(store.Delivered, "", ids[1])
			for filter, want := range map[store.DeliveryFilter][]store.ID{
				{Reason: "serverError"}:                         {ids[1], ids[0]},
				{Reason: "authError"}:                           {ids[2], ids[0]},
				{Reason: "authError", State: store.Dead}:        {ids[2], ids[0]},
				{Reason: "serverError", State: store.Delivered}: {ids[1]},
				{Reason: "serverError", State: store.Pending}:   {},
				{Reason: "authError", Notifier: "n", Rule: "r"}: {ids[2], ids[0]},
				{Reason: "authError", Notifier: "m"}:            {},
				{Reason: "dns"}:                                 {},
				{Reason: "authError", OldestFirst: true}:        {ids[0], ids[2]},
				{Reason: "authError", Before: ids[2]}:           {ids[0]},
			} {
				f.Equal(fmt.Sprintf("%+v", filter), f.DeliveryIDs(filter), want)
			}
		},
		"deliveries are filtered by state, rule, notifier and event": func(f *Fixture) {
			events := map[store.State]store.ID{}
			for _, s := range store.States() {
				ev, a, b := f.MakeEvent(), f.MakeDelivery("n", ""), f.MakeDelivery("n", "")
				a.Rule, b.Rule = "one", "two"
				if s == store.Cancelled {
					a.Cancelled, b.Cancelled = "dry run", "dry run"
				}
				f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{a, b}})
				events[s] = ev.ID
				if s != store.Pending && s != store.Cancelled {
					f.ClaimIDs()
				}
				switch s {
				case store.Pending:
					_, err := f.Claim(f.Context(), "n", 2)
					f.NoError(err)
					f.FinishAs(store.Pending, f.Now().Add(time.Hour), a.ID, b.ID)
				case store.Delivered, store.Dead:
					f.FinishAs(s, time.Time{}, a.ID, b.ID)
				}
			}
			count := func(filter store.DeliveryFilter, want int) {
				f.Helper()
				f.Equal(fmt.Sprintf("%+v", filter), len(f.DeliveryIDs(filter)), want)
			}
			count(store.DeliveryFilter{}, 10)
			for s, ev := range events {
				count(store.DeliveryFilter{State: s}, 2)
				count(store.DeliveryFilter{State: s, Limit: 1}, 1)
				count(store.DeliveryFilter{State: s, Rule: "two"}, 1)
				count(store.DeliveryFilter{State: s, Notifier: "n", Rule: "one", Event: ev}, 1)
				count(store.DeliveryFilter{State: s, Notifier: "m"}, 0)
				count(store.DeliveryFilter{State: s, Event: ev}, 2)
				count(store.DeliveryFilter{State: s, Before: ev}, 0)
				count(store.DeliveryFilter{Event: ev}, 2)
			}
			count(store.DeliveryFilter{Rule: "two"}, 5)
			count(store.DeliveryFilter{Notifier: "n"}, 10)
			count(store.DeliveryFilter{Event: 12345}, 0)
			_, _, err := f.Deliveries(f.Context(), store.DeliveryFilter{State: "lost"})
			f.Equal("an unknown state is refused", err != nil, true)
		},
		"rows far behind others are found, from either end": func(f *Fixture) {
			const between = 2100
			var ids []store.ID
			put := func(rule string, n int) {
				ev, p := f.MakeEvent(), store.Plan{}
				ev.Project = rule
				for range n {
					d := f.MakeDelivery("n", "")
					d.Rule, d.Cancelled = rule, map[bool]string{true: "dry run"}[n < between]
					p.Deliveries, ids = append(p.Deliveries, d), append(ids, d.ID)
				}
				f.AcceptOne(ev, p)
			}
			put("few", 3)
			put("many", between)
			put("few", 2)
			few := []store.ID{ids[between+4], ids[between+3], ids[2], ids[1], ids[0]}
			for _, filter := range []store.DeliveryFilter{{Rule: "few"}, {Project: "few"}, {State: store.Cancelled},
				{State: store.Cancelled, Project: "few"}} {
				ids, next := f.wholePage(filter, len(few)+1)
				f.Equal(fmt.Sprintf("%+v", filter), []any{ids, next}, []any{few, store.ID(0)})
				ids, next = f.wholePage(filter, 3)
				f.Equal("a page of three", []any{ids, next}, []any{few[:3], few[2]})
				filter.OldestFirst, filter.After = true, few[4]
				ids, next = f.wholePage(filter, 3)
				f.Equal("oldest first", []any{ids, next}, []any{[]store.ID{few[3], few[2], few[1]}, few[1]})
			}
			none, next := f.wholePage(store.DeliveryFilter{State: store.Delivered}, 1)
			f.Equal("what matches nothing", []any{len(none), next}, []any{0, store.ID(0)})
		},
		"deliveries come newest first, page by page": func(f *Fixture) {
			var want, got []store.ID
			for range 5 {
				want = append([]store.ID{f.Put("")}, want...)
			}
			for page := (store.DeliveryFilter{Limit: 2}); ; page.Before = got[len(got)-1] {
				ids := f.DeliveryIDs(page)
				if len(ids) == 0 {
					break
				}
				got = append(got, ids...)
			}
			f.Equal("ids", got, want)
		},
	}
}

// wholePage returns the first deliveries that a filter selects, and the next of the last page. A page that takes long to
// find may end early, so there may be several.
func (f *Fixture) wholePage(filter store.DeliveryFilter, n int) (ids []store.ID, next store.ID) {
	f.Helper()
	for {
		filter.Limit = n - len(ids)
		ds, next, err := f.Deliveries(f.Context(), filter)
		f.NoError(err)
		if ids = append(ids, IDsOf(ds)...); next == 0 || len(ids) == n {
			return ids, next
		}
		if filter.OldestFirst {
			filter.After = next
		} else {
			filter.Before = next
		}
	}
}
