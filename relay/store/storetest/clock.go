package storetest

import (
	"slices"
	"time"

	"qaserelay/relay/store"
)

// clockCases are about a clock that is set back or forward.
func clockCases() map[string]func(*Fixture) {
	duplicate := func(f *Fixture, body string) bool {
		f.Helper()
		return f.AcceptOne(f.EventOf(body), store.Plan{}).Duplicate
	}
	return map[string]func(*Fixture){
		"an hour back, new events are taken and delivered at once, behind those of their key": func(f *Fixture) {
			first := f.Put("a")
			f.Equal("claimed", f.ClaimIDs(), []store.ID{first})
			f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Advance(-time.Hour)
			second, other := f.Put("a"), f.Put("b")
			f.Equal("grows", second > first, true)
			f.Equal("at once", f.ClaimIDs(), []store.ID{other})
			f.FinishAs(store.Delivered, time.Time{}, first, other)
			f.Equal("in order", f.ClaimIDs(), []store.ID{second})
			f.FinishAs(store.Delivered, time.Time{}, second)
			f.Equal("duplicate", duplicate(f, "x"), true)
			f.Equal("nothing is left", f.Load(), store.Load{})
		},
		"an hour back, what was due is due again within the hour, and at once when a person asks for it": func(f *Fixture) {
			a, b := f.Put("a"), f.Put("b")
			f.Advance(-time.Hour)
			f.RetryAll(b)
			f.Equal("a person asked for it", slices.Contains(f.ClaimIDs(), b), true)
			f.FinishAs(store.Delivered, time.Time{}, b)
			f.Advance(time.Hour)
			f.ClaimIDs()
			f.FinishAs(store.Delivered, time.Time{}, a)
			f.Equal("nothing is left", f.Load(), store.Load{})
		},
		"an hour back, one that is handed back waits for no longer than its wait": func(f *Fixture) {
			first, second := f.Put("a"), f.Put("a")
			f.ClaimIDs()
			f.Advance(-time.Hour)
			f.FinishAs(store.Pending, f.Now().Add(2*store.OrderWait), first)
			f.HandBack(time.Time{}, second)
			f.Equal("not longer", f.Find(second).NextAt.After(f.Now().Add(store.OrderWait)), false)
		},
		"a day forward, all that waited comes, in order, and bodies are new again": func(f *Fixture) {
			a1, a2, b := f.Put("a"), f.Put("a"), f.Put("b")
			f.ClaimIDs()
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), a1)
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), b)
			f.HandBack(time.Time{}, a2)
			f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Advance(24 * time.Hour)
			f.Equal("in order", slices.DeleteFunc(f.ClaimIDs(), func(id store.ID) bool { return id == b }),
				[]store.ID{a1, a2})
			f.Equal("duplicate", duplicate(f, "x"), false)
			f.Reopen()
			f.Equal("after a start", len(f.ClaimIDs()), 3)
		},
		"a day forward and back, what was made meanwhile keeps its place and its body is known": func(f *Fixture) {
			f.Advance(24 * time.Hour)
			first := f.Put("a")
			f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.ClaimIDs()
			f.FinishAs(store.Delivered, time.Time{}, first)
			f.Advance(-24 * time.Hour)
			second := f.Put("a")
			f.Equal("grows", second > first, true)
			f.Equal("claimed", f.ClaimIDs(), []store.ID{second})
			f.Equal("duplicate", duplicate(f, "x"), true)
			f.Reopen()
			f.Equal("duplicate after a start", duplicate(f, "x"), true)
			f.Equal("claimed after a start", f.ClaimIDs(), []store.ID{second})
			n, err := f.Purge(f.Context(), f.Now().Add(-time.Hour), f.Now().Add(-time.Hour))
			f.NoError(err)
			f.Equal("purged", n, 0)
		},
	}
}
