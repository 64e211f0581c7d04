package storetest

import (
	"errors"
	"time"

	"qaserelay/relay/store"
)

func keepCases() map[string]func(*Fixture) {
	purge := func(f *Fixture, events, dead time.Duration) int {
		f.Helper()
		n, err := f.Purge(f.Context(), f.Now().Add(-events), f.Now().Add(-dead))
		f.NoError(err)
		return n
	}
	return map[string]func(*Fixture){
		"deliveries that were being sent when a store closed are due after it opens, in order": func(f *Fixture) {
			a1, b1, a2 := f.Put("a"), f.Put("b"), f.Put("a")
			f.Equal("claimed", f.ClaimIDs(), []store.ID{a1, a2, b1})
			f.Reopen()
			f.Equal("the first of a is due", f.Find(a1).NextAt.After(f.Now()), false)
			f.Equal("the second of a", f.Find(a2).NextAt.After(f.Now()), true)
			f.Equal("attempts", f.Find(a1).Attempts, 0)
			f.Equal("claimed again", f.ClaimIDs(), []store.ID{a1, a2, b1})
		},
		"keys, bodies and waiting deliveries are there after it opens again": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), id)
			first := f.AcceptOne(f.EventOf("x"), store.Plan{Changes: []store.Change{{Key: "k", Value: []byte("v")}}})
			f.Reopen()
			f.Equal("duplicate", f.AcceptOne(f.EventOf("x"), store.Plan{}),
				store.Receipt{ID: first.ID, Duplicate: true})
			v := f.Value("k")
			f.Equal("value", string(v), "v")
			f.Equal("due", f.Find(id).NextAt, f.Now().Add(time.Hour))
		},
		"a purge deletes old events with all that belongs to them": func(f *Fixture) {
			var p store.Plan
			for range 3 {
				p.Deliveries = append(p.Deliveries, f.MakeDelivery("n", ""))
			}
			old := f.MakeEvent()
			f.AcceptOne(old, p)
			f.FinishAs(store.Delivered, time.Time{}, f.ClaimIDs()...)
			f.Advance(time.Hour)
			young := f.MakeEvent()
			f.AcceptOne(young, store.Plan{})
			f.Equal("purged", purge(f, time.Minute, time.Minute), 1)
			_, err := f.Event(f.Context(), old.ID)
			f.Equal("event", errors.Is(err, store.ErrNotFound), true)
			_, _, err = f.Delivery(f.Context(), p.Deliveries[0].ID)
			f.Equal("delivery", errors.Is(err, store.ErrNotFound), true)
			_, err = f.Event(f.Context(), young.ID)
			f.NoError(err)
		},
		"a purge keeps events with unfinished deliveries, and with dead ones for longer": func(f *Fixture) {
			dead, sending, waiting := f.Put(""), f.Put(""), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, dead)
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), waiting)
			f.Advance(time.Hour)
			f.Equal("dead ones are young", purge(f, time.Minute, 2*time.Hour), 0)
			f.Advance(2 * time.Hour)
			f.Equal("dead ones are old", purge(f, time.Minute, 2*time.Hour), 1)
			f.Find(sending)
			f.Find(waiting)
		},
		"a purge of thousands goes on to the end": func(f *Fixture) {
			var batch []store.Event
			for range 1100 {
				batch = append(batch, f.MakeEvent())
			}
			keep := 777
			d := f.MakeDelivery("n", "")
			_, err := f.Accept(f.Context(), batch, func(i int, _ getter) (store.Plan, error) {
				if i == keep {
					return store.Plan{Deliveries: []store.NewDelivery{d}}, nil
				}
				return store.Plan{}, nil
			})
			f.NoError(err)
			f.Advance(time.Hour)
			f.Equal("purged", purge(f, time.Minute, time.Minute), 1099)
			evs, _, err := f.Events(f.Context(), store.EventFilter{})
			f.NoError(err)
			f.Equal("left", len(evs), 1)
		},
		"a body that was purged is still known as a duplicate": func(f *Fixture) {
			first := f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Advance(time.Hour)
			f.Equal("purged", purge(f, time.Minute, time.Minute), 1)
			f.Equal("again", f.AcceptOne(f.EventOf("x"), store.Plan{}), store.Receipt{ID: first.ID, Duplicate: true})
		},
		"it can say that it can write": func(f *Fixture) {
			f.NoError(f.Check(f.Context()))
			f.Equal("for a caller that has left", f.Check(cancelledContext()) != nil, true)
		},
		"a closed store says so, and may be closed again": func(f *Fixture) {
			s := f.Store
			f.Reopen()
			_, err := s.Accept(f.Context(), []store.Event{f.MakeEvent()}, Planned(store.Plan{}))
			f.Equal("accept", errors.Is(err, store.ErrClosed), true)
			_, err = s.Get(f.Context(), "k")
			f.Equal("get", errors.Is(err, store.ErrClosed), true)
			f.NoError(s.Close())
		},
	}
}
