package store

import (
	"errors"
	"strings"
	"time"
)

func deliverCases() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"a claimed delivery comes whole, and is claimed by nobody else": func(f *fixture) {
			id := f.put("k")
			d := f.claimAll()[0]
			stored := f.get(id)
			f.equal("claimed", d, stored)
			f.equal("state", d.State, Sending)
			f.equal("lease", d.Lease, 1)
			f.equal("body", string(d.EventBody), `{"n":1}`)
			f.equal("again", len(f.claim()), 0)
		},
		"the first due is claimed first": func(f *fixture) {
			a, b := f.put(""), f.put("")
			f.claim()
			f.finish(Pending, f.now().Add(2*time.Second), a)
			f.finish(Pending, f.now().Add(time.Second), b)
			f.advance(time.Minute)
			f.equal("claimed", f.claim(), []ID{b, a})
		},
		"an attempt is kept with what was answered": func(f *fixture) {
			id := f.put("")
			f.claim()
			a := Attempt{
				At: f.now(), Took: 1500 * time.Microsecond, Status: "503 Service Unavailable", Reason: "unavailable",
				Error: "try later", Response: strings.Repeat("é", 4000),
			}
			f.report(Pending, f.now().Add(time.Minute), &a, []ID{id})
			d, as, err := f.Delivery(f.Context(), id)
			f.check(err)
			a.Response = a.Response[:4096]
			f.equal("attempts", as, []Attempt{a})
			f.equal("count", d.Attempts, 1)
			f.equal("status and error", d.Status+", "+d.Error, "503 Service Unavailable, try later")
			f.equal("due", d.NextAt, f.now().Add(time.Minute))
			f.advance(time.Minute)
			f.claim()
			f.finish(Delivered, time.Time{}, id)
			d, as, err = f.Delivery(f.Context(), id)
			f.check(err)
			f.equal("attempts", len(as), 2)
			f.equal("state, attempts, error, due", []any{d.State, d.Attempts, d.Error, d.NextAt.IsZero()}, []any{Delivered, 2, "", true})
			f.equal("updated", d.UpdatedAt, f.now())
		},
		"a delivery that did not reach all says so": func(f *fixture) {
			id := f.put("")
			f.claim()
			f.report(Delivered, time.Time{}, &Attempt{At: f.now(), Status: "250 OK", Error: "not to all"}, []ID{id})
			d := f.get(id)
			f.equal("told", []any{d.State, d.Status, d.Error}, []any{Delivered, "250 OK", "not to all"})
		},
		"an outcome of an older lease is ignored": func(f *fixture) {
			id := f.put("")
			f.claim()
			f.handBack(time.Time{}, id)
			f.claim()
			old := Outcome{ID: id, Lease: 1, State: Delivered, Attempt: &Attempt{At: f.now()}}
			f.check(f.Finish(f.Context(), []Outcome{old}))
			f.equal("state", f.get(id).State, Sending)
			_, as, err := f.Delivery(f.Context(), id)
			f.check(err)
			f.equal("attempts", len(as), 0)
			f.finish(Delivered, time.Time{}, id)
			old.State, old.Lease = Dead, 2
			f.check(f.Finish(f.Context(), []Outcome{old}))
			f.equal("after its end", f.get(id).State, Delivered)
		},
		"an outcome that no attempt can have is refused": func(f *fixture) {
			f.equal("refused", f.Finish(f.Context(), []Outcome{{ID: 1, State: Cancelled}}) != nil, true)
		},
		"handing back is no attempt": func(f *fixture) {
			id := f.put("")
			f.claim()
			f.handBack(f.now().Add(time.Second), id)
			d, as, err := f.Delivery(f.Context(), id)
			f.check(err)
			f.equal("attempts", []int{d.Attempts, len(as)}, []int{0, 0})
			f.equal("due", d.NextAt, f.now().Add(time.Second))
		},
		"the allowance of attempts begins with the first attempt, not when it was made or handed back": func(f *fixture) {
			id := f.put("")
			f.claim()
			f.handBack(f.now().Add(48*time.Hour), id)
			f.advance(48 * time.Hour)
			first := f.now()
			for range 2 {
				f.claim()
				f.finish(Pending, f.now().Add(time.Hour), id)
				f.equal("began", f.get(id).FirstAt, first)
				f.advance(time.Hour)
			}
			f.equal("made", f.get(id).CreatedAt, first.Add(-48*time.Hour))
		},
		"a person can retry a dead or a waiting delivery, with a fresh allowance": func(f *fixture) {
			dead, waiting, done := f.put(""), f.put(""), f.put("")
			f.claim()
			f.finish(Dead, time.Time{}, dead)
			f.finish(Pending, f.now().Add(time.Hour), waiting)
			f.finish(Delivered, time.Time{}, done)
			f.advance(time.Minute)
			n, err := f.Retry(f.Context(), []ID{dead, waiting, done, dead, 12345})
			f.check(err)
			f.equal("found", n, 2)
			d := f.get(dead)
			f.equal("fresh", []any{d.State, d.Attempts, d.FirstAt, d.NextAt}, []any{Pending, 0, f.now(), f.now()})
			f.equal("claimed", f.claim(), []ID{dead, waiting})
			f.equal("lease", f.get(dead).Lease, 2)
		},
		"a person can cancel a dead or a waiting delivery, and the next one of its entity goes": func(f *fixture) {
			dead, first, next, done := f.put(""), f.put("k"), f.put("k"), f.put("")
			f.claim()
			f.finish(Dead, time.Time{}, dead)
			f.finish(Delivered, time.Time{}, done)
			f.finish(Pending, f.now().Add(time.Minute), first)
			f.handBack(time.Time{}, next)
			n, err := f.Cancel(f.Context(), []ID{dead, first, done, dead, 12345}, "not wanted")
			f.check(err)
			f.equal("found", n, 2)
			d := f.get(first)
			f.equal("cancelled", []any{d.State, d.Error, d.NextAt.IsZero()}, []any{Cancelled, "not wanted", true})
			f.equal("ended", []State{f.get(dead).State, f.get(done).State}, []State{Cancelled, Delivered})
			f.equal("next", f.claim(), []ID{next})
			n, err = f.Cancel(f.Context(), []ID{next}, "too late")
			f.check(err)
			f.equal("being sent", n, 0)
			f.equal("unfinished", f.Load(), Load{1, int64(len(f.get(next).Message))})
		},
		"the notifiers of dead and pending deliveries are named once": func(f *fixture) {
			dead, done := f.put(""), f.put("")
			f.claim()
			f.finish(Dead, time.Time{}, dead)
			f.finish(Delivered, time.Time{}, done)
			ids := []ID{dead, done, 12345}
			var p Plan
			for i := range 40 {
				p.Deliveries = append(p.Deliveries, f.delivery([]string{"a", "b"}[i%2], ""))
				ids = append(ids, p.Deliveries[i].ID)
			}
			f.accept(f.event(), p)
			for want, of := range map[string][]ID{"[a b n]": ids, "[b]": ids[4:5], "[]": {done, 12345}} {
				names, err := f.NotifiersOf(f.Context(), of)
				f.check(err)
				f.equal("names", names, want)
			}
		},
		"many can be retried at once": func(f *fixture) {
			var ids []ID
			var p Plan
			for range 600 {
				p.Deliveries = append(p.Deliveries, f.delivery("n", ""))
				ids = append(ids, p.Deliveries[len(p.Deliveries)-1].ID)
			}
			f.accept(f.event(), p)
			n, err := f.Retry(f.Context(), ids)
			f.check(err)
			f.equal("found", n, 600)
		},
		"the next due time is that of the first pending one, or zero": func(f *fixture) {
			due := func() time.Time {
				at, err := f.NextDue(f.Context(), "n")
				f.check(err)
				return at
			}
			f.equal("nothing", due().IsZero(), true)
			id := f.put("")
			f.equal("due", due(), f.now())
			f.claim()
			f.equal("sending", due().IsZero(), true)
			f.finish(Pending, f.now().Add(time.Hour), id)
			f.equal("later", due(), f.now().Add(time.Hour))
		},
		"the backlog counts what is unfinished and what is dead, for each notifier": func(f *fixture) {
			backlog := func() []Backlog {
				b, err := f.Backlog(f.Context())
				f.check(err)
				return b
			}
			f.equal("empty", len(backlog()), 0)
			start := f.now()
			a, b := f.put("k"), f.put("k")
			f.advance(time.Minute)
			f.put("")
			f.accept(f.event(), Plan{Deliveries: []NewDelivery{f.delivery("m", "")}})
			f.claim()
			f.equal("first", backlog(), []Backlog{{Notifier: "m", Pending: 1, Oldest: f.now()}, {Notifier: "n", Pending: 3, Oldest: start}})
			f.finish(Dead, time.Time{}, a)
			f.finish(Delivered, time.Time{}, b)
			f.equal("later", backlog(), []Backlog{
				{Notifier: "m", Pending: 1, Oldest: f.now()}, {Notifier: "n", Pending: 1, Dead: 1, Oldest: f.now()},
			})
		},
		"a claim whose caller has gone keeps nothing": func(f *fixture) {
			id := f.put("")
			_, err := f.Claim(cancelledContext(), "n", 10)
			f.equal("error", err != nil, true)
			f.equal("state", f.get(id).State, Pending)
		},
		"an unknown event or delivery is not found": func(f *fixture) {
			_, err := f.Event(f.Context(), 7)
			f.equal("event", errors.Is(err, ErrNotFound), true)
			_, _, err = f.Delivery(f.Context(), 7)
			f.equal("delivery", errors.Is(err, ErrNotFound), true)
		},
	}
}
