package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"qaserelay/relay/store"
)

func deliverCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"a claimed delivery is complete, and is not claimed again": func(f *Fixture) {
			id := f.Put("k")
			d := f.claimAll()[0]
			stored := f.Find(id)
			f.Equal("claimed", d, stored)
			f.Equal("state", d.State, store.Sending)
			f.Equal("lease", d.Lease, 1)
			f.Equal("body", string(d.EventBody), `{"n":1}`)
			f.Equal("again", len(f.ClaimIDs()), 0)
		},
		"the first due is claimed first": func(f *Fixture) {
			a, b := f.Put(""), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Pending, f.Now().Add(2*time.Second), a)
			f.FinishAs(store.Pending, f.Now().Add(time.Second), b)
			f.Advance(time.Minute)
			f.Equal("claimed", f.ClaimIDs(), []store.ID{b, a})
		},
		"an attempt is kept with its answer": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			a := store.Attempt{
				At: f.Now(), Took: 1500 * time.Microsecond, Status: "503 Service Unavailable", Reason: "unavailable",
				Error: "try later", Response: strings.Repeat("é", 4000),
			}
			f.report(store.Pending, f.Now().Add(time.Minute), &a, []store.ID{id})
			d, as, err := f.Delivery(f.Context(), id)
			f.NoError(err)
			a.Response = a.Response[:4096]
			f.Equal("attempts", as, []store.Attempt{a})
			f.Equal("count", d.Attempts, 1)
			f.Equal("status and error", d.Status+", "+d.Error, "503 Service Unavailable, try later")
			f.Equal("due", d.NextAt, f.Now().Add(time.Minute))
			f.Advance(time.Minute)
			f.ClaimIDs()
			f.FinishAs(store.Delivered, time.Time{}, id)
			d, as, err = f.Delivery(f.Context(), id)
			f.NoError(err)
			f.Equal("attempts", len(as), 2)
			f.Equal("state, attempts, error, due",
				[]any{d.State, d.Attempts, d.Error, d.NextAt.IsZero()}, []any{store.Delivered, 2, "", true})
			f.Equal("updated", d.UpdatedAt, f.Now())
		},
		"a delivery that did not reach all says so": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			f.report(store.Delivered, time.Time{}, &store.Attempt{At: f.Now(), Status: "250 OK", Error: "not to all"},
				[]store.ID{id})
			d := f.Find(id)
			f.Equal("state, status, error", []any{d.State, d.Status, d.Error},
				[]any{store.Delivered, "250 OK", "not to all"})
		},
		"an outcome of an older lease is ignored": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			f.HandBack(time.Time{}, id)
			f.ClaimIDs()
			old := store.Outcome{ID: id, Lease: 1, State: store.Delivered, Attempt: &store.Attempt{At: f.Now()}}
			f.NoError(f.Finish(f.Context(), []store.Outcome{old}))
			f.Equal("state", f.Find(id).State, store.Sending)
			_, as, err := f.Delivery(f.Context(), id)
			f.NoError(err)
			f.Equal("attempts", len(as), 0)
			f.FinishAs(store.Delivered, time.Time{}, id)
			old.State, old.Lease = store.Dead, 2
			f.NoError(f.Finish(f.Context(), []store.Outcome{old}))
			f.Equal("after its end", f.Find(id).State, store.Delivered)
		},
		"an outcome that no attempt can have is refused": func(f *Fixture) {
			f.Equal("refused", f.Finish(f.Context(), []store.Outcome{{ID: 1, State: store.Cancelled}}) != nil, true)
		},
		"handing back is no attempt": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			f.HandBack(f.Now().Add(time.Second), id)
			d, as, err := f.Delivery(f.Context(), id)
			f.NoError(err)
			f.Equal("attempts", []int{d.Attempts, len(as)}, []int{0, 0})
			f.Equal("due", d.NextAt, f.Now().Add(time.Second))
		},
		"the allowance of attempts begins with the first attempt, not when it was made or handed back": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			f.HandBack(f.Now().Add(48*time.Hour), id)
			f.Advance(48 * time.Hour)
			first := f.Now()
			for range 2 {
				f.ClaimIDs()
				f.FinishAs(store.Pending, f.Now().Add(time.Hour), id)
				f.Equal("began", f.Find(id).FirstAt, first)
				f.Advance(time.Hour)
			}
			f.Equal("made", f.Find(id).CreatedAt, first.Add(-48*time.Hour))
		},
		"a person can retry a dead or a waiting delivery, with a fresh allowance": func(f *Fixture) {
			dead, waiting, done := f.Put(""), f.Put(""), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, dead)
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), waiting)
			f.FinishAs(store.Delivered, time.Time{}, done)
			f.Advance(time.Minute)
			n, err := f.Retry(f.Context(), []store.ID{dead, waiting, done, dead, 12345})
			f.NoError(err)
			f.Equal("found", n, 2)
			d := f.Find(dead)
			f.Equal("fresh", []any{d.State, d.Attempts, d.FirstAt, d.NextAt}, []any{store.Pending, 0, f.Now(), f.Now()})
			f.Equal("claimed", f.ClaimIDs(), []store.ID{dead, waiting})
			f.Equal("lease", f.Find(dead).Lease, 2)
		},
		"a dead or a waiting delivery can be rewritten, and is due with its new message": func(f *Fixture) {
			dead, waiting, done, sending := f.Put(""), f.Put(""), f.Put(""), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, dead)
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), waiting)
			f.FinishAs(store.Delivered, time.Time{}, done)
			size := len(f.Find(sending).Message)
			f.Advance(time.Minute)
			rewritten := map[store.ID]bool{dead: true, waiting: true, done: false, sending: false, 12345: false}
			for id, want := range rewritten {
				message := fmt.Sprintf(`{"title":"another of %d"}`, id)
				found, err := f.Rewrite(f.Context(), store.Rewrite{ID: id, Title: "another", Message: []byte(message)})
				f.NoError(err)
				f.Equal("found", found, want)
				if !want {
					continue
				}
				d := f.Find(id)
				size += len(message)
				f.Equal("rewritten", []any{d.State, d.Attempts, d.Title, string(d.Message), d.NextAt},
					[]any{store.Pending, 0, "another", message, f.Now()})
			}
			f.Equal("the others", []string{f.Find(done).Title, f.Find(sending).Title}, []string{"a title", "a title"})
			f.Equal("unfinished", f.Load(), store.Load{Deliveries: 3, Bytes: int64(size)})
			f.Equal("claimed", len(f.ClaimIDs()), 2)
		},
		"a person can cancel a dead or a waiting delivery, and the next one of its entity is due": func(f *Fixture) {
			dead, first, next, done := f.Put(""), f.Put("k"), f.Put("k"), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, dead)
			f.FinishAs(store.Delivered, time.Time{}, done)
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), first)
			f.HandBack(time.Time{}, next)
			n, err := f.Cancel(f.Context(), []store.ID{dead, first, done, dead, 12345}, "not wanted")
			f.NoError(err)
			f.Equal("found", n, 2)
			d := f.Find(first)
			f.Equal("cancelled", []any{d.State, d.Error, d.NextAt.IsZero()}, []any{store.Cancelled, "not wanted", true})
			f.Equal("ended", []store.State{f.Find(dead).State, f.Find(done).State},
				[]store.State{store.Cancelled, store.Delivered})
			f.Equal("next", f.ClaimIDs(), []store.ID{next})
			n, err = f.Cancel(f.Context(), []store.ID{next}, "too late")
			f.NoError(err)
			f.Equal("being sent", n, 0)
			f.Equal("unfinished", f.Load(), store.Load{Deliveries: 1, Bytes: int64(len(f.Find(next).Message))})
		},
		"the notifiers of dead and pending deliveries are named once": func(f *Fixture) {
			dead, done := f.Put(""), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, dead)
			f.FinishAs(store.Delivered, time.Time{}, done)
			ids := []store.ID{dead, done, 12345}
			var p store.Plan
			for i := range 40 {
				p.Deliveries = append(p.Deliveries, f.MakeDelivery([]string{"a", "b"}[i%2], ""))
				ids = append(ids, p.Deliveries[i].ID)
			}
			f.AcceptOne(f.MakeEvent(), p)
			for want, of := range map[string][]store.ID{"[a b n]": ids, "[b]": ids[4:5], "[]": {done, 12345}} {
				names, err := f.NotifiersOf(f.Context(), of)
				f.NoError(err)
				f.Equal("names", names, want)
			}
		},
		"many can be retried at once": func(f *Fixture) {
			var ids []store.ID
			var p store.Plan
			for range 600 {
				p.Deliveries = append(p.Deliveries, f.MakeDelivery("n", ""))
				ids = append(ids, p.Deliveries[len(p.Deliveries)-1].ID)
			}
			f.AcceptOne(f.MakeEvent(), p)
			n, err := f.Retry(f.Context(), ids)
			f.NoError(err)
			f.Equal("found", n, 600)
		},
		"the next due time is that of the first pending one, or zero": func(f *Fixture) {
			due := func() time.Time {
				at, err := f.NextDue(f.Context(), "n")
				f.NoError(err)
				return at
			}
			f.Equal("nothing", due().IsZero(), true)
			id := f.Put("")
			f.Equal("due", due(), f.Now())
			f.ClaimIDs()
			f.Equal("sending", due().IsZero(), true)
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), id)
			f.Equal("later", due(), f.Now().Add(time.Hour))
		},
		"the backlog counts unfinished and dead deliveries, for each notifier": func(f *Fixture) {
			backlog := func() []store.Backlog {
				b, err := f.Backlog(f.Context())
				f.NoError(err)
				return b
			}
			f.Equal("empty", len(backlog()), 0)
			start := f.Now()
			a, b := f.Put("k"), f.Put("k")
			f.Advance(time.Minute)
			f.Put("")
			f.AcceptDeliveries(f.MakeDelivery("m", ""))
			f.ClaimIDs()
			f.Equal("first", backlog(), []store.Backlog{{Notifier: "m", Pending: 1, Oldest: f.Now()},
				{Notifier: "n", Pending: 3, Oldest: start}})
			f.FinishAs(store.Dead, time.Time{}, a)
			f.FinishAs(store.Delivered, time.Time{}, b)
			f.Equal("later", backlog(), []store.Backlog{
				{Notifier: "m", Pending: 1, Oldest: f.Now()}, {Notifier: "n", Pending: 1, Dead: 1, Oldest: f.Now()},
			})
		},
		"a claim whose caller has left claims nothing": func(f *Fixture) {
			id := f.Put("")
			_, err := f.Claim(cancelledContext(), "n", 10)
			f.Equal("error", err != nil, true)
			f.Equal("state", f.Find(id).State, store.Pending)
		},
		"an unknown event or delivery is not found": func(f *Fixture) {
			_, err := f.Event(f.Context(), 7)
			f.Equal("event", errors.Is(err, store.ErrNotFound), true)
			_, _, err = f.Delivery(f.Context(), 7)
			f.Equal("delivery", errors.Is(err, store.ErrNotFound), true)
		},
	}
}
