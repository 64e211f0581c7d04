package store

import (
	"fmt"
	"time"
)

func listCases() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"events come newest first, page by page": func(f *fixture) {
			var want, got []ID
			for range 7 {
				ev := f.event()
				f.accept(ev, Plan{})
				want = append([]ID{ev.ID}, want...)
			}
			for page := (EventFilter{Limit: 3}); ; page.Before = got[len(got)-1] {
				evs, _, err := f.Events(f.Context(), page)
				f.check(err)
				if len(evs) == 0 {
					break
				}
				for _, ev := range evs {
					got = append(got, ev.ID)
				}
			}
			f.equal("ids", got, want)
		},
		"events are filtered by source, name and project": func(f *fixture) {
			for _, source := range []string{"a", "b"} {
				for _, name := range []string{"x", "y"} {
					ev := f.event()
					ev.Source, ev.Name, ev.Project = source, name, source+name
					f.accept(ev, Plan{})
				}
			}
			for filter, want := range map[EventFilter]string{
				{Source: "a"}:                "[ay ax]",
				{Name: "y"}:                  "[by ay]",
				{Project: "bx"}:              "[bx]",
				{Source: "b", Name: "x"}:     "[bx]",
				{Source: "a", Project: "bx"}: "[]",
			} {
				evs, _, err := f.Events(f.Context(), filter)
				f.check(err)
				got := []string{}
				for _, ev := range evs {
					got = append(got, ev.Project)
				}
				f.equal(fmt.Sprintf("%+v", filter), got, want)
			}
		},
		"events are listed between two, and oldest first": func(f *fixture) {
			var ids []ID
			for range 5 {
				ev := f.event()
				f.accept(ev, Plan{})
				ids = append(ids, ev.ID)
			}
			for filter, want := range map[EventFilter][]ID{
				{After: ids[2]}:                                  {ids[4], ids[3]},
				{After: ids[0], Before: ids[3]}:                  {ids[2], ids[1]},
				{OldestFirst: true}:                              ids,
				{OldestFirst: true, Limit: 2}:                    ids[:2],
				{OldestFirst: true, After: ids[1], Limit: 2}:     ids[2:4],
				{OldestFirst: true, After: ids[1], Source: "no"}: {},
			} {
				evs, _, err := f.Events(f.Context(), filter)
				f.check(err)
				got := []ID{}
				for _, ev := range evs {
					got = append(got, ev.ID)
				}
				f.equal(fmt.Sprintf("%+v", filter), got, want)
			}
		},
		"deliveries are filtered by what is known of their events": func(f *fixture) {
			var ids []ID
			for _, name := range []string{"x", "y"} {
				for _, project := range []string{"A", "B"} {
					ev, d := f.event(), f.delivery("n", "")
					ev.Name, ev.Project = name, project
					f.accept(ev, Plan{Deliveries: []NewDelivery{d}})
					ids = append(ids, d.ID)
				}
			}
			f.claim()
			f.finish(Dead, time.Time{}, ids[3])
			for filter, want := range map[DeliveryFilter][]ID{
				{EventName: "x"}:                                  {ids[1], ids[0]},
				{Project: "B"}:                                    {ids[3], ids[1]},
				{EventName: "y", Project: "A"}:                    {ids[2]},
				{EventName: "y", State: Dead}:                     {ids[3]},
				{Project: "A", State: Dead}:                       {},
				{Project: "A", Rule: "r", Notifier: "n"}:          {ids[2], ids[0]},
				{Project: "A", After: ids[0]}:                     {ids[2]},
				{After: ids[0], Before: ids[3]}:                   {ids[2], ids[1]},
				{After: ids[0], OldestFirst: true, Limit: 2}:      {ids[1], ids[2]},
				{Project: "A", State: Sending, Event: 1}:          {},
				{Project: "A", State: Sending, OldestFirst: true}: {ids[0], ids[2]},
			} {
				ds, _, err := f.Deliveries(f.Context(), filter)
				f.check(err)
				got := []ID{}
				for _, d := range ds {
					got = append(got, d.ID)
				}
				f.equal(fmt.Sprintf("%+v", filter), got, want)
			}
		},
		"deliveries are filtered by state, rule, notifier and event": func(f *fixture) {
			events := map[State]ID{}
			for _, s := range []State{Pending, Sending, Delivered, Dead, Cancelled} {
				ev, a, b := f.event(), f.delivery("n", ""), f.delivery("n", "")
				a.Rule, b.Rule = "one", "two"
				if s == Cancelled {
					a.Cancelled, b.Cancelled = "dry run", "dry run"
				}
				f.accept(ev, Plan{Deliveries: []NewDelivery{a, b}})
				events[s] = ev.ID
				if s != Pending && s != Cancelled {
					f.claim()
				}
				switch s {
				case Pending:
					_, err := f.Claim(f.Context(), "n", 2)
					f.check(err)
					f.finish(Pending, f.now().Add(time.Hour), a.ID, b.ID)
				case Delivered, Dead:
					f.finish(s, time.Time{}, a.ID, b.ID)
				}
			}
			count := func(filter DeliveryFilter, want int) {
				f.Helper()
				ds, _, err := f.Deliveries(f.Context(), filter)
				f.check(err)
				f.equal(fmt.Sprintf("%+v", filter), len(ds), want)
			}
			count(DeliveryFilter{}, 10)
			for s, ev := range events {
				count(DeliveryFilter{State: s}, 2)
				count(DeliveryFilter{State: s, Limit: 1}, 1)
				count(DeliveryFilter{State: s, Rule: "two"}, 1)
				count(DeliveryFilter{State: s, Notifier: "n", Rule: "one", Event: ev}, 1)
				count(DeliveryFilter{State: s, Notifier: "m"}, 0)
				count(DeliveryFilter{State: s, Event: ev}, 2)
				count(DeliveryFilter{State: s, Before: ev}, 0)
				count(DeliveryFilter{Event: ev}, 2)
			}
			count(DeliveryFilter{Rule: "two"}, 5)
			count(DeliveryFilter{Notifier: "n"}, 10)
			count(DeliveryFilter{Event: 12345}, 0)
			_, _, err := f.Deliveries(f.Context(), DeliveryFilter{State: "lost"})
			f.equal("an unknown state is refused", err != nil, true)
		},
		"what is far behind others is found, from either end": func(f *fixture) {
			const between = 2100
			var ids []ID
			put := func(rule string, n int) {
				ev, p := f.event(), Plan{}
				ev.Project = rule
				for range n {
					d := f.delivery("n", "")
					d.Rule, d.Cancelled = rule, map[bool]string{true: "dry run"}[n < between]
					p.Deliveries, ids = append(p.Deliveries, d), append(ids, d.ID)
				}
				f.accept(ev, p)
			}
			put("few", 3)
			put("many", between)
			put("few", 2)
			few := []ID{ids[between+4], ids[between+3], ids[2], ids[1], ids[0]}
			for _, filter := range []DeliveryFilter{{Rule: "few"}, {Project: "few"}, {State: Cancelled}, {State: Cancelled, Project: "few"}} {
				ds, next, err := f.Deliveries(f.Context(), filter)
				f.check(err)
				f.equal(fmt.Sprintf("%+v", filter), []any{idsOf(ds), next}, []any{few, ID(0)})
				filter.Limit = 3
				ds, next, err = f.Deliveries(f.Context(), filter)
				f.check(err)
				f.equal("a page of three", []any{idsOf(ds), next}, []any{few[:3], few[2]})
				filter.OldestFirst, filter.After = true, ids[0]
				ds, next, err = f.Deliveries(f.Context(), filter)
				f.check(err)
				f.equal("oldest first", []any{idsOf(ds), next}, []any{[]ID{few[3], few[2], few[1]}, few[1]})
			}
			ds, next, err := f.Deliveries(f.Context(), DeliveryFilter{State: Delivered})
			f.check(err)
			f.equal("what matches nothing", []any{len(ds), next}, []any{0, ID(0)})
		},
		"deliveries come newest first, page by page": func(f *fixture) {
			var want, got []ID
			for range 5 {
				want = append([]ID{f.put("")}, want...)
			}
			for page := (DeliveryFilter{Limit: 2}); ; page.Before = got[len(got)-1] {
				ds, _, err := f.Deliveries(f.Context(), page)
				f.check(err)
				if len(ds) == 0 {
					break
				}
				for _, d := range ds {
					got = append(got, d.ID)
				}
			}
			f.equal("ids", got, want)
		},
	}
}
