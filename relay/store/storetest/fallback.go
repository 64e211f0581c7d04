package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// fallbackCases are about the fallback of a delivery that failed permanently.
func fallbackCases() map[string]func(*Fixture) {
	failFor := func(f *Fixture, id store.ID, lease int64) store.NewDelivery {
		f.Helper()
		d := f.MakeDelivery("n", "k")
		d.FallbackFor, d.Notifier, d.Claim = id, "email", true
		f.NoError(f.Finish(f.Context(), []store.Outcome{{
			ID: id, Lease: lease, State: store.Dead, Attempt: &store.Attempt{At: f.Now(), Error: "gone"}, Fallbacks: []store.NewDelivery{d},
		}}))
		return d
	}
	return map[string]func(*Fixture){
		"a fallback is made with the outcome, for the same event, and can be claimed": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			d := failFor(f, id, 1)
			f.Equal("state", f.Find(id).State, store.Dead)
			f.Equal("fallback", f.Find(d.ID), store.Delivery{
				ID: d.ID, EventID: f.Find(id).EventID, EventName: "run.completed", Project: "WEB",
				Rule: "r", Notifier: "email", OrderKey: "k",
				Title: "a title", State: store.Pending, NextAt: f.Now(), CreatedAt: f.Now(), FirstAt: f.Now(), UpdatedAt: f.Now(),
				FallbackFor: id, Message: d.Message, EventBody: []byte(`{"n":1}`),
			})
			ds, err := f.Claim(f.Context(), "email", 10)
			f.NoError(err)
			f.Equal("claimed", len(ds), 1)
			f.Equal("for", ds[0].FallbackFor, id)
			ev, err := f.Event(f.Context(), ds[0].EventID)
			f.NoError(err)
			f.Equal("deliveries of the event", ev.Deliveries, []store.ID{id, d.ID})
			list, _, err := f.Deliveries(f.Context(), store.DeliveryFilter{Notifier: "email"})
			f.NoError(err)
			f.Equal("listed", list[0].FallbackFor, id)
		},
		"each of several people has a fallback, and they are sent in order": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			first, second := f.MakeDelivery("email", "k"), f.MakeDelivery("email", "k")
			first.FallbackFor, second.FallbackFor = id, id
			o := store.Outcome{ID: id, Lease: 1, State: store.Dead, Attempt: &store.Attempt{At: f.Now(), Error: "gone"},
				Fallbacks: []store.NewDelivery{first, second}}
			f.NoError(f.Finish(f.Context(), []store.Outcome{o, o}))
			ev, err := f.Event(f.Context(), f.Find(id).EventID)
			f.NoError(err)
			f.Equal("deliveries of the event", ev.Deliveries, []store.ID{id, first.ID, second.ID})
			ds, err := f.Claim(f.Context(), "email", 10)
			f.NoError(err)
			f.Equal("claimed", len(ds), 2)
			f.Equal("in order", []store.ID{ds[0].ID, ds[1].ID}, []store.ID{first.ID, second.ID})
			f.Equal("for", []store.ID{ds[0].FallbackFor, ds[1].FallbackFor}, []store.ID{id, id})
		},
		"an outcome of an older lease makes no fallback": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			d := failFor(f, id, 7)
			_, _, err := f.Delivery(f.Context(), d.ID)
			f.Equal("not made", errors.Is(err, store.ErrNotFound), true)
			f.Equal("state", f.Find(id).State, store.Sending)
		},
		"an outcome that is recorded twice makes one fallback, also in the same millisecond": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			first, again := failFor(f, id, 1), failFor(f, id, 1)
			ev, err := f.Event(f.Context(), f.Find(id).EventID)
			f.NoError(err)
			f.Equal("deliveries of the event", ev.Deliveries, []store.ID{id, first.ID})
			_, _, err = f.Delivery(f.Context(), again.ID)
			f.Equal("not made again", errors.Is(err, store.ErrNotFound), true)
			f.Equal("unfinished", f.Load().Deliveries, 1)
		},
		"a delivery that fails again gets another fallback only if the earlier one will not be delivered": func(f *Fixture) {
			for _, c := range []struct {
				first, second store.State // of the fallback, and of its own fallback, if any
				made          int
			}{
				{store.Pending, "", 0}, {store.Sending, "", 0}, {store.Delivered, "", 0}, {store.Dead, "", 1},
				{store.Cancelled, "", 1}, {store.Dead, store.Pending, 0}, {store.Dead, store.Delivered, 0},
				{store.Dead, store.Dead, 1},
			} {
				id := f.Put("")
				f.ClaimIDs()
				fallback := f.failWithFallback(id, 1)
				made := 2
				if c.second == "" {
					f.bringTo(fallback, c.first)
				} else {
					f.bringTo(fallback, store.Sending)
					f.bringTo(f.failWithFallback(fallback, 1), c.second)
					made++
				}
				f.RetryAll(id)
				f.ClaimIDs()
				f.failWithFallback(id, 2)
				ev, err := f.Event(f.Context(), f.Find(id).EventID)
				f.NoError(err)
				f.Equal(fmt.Sprintf("deliveries after %s %s", c.first, c.second), len(ev.Deliveries), made+c.made)
				f.Equal("state", f.Find(id).State, store.Dead)
			}
		},
		"a delivery and its own fallback that fail together get one fallback, in either order": func(f *Fixture) {
			for _, ownFirst := range []bool{false, true} {
				for _, last := range []bool{false, true} { // the fallback has no fallback of its own
					outcomes := f.failingPair(last)
					want := outcomes[1].ID
					if last {
						want = outcomes[0].ID
					}
					if ownFirst {
						slices.Reverse(outcomes)
					}
					f.NoError(f.Finish(f.Context(), outcomes))
					ev, err := f.Event(f.Context(), f.Find(outcomes[0].ID).EventID)
					f.NoError(err)
					f.Equal(fmt.Sprintf("deliveries, %v %v", ownFirst, last), len(ev.Deliveries), 3)
					f.Equal("the new one is for", f.Find(ev.Deliveries[2]).FallbackFor, want)
				}
			}
		},
		"a fallback waits for earlier ones of its order key": func(f *Fixture) {
			id := f.Put("k")
			before := f.MakeDelivery("email", "k")
			f.AcceptDeliveries(before)
			f.ClaimIDs()
			d := failFor(f, id, 1)
			f.Equal("due", f.Find(d.ID).NextAt, f.Now().Add(store.OrderWait))
		},
		"a fallback in a dry run is cancelled": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			d := f.MakeDelivery("email", "")
			d.FallbackFor, d.Cancelled = id, "dry run"
			f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: id, Lease: 1, State: store.Dead, Fallbacks: []store.NewDelivery{d}}}))
			f.Equal("state", f.Find(d.ID).State, store.Cancelled)
			f.Equal("for", f.Find(d.ID).FallbackFor, id)
		},
	}
}

// failingPair returns the outcomes by which a delivery fails for the second time, since it was retried, and its
// fallback fails too. The fallback has a fallback of its own unless it is the last one.
func (f *Fixture) failingPair(last bool) []store.Outcome {
	f.Helper()
	id := f.Put("")
	f.ClaimIDs()
	own := f.failWithFallback(id, 1)
	f.bringTo(own, store.Sending)
	f.RetryAll(id)
	f.Equal("retried", f.ClaimIDs(), []store.ID{id})
	outcomes := []store.Outcome{f.failure(id, 2), f.failure(own, 1)}
	if last {
		outcomes[1].Fallbacks = nil
	}
	return outcomes
}

// failWithFallback fails a delivery permanently, with a fallback to a notifier of its own.
func (f *Fixture) failWithFallback(id store.ID, lease int64) store.ID {
	f.Helper()
	o := f.failure(id, lease)
	f.NoError(f.Finish(f.Context(), []store.Outcome{o}))
	return o.Fallbacks[0].ID
}

// failure is the outcome of a delivery that fails permanently, with a fallback to a notifier of its own.
func (f *Fixture) failure(id store.ID, lease int64) store.Outcome {
	d := f.MakeDelivery("", "")
	d.FallbackFor, d.Notifier = id, d.ID.String()
	attempt := &store.Attempt{At: f.Now(), Error: "gone"}
	return store.Outcome{ID: id, Lease: lease, State: store.Dead, Attempt: attempt, Fallbacks: []store.NewDelivery{d}}
}

// bringTo brings a fallback that is due to a state.
func (f *Fixture) bringTo(id store.ID, s store.State) {
	f.Helper()
	switch s {
	case store.Pending:
		return
	case store.Cancelled:
		f.CancelAll(id)
		return
	}
	ds, err := f.Claim(f.Context(), id.String(), 1)
	f.NoError(err)
	f.Equal("claimed", len(ds), 1)
	if s == store.Delivered || s == store.Dead {
		f.FinishAs(s, time.Time{}, id)
	}
}
