package store

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// sharedCases are about what several relays on one store agree on.
func sharedCases() map[string]func(*fixture) {
	swap := func(f *fixture, old, value []byte, expires time.Time) bool {
		f.Helper()
		ok, err := f.Swap(f.Context(), "k", old, Change{Value: value, Expires: expires})
		f.check(err)
		return ok
	}
	value := func(f *fixture) string {
		f.Helper()
		v, err := f.Get(f.Context(), "k")
		f.check(err)
		return fmt.Sprintf("%q %v", v, v == nil)
	}
	a, b := []byte("a"), []byte("b")
	return map[string]func(*fixture){
		"a swap changes a key that is as expected, and no other": func(f *fixture) {
			f.equal("a value where there is none", swap(f, a, b, time.Time{}), false)
			f.equal("makes it", swap(f, nil, a, time.Time{}), true)
			f.equal("makes it again", swap(f, nil, b, time.Time{}), false)
			f.equal("kept", value(f), `"a" false`)
			f.equal("changes it", swap(f, a, b, time.Time{}), true)
			f.equal("changes it from an old value", swap(f, a, a, time.Time{}), false)
			f.equal("deletes it", swap(f, b, nil, time.Time{}), true)
			f.equal("deleted", value(f), `"" true`)
			f.equal("deletes nothing", swap(f, nil, nil, time.Time{}), true)
		},
		"an empty value is not the same as none in a swap": func(f *fixture) {
			f.equal("makes it", swap(f, nil, []byte{}, time.Time{}), true)
			f.equal("none", swap(f, nil, a, time.Time{}), false)
			f.equal("empty", swap(f, []byte{}, a, time.Time{}), true)
		},
		"an expired value is none in a swap": func(f *fixture) {
			swap(f, nil, a, f.now().Add(time.Minute))
			f.advance(time.Minute)
			f.equal("the old value", swap(f, a, b, time.Time{}), false)
			f.equal("none", swap(f, nil, b, time.Time{}), true)
			f.equal("kept", value(f), `"b" false`)
		},
		"of many who swap at once, one wins each time": func(f *fixture) {
			won := make([]int, 8)
			var wg sync.WaitGroup
			for who := range won {
				wg.Go(func() {
					for round := range 10 {
						old := fmt.Append(nil, round)
						if round == 0 {
							old = nil
						}
						ok, err := f.Swap(f.Context(), "k", old, Change{Value: fmt.Append(nil, round+1)})
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
			f.equal("value and wins", value(f), fmt.Sprintf("%q false", fmt.Sprint(sum)))
		},
		"nobody swaps for a context that has ended": func(f *fixture) {
			ok, err := f.Swap(cancelledContext(), "k", nil, Change{Value: a})
			f.equal("not done", []bool{ok, err != nil}, []bool{false, true})
		},
	}
}

// rateCases are about places in a rate.
func rateCases() map[string]func(*fixture) {
	reserve := func(f *fixture, key string, r Rate, most time.Duration) time.Duration {
		f.Helper()
		wait, err := f.Reserve(f.Context(), key, r, most)
		f.check(err)
		return wait
	}
	slack := Rate{Messages: 1, Per: time.Second}
	return map[string]func(*fixture){
		"places come one after the other, and a burst at once": func(f *fixture) {
			for i, want := range []time.Duration{0, 0, 0, 500 * time.Millisecond, time.Second} {
				got := reserve(f, "k", Rate{Messages: 2, Per: time.Second, Burst: 3}, time.Hour)
				f.equal(fmt.Sprint("place ", i), got, want)
			}
			f.equal("another key", reserve(f, "other", slack, time.Hour), time.Duration(0))
		},
		"a place that is too far away is not taken": func(f *fixture) {
			f.equal("first", reserve(f, "k", slack, 0), time.Duration(0))
			for range 3 {
				f.equal("too far", reserve(f, "k", slack, 999*time.Millisecond), time.Second)
			}
			f.equal("near enough", reserve(f, "k", slack, time.Second), time.Second)
		},
		"time frees places": func(f *fixture) {
			reserve(f, "k", slack, time.Hour)
			reserve(f, "k", slack, time.Hour)
			f.advance(500 * time.Millisecond)
			f.equal("half a second later", reserve(f, "k", slack, 0), 1500*time.Millisecond)
			f.advance(time.Hour)
			f.equal("an hour later", reserve(f, "k", slack, 0), time.Duration(0))
			f.equal("no more than one is saved up", reserve(f, "k", slack, 0), time.Second)
		},
		"no rate is no wait": func(f *fixture) {
			for range 3 {
				f.equal("wait", reserve(f, "k", Rate{}, 0), time.Duration(0))
			}
		},
	}
}

// loadCases are about how much is unfinished.
func loadCases() map[string]func(*fixture) {
	load := func(f *fixture, what string, deliveries, bytes int) {
		f.Helper()
		f.equal(what, f.Load(), Load{deliveries, int64(bytes)})
	}
	size := len(`{"m":1}`)
	return map[string]func(*fixture){
		"what is unfinished counts, with the bytes of its messages": func(f *fixture) {
			load(f, "empty", 0, 0)
			a, b, c := f.put("a"), f.put("a"), f.put("")
			big, rehearsed := f.delivery("m", ""), f.delivery("m", "")
			big.Message, rehearsed.Cancelled = make([]byte, 100_000), "dry run"
			f.accept(f.event(), Plan{Deliveries: []NewDelivery{big, rehearsed}})
			load(f, "accepted", 4, 3*size+100_000)
			f.claim()
			load(f, "claimed", 4, 3*size+100_000)
			f.finish(Pending, f.now().Add(time.Minute), a)
			f.handBack(time.Time{}, b)
			load(f, "again later, and handed back", 4, 3*size+100_000)
			f.finish(Dead, time.Time{}, c)
			f.finish(Dead, time.Time{}, c)
			load(f, "dead", 3, 2*size+100_000)
			_, err := f.Retry(f.Context(), []ID{a, c, c})
			f.check(err)
			load(f, "retried", 4, 3*size+100_000)
			_, err = f.Cancel(f.Context(), []ID{a, big.ID, big.ID}, "not wanted")
			f.check(err)
			load(f, "cancelled", 2, 2*size)
			f.finish(Delivered, time.Time{}, f.claim()...)
			load(f, "delivered", 0, 0)
		},
		"a fallback counts in place of the one that died": func(f *fixture) {
			id := f.put("")
			f.claim()
			d := f.delivery("m", "")
			d.Message = []byte("longer than the other")
			f.check(f.Finish(f.Context(), []Outcome{{ID: id, Lease: 1, State: Dead, Fallback: &d}}))
			load(f, "fallback", 1, len(d.Message))
		},
		"what was not stored does not count": func(f *fixture) {
			_, err := f.Accept(f.Context(), []Event{f.event()}, func(int, func(string) ([]byte, error)) (Plan, error) {
				return Plan{Deliveries: []NewDelivery{f.delivery("n", "")}}, errors.New("no plan")
			})
			f.check(err)
			load(f, "failed", 0, 0)
		},
		"the load and the backlog are the same after the store opens again": func(f *fixture) {
			dead, _, at := f.put(""), f.put("a"), f.now()
			f.claim()
			f.finish(Dead, time.Time{}, dead)
			f.advance(time.Minute)
			f.put("a")
			f.reopen()
			load(f, "opened again", 2, 2*size)
			b, err := f.Backlog(f.Context())
			f.check(err)
			f.equal("backlog", b, []Backlog{{Notifier: "n", Pending: 2, Dead: 1, Oldest: at}})
		},
		"a retried dead delivery is the oldest again, and a purged one is gone from the backlog": func(f *fixture) {
			at := f.now()
			old := f.put("")
			f.claim()
			f.finish(Dead, time.Time{}, old)
			f.advance(time.Hour)
			f.put("")
			_, err := f.Retry(f.Context(), []ID{old})
			f.check(err)
			b, err := f.Backlog(f.Context())
			f.check(err)
			f.equal("retried", b, []Backlog{{Notifier: "n", Pending: 2, Oldest: at}})
			for _, id := range f.claim() {
				f.finish(Dead, time.Time{}, id)
			}
			f.advance(time.Hour)
			_, err = f.Purge(f.Context(), f.now(), f.now())
			f.check(err)
			b, err = f.Backlog(f.Context())
			f.check(err)
			f.equal("purged", len(b), 0)
		},
	}
}
