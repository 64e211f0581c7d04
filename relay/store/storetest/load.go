package storetest

import (
	"errors"
	"time"

	"qaserelay/relay/store"
)

// loadCases are about the number of unfinished deliveries.
func loadCases() map[string]func(*Fixture) {
	load := func(f *Fixture, what string, deliveries, bytes int) {
		f.Helper()
		f.Equal(what, f.Load(), store.Load{Deliveries: deliveries, Bytes: int64(bytes)})
	}
	size := len(`{"m":1}`)
	return map[string]func(*Fixture){
		"unfinished deliveries count, with the bytes of their messages": func(f *Fixture) {
			load(f, "empty", 0, 0)
			a, b, c := f.Put("a"), f.Put("a"), f.Put("")
			big, dryRun := f.MakeDelivery("m", ""), f.MakeDelivery("m", "")
			big.Message, dryRun.Cancelled = make([]byte, 100_000), "dry run"
			f.AcceptDeliveries(big, dryRun)
			load(f, "accepted", 4, 3*size+100_000)
			f.ClaimIDs()
			load(f, "claimed", 4, 3*size+100_000)
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), a)
			f.HandBack(time.Time{}, b)
			load(f, "again later, and handed back", 4, 3*size+100_000)
			f.FinishAs(store.Dead, time.Time{}, c)
			f.FinishAs(store.Dead, time.Time{}, c)
			load(f, "dead", 3, 2*size+100_000)
			f.RetryAll(a, c, c)
			load(f, "retried", 4, 3*size+100_000)
			f.CancelAll(a, big.ID, big.ID)
			load(f, "cancelled", 2, 2*size)
			f.FinishAs(store.Delivered, time.Time{}, f.ClaimIDs()...)
			load(f, "delivered", 0, 0)
		},
		"a fallback counts in place of the one that failed permanently": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			d := f.MakeDelivery("m", "")
			d.Message = []byte("longer than the other")
			f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: id, Lease: 1, State: store.Dead, Fallbacks: []store.NewDelivery{d}}}))
			load(f, "fallback", 1, len(d.Message))
		},
		"deliveries that were not stored do not count": func(f *Fixture) {
			_, err := f.Accept(f.Context(), []store.Event{f.MakeEvent()}, func(int, getter) (store.Plan, error) {
				return store.Plan{Deliveries: []store.NewDelivery{f.MakeDelivery("n", "")}}, errors.New("no plan")
			})
			f.NoError(err)
			load(f, "failed", 0, 0)
		},
		"the load and the backlog are the same after the store opens again": func(f *Fixture) {
			dead, _, at := f.Put(""), f.Put("a"), f.Now()
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, dead)
			f.Advance(time.Minute)
			f.Put("a")
			f.Reopen()
			load(f, "opened again", 2, 2*size)
			b, err := f.Backlog(f.Context())
			f.NoError(err)
			f.Equal("backlog", b, []store.Backlog{{Notifier: "n", Pending: 2, Dead: 1, Oldest: at}})
		},
		"a retried dead delivery is the oldest again, and a purged one is gone from the backlog": func(f *Fixture) {
			at := f.Now()
			old := f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Dead, time.Time{}, old)
			f.Advance(time.Hour)
			f.Put("")
			f.RetryAll(old)
			b, err := f.Backlog(f.Context())
			f.NoError(err)
			f.Equal("retried", b, []store.Backlog{{Notifier: "n", Pending: 2, Oldest: at}})
			for _, id := range f.ClaimIDs() {
				f.FinishAs(store.Dead, time.Time{}, id)
			}
			f.Advance(time.Hour)
			_, err = f.Purge(f.Context(), f.Now(), f.Now())
			f.NoError(err)
			b, err = f.Backlog(f.Context())
			f.NoError(err)
			f.Equal("purged", len(b), 0)
		},
	}
}
