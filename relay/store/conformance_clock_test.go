package store

import (
	"slices"
	"time"
)

// clockCases are about a clock that is put right, or wrong.
func clockCases() map[string]func(*fixture) {
	duplicate := func(f *fixture, body string) bool {
		f.Helper()
		return f.accept(f.eventOf(body), Plan{}).Duplicate
	}
	return map[string]func(*fixture){
		"an hour back, new events are taken and delivered at once, behind those of their key": func(f *fixture) {
			first := f.put("a")
			f.equal("claimed", f.claim(), []ID{first})
			f.accept(f.eventOf("x"), Plan{})
			f.advance(-time.Hour)
			second, other := f.put("a"), f.put("b")
			f.equal("grows", second > first, true)
			f.equal("at once", f.claim(), []ID{other})
			f.finish(Delivered, time.Time{}, first, other)
			f.equal("in order", f.claim(), []ID{second})
			f.finish(Delivered, time.Time{}, second)
			f.equal("duplicate", duplicate(f, "x"), true)
			f.equal("nothing is left", f.Load(), Load{})
		},
		"an hour back, what was due is due again within the hour, and at once when a person asks for it": func(f *fixture) {
			a, b := f.put("a"), f.put("b")
			f.advance(-time.Hour)
			_, err := f.Retry(f.Context(), []ID{b})
			f.check(err)
			f.equal("a person asked for it", slices.Contains(f.claim(), b), true)
			f.finish(Delivered, time.Time{}, b)
			f.advance(time.Hour)
			f.claim()
			f.finish(Delivered, time.Time{}, a)
			f.equal("nothing is left", f.Load(), Load{})
		},
		"an hour back, one that is handed back waits for no longer than its wait": func(f *fixture) {
			first, second := f.put("a"), f.put("a")
			f.claim()
			f.advance(-time.Hour)
			f.finish(Pending, f.now().Add(2*OrderWait), first)
			f.handBack(time.Time{}, second)
			f.equal("not longer", f.get(second).NextAt.After(f.now().Add(OrderWait)), false)
		},
		"a day forward, all that waited comes, in order, and bodies are new again": func(f *fixture) {
			a1, a2, b := f.put("a"), f.put("a"), f.put("b")
			f.claim()
			f.finish(Pending, f.now().Add(time.Hour), a1)
			f.finish(Pending, f.now().Add(time.Minute), b)
			f.handBack(time.Time{}, a2)
			f.accept(f.eventOf("x"), Plan{})
			f.advance(24 * time.Hour)
			f.equal("in order", slices.DeleteFunc(f.claim(), func(id ID) bool { return id == b }), []ID{a1, a2})
			f.equal("duplicate", duplicate(f, "x"), false)
			f.reopen()
			f.equal("after a start", len(f.claim()), 3)
		},
		"a day forward and back, what was made meanwhile keeps its place and its body is known": func(f *fixture) {
			f.advance(24 * time.Hour)
			first := f.put("a")
			f.accept(f.eventOf("x"), Plan{})
			f.claim()
			f.finish(Delivered, time.Time{}, first)
			f.advance(-24 * time.Hour)
			second := f.put("a")
			f.equal("grows", second > first, true)
			f.equal("claimed", f.claim(), []ID{second})
			f.equal("duplicate", duplicate(f, "x"), true)
			f.reopen()
			f.equal("duplicate after a start", duplicate(f, "x"), true)
			f.equal("claimed after a start", f.claim(), []ID{second})
			n, err := f.Purge(f.Context(), f.now().Add(-time.Hour), f.now().Add(-time.Hour))
			f.check(err)
			f.equal("purged", n, 0)
		},
	}
}
