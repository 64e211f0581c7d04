package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// digest is the value of a slot that gathers events until it is due.
type digest struct {
	Due   int64 `json:"due"` // milliseconds
	Count int   `json:"count"`
}

// join decides that an event joins the digest of a key, which is open for so long after its first event.
func join(key string, now time.Time, wait time.Duration) store.Decide {
	return func(_ int, get getter) (store.Plan, error) {
		value, err := get(key)
		d := digest{Due: now.Add(wait).UnixMilli()}
		if value != nil {
			err = errors.Join(err, json.Unmarshal(value, &d))
		}
		d.Count++
		text, _ := json.Marshal(d)
		return store.Plan{
			Changes: []store.Change{{Key: key, Value: text, Due: time.UnixMilli(d.Due)}},
			Items:   []store.Item{{Key: key, Data: fmt.Appendf(nil, "member %d", d.Count)}},
		}, err
	}
}

// Flush decides that a digest leaves: one delivery with all its members.
func (f *Fixture) Flush(_ int, s *store.Slot, _ getter) (store.Firing, error) {
	var members []string
	for _, it := range s.Items {
		members = append(members, string(it.Event.Body))
	}
	body := strings.Join(members, "\n")
	f.mu.Lock()
	defer f.mu.Unlock()
	ev := store.Event{ID: f.IDs.Next(f.Now()), Source: "qase", Name: "relay.digest", Project: "WEB", Kind: "digest",
		Body: []byte(body), ReceivedAt: f.Now()}
	return store.Firing{Event: &ev, Plan: store.Plan{Decisions: []byte(`["flushed"]`),
		Deliveries: []store.NewDelivery{f.MakeDelivery("n", "")}, Changes: []store.Change{{Key: s.Key}}}}, nil
}

// Join accepts an event that joins a digest.
func (f *Fixture) Join(key string, wait time.Duration) store.ID {
	f.Helper()
	ev := f.MakeEvent()
	ev.Keys = []string{key}
	rs, err := f.Accept(f.Context(), []store.Event{ev}, join(key, f.Store.Now(), wait))
	f.NoError(err)
	f.NoError(rs[0].Err)
	return ev.ID
}

// WakeAll fires all slots that are due, as Flush does.
func (f *Fixture) WakeAll() store.Woken {
	f.Helper()
	return f.wake(store.Wake{Limit: 256, Decide: f.Flush})
}

func (f *Fixture) wake(w store.Wake) store.Woken {
	f.Helper()
	woken, err := f.Wake(f.Context(), w)
	f.NoError(err)
	return woken
}

// arm makes slots that are due at a time.
func (f *Fixture) arm(due time.Time, keys ...string) {
	f.Helper()
	var p store.Plan
	for _, key := range keys {
		p.Changes = append(p.Changes, store.Change{Key: key, Value: []byte(`{}`), Due: due})
	}
	f.NoError(f.AcceptOne(f.MakeEvent(), p).Err)
}

// end decides that a slot ends and nothing else follows.
func end(_ int, s *store.Slot, _ getter) (store.Firing, error) {
	return store.Firing{Plan: store.Plan{Changes: []store.Change{{Key: s.Key}}}}, nil
}

// firedKeys returns the keys of the slots that decide was called for.
func firedKeys(w store.Woken) (keys []string) {
	for _, x := range w.Fired {
		keys = append(keys, x.Key)
	}
	return keys
}

// Digests returns the bodies of the events that Flush has made, oldest first.
func (f *Fixture) Digests() (bodies []string) {
	f.Helper()
	for after := store.ID(0); ; {
		list, next, err := f.Events(f.Context(), store.EventFilter{After: after, OldestFirst: true, Limit: 1000})
		f.NoError(err)
		for _, ev := range list {
			if ev.Kind == "digest" {
				bodies = append(bodies, string(ev.Body))
			}
		}
		if after = next; next == 0 {
			return bodies
		}
	}
}

// SlotCases are about slots. They also hold for a store in memory.
func slotCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"a slot fires at its time, once, and what follows is an event of its kind with deliveries": func(f *Fixture) {
			f.Join("slot:g/r/1", time.Minute)
			f.Join("slot:g/r/1", time.Minute)
			f.Equal("next", f.nextWake(false), f.Now().Add(time.Minute))
			f.Advance(time.Minute - time.Millisecond)
			f.Equal("before", f.WakeAll().Looked, 0)
			f.Advance(time.Millisecond)
			woken := f.WakeAll()
			f.Equal("fired", firedKeys(woken), []string{"slot:g/r/1"})
			f.Equal("pending", woken.Fired[0].Pending, []string{"n"})
			f.Equal("again", f.WakeAll().Looked, 0)
			f.Equal("next", f.nextWake(false).IsZero(), true)
			f.Equal("digest", f.Digests(), []string{"{\"n\":1}\n{\"n\":2}"})
			ds := f.claimAll()
			f.Equal("claimed", len(ds), 1)
			f.Equal("its body", string(ds[0].EventBody), "{\"n\":1}\n{\"n\":2}")
			ev, err := f.Event(f.Context(), ds[0].EventID)
			f.NoError(err)
			f.Equal("its event", []any{ev.Kind, ev.Name, ev.Source, string(ev.Decisions), ev.Deliveries},
				[]any{"digest", "relay.digest", "qase", `["flushed"]`, []store.ID{ds[0].ID}})
			f.FinishAs(store.Delivered, time.Time{}, ds[0].ID)
			f.Equal("nothing is left", f.Load(), store.Load{})
		},
		"a firing decides an event that was stored undecided, and its deliveries are of that event": func(f *Fixture) {
			ev := f.MakeEvent()
			const key = "slot:e/r/1"
			f.NoError(f.AcceptOne(ev, store.Plan{Decisions: []byte(`["waits"]`), Items: []store.Item{{Key: key}},
				Changes: []store.Change{{Key: key, Value: []byte(`{}`), Due: f.Now()}}}).Err)
			d := f.MakeDelivery("n", "k")
			w := store.Wake{Limit: 1, Events: func(*store.Slot) []store.ID { return []store.ID{ev.ID} }}
			w.Decide = func(_ int, s *store.Slot, _ getter) (store.Firing, error) {
				if len(s.Events) != 1 || string(s.Events[0].Decisions) != `["waits"]` {
					return store.Firing{}, fmt.Errorf("events %+v", s.Events)
				}
				return store.Firing{Of: ev.ID, Plan: store.Plan{Decisions: []byte(`["decided"]`), Facts: []byte(`{"f":1}`),
					Deliveries: []store.NewDelivery{d}, Changes: []store.Change{{Key: s.Key}, {Key: "k", Value: []byte("v")}},
					Items: []store.Item{{Key: "slot:g/r/1", Data: []byte("m")}}}}, nil
			}
			woken := f.wake(w)
			f.NoError(woken.Fired[0].Err)
			f.Equal("pending", woken.Fired[0].Pending, []string{"n"})
			got, err := f.Event(f.Context(), ev.ID)
			f.NoError(err)
			f.Equal("the event",
				[]any{got.Name, string(got.Body), string(got.Decisions), string(got.Facts), got.Kind, got.Deliveries},
				[]any{ev.Name, string(ev.Body), `["decided"]`, `{"f":1}`, "", []store.ID{d.ID}})
			ds := f.claimAll()
			f.Equal("claimed", []any{len(ds), ds[0].EventID, string(ds[0].EventBody)}, []any{1, ev.ID, string(ev.Body)})
			value, err := f.Get(f.Context(), "k")
			f.NoError(err)
			f.Equal("changed", string(value), "v")
			f.FinishAs(store.Delivered, time.Time{}, d.ID)
			f.Equal("a duplicate", f.AcceptOne(ev, store.Plan{}).Duplicate, true)
		},
		"facts are kept with an event, and absent for others": func(f *Fixture) {
			with, without := f.MakeEvent(), f.MakeEvent()
			f.NoError(f.AcceptOne(with, store.Plan{Facts: []byte(`{"f":1}`)}).Err)
			f.NoError(f.AcceptOne(without, store.Plan{}).Err)
			for id, want := range map[store.ID]string{with.ID: `{"f":1}`, without.ID: ""} {
				got, err := f.Event(f.Context(), id)
				f.NoError(err)
				f.Equal("facts", []any{string(got.Facts), got.Facts == nil}, []any{want, want == ""})
			}
		},
		"a slot is swapped only if it is as expected, and one that is deleted loses its items": func(f *Fixture) {
			swap := func(old, value string, due time.Time) bool {
				c := store.Change{Key: "slot:s/r/1", Due: due}
				if value != "" {
					c.Value = []byte(value)
				}
				var before []byte
				if old != "" {
					before = []byte(old)
				}
				done, err := f.SwapSlot(f.Context(), before, c)
				f.NoError(err)
				return done
			}
			due := f.Now().Add(time.Minute)
			f.Equal("armed", swap("", `{"a":1}`, due), true)
			f.Equal("armed again", swap("", `{"a":2}`, due), false)
			f.Equal("of another value", swap(`{"a":2}`, `{"a":3}`, due), false)
			f.Equal("next", f.nextWake(false), due)
			f.Equal("moved", swap(`{"a":1}`, `{"a":3}`, due.Add(time.Minute)), true)
			f.Equal("next", f.nextWake(false), due.Add(time.Minute))
			f.Advance(2 * time.Minute)
			f.Equal("fired", firedKeys(f.wake(store.Wake{Limit: 256, Decide: end})), []string{"slot:s/r/1"})
			f.Equal("gone", swap(`{"a":3}`, "", time.Time{}), false)
			f.Join("slot:g/r/1", time.Minute)
			value, err := f.Get(f.Context(), "slot:g/r/1")
			f.NoError(err)
			done, err := f.SwapSlot(f.Context(), value, store.Change{Key: "slot:g/r/1"})
			f.NoError(err)
			f.Equal("dropped", done, true)
			f.Equal("next", f.nextWake(false).IsZero(), true)
			f.Equal("nothing is left", f.Load(), store.Load{})
			_, err = f.SwapSlot(f.Context(), nil, store.Change{Key: "entity:x", Value: []byte("{}")})
			f.Equal("a key that is not a slot is refused", err != nil, true)
		},
		"an event that comes after the due time and before the flush joins, a later one opens anew": func(f *Fixture) {
			f.Join("slot:g/r/1", time.Minute)
			f.Advance(time.Hour)
			f.Join("slot:g/r/1", time.Minute)
			f.WakeAll()
			f.Join("slot:g/r/1", time.Minute)
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}\n{\"n\":2}"})
			f.Advance(time.Minute)
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}\n{\"n\":2}", "{\"n\":3}"})
		},
		"a repeated body joins once": func(f *Fixture) {
			for range 3 {
				_, err := f.Accept(f.Context(), []store.Event{f.EventOf("x")}, join("slot:g/r/1", f.Now(), 0))
				f.NoError(err)
			}
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"x"})
		},
		"events of one batch join the same digest": func(f *Fixture) {
			batch := []store.Event{f.MakeEvent(), f.MakeEvent(), f.MakeEvent()}
			_, err := f.Accept(f.Context(), batch, join("slot:g/r/1", f.Now(), 0))
			f.NoError(err)
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}\n{\"n\":2}\n{\"n\":3}"})
		},
		"slots fire in the order of their times and then of their keys, so many at once": func(f *Fixture) {
			f.arm(f.Now().Add(time.Second), "slot:b", "slot:a")
			f.arm(f.Now(), "slot:d", "slot:c")
			f.arm(f.Now().Add(time.Hour), "slot:e")
			f.Advance(time.Minute)
			w := store.Wake{Limit: 3, Decide: end}
			woken := f.wake(w)
			f.Equal("first", firedKeys(woken), []string{"slot:c", "slot:d", "slot:a"})
			w.After = woken.Last
			f.Equal("behind it", firedKeys(f.wake(w)), []string{"slot:b"})
		},
		"a slot that is left stays as it is, and those behind it fire": func(f *Fixture) {
			f.arm(f.Now(), "slot:a", "slot:b", "slot:c")
			leave := func(i int, s *store.Slot, get getter) (store.Firing, error) {
				if s.Key == "slot:a" || s.Key == "slot:b" {
					return store.Firing{Leave: true}, nil
				}
				return end(i, s, get)
			}
			w := store.Wake{Limit: 2, Decide: leave}
			woken := f.wake(w)
			f.Equal("left", []bool{woken.Fired[0].Left, woken.Fired[1].Left}, []bool{true, true})
			w.After = woken.Last
			f.Equal("behind", firedKeys(f.wake(w)), []string{"slot:c"})
			f.Equal("the next one after now", f.nextWake(false).IsZero(), true)
			w.After = store.SlotRef{}
			f.Equal("again from the first", firedKeys(f.wake(w)), []string{"slot:a", "slot:b"})
			f.Equal("value", string(f.Value("slot:a")), "{}")
		},
		"a slot that cannot be decided stays, and the others fire": func(f *Fixture) {
			f.arm(f.Now(), "slot:a", "slot:b", "slot:c", "slot:d")
			f.Join("slot:e", 0)
			decide := func(i int, s *store.Slot, get getter) (store.Firing, error) {
				switch s.Key {
				case "slot:a":
					return store.Firing{}, errors.New("no decision")
				case "slot:b":
					panic("an index out of range")
				case "slot:c": // neither ends nor moves it
					return store.Firing{Plan: store.Plan{Changes: []store.Change{{Key: "other", Value: []byte("v")}}}}, nil
				case "slot:d": // deliveries of no event
					fire, err := f.Flush(i, s, get)
					fire.Event = nil
					return fire, err
				}
				return f.Flush(i, s, get)
			}
			woken := f.wake(store.Wake{Limit: 10, Decide: decide})
			for i, want := range []string{"no decision", "an index out of range", "neither ends nor moves", "needs an event"} {
				f.Equal("the error says "+want, strings.Contains(fmt.Sprint(woken.Fired[i].Err), want), true)
			}
			f.NoError(woken.Fired[4].Err)
			f.Equal("digests", f.Digests(), []string{"{\"n\":2}"})
			f.Equal("changes of the failed one", f.Value("other") == nil, true)
			f.Equal("left", firedKeys(f.wake(store.Wake{Limit: 10, Decide: end})),
				[]string{"slot:a", "slot:b", "slot:c", "slot:d"})
		},
		"a slot that is moved is due then, with its items; one without a time is not due any more": func(f *Fixture) {
			f.Join("slot:a", 0)
			f.arm(f.Now(), "slot:b")
			later := f.Now().Add(time.Hour)
			f.wake(store.Wake{Limit: 10, Decide: func(_ int, s *store.Slot, _ getter) (store.Firing, error) {
				c := store.Change{Key: s.Key, Value: []byte("moved")}
				if s.Key == "slot:a" {
					c.Due = later
				}
				return store.Firing{Plan: store.Plan{Changes: []store.Change{c}}}, nil
			}})
			f.Equal("now", f.WakeAll().Looked, 0)
			f.Equal("next", f.nextWake(false), later)
			f.Advance(time.Hour)
			f.Equal("then", firedKeys(f.WakeAll()), []string{"slot:a"})
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}"})
			f.Equal("the other", string(f.Value("slot:b")), "moved")
		},
		"an event that ends a slot ends it with its items": func(f *Fixture) {
			f.Join("slot:a", time.Minute)
			f.AcceptOne(f.MakeEvent(), store.Plan{Changes: []store.Change{{Key: "slot:a"}}})
			f.Equal("load", f.Load(), store.Load{})
			f.Join("slot:a", time.Minute)
			f.Advance(time.Hour)
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"{\"n\":3}"})
		},
		"an event of one batch ends a slot, and the next one opens it anew": func(f *Fixture) {
			f.Join("slot:a", time.Minute)
			batch := []store.Event{f.MakeEvent(), f.MakeEvent(), f.MakeEvent()}
			_, err := f.Accept(f.Context(), batch, func(i int, get getter) (store.Plan, error) {
				if i == 1 {
					return store.Plan{Changes: []store.Change{{Key: "slot:a"}}}, nil
				}
				return join("slot:a", f.Now(), time.Minute)(i, get)
			})
			f.NoError(err)
			f.Advance(time.Minute)
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"{\"n\":4}"})
		},
		"a firing reads keys and events, and changes other keys and slots": func(f *Fixture) {
			first := f.MakeEvent()
			f.AcceptOne(first, store.Plan{Changes: []store.Change{{Key: "entity", Value: []byte("known")}}})
			f.arm(f.Now(), "slot:a")
			var saw []string
			f.wake(store.Wake{Limit: 10, Keys: func(*store.Slot) []string { return []string{"entity"} },
				Events: func(*store.Slot) []store.ID { return []store.ID{first.ID, 12345} },
				Decide: func(_ int, s *store.Slot, get getter) (store.Firing, error) {
					v, err := get("entity")
					other, err2 := get("slot:b")
					saw = []string{string(v), string(other), string(s.Events[0].Body), fmt.Sprint(len(s.Events))}
					return store.Firing{Plan: store.Plan{Changes: []store.Change{{Key: s.Key},
						{Key: "entity", Value: []byte("new")}, {Key: "slot:b", Value: []byte("v"), Due: f.Now().Add(time.Hour)}},
						Items: []store.Item{{Key: "slot:b", Event: first.ID, Data: []byte("i")}}}}, errors.Join(err, err2)
				}})
			f.Equal("saw", saw, []string{"known", "", string(first.Body), "1"})
			f.Equal("key", string(f.Value("entity")), "new")
			f.Advance(time.Hour)
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{string(first.Body)})
		},
		"slots of dry runs fire apart from the others": func(f *Fixture) {
			f.arm(f.Now(), "slot:dry/a", "slot:a", "slot:e")
			f.arm(f.Now().Add(time.Hour), "slot:dry/b")
			f.Equal("next of dry runs", f.nextWake(true), f.Now().Add(time.Hour))
			f.Equal("next", f.nextWake(false).IsZero(), true)
			f.Equal("others", firedKeys(f.wake(store.Wake{Limit: 10, Decide: end})), []string{"slot:a", "slot:e"})
			f.Equal("dry", firedKeys(f.wake(store.Wake{Limit: 10, Dry: true, Decide: end})), []string{"slot:dry/a"})
		},
		"a key that is not a slot has neither a time nor items": func(f *Fixture) {
			for _, p := range []store.Plan{
				{Changes: []store.Change{{Key: "k", Value: []byte("v"), Due: f.Now()}}},
				{Items: []store.Item{{Key: "k", Data: []byte("v")}}},
			} {
				f.Equal("refused", f.AcceptOne(f.MakeEvent(), p).Err != nil, true)
			}
			f.Equal("value", f.Value("k") == nil, true)
		},
		"a slot cannot be swapped": func(f *Fixture) {
			_, err := f.Swap(f.Context(), "slot:a", nil, store.Change{Value: []byte("v")})
			f.Equal("refused", err != nil, true)
			f.Equal("value", f.Value("slot:a") == nil, true)
		},
		"an event with a kind is not a duplicate, and has none": func(f *Fixture) {
			f.Join("slot:a", 0)
			f.WakeAll()
			f.Join("slot:a", 0) // {"n":2}
			f.WakeAll()
			f.Equal("digests", len(f.Digests()), 2)
			f.Reopen()
			f.Equal("the body of a digest", f.AcceptOne(f.EventOf(f.Digests()[1]+"x"), store.Plan{}).Duplicate, false)
			f.Equal("the body of a member", f.AcceptOne(f.EventOf(`{"n":1}`), store.Plan{}).Duplicate, true)
		},
		"keys may hold any text": func(f *Fixture) {
			keys := []string{"slot:g/a\xffb/1", `slot:g/"'\/2`, "slot:g/ключ\n/3"}
			f.arm(f.Now(), keys...)
			slices.Sort(keys)
			f.Equal("fired", firedKeys(f.wake(store.Wake{Limit: 10, Decide: end})), keys)
		},
		"more bytes than a call may have wait for the next one, and a large slot is read without some bodies": func(f *Fixture) {
			for range 4 {
				f.Join("slot:a", 0)
			}
			f.Join("slot:b", 0)
			w := store.Wake{Limit: 10, Bytes: 40, Decide: f.Flush}
			woken := f.wake(w)
			f.Equal("fired", firedKeys(woken), []string{"slot:a"})
			w.After = woken.Last
			f.Equal("behind it", firedKeys(f.wake(w)), []string{"slot:b"})
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}\n{\"n\":2}\n\n", "{\"n\":5}"})
		},
		"many slots of one moment fire in turns, each once": func(f *Fixture) {
			const n = 700
			var p store.Plan
			for i := range n {
				p.Changes = append(p.Changes, store.Change{Key: fmt.Sprintf("slot:w/r/%04d", i), Value: []byte("{}"),
					Due: f.Now()})
			}
			f.NoError(f.AcceptOne(f.MakeEvent(), p).Err)
			fired := map[string]int{}
			w := store.Wake{Limit: 256, Decide: f.Flush}
			for woken := f.wake(w); woken.Looked > 0; woken = f.wake(w) {
				for _, key := range firedKeys(woken) {
					fired[key]++
				}
				w.After = woken.Last
			}
			f.Equal("fired", len(fired), n)
			f.Equal("digests", len(f.Digests()), n)
		},
		"events and flushes at once: each event is in one digest": func(f *Fixture) { f.JoinAtOnce(120, f.Store) },
		"further keys follow from the first ones, as they were before the batch": func(f *Fixture) {
			f.AcceptOne(f.MakeEvent(), store.Plan{Changes: []store.Change{{Key: "first", Value: []byte("second")},
				{Key: "second", Value: []byte("1")}}})
			batch := []store.Event{f.MakeEvent(), f.MakeEvent()}
			for i := range batch {
				batch[i].Keys = []string{"first"}
				batch[i].MoreKeys = func(get func(string) ([]byte, error)) []string {
					v, err := get("first")
					f.NoError(err)
					return []string{string(v), "slot:none"}
				}
			}
			_, err := f.Accept(f.Context(), batch, func(_ int, get getter) (store.Plan, error) {
				v, err := get("second")
				return store.Plan{Changes: []store.Change{{Key: "second", Value: append(v[:len(v):len(v)], '+')},
					{Key: "first", Value: []byte("third")}}}, err
			})
			f.NoError(err)
			f.Equal("value", string(f.Value("second")), "1++")
		},
		"the clock of the store is the one that was given": func(f *Fixture) {
			f.Equal("now", f.Store.Now().Equal(f.Now()), true)
		},
	}
}

func (f *Fixture) nextWake(dry bool) time.Time {
	f.Helper()
	due, err := f.NextWake(f.Context(), f.Now(), dry)
	f.NoError(err)
	return due
}

// JoinAtOnce lets events join a few digests through all stores while all of them flush. Each event has to be in one
// digest.
func (f *Fixture) JoinAtOnce(events int, through ...store.Store) {
	f.Helper()
	var joining, flushing sync.WaitGroup
	done := make(chan struct{})
	for n, s := range through {
		maker := store.NewIDs(s.Node())
		joining.Go(func() {
			for i := range events {
				key := fmt.Sprintf("slot:g/r/%d", i%3)
				ev := f.EventOf(fmt.Sprintf("%d.%d", n, i))
				ev.ID, ev.Keys = maker.Next(s.Now()), []string{key}
				rs, err := s.Accept(f.Context(), []store.Event{ev}, join(key, s.Now(), 0))
				if err == nil {
					err = rs[0].Err
				}
				if err != nil {
					f.Error(err)
					return
				}
			}
		})
		flushing.Go(func() {
			for {
				if _, err := s.Wake(f.Context(), store.Wake{Limit: 2, Decide: f.Flush}); err != nil {
					f.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	joining.Wait()
	close(done)
	flushing.Wait()
	f.awaitAll(len(through) * events)
}

// awaitAll flushes the rest, and checks that so many events are in one digest each. Another relay may be at it, and its
// clock a moment ahead.
func (f *Fixture) awaitAll(events int) {
	f.Helper()
	left := func() bool {
		first, err := f.NextWake(f.Context(), time.Time{}, false)
		f.NoError(err)
		return !first.IsZero()
	}
	for deadline := time.Now().Add(time.Minute); left(); {
		f.WakeAll()
		if time.Now().After(deadline) {
			f.Fatal("some digests are never flushed")
		}
	}
	members := map[string]int{}
	for _, body := range f.Digests() {
		for _, m := range strings.Split(body, "\n") {
			members[m]++
		}
	}
	f.Equal("members", len(members), events)
	for m, n := range members {
		f.Equal("digests with "+m, n, 1)
	}
}

// slotKeepCases are about slots over time and restarts.
func slotKeepCases() map[string]func(*Fixture) {
	purge := func(f *Fixture) int {
		f.Helper()
		n, err := f.Purge(f.Context(), f.Now(), f.Now())
		f.NoError(err)
		return n
	}
	return map[string]func(*Fixture){
		"slots and items are there after it opens again": func(f *Fixture) {
			f.Join("slot:a", time.Minute)
			f.Advance(time.Hour)
			f.Reopen()
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}"})
		},
		"items count in the load, also after it opens again, and not once they are gone": func(f *Fixture) {
			f.Join("slot:a", time.Minute)
			f.Join("slot:b", 2*time.Minute)
			f.Equal("load", f.Load(), store.Load{Bytes: 16})
			f.Reopen()
			f.Equal("load", f.Load(), store.Load{Bytes: 16})
			f.Advance(time.Minute)
			f.WakeAll()
			f.FinishAs(store.Delivered, time.Time{}, f.ClaimIDs()...)
			f.Equal("load", f.Load(), store.Load{Bytes: 8})
			backlog, err := f.Backlog(f.Context())
			f.NoError(err)
			f.Equal("backlog", len(backlog), 0)
		},
		"events of items are kept, and purged once their slot is gone": func(f *Fixture) {
			f.Join("slot:a", time.Hour)
			f.AcceptOne(f.MakeEvent(), store.Plan{})
			f.Advance(time.Minute)
			f.Equal("purged", purge(f), 1)
			f.Advance(time.Hour)
			f.WakeAll()
			f.Equal("digests", f.Digests(), []string{"{\"n\":1}"})
			f.FinishAs(store.Delivered, time.Time{}, f.ClaimIDs()...)
			f.Advance(time.Minute)
			f.Equal("purged", purge(f), 2)
		},
		"a slot does not expire before it is due, and expires without a time, with its items": func(f *Fixture) {
			ev, soon := f.MakeEvent(), f.Now().Add(time.Second)
			f.AcceptOne(ev, store.Plan{Changes: []store.Change{{Key: "slot:a", Value: []byte("v"), Expires: soon, Due: soon},
				{Key: "slot:b", Value: []byte("v"), Expires: soon}},
				Items: []store.Item{{Key: "slot:a", Data: []byte("1")}, {Key: "slot:b", Data: []byte("1")}}})
			f.Advance(time.Hour)
			f.Equal("purged", purge(f), 0)
			f.Equal("armed", string(f.Value("slot:a")), "v")
			f.Equal("not armed", f.Value("slot:b") == nil, true)
			f.Equal("load", f.Load(), store.Load{Bytes: 1})
			f.Equal("fired", firedKeys(f.wake(store.Wake{Limit: 10, Decide: end})), []string{"slot:a"})
			f.Equal("purged", purge(f), 1)
		},
		"slots of dry runs that nothing has fired for a day are purged": func(f *Fixture) {
			f.arm(f.Now(), "slot:dry/a", "slot:a")
			f.Advance(23 * time.Hour)
			purge(f)
			f.Equal("before", f.Value("slot:dry/a") != nil, true)
			f.Advance(time.Hour)
			purge(f)
			f.Equal("after", f.Value("slot:dry/a") == nil, true)
			f.Equal("the other", firedKeys(f.wake(store.Wake{Limit: 10, Decide: end})), []string{"slot:a"})
		},
		"an item whose event is gone is there without it": func(f *Fixture) {
			f.AcceptOne(f.MakeEvent(), store.Plan{Changes: []store.Change{{Key: "slot:a", Value: []byte("v"), Due: f.Now()}},
				Items: []store.Item{{Key: "slot:a", Event: 12345, Data: []byte("a title")}}})
			saw := ""
			f.wake(store.Wake{Limit: 1, Decide: func(i int, s *store.Slot, get getter) (store.Firing, error) {
				it := s.Items[0]
				saw = fmt.Sprintf("%d %v %v %s", len(s.Items), it.Event.ID == 12345, it.Event.Body == nil, it.Data)
				return end(i, s, get)
			}})
			f.Equal("saw", saw, "1 true true a title")
		},
		"an hour back, nothing fires twice; an hour forward, what was due fires": func(f *Fixture) {
			f.Join("slot:a", 30*time.Minute)
			f.Join("slot:b", 0)
			f.WakeAll()
			f.Advance(-time.Hour)
			f.Equal("back", f.WakeAll().Looked, 0)
			f.Advance(2 * time.Hour)
			f.Equal("forward", firedKeys(f.WakeAll()), []string{"slot:a"})
			f.Advance(-time.Hour)
			f.Equal("back again", f.WakeAll().Looked, 0)
			f.Equal("digests", f.Digests(), []string{"{\"n\":2}", "{\"n\":1}"})
		},
		"nothing fires for a caller who has left": func(f *Fixture) {
			f.arm(f.Now(), "slot:a")
			_, err := f.Wake(cancelledContext(), store.Wake{Limit: 1, Decide: end})
			f.Equal("failed", err != nil, true)
			f.Equal("value", string(f.Value("slot:a")), "{}")
		},
		"a slot with data that cannot be kept fails the call, and nothing is changed": func(f *Fixture) {
			known := f.Put("")
			f.arm(f.Now(), "slot:a", "slot:b")
			bad := func(i int, s *store.Slot, get getter) (store.Firing, error) {
				fire, err := f.Flush(i, s, get)
				if s.Key == "slot:b" {
					fire.Deliveries[0].ID = known
				}
				return fire, err
			}
			_, err := f.Wake(f.Context(), store.Wake{Limit: 10, Decide: bad})
			f.Equal("failed", errors.Is(err, store.ErrData), true)
			f.Equal("alone", firedKeys(f.wake(store.Wake{Limit: 1, Decide: bad})), []string{"slot:a"})
			f.Equal("digests", len(f.Digests()), 1)
			f.Equal("left", string(f.Value("slot:b")), "{}")
		},
	}
}
