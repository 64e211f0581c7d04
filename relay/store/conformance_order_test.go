package store

import (
	"time"
)

func orderCases() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"deliveries of different keys are due at once, and those without a key too": func(f *fixture) {
			a, b, c, d := f.put("a"), f.put("b"), f.put(""), f.put("")
			f.equal("claimed", f.claim(), []ID{a, b, c, d})
		},
		"what waits behind a due one is claimed with it, in order": func(f *fixture) {
			a1, b1, a2, a3 := f.put("a"), f.put("b"), f.put("a"), f.put("a")
			f.equal("claimed", f.claim(), []ID{a1, a2, a3, b1})
		},
		"a claim takes no more than its limit, and at most 32 behind one": func(f *fixture) {
			for range 40 {
				f.put("a")
			}
			ds, err := f.Claim(f.Context(), "n", 5)
			f.check(err)
			f.equal("limited", len(ds), 5)
			for _, d := range ds {
				f.finish(Delivered, time.Time{}, d.ID)
			}
			f.equal("claimed", len(f.claim()), 33)
		},
		"keys of other notifiers do not matter": func(f *fixture) {
			a := f.put("a")
			f.claim()
			other := f.delivery("other", "a")
			f.accept(f.event(), Plan{Deliveries: []NewDelivery{other}})
			ds, err := f.Claim(f.Context(), "other", 10)
			f.check(err)
			f.equal("claimed", len(ds), 1)
			f.equal("the first", f.get(a).State, Sending)
		},
		"while one is being sent, the next waits; it goes when that is delivered": func(f *fixture) {
			a1 := f.put("a")
			f.equal("first", f.claim(), []ID{a1})
			a2 := f.put("a")
			f.equal("meanwhile", len(f.claim()), 0)
			f.finish(Delivered, time.Time{}, a1)
			f.equal("then", f.claim(), []ID{a2})
		},
		"the next goes too when the one before it dies": func(f *fixture) {
			a1 := f.put("a")
			f.claim()
			a2 := f.put("a")
			f.finish(Dead, time.Time{}, a1)
			f.equal("then", f.claim(), []ID{a2})
		},
		"while one waits for another attempt, those behind it wait; then they go behind it": func(f *fixture) {
			a1 := f.put("a")
			f.claim()
			a2, a3 := f.put("a"), f.put("a")
			f.finish(Pending, f.now().Add(time.Minute), a1)
			f.equal("meanwhile", len(f.claim()), 0)
			f.advance(time.Minute)
			f.equal("then", f.claim(), []ID{a1, a2, a3})
		},
		"those handed back behind a retried one keep their places": func(f *fixture) {
			a1, a2, a3 := f.put("a"), f.put("a"), f.put("a")
			f.claim()
			f.finish(Pending, f.now().Add(time.Minute), a1)
			f.handBack(time.Time{}, a3, a2)
			f.equal("meanwhile", len(f.claim()), 0)
			f.equal("attempts", f.get(a2).Attempts, 0)
			f.advance(time.Minute)
			f.equal("then", f.claim(), []ID{a1, a2, a3})
		},
		"one handed back with the end of the one before it goes": func(f *fixture) {
			a1, a2 := f.put("a"), f.put("a")
			f.claim()
			f.check(f.Finish(f.Context(), []Outcome{
				{ID: a2, Lease: 1, State: Pending},
				{ID: a1, Lease: 1, State: Delivered, Attempt: &Attempt{At: f.now()}},
			}))
			f.equal("then", f.claim(), []ID{a2})
		},
		"one handed back before the one before it ends goes then": func(f *fixture) {
			a1, a2 := f.put("a"), f.put("a")
			f.claim()
			f.handBack(time.Time{}, a2)
			f.equal("meanwhile", len(f.claim()), 0)
			f.finish(Delivered, time.Time{}, a1)
			f.equal("then", f.claim(), []ID{a2})
		},
		"a first one handed back is due when its caller says": func(f *fixture) {
			a1 := f.put("a")
			f.claim()
			f.handBack(f.now().Add(time.Minute), a1)
			f.equal("due", f.get(a1).NextAt, f.now().Add(time.Minute))
			f.advance(time.Minute)
			f.equal("then", f.claim(), []ID{a1})
		},
		"one that waited for OrderWait passes, and those behind it wait for the first": func(f *fixture) {
			a1 := f.put("a")
			f.claim()
			a2 := f.put("a")
			f.advance(time.Minute)
			a3 := f.put("a")
			f.finish(Pending, f.now().Add(3*OrderWait), a1)
			f.advance(OrderWait - time.Minute - time.Millisecond)
			f.equal("just before", len(f.claim()), 0)
			f.advance(time.Millisecond)
			f.equal("passes, with its follower", f.claim(), []ID{a2, a3})
			f.finish(Delivered, time.Time{}, a2)
			f.handBack(time.Time{}, a3)
			f.equal("the follower, handed back", len(f.claim()), 0)
			f.advance(time.Minute)
			f.equal("waited long enough", f.claim(), []ID{a3})
		},
		"one that is handed back after its wait ran out rests for a second": func(f *fixture) {
			a1, a2 := f.put("a"), f.put("a")
			f.claim()
			f.finish(Pending, f.now().Add(3*OrderWait), a1)
			f.advance(2 * OrderWait)
			f.handBack(time.Time{}, a2)
			f.equal("at once", len(f.claim()), 0)
			f.advance(time.Second)
			f.equal("after a second", f.claim(), []ID{a2})
		},
		"the end of one does not shorten the pause of one that was tried": func(f *fixture) {
			a1 := f.put("a")
			f.claim()
			a2 := f.put("a")
			f.finish(Pending, f.now().Add(2*OrderWait), a1)
			f.advance(OrderWait)
			f.equal("passes", f.claim(), []ID{a2})
			f.finish(Pending, f.now().Add(2*OrderWait), a2)
			f.advance(OrderWait)
			f.equal("the first again", f.claim(), []ID{a1, a2})
			f.handBack(time.Time{}, a2)
			f.finish(Delivered, time.Time{}, a1)
		},
		"two due ones of one key come in the order of their events": func(f *fixture) {
			a1 := f.put("a")
			f.claim()
			a2 := f.put("a")
			f.finish(Pending, f.now().Add(OrderWait+time.Minute), a1)
			f.advance(2 * OrderWait)
			f.equal("claimed", f.claim(), []ID{a1, a2})
		},
	}
}
