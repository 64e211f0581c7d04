package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/store"
)

func acceptCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"an event is stored as it came, with its plan": func(f *Fixture) {
			ev, d := f.MakeEvent(), f.MakeDelivery("n", "run-1")
			r := f.AcceptOne(ev, store.Plan{Decisions: []byte(`[1]`), Deliveries: []store.NewDelivery{d}})
			f.Equal("receipt", r, store.Receipt{ID: ev.ID, Pending: []string{"n"}})
			got, err := f.Event(f.Context(), ev.ID)
			f.NoError(err)
			f.Equal("event", got, store.StoredEvent{
				ID: ev.ID, Source: "qase", Name: "run.completed", Project: "WEB", Body: ev.Body,
				ReceivedAt: ev.ReceivedAt, Decisions: []byte(`[1]`), Deliveries: []store.ID{d.ID},
			})
			f.Equal("delivery", f.Find(d.ID), store.Delivery{
				ID: d.ID, EventID: ev.ID, EventName: ev.Name, Project: "WEB", Rule: "r", Notifier: "n", OrderKey: "run-1",
				Title: "a title", State: store.Pending, NextAt: f.Now(), CreatedAt: f.Now(), FirstAt: f.Now(),
				UpdatedAt: f.Now(), Message: d.Message, EventBody: ev.Body,
			})
		},
		"a receipt names each notifier once, and none that only rehearses": func(f *Fixture) {
			c := f.MakeDelivery("c", "")
			c.Cancelled = "dry run"
			p := store.Plan{Deliveries: []store.NewDelivery{f.MakeDelivery("a", ""), f.MakeDelivery("b", ""), f.MakeDelivery("a", ""), c}}
			f.Equal("pending", f.AcceptOne(f.MakeEvent(), p).Pending, []string{"a", "b"})
			f.Equal("state", f.Find(c.ID).State, store.Cancelled)
			f.Equal("reason", f.Find(c.ID).Error, "dry run")
		},
		"a body that comes again is a duplicate of the first event": func(f *Fixture) {
			first := f.AcceptOne(f.EventOf("x"), store.Plan{})
			again := f.AcceptOne(f.EventOf("x"), store.Plan{Deliveries: []store.NewDelivery{f.MakeDelivery("n", "")}})
			f.Equal("receipt", again, store.Receipt{ID: first.ID, Duplicate: true})
			f.Equal("claimed", len(f.ClaimIDs()), 0)
		},
		"a body that comes again after a day is a new event, and so is known for a day more": func(f *Fixture) {
			f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Advance(store.DedupeWindow - time.Millisecond)
			f.Equal("just before", f.AcceptOne(f.EventOf("x"), store.Plan{}).Duplicate, true)
			f.Advance(time.Millisecond)
			second := f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Equal("after a day", second.Duplicate, false)
			f.Advance(time.Hour)
			f.Equal("an hour later", f.AcceptOne(f.EventOf("x"), store.Plan{}), store.Receipt{ID: second.ID, Duplicate: true})
		},
		"a body twice in one batch is stored once": func(f *Fixture) {
			a, b, c := f.EventOf("x"), f.EventOf("y"), f.EventOf("x")
			var decided []int
			rs, err := f.Accept(f.Context(), []store.Event{a, b, c}, func(i int, _ func(string) ([]byte, error)) (store.Plan, error) {
				decided = append(decided, i)
				return store.Plan{}, nil
			})
			f.NoError(err)
			f.Equal("receipts", rs, []store.Receipt{{ID: a.ID}, {ID: b.ID}, {ID: a.ID, Duplicate: true}})
			f.Equal("decided", decided, []int{0, 1})
		},
		"an event that is accepted again with its own id is a duplicate": func(f *Fixture) {
			ev := f.MakeEvent()
			f.AcceptOne(ev, store.Plan{})
			f.Equal("receipt", f.AcceptOne(ev, store.Plan{}), store.Receipt{ID: ev.ID, Duplicate: true})
		},
		"an event whose decide fails or panics is not stored, and can come again; its neighbours are stored": func(f *Fixture) {
			batch := []store.Event{f.MakeEvent(), f.MakeEvent(), f.MakeEvent(), f.MakeEvent()}
			failed := errors.New("no plan")
			rs, err := f.Accept(f.Context(), batch, func(i int, _ func(string) ([]byte, error)) (store.Plan, error) {
				if i == 2 {
					panic("an index out of range")
				}
				return store.Plan{Changes: []store.Change{{Key: fmt.Sprint(i), Value: []byte("v")}}}, map[int]error{1: failed}[i]
			})
			f.NoError(err)
			f.Equal("error", errors.Is(rs[1].Err, failed), true)
			f.Equal("panic", strings.Contains(rs[2].Err.Error(), "an index out of range"), true)
			for i, stored := range []bool{true, false, false, true} {
				_, err := f.Event(f.Context(), batch[i].ID)
				f.Equal(fmt.Sprintf("event %d is missing", i), errors.Is(err, store.ErrNotFound), !stored)
				f.Equal("error", rs[i].Err == nil, stored)
			}
			v, err := f.Get(f.Context(), "1")
			f.NoError(err)
			f.Equal("a change of the failed one", v == nil, true)
			f.Equal("again", f.AcceptOne(batch[1], store.Plan{}), store.Receipt{ID: batch[1].ID})
		},
		"many accept at once, and each body is stored once": func(f *Fixture) {
			const callers, bodies = 16, 40
			var wg sync.WaitGroup
			var mu sync.Mutex
			ids := map[string]map[store.ID]bool{}
			for range callers {
				wg.Go(func() {
					for b := range bodies {
						body := fmt.Sprint("body ", b)
						rs, err := f.Accept(f.Context(), []store.Event{f.EventOf(body)}, Planned(store.Plan{}))
						if err != nil {
							f.Error(err)
							return
						}
						mu.Lock()
						if ids[body] == nil {
							ids[body] = map[store.ID]bool{}
						}
						ids[body][rs[0].ID] = true
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			for body, set := range ids {
				f.Equal("ids of "+body, len(set), 1)
			}
		},
		"nothing is accepted for a context that has ended": func(f *Fixture) {
			_, err := f.Accept(cancelledContext(), []store.Event{f.MakeEvent()}, Planned(store.Plan{}))
			f.Equal("error", errors.Is(err, context.Canceled), true)
		},
		"an empty batch is fine": func(f *Fixture) {
			rs, err := f.Accept(f.Context(), nil, Planned(store.Plan{}))
			f.NoError(err)
			f.Equal("receipts", len(rs), 0)
		},
	}
}

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
			_, err := f.Accept(f.Context(), []store.Event{f.MakeEvent()}, func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
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
			_, err := f.Accept(f.Context(), batch, func(i int, get func(string) ([]byte, error)) (store.Plan, error) {
				v, err := get("count")
				if i == 1 {
					return store.Plan{Changes: []store.Change{{Key: "count", Value: []byte("wrong")}}}, errors.New("no plan")
				}
				return store.Plan{Changes: []store.Change{{Key: "count", Value: append(v[:len(v):len(v)], "bc"[i/2])}}}, err
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
					_, err := f.Accept(f.Context(), []store.Event{ev}, func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
						v, err := get("k")
						return store.Plan{Changes: []store.Change{{Key: "k", Value: append(v[:len(v):len(v)], 'x')}}}, err
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
