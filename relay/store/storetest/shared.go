package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// sharedCases are about what several relays on one store agree on.
func sharedCases() map[string]func(*Fixture) {
	swap := func(f *Fixture, old, value []byte, expires time.Time) bool {
		f.Helper()
		ok, err := f.Swap(f.Context(), "k", old, store.Change{Value: value, Expires: expires})
		f.NoError(err)
		return ok
	}
	value := func(f *Fixture) string {
		f.Helper()
		v, err := f.Get(f.Context(), "k")
		f.NoError(err)
		return fmt.Sprintf("%q %v", v, v == nil)
	}
	a, b := []byte("a"), []byte("b")
	return map[string]func(*Fixture){
		"a swap changes a key that is as expected, and no other": func(f *Fixture) {
			f.Equal("a value where there is none", swap(f, a, b, time.Time{}), false)
			f.Equal("makes it", swap(f, nil, a, time.Time{}), true)
			f.Equal("makes it again", swap(f, nil, b, time.Time{}), false)
			f.Equal("kept", value(f), `"a" false`)
			f.Equal("changes it", swap(f, a, b, time.Time{}), true)
			f.Equal("changes it from an old value", swap(f, a, a, time.Time{}), false)
			f.Equal("deletes it", swap(f, b, nil, time.Time{}), true)
			f.Equal("deleted", value(f), `"" true`)
			f.Equal("deletes nothing", swap(f, nil, nil, time.Time{}), true)
		},
		"an empty value is not the same as none in a swap": func(f *Fixture) {
			f.Equal("makes it", swap(f, nil, []byte{}, time.Time{}), true)
			f.Equal("none", swap(f, nil, a, time.Time{}), false)
			f.Equal("empty", swap(f, []byte{}, a, time.Time{}), true)
		},
		"an expired value is none in a swap": func(f *Fixture) {
			swap(f, nil, a, f.Now().Add(time.Minute))
			f.Advance(time.Minute)
			f.Equal("the old value", swap(f, a, b, time.Time{}), false)
			f.Equal("none", swap(f, nil, b, time.Time{}), true)
			f.Equal("kept", value(f), `"b" false`)
		},
		"of many who swap at once, one wins each time": func(f *Fixture) {
			won := make([]int, 8)
			var wg sync.WaitGroup
			for who := range won {
				wg.Go(func() {
					for round := range 10 {
						old := fmt.Append(nil, round)
						if round == 0 {
							old = nil
						}
						ok, err := f.Swap(f.Context(), "k", old, store.Change{Value: fmt.Append(nil, round+1)})
						if err != nil {
							f.Error(err)
						}
						if ok {
							won[who]++
						}
					}
				})
			}
			wg.Wait()
			sum := 0
			for _, n := range won {
				sum += n
			}
			f.Equal("value and wins", value(f), fmt.Sprintf("%q false", fmt.Sprint(sum)))
		},
		"nobody swaps for a context that has ended": func(f *Fixture) {
			ok, err := f.Swap(cancelledContext(), "k", nil, store.Change{Value: a})
			f.Equal("not done", []bool{ok, err != nil}, []bool{false, true})
		},
	}
}

// rateCases are about places in a rate.
func rateCases() map[string]func(*Fixture) {
	reserve := func(f *Fixture, key string, r store.Rate, most time.Duration) time.Duration {
		f.Helper()
		wait, err := f.Reserve(f.Context(), key, r, most)
		f.NoError(err)
		return wait
	}
	slack := store.Rate{Messages: 1, Per: time.Second}
	return map[string]func(*Fixture){
		"places come one after the other, and a burst at once": func(f *Fixture) {
			for i, want := range []time.Duration{0, 0, 0, 500 * time.Millisecond, time.Second} {
				got := reserve(f, "k", store.Rate{Messages: 2, Per: time.Second, Burst: 3}, time.Hour)
				f.Equal(fmt.Sprint("place ", i), got, want)
			}
			f.Equal("another key", reserve(f, "other", slack, time.Hour), time.Duration(0))
		},
		"a place that is too far away is not taken": func(f *Fixture) {
			f.Equal("first", reserve(f, "k", slack, 0), time.Duration(0))
			for range 3 {
				f.Equal("too far", reserve(f, "k", slack, 999*time.Millisecond), time.Second)
			}
			f.Equal("near enough", reserve(f, "k", slack, time.Second), time.Second)
		},
		"time frees places": func(f *Fixture) {
			reserve(f, "k", slack, time.Hour)
			reserve(f, "k", slack, time.Hour)
			f.Advance(500 * time.Millisecond)
			f.Equal("half a second later", reserve(f, "k", slack, 0), 1500*time.Millisecond)
			f.Advance(time.Hour)
			f.Equal("an hour later", reserve(f, "k", slack, 0), time.Duration(0))
			f.Equal("no more than one is saved up", reserve(f, "k", slack, 0), time.Second)
		},
		"no rate is no wait": func(f *Fixture) {
			for range 3 {
				f.Equal("wait", reserve(f, "k", store.Rate{}, 0), time.Duration(0))
			}
		},
	}
}

// loadCases are about how much is unfinished.
func loadCases() map[string]func(*Fixture) {
	load := func(f *Fixture, what string, deliveries, bytes int) {
		f.Helper()
		f.Equal(what, f.Load(), store.Load{Deliveries: deliveries, Bytes: int64(bytes)})
	}
	size := len(`{"m":1}`)
	return map[string]func(*Fixture){
		"what is unfinished counts, with the bytes of its messages": func(f *Fixture) {
			load(f, "empty", 0, 0)
			a, b, c := f.Put("a"), f.Put("a"), f.Put("")
			big, rehearsed := f.MakeDelivery("m", ""), f.MakeDelivery("m", "")
			big.Message, rehearsed.Cancelled = make([]byte, 100_000), "dry run"
			f.AcceptOne(f.MakeEvent(), store.Plan{Deliveries: []store.NewDelivery{big, rehearsed}})
			load(f, "accepted", 4, 3*size+100_000)
			f.ClaimIDs()
			load(f, "claimed", 4, 3*size+100_000)
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), a)
			f.HandBack(time.Time{}, b)
			load(f, "again later, and handed back", 4, 3*size+100_000)
			f.FinishAs(store.Dead, time.Time{}, c)
			f.FinishAs(store.Dead, time.Time{}, c)
			load(f, "dead", 3, 2*size+100_000)
			_, err := f.Retry(f.Context(), []store.ID{a, c, c})
			f.NoError(err)
			load(f, "retried", 4, 3*size+100_000)
			_, err = f.Cancel(f.Context(), []store.ID{a, big.ID, big.ID}, "not wanted")
			f.NoError(err)
			load(f, "cancelled", 2, 2*size)
			f.FinishAs(store.Delivered, time.Time{}, f.ClaimIDs()...)
			load(f, "delivered", 0, 0)
		},
		"a fallback counts in place of the one that died": func(f *Fixture) {
			id := f.Put("")
			f.ClaimIDs()
			d := f.MakeDelivery("m", "")
			d.Message = []byte("longer than the other")
			f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: id, Lease: 1, State: store.Dead, Fallback: &d}}))
			load(f, "fallback", 1, len(d.Message))
		},
		"what was not stored does not count": func(f *Fixture) {
			_, err := f.Accept(f.Context(), []store.Event{f.MakeEvent()}, func(int, func(string) ([]byte, error)) (store.Plan, error) {
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
			_, err := f.Retry(f.Context(), []store.ID{old})
			f.NoError(err)
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
