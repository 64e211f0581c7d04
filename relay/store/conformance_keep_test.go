package store

import (
	"errors"
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
				evs, err := f.Events(f.Context(), page)
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
				evs, err := f.Events(f.Context(), filter)
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
				evs, err := f.Events(f.Context(), filter)
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
				ds, err := f.Deliveries(f.Context(), filter)
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
				ds, err := f.Deliveries(f.Context(), filter)
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
			_, err := f.Deliveries(f.Context(), DeliveryFilter{State: "lost"})
			f.equal("an unknown state is refused", err != nil, true)
		},
		"deliveries come newest first, page by page": func(f *fixture) {
			var want, got []ID
			for range 5 {
				want = append([]ID{f.put("")}, want...)
			}
			for page := (DeliveryFilter{Limit: 2}); ; page.Before = got[len(got)-1] {
				ds, err := f.Deliveries(f.Context(), page)
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

func keepCases() map[string]func(*fixture) {
	purge := func(f *fixture, events, dead time.Duration) int {
		f.Helper()
		n, err := f.Purge(f.Context(), f.now().Add(-events), f.now().Add(-dead))
		f.check(err)
		return n
	}
	return map[string]func(*fixture){
		"what was being sent when a store closed is due after it opens, in order": func(f *fixture) {
			a1, b1, a2 := f.put("a"), f.put("b"), f.put("a")
			f.equal("claimed", f.claim(), []ID{a1, a2, b1})
			f.reopen()
			f.equal("the first of a", f.get(a1).NextAt, f.now())
			f.equal("the second of a", f.get(a2).NextAt.After(f.now()), true)
			f.equal("attempts", f.get(a1).Attempts, 0)
			f.equal("claimed again", f.claim(), []ID{a1, a2, b1})
			f.equal("lease", f.get(a1).Lease, 2)
		},
		"keys, bodies and waiting deliveries are there after it opens again": func(f *fixture) {
			id := f.put("")
			f.claim()
			f.finish(Pending, f.now().Add(time.Hour), id)
			first := f.accept(f.eventOf("x"), Plan{Changes: []Change{{Key: "k", Value: []byte("v")}}})
			f.reopen()
			f.equal("duplicate", f.accept(f.eventOf("x"), Plan{}), Receipt{ID: first.ID, Duplicate: true})
			v, err := f.Get(f.Context(), "k")
			f.check(err)
			f.equal("value", string(v), "v")
			f.equal("due", f.get(id).NextAt, f.now().Add(time.Hour))
		},
		"a purge deletes old events with all that belongs to them": func(f *fixture) {
			var p Plan
			for range 3 {
				p.Deliveries = append(p.Deliveries, f.delivery("n", ""))
			}
			old := f.event()
			f.accept(old, p)
			f.finish(Delivered, time.Time{}, f.claim()...)
			f.advance(time.Hour)
			young := f.event()
			f.accept(young, Plan{})
			f.equal("purged", purge(f, time.Minute, time.Minute), 1)
			_, err := f.Event(f.Context(), old.ID)
			f.equal("event", errors.Is(err, ErrNotFound), true)
			_, _, err = f.Delivery(f.Context(), p.Deliveries[0].ID)
			f.equal("delivery", errors.Is(err, ErrNotFound), true)
			_, err = f.Event(f.Context(), young.ID)
			f.check(err)
		},
		"a purge keeps events with unfinished deliveries, and with dead ones for longer": func(f *fixture) {
			dead, sending, waiting := f.put(""), f.put(""), f.put("")
			f.claim()
			f.finish(Dead, time.Time{}, dead)
			f.finish(Pending, f.now().Add(time.Hour), waiting)
			f.advance(time.Hour)
			f.equal("dead ones are young", purge(f, time.Minute, 2*time.Hour), 0)
			f.advance(2 * time.Hour)
			f.equal("dead ones are old", purge(f, time.Minute, 2*time.Hour), 1)
			f.get(sending)
			f.get(waiting)
		},
		"a purge of thousands goes on to the end": func(f *fixture) {
			var batch []Event
			for range 1100 {
				batch = append(batch, f.event())
			}
			keep := 777
			d := f.delivery("n", "")
			_, err := f.Accept(f.Context(), batch, func(i int, _ func(string) ([]byte, error)) (Plan, error) {
				if i == keep {
					return Plan{Deliveries: []NewDelivery{d}}, nil
				}
				return Plan{}, nil
			})
			f.check(err)
			f.advance(time.Hour)
			f.equal("purged", purge(f, time.Minute, time.Minute), 1099)
			evs, err := f.Events(f.Context(), EventFilter{})
			f.check(err)
			f.equal("left", len(evs), 1)
		},
		"a body that was purged is still known as a duplicate": func(f *fixture) {
			first := f.accept(f.eventOf("x"), Plan{})
			f.advance(time.Hour)
			f.equal("purged", purge(f, time.Minute, time.Minute), 1)
			f.equal("again", f.accept(f.eventOf("x"), Plan{}), Receipt{ID: first.ID, Duplicate: true})
		},
		"it can say that it can write": func(f *fixture) {
			f.check(f.Check(f.Context()))
			f.equal("for nobody", f.Check(cancelledContext()) != nil, true)
		},
		"a closed store says so, and may be closed again": func(f *fixture) {
			s := f.Store
			f.reopen()
			_, err := s.Accept(f.Context(), []Event{f.event()}, planned(Plan{}))
			f.equal("accept", errors.Is(err, ErrClosed), true)
			_, err = s.Get(f.Context(), "k")
			f.equal("get", errors.Is(err, ErrClosed), true)
			f.check(s.Close())
		},
	}
}
