package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/store"
)

func keyCases() map[string]func(*Fixture) {
	set := func(f *Fixture, key, value string, expires time.Time) {
		f.Helper()
		c := store.Change{Key: key, Value: []byte(value), Expires: expires}
		f.NoError(f.AcceptOne(f.MakeEvent(), store.Plan{Changes: []store.Change{c}}).Err)
	}
	value := func(f *Fixture, key string) any {
		f.Helper()
		v, err := f.Get(f.Context(), key)
		f.NoError(err)
		if v == nil {
			return nil
		}
		return string(v)
	}
	return map[string]func(*Fixture){
		"a value is kept until it is changed or deleted": func(f *Fixture) {
			f.Equal("before", value(f, "k"), nil)
			set(f, "k", "1", f.Now().Add(time.Hour))
			f.Equal("set", value(f, "k"), "1")
			set(f, "k", "2", f.Now().Add(time.Hour))
			f.Equal("changed", value(f, "k"), "2")
			f.NoError(f.AcceptOne(f.MakeEvent(), store.Plan{Changes: []store.Change{{Key: "k"}}}).Err)
			f.Equal("deleted", value(f, "k"), nil)
		},
		"an empty value is a value": func(f *Fixture) {
			set(f, "k", "", time.Time{})
			f.Equal("value", value(f, "k"), "")
		},
		"a value is gone when it has expired, and one without expiry stays": func(f *Fixture) {
			set(f, "k", "1", f.Now().Add(time.Hour))
			set(f, "forever", "1", time.Time{})
			f.Advance(time.Hour)
			f.Equal("expired", value(f, "k"), nil)
			f.Equal("without expiry", value(f, "forever"), "1")
			_, err := f.Accept(f.Context(), []store.Event{f.MakeEvent()}, func(_ int, get getter) (store.Plan, error) {
				v, err := get("k")
				f.Equal("in decide", v == nil, true)
				return store.Plan{}, err
			})
			f.NoError(err)
		},
		"each event of a batch sees the changes of those before it, in keys that were announced or not": func(f *Fixture) {
			set(f, "count", "a", time.Time{})
			batch := []store.Event{f.MakeEvent(), f.MakeEvent(), f.MakeEvent()}
			batch[0].Keys = []string{"count", "other"}
			_, err := f.Accept(f.Context(), batch, func(i int, get getter) (store.Plan, error) {
				v, err := get("count")
				if i == 1 {
					return store.Plan{Changes: []store.Change{{Key: "count",
						Value: []byte("wrong")}}}, errors.New("no plan")
				}
				return store.Plan{Changes: []store.Change{{Key: "count",
					Value: append(v[:len(v):len(v)], "bc"[i/2])}}}, err
			})
			f.NoError(err)
			f.Equal("value", value(f, "count"), "abc")
		},
		"a key may hold any text": func(f *Fixture) {
			for _, k := range []string{"", "ключ", `"'\`, "a\xffb", "line\nbreak"} {
				set(f, k, "v"+k, time.Time{})
				f.Equal("value", value(f, k), "v"+k)
			}
		},
		"changes of many callers are not lost": func(f *Fixture) {
			var wg sync.WaitGroup
			for range 50 {
				ev := f.MakeEvent()
				wg.Go(func() {
					_, err := f.Accept(f.Context(), []store.Event{ev}, func(_ int, get getter) (store.Plan, error) {
						v, err := get("k")
						return store.Plan{Changes: []store.Change{{Key: "k",
							Value: append(v[:len(v):len(v)], 'x')}}}, err
					})
					if err != nil {
						f.Error(err)
					}
				})
			}
			wg.Wait()
			f.Equal("value", value(f, "k"), strings.Repeat("x", 50))
		},
	}
}

// swapCases are about keys that change only from a known value.
func swapCases() map[string]func(*Fixture) {
	swap := func(f *Fixture, old, value []byte, expires time.Time) bool {
		f.Helper()
		ok, err := f.Swap(f.Context(), "k", old, store.Change{Value: value, Expires: expires})
		f.NoError(err)
		return ok
	}
	value := func(f *Fixture) string {
		f.Helper()
		v := f.Value("k")
		return fmt.Sprintf("%q %v", v, v == nil)
	}
	a, b := []byte("a"), []byte("b")
	return map[string]func(*Fixture){
		"a swap changes a key that is as expected, and no other": func(f *Fixture) {
			f.Equal("a value of a missing key", swap(f, a, b, time.Time{}), false)
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
		"of many swaps at once, one succeeds each time": func(f *Fixture) {
			won := make([]int, 8)
			var wg sync.WaitGroup
			for caller := range won {
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
							won[caller]++
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
		"a swap whose context has ended changes nothing": func(f *Fixture) {
			ok, err := f.Swap(cancelledContext(), "k", nil, store.Change{Value: a})
			f.Equal("not done", []bool{ok, err != nil}, []bool{false, true})
		},
	}
}

// rateCases are about slots of a rate.
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
