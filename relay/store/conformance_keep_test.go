package store

import (
	"errors"
	"time"
)

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
			f.equal("the first of a is due", f.get(a1).NextAt.After(f.now()), false)
			f.equal("the second of a", f.get(a2).NextAt.After(f.now()), true)
			f.equal("attempts", f.get(a1).Attempts, 0)
			f.equal("claimed again", f.claim(), []ID{a1, a2, b1})
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
			evs, _, err := f.Events(f.Context(), EventFilter{})
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
