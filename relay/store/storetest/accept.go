package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"qaserelay/relay/store"
)

// incompressible returns a text of so many letters that a database cannot keep shorter.
func incompressible(seed uint64, n int) string {
	r, text := rand.New(rand.NewPCG(seed, seed)), make([]byte, n)
	for i := range text {
		text[i] = byte('!' + r.IntN(94))
	}
	return string(text)
}

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
		"a receipt names each notifier once, and none in a dry run": func(f *Fixture) {
			c := f.MakeDelivery("c", "")
			c.Cancelled = "dry run"
			p := store.Plan{Deliveries: []store.NewDelivery{
				f.MakeDelivery("a", ""), f.MakeDelivery("b", ""), f.MakeDelivery("a", ""),
				c}}
			f.Equal("pending", f.AcceptOne(f.MakeEvent(), p).Pending, []string{"a", "b"})
			f.Equal("state", f.Find(c.ID).State, store.Cancelled)
			f.Equal("reason", f.Find(c.ID).Error, "dry run")
		},
		"names of up to 1024 bytes are kept": func(f *Fixture) {
			ev := f.MakeEvent()
			ev.Name, ev.Project = incompressible(1, 1024), incompressible(2, 1024)
			f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{f.MakeDelivery("n", incompressible(3, 1000))},
				Changes: []store.Change{{Key: incompressible(4, 1000), Value: []byte("x")}}})
			got, err := f.Event(f.Context(), ev.ID)
			f.NoError(err)
			f.Equal("name", got.Name, ev.Name)
			f.Equal("project", got.Project, ev.Project)
		},
		"data that cannot be kept is said so, and leaves nothing": func(f *Fixture) {
			first, good, same := f.MakeEvent(), f.MakeEvent(), f.MakeEvent()
			f.AcceptOne(first, store.Plan{})
			same.ID = first.ID
			_, err := f.Accept(f.Context(), []store.Event{good, same}, Planned(store.Plan{}))
			if !errors.Is(err, store.ErrData) {
				f.Errorf("got %v, want ErrData", err)
			}
			f.Equal("a neighbor alone", f.AcceptOne(good, store.Plan{}), store.Receipt{ID: good.ID})
		},
		"a repeated body is a duplicate of the first event": func(f *Fixture) {
			first := f.AcceptOne(f.EventOf("x"), store.Plan{})
			again := f.AcceptOne(f.EventOf("x"), store.Plan{Deliveries: []store.NewDelivery{f.MakeDelivery("n", "")}})
			f.Equal("receipt", again, store.Receipt{ID: first.ID, Duplicate: true})
			f.Equal("claimed", len(f.ClaimIDs()), 0)
		},
		"a body repeated after a day is a new event, and is known for another day": func(f *Fixture) {
			f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Advance(store.DedupeWindow - time.Millisecond)
			f.Equal("just before", f.AcceptOne(f.EventOf("x"), store.Plan{}).Duplicate, true)
			f.Advance(time.Millisecond)
			second := f.AcceptOne(f.EventOf("x"), store.Plan{})
			f.Equal("after a day", second.Duplicate, false)
			f.Advance(time.Hour)
			f.Equal("an hour later", f.AcceptOne(f.EventOf("x"), store.Plan{}),
				store.Receipt{ID: second.ID, Duplicate: true})
		},
		"a body twice in one batch is stored once": func(f *Fixture) {
			a, b, c := f.EventOf("x"), f.EventOf("y"), f.EventOf("x")
			var decided []int
			rs, err := f.Accept(f.Context(), []store.Event{a, b, c}, func(i int, _ getter) (store.Plan, error) {
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
		"an event whose decide fails or panics is not stored, and can be repeated; the others are stored": func(f *Fixture) {
			batch := []store.Event{f.MakeEvent(), f.MakeEvent(), f.MakeEvent(), f.MakeEvent()}
			failed := errors.New("no plan")
			rs, err := f.Accept(f.Context(), batch, func(i int, _ getter) (store.Plan, error) {
				if i == 2 {
					panic("an index out of range")
				}
				return store.Plan{Changes: []store.Change{{Key: fmt.Sprint(i),
					Value: []byte("v")}}}, map[int]error{1: failed}[i]
			})
			f.NoError(err)
			f.Equal("error", errors.Is(rs[1].Err, failed), true)
			f.Equal("panic", strings.Contains(rs[2].Err.Error(), "an index out of range"), true)
			for i, stored := range []bool{true, false, false, true} {
				_, err := f.Event(f.Context(), batch[i].ID)
				f.Equal(fmt.Sprintf("event %d is missing", i), errors.Is(err, store.ErrNotFound), !stored)
				f.Equal("error", rs[i].Err == nil, stored)
			}
			v := f.Value("1")
			f.Equal("a change of the failed one", v == nil, true)
			f.Equal("again", f.AcceptOne(batch[1], store.Plan{}), store.Receipt{ID: batch[1].ID})
		},
		"many accept at once, and each body is stored once": func(f *Fixture) { f.AcceptSame(16, 40, f.Store) },
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

// replayCases are about events that a person replays.
func replayCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"a replay is no duplicate, also of another replay, and says what it repeats": func(f *Fixture) {
			first := f.AcceptOne(f.EventOf("x"), store.Plan{})
			for range 2 {
				again := f.EventOf("x")
				again.ReplayOf = first.ID
				d := f.MakeDelivery("n", "")
				f.Equal("receipt", f.AcceptOne(again, store.Plan{Deliveries: []store.NewDelivery{d}}),
					store.Receipt{ID: again.ID, Pending: []string{"n"}})
				got, err := f.Event(f.Context(), again.ID)
				f.NoError(err)
				f.Equal("repeats", got.ReplayOf, first.ID)
			}
			f.Equal("claimed", len(f.ClaimIDs()), 2)
			list, _, err := f.Events(f.Context(), store.EventFilter{})
			f.NoError(err)
			f.Equal("listed", []store.ID{list[0].ReplayOf, list[1].ReplayOf, list[2].ReplayOf},
				[]store.ID{first.ID, first.ID, 0})
		},
		"nothing is a duplicate of a replay": func(f *Fixture) {
			replay := f.EventOf("x")
			replay.ReplayOf = 12345
			f.AcceptOne(replay, store.Plan{})
			f.Reopen()
			ev := f.EventOf("x")
			f.Equal("the event", f.AcceptOne(ev, store.Plan{}), store.Receipt{ID: ev.ID})
			f.Equal("again", f.AcceptOne(f.EventOf("x"), store.Plan{}), store.Receipt{ID: ev.ID, Duplicate: true})
		},
		"a replay in one batch with the same body is stored too, and its failure does not forget the body": func(f *Fixture) {
			ev, replay := f.EventOf("x"), f.EventOf("x")
			replay.ReplayOf = ev.ID
			failed := errors.New("no plan")
			rs, err := f.Accept(f.Context(), []store.Event{ev, replay}, func(i int, _ getter) (store.Plan, error) {
				return store.Plan{}, map[int]error{1: failed}[i]
			})
			f.NoError(err)
			f.Equal("receipts", fmt.Sprint(rs[0], errors.Is(rs[1].Err, failed)),
				fmt.Sprint(store.Receipt{ID: ev.ID}, true))
			f.Equal("again", f.AcceptOne(f.EventOf("x"), store.Plan{}), store.Receipt{ID: ev.ID, Duplicate: true})
		},
	}
}
