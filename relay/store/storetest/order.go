package storetest

import (
	"slices"
	"time"

	"qaserelay/relay/store"
)

func orderCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"deliveries of different keys are due at once, and those without a key too": func(f *Fixture) {
			a, b, c, d := f.Put("a"), f.Put("b"), f.Put(""), f.Put("")
			f.Equal("claimed", f.ClaimIDs(), []store.ID{a, b, c, d})
		},
		"deliveries that wait behind a due one are claimed with it, in order": func(f *Fixture) {
			a1, b1, a2, a3 := f.Put("a"), f.Put("b"), f.Put("a"), f.Put("a")
			f.Equal("claimed", f.ClaimIDs(), []store.ID{a1, a2, a3, b1})
		},
		"a claim takes no more than its limit, and at most 32 behind one": func(f *Fixture) {
			for range 40 {
				f.Put("a")
			}
			ds, err := f.Claim(f.Context(), "n", 5)
			f.NoError(err)
			f.Equal("limited", len(ds), 5)
			for _, d := range ds {
				f.FinishAs(store.Delivered, time.Time{}, d.ID)
			}
			f.Equal("claimed", len(f.ClaimIDs()), 33)
		},
		"keys of other notifiers do not matter": func(f *Fixture) {
			a := f.Put("a")
			f.ClaimIDs()
			other := f.MakeDelivery("other", "a")
			f.AcceptDeliveries(other)
			ds, err := f.Claim(f.Context(), "other", 10)
			f.NoError(err)
			f.Equal("claimed", len(ds), 1)
			f.Equal("the first", f.Find(a).State, store.Sending)
		},
		"while one is being sent, the next waits; it is due when that is delivered": func(f *Fixture) {
			a1 := f.Put("a")
			f.Equal("first", f.ClaimIDs(), []store.ID{a1})
			a2 := f.Put("a")
			f.Equal("meanwhile", len(f.ClaimIDs()), 0)
			f.FinishAs(store.Delivered, time.Time{}, a1)
			f.Equal("then", f.ClaimIDs(), []store.ID{a2})
		},
		"one that is stored late, behind one that was made after it, is due when that is delivered": func(f *Fixture) {
			late, first := f.MakeDelivery("n", "a"), f.Put("a")
			f.AcceptDeliveries(late)
			claimed := f.ClaimIDs() // one store takes both
			f.FinishAs(store.Delivered, time.Time{}, claimed...)
			f.Equal("claimed", append(claimed, f.ClaimIDs()...), []store.ID{first, late.ID})
		},
		"one that is stored late is due when one that was made after it is handed back": func(f *Fixture) {
			late, first := f.MakeDelivery("n", "a"), f.Put("a")
			f.Equal("first", f.ClaimIDs(), []store.ID{first})
			f.AcceptDeliveries(late)
			f.HandBack(time.Time{}, first)
			f.Advance(2 * time.Second)
			claimed := f.ClaimIDs()
			f.FinishAs(store.Delivered, time.Time{}, claimed...)
			claimed = append(claimed, f.ClaimIDs()...)
			slices.Sort(claimed)
			f.Equal("claimed", claimed, []store.ID{late.ID, first})
		},
		"the next is due too when the one before it fails permanently": func(f *Fixture) {
			a1 := f.Put("a")
			f.ClaimIDs()
			a2 := f.Put("a")
			f.FinishAs(store.Dead, time.Time{}, a1)
			f.Equal("then", f.ClaimIDs(), []store.ID{a2})
		},
		"while one waits for another attempt, those behind it wait; then they go behind it": func(f *Fixture) {
			a1 := f.Put("a")
			f.ClaimIDs()
			a2, a3 := f.Put("a"), f.Put("a")
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), a1)
			f.Equal("meanwhile", len(f.ClaimIDs()), 0)
			f.Advance(time.Minute)
			f.Equal("then", f.ClaimIDs(), []store.ID{a1, a2, a3})
		},
		"those handed back behind a retried one keep their places": func(f *Fixture) {
			a1, a2, a3 := f.Put("a"), f.Put("a"), f.Put("a")
			f.ClaimIDs()
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), a1)
			f.HandBack(time.Time{}, a3, a2)
			f.Equal("meanwhile", len(f.ClaimIDs()), 0)
			f.Equal("attempts", f.Find(a2).Attempts, 0)
			f.Advance(time.Minute)
			f.Equal("then", f.ClaimIDs(), []store.ID{a1, a2, a3})
		},
		"one handed back with the end of the one before it is due": func(f *Fixture) {
			a1, a2 := f.Put("a"), f.Put("a")
			f.ClaimIDs()
			f.NoError(f.Finish(f.Context(), []store.Outcome{
				{ID: a2, Lease: 1, State: store.Pending},
				{ID: a1, Lease: 1, State: store.Delivered, Attempt: &store.Attempt{At: f.Now()}},
			}))
			f.Equal("then", f.ClaimIDs(), []store.ID{a2})
		},
		"one handed back before the one before it ends is due then": func(f *Fixture) {
			a1, a2 := f.Put("a"), f.Put("a")
			f.ClaimIDs()
			f.HandBack(time.Time{}, a2)
			f.Equal("meanwhile", len(f.ClaimIDs()), 0)
			f.FinishAs(store.Delivered, time.Time{}, a1)
			f.Equal("then", f.ClaimIDs(), []store.ID{a2})
		},
		"a first one handed back is due when its caller says": func(f *Fixture) {
			a1 := f.Put("a")
			f.ClaimIDs()
			f.HandBack(f.Now().Add(time.Minute), a1)
			f.Equal("due", f.Find(a1).NextAt, f.Now().Add(time.Minute))
			f.Advance(time.Minute)
			f.Equal("then", f.ClaimIDs(), []store.ID{a1})
		},
		"one that waited for OrderWait passes, and those behind it wait for the first": func(f *Fixture) {
			a1 := f.Put("a")
			f.ClaimIDs()
			a2 := f.Put("a")
			f.Advance(time.Minute)
			a3 := f.Put("a")
			f.FinishAs(store.Pending, f.Now().Add(3*store.OrderWait), a1)
			f.Advance(store.OrderWait - time.Minute - time.Millisecond)
			f.Equal("just before", len(f.ClaimIDs()), 0)
			f.Advance(time.Millisecond)
			f.Equal("passes, with its follower", f.ClaimIDs(), []store.ID{a2, a3})
			f.FinishAs(store.Delivered, time.Time{}, a2)
			f.HandBack(time.Time{}, a3)
			f.Equal("the follower, handed back", len(f.ClaimIDs()), 0)
			f.Advance(time.Minute)
			f.Equal("waited long enough", f.ClaimIDs(), []store.ID{a3})
		},
		"one that is handed back after its wait ran out rests for a second": func(f *Fixture) {
			a1, a2 := f.Put("a"), f.Put("a")
			f.ClaimIDs()
			f.FinishAs(store.Pending, f.Now().Add(3*store.OrderWait), a1)
			f.Advance(2 * store.OrderWait)
			f.HandBack(time.Time{}, a2)
			f.Equal("at once", len(f.ClaimIDs()), 0)
			f.Advance(time.Second)
			f.Equal("after a second", f.ClaimIDs(), []store.ID{a2})
		},
		"the end of one does not shorten the pause of one that was tried": func(f *Fixture) {
			a1 := f.Put("a")
			f.ClaimIDs()
			a2 := f.Put("a")
			f.FinishAs(store.Pending, f.Now().Add(2*store.OrderWait), a1)
			f.Advance(store.OrderWait)
			f.Equal("passes", f.ClaimIDs(), []store.ID{a2})
			f.FinishAs(store.Pending, f.Now().Add(2*store.OrderWait), a2)
			f.Advance(store.OrderWait)
			f.Equal("the first again", f.ClaimIDs(), []store.ID{a1, a2})
			f.HandBack(time.Time{}, a2)
			f.FinishAs(store.Delivered, time.Time{}, a1)
		},
		"two due ones of one key come in the order of their events": func(f *Fixture) {
			a1 := f.Put("a")
			f.ClaimIDs()
			a2 := f.Put("a")
			f.FinishAs(store.Pending, f.Now().Add(store.OrderWait+time.Minute), a1)
			f.Advance(2 * store.OrderWait)
			f.Equal("claimed", f.ClaimIDs(), []store.ID{a1, a2})
		},
	}
}

// waitCases are about deliveries that wait for earlier ones for less or more than OrderWait.
func waitCases() map[string]func(*Fixture) {
	put := func(f *Fixture, wait time.Duration) store.ID {
		f.Helper()
		d := f.MakeDelivery("n", "a")
		d.Wait = wait
		f.AcceptDeliveries(d)
		return d.ID
	}
	return map[string]func(*Fixture){
		"one with a wait of its own passes after it": func(f *Fixture) {
			for _, wait := range []time.Duration{time.Second, 5 * store.OrderWait} {
				first := f.Put("a")
				f.ClaimIDs()
				f.FinishAs(store.Pending, f.Now().Add(10*store.OrderWait), first)
				waiting := put(f, wait)
				f.Equal("due", f.Find(waiting).NextAt, f.Now().Add(wait))
				f.Advance(wait - time.Millisecond)
				f.Equal("just before", len(f.ClaimIDs()), 0)
				f.Advance(time.Millisecond)
				f.Equal("passes", f.ClaimIDs(), []store.ID{waiting})
				f.FinishAs(store.Delivered, time.Time{}, waiting)
				f.RetryAll(first)
				f.Equal("the first", f.ClaimIDs(), []store.ID{first})
				f.FinishAs(store.Delivered, time.Time{}, first)
			}
		},
		"a wait of its own is kept when it is handed back, and when the store opens again": func(f *Fixture) {
			first, waiting := f.Put("a"), put(f, time.Minute)
			start := f.Now()
			f.Equal("claimed", f.ClaimIDs(), []store.ID{first, waiting})
			f.Advance(time.Second)
			f.FinishAs(store.Pending, f.Now().Add(store.OrderWait), first)
			f.HandBack(time.Time{}, waiting)
			f.Equal("due", f.Find(waiting).NextAt, start.Add(time.Minute))
			f.Reopen()
			f.Equal("due after opening again", f.Find(waiting).NextAt, start.Add(time.Minute))
			f.Advance(time.Minute)
			f.Equal("passes", f.ClaimIDs(), []store.ID{waiting})
		},
		"one with a wait of its own is due when the one before it ends": func(f *Fixture) {
			first := f.Put("a")
			f.ClaimIDs()
			waiting := put(f, 5*store.OrderWait)
			f.FinishAs(store.Delivered, time.Time{}, first)
			f.Equal("then", f.ClaimIDs(), []store.ID{waiting})
		},
	}
}
