package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

func acceptCases() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"an event is stored as it came, with its plan": func(f *fixture) {
			ev, d := f.event(), f.delivery("n", "run-1")
			r := f.accept(ev, Plan{Decisions: []byte(`[1]`), Deliveries: []NewDelivery{d}})
			f.equal("receipt", r, Receipt{ID: ev.ID, Pending: []string{"n"}})
			got, err := f.Event(f.Context(), ev.ID)
			f.check(err)
			f.equal("event", got, StoredEvent{
				ID: ev.ID, Source: "qase", Name: "run.completed", Project: "WEB", Body: ev.Body,
				ReceivedAt: ev.ReceivedAt, Decisions: []byte(`[1]`), Deliveries: []ID{d.ID},
			})
			f.equal("delivery", f.get(d.ID), Delivery{
				ID: d.ID, EventID: ev.ID, EventName: ev.Name, Project: "WEB", Rule: "r", Notifier: "n", OrderKey: "run-1",
				Title: "a title", State: Pending, NextAt: f.now(), CreatedAt: f.now(), FirstAt: f.now(),
				UpdatedAt: f.now(), Message: d.Message, EventBody: ev.Body,
			})
		},
		"a receipt names each notifier once, and none that only rehearses": func(f *fixture) {
			c := f.delivery("c", "")
			c.Cancelled = "dry run"
			p := Plan{Deliveries: []NewDelivery{f.delivery("a", ""), f.delivery("b", ""), f.delivery("a", ""), c}}
			f.equal("pending", f.accept(f.event(), p).Pending, []string{"a", "b"})
			f.equal("state", f.get(c.ID).State, Cancelled)
			f.equal("reason", f.get(c.ID).Error, "dry run")
		},
		"a body that comes again is a duplicate of the first event": func(f *fixture) {
			first := f.accept(f.eventOf("x"), Plan{})
			again := f.accept(f.eventOf("x"), Plan{Deliveries: []NewDelivery{f.delivery("n", "")}})
			f.equal("receipt", again, Receipt{ID: first.ID, Duplicate: true})
			f.equal("claimed", len(f.claim()), 0)
		},
		"a body that comes again after a day is a new event, and so is known for a day more": func(f *fixture) {
			f.accept(f.eventOf("x"), Plan{})
			f.advance(DedupeWindow - time.Millisecond)
			f.equal("just before", f.accept(f.eventOf("x"), Plan{}).Duplicate, true)
			f.advance(time.Millisecond)
			second := f.accept(f.eventOf("x"), Plan{})
			f.equal("after a day", second.Duplicate, false)
			f.advance(time.Hour)
			f.equal("an hour later", f.accept(f.eventOf("x"), Plan{}), Receipt{ID: second.ID, Duplicate: true})
		},
		"a body twice in one batch is stored once": func(f *fixture) {
			a, b, c := f.eventOf("x"), f.eventOf("y"), f.eventOf("x")
			var decided []int
			rs, err := f.Accept(f.Context(), []Event{a, b, c}, func(i int, _ func(string) ([]byte, error)) (Plan, error) {
				decided = append(decided, i)
				return Plan{}, nil
			})
			f.check(err)
			f.equal("receipts", rs, []Receipt{{ID: a.ID}, {ID: b.ID}, {ID: a.ID, Duplicate: true}})
			f.equal("decided", decided, []int{0, 1})
		},
		"an event that is accepted again with its own id is a duplicate": func(f *fixture) {
			ev := f.event()
			f.accept(ev, Plan{})
			f.equal("receipt", f.accept(ev, Plan{}), Receipt{ID: ev.ID, Duplicate: true})
		},
		"an event whose decide fails or panics is not stored, and can come again; its neighbours are stored": func(f *fixture) {
			batch := []Event{f.event(), f.event(), f.event(), f.event()}
			failed := errors.New("no plan")
			rs, err := f.Accept(f.Context(), batch, func(i int, _ func(string) ([]byte, error)) (Plan, error) {
				if i == 2 {
					panic("an index out of range")
				}
				return Plan{Changes: []Change{{Key: fmt.Sprint(i), Value: []byte("v")}}}, map[int]error{1: failed}[i]
			})
			f.check(err)
			f.equal("error", errors.Is(rs[1].Err, failed), true)
			f.equal("panic", strings.Contains(rs[2].Err.Error(), "an index out of range"), true)
			for i, stored := range []bool{true, false, false, true} {
				_, err := f.Event(f.Context(), batch[i].ID)
				f.equal(fmt.Sprintf("event %d is missing", i), errors.Is(err, ErrNotFound), !stored)
				f.equal("error", rs[i].Err == nil, stored)
			}
			v, err := f.Get(f.Context(), "1")
			f.check(err)
			f.equal("a change of the failed one", v == nil, true)
			f.equal("again", f.accept(batch[1], Plan{}), Receipt{ID: batch[1].ID})
		},
		"many accept at once, and each body is stored once": func(f *fixture) {
			const callers, bodies = 16, 40
			var wg sync.WaitGroup
			var mu sync.Mutex
			ids := map[string]map[ID]bool{}
			for range callers {
				wg.Go(func() {
					for b := range bodies {
						body := fmt.Sprint("body ", b)
						rs, err := f.Accept(f.Context(), []Event{f.eventOf(body)}, planned(Plan{}))
						if err != nil {
							f.Error(err)
							return
						}
						mu.Lock()
						if ids[body] == nil {
							ids[body] = map[ID]bool{}
						}
						ids[body][rs[0].ID] = true
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			for body, set := range ids {
				f.equal("ids of "+body, len(set), 1)
			}
		},
		"nothing is accepted for a context that has ended": func(f *fixture) {
			_, err := f.Accept(cancelledContext(), []Event{f.event()}, planned(Plan{}))
			f.equal("error", errors.Is(err, context.Canceled), true)
		},
		"an empty batch is fine": func(f *fixture) {
			rs, err := f.Accept(f.Context(), nil, planned(Plan{}))
			f.check(err)
			f.equal("receipts", len(rs), 0)
		},
	}
}

func keyCases() map[string]func(*fixture) {
	set := func(f *fixture, key, value string, expires time.Time) {
		f.Helper()
		c := Change{Key: key, Value: []byte(value), Expires: expires}
		f.check(f.accept(f.event(), Plan{Changes: []Change{c}}).Err)
	}
	value := func(f *fixture, key string) any {
		f.Helper()
		v, err := f.Get(f.Context(), key)
		f.check(err)
		if v == nil {
			return nil
		}
		return string(v)
	}
	return map[string]func(*fixture){
		"a value is kept until it is changed or deleted": func(f *fixture) {
			f.equal("before", value(f, "k"), nil)
			set(f, "k", "1", f.now().Add(time.Hour))
			f.equal("set", value(f, "k"), "1")
			set(f, "k", "2", f.now().Add(time.Hour))
			f.equal("changed", value(f, "k"), "2")
			f.check(f.accept(f.event(), Plan{Changes: []Change{{Key: "k"}}}).Err)
			f.equal("deleted", value(f, "k"), nil)
		},
		"an empty value is a value": func(f *fixture) {
			set(f, "k", "", time.Time{})
			f.equal("value", value(f, "k"), "")
		},
		"a value is gone when it has expired, and one without expiry stays": func(f *fixture) {
			set(f, "k", "1", f.now().Add(time.Hour))
			set(f, "forever", "1", time.Time{})
			f.advance(time.Hour)
			f.equal("expired", value(f, "k"), nil)
			f.equal("without expiry", value(f, "forever"), "1")
			_, err := f.Accept(f.Context(), []Event{f.event()}, func(_ int, get func(string) ([]byte, error)) (Plan, error) {
				v, err := get("k")
				f.equal("in decide", v == nil, true)
				return Plan{}, err
			})
			f.check(err)
		},
		"each event of a batch sees the changes of those before it, in keys that were announced or not": func(f *fixture) {
			set(f, "count", "a", time.Time{})
			batch := []Event{f.event(), f.event(), f.event()}
			batch[0].Keys = []string{"count", "other"}
			_, err := f.Accept(f.Context(), batch, func(i int, get func(string) ([]byte, error)) (Plan, error) {
				v, err := get("count")
				if i == 1 {
					return Plan{Changes: []Change{{Key: "count", Value: []byte("wrong")}}}, errors.New("no plan")
				}
				return Plan{Changes: []Change{{Key: "count", Value: append(v[:len(v):len(v)], "bc"[i/2])}}}, err
			})
			f.check(err)
			f.equal("value", value(f, "count"), "abc")
		},
		"a key may hold any text": func(f *fixture) {
			for _, k := range []string{"", "ключ", `"'\`, "a\xffb", "line\nbreak"} {
				set(f, k, "v"+k, time.Time{})
				f.equal("value", value(f, k), "v"+k)
			}
		},
		"changes of many callers are not lost": func(f *fixture) {
			var wg sync.WaitGroup
			for range 50 {
				ev := f.event()
				wg.Go(func() {
					_, err := f.Accept(f.Context(), []Event{ev}, func(_ int, get func(string) ([]byte, error)) (Plan, error) {
						v, err := get("k")
						return Plan{Changes: []Change{{Key: "k", Value: append(v[:len(v):len(v)], 'x')}}}, err
					})
					if err != nil {
						f.Error(err)
					}
				})
			}
			wg.Wait()
			f.equal("value", value(f, "k"), strings.Repeat("x", 50))
		},
	}
}
