package store

import (
	"errors"
	"fmt"
	"time"
)

// fallbackCases are about a delivery that stands in for one that died.
func fallbackCases() map[string]func(*fixture) {
	die := func(f *fixture, id ID, lease int64) NewDelivery {
		f.Helper()
		d := f.delivery("n", "k")
		d.FallbackFor, d.Notifier, d.Claim = id, "mail", true
		f.check(f.Finish(f.Context(), []Outcome{{
			ID: id, Lease: lease, State: Dead, Attempt: &Attempt{At: f.now(), Error: "gone"}, Fallback: &d,
		}}))
		return d
	}
	return map[string]func(*fixture){
		"a fallback is made with the outcome, for the same event, and can be claimed": func(f *fixture) {
			id := f.put("k")
			f.claim()
			d := die(f, id, 1)
			f.equal("state", f.get(id).State, Dead)
			f.equal("fallback", f.get(d.ID), Delivery{
				ID: d.ID, EventID: f.get(id).EventID, EventName: "run.completed", Project: "WEB", Rule: "r", Notifier: "mail", OrderKey: "k",
				Title: "a title", State: Pending, NextAt: f.now(), CreatedAt: f.now(), FirstAt: f.now(), UpdatedAt: f.now(),
				FallbackFor: id, Message: d.Message, EventBody: []byte(`{"n":1}`),
			})
			ds, err := f.Claim(f.Context(), "mail", 10)
			f.check(err)
			f.equal("claimed", len(ds), 1)
			f.equal("for", ds[0].FallbackFor, id)
			ev, err := f.Event(f.Context(), ds[0].EventID)
			f.check(err)
			f.equal("deliveries of the event", ev.Deliveries, []ID{id, d.ID})
			list, _, err := f.Deliveries(f.Context(), DeliveryFilter{Notifier: "mail"})
			f.check(err)
			f.equal("listed", list[0].FallbackFor, id)
		},
		"an outcome of an older lease makes no fallback": func(f *fixture) {
			id := f.put("k")
			f.claim()
			d := die(f, id, 7)
			_, _, err := f.Delivery(f.Context(), d.ID)
			f.equal("not made", errors.Is(err, ErrNotFound), true)
			f.equal("state", f.get(id).State, Sending)
		},
		"an outcome that is told twice makes one fallback, also in the same millisecond": func(f *fixture) {
			id := f.put("k")
			f.claim()
			first, again := die(f, id, 1), die(f, id, 1)
			ev, err := f.Event(f.Context(), f.get(id).EventID)
			f.check(err)
			f.equal("deliveries of the event", ev.Deliveries, []ID{id, first.ID})
			_, _, err = f.Delivery(f.Context(), again.ID)
			f.equal("not made again", errors.Is(err, ErrNotFound), true)
			f.equal("unfinished", f.Load().Deliveries, 1)
		},
		"one that dies once more gets another fallback only if the one before has not arrived and cannot any more": func(f *fixture) {
			for _, c := range []struct {
				first, second State // what became of the fallback, and of its own fallback; empty is that there is none
				made          int
			}{
				{Pending, "", 0}, {Sending, "", 0}, {Delivered, "", 0}, {Dead, "", 1}, {Cancelled, "", 1}, {Dead, Pending, 0}, {Dead, Delivered, 0},
				{Dead, Dead, 1},
			} {
				id := f.put("")
				f.claim()
				heir := f.standIn(id, 1)
				made := 2
				if c.second == "" {
					f.become(heir, c.first)
				} else {
					f.become(heir, Sending)
					f.become(f.standIn(heir, 1), c.second)
					made++
				}
				_, err := f.Retry(f.Context(), []ID{id})
				f.check(err)
				f.claim()
				f.standIn(id, 2)
				ev, err := f.Event(f.Context(), f.get(id).EventID)
				f.check(err)
				f.equal(fmt.Sprintf("deliveries after %s %s", c.first, c.second), len(ev.Deliveries), made+c.made)
				f.equal("state", f.get(id).State, Dead)
			}
		},
		"a fallback waits for earlier ones of its order key": func(f *fixture) {
			id := f.put("k")
			before := f.delivery("mail", "k")
			f.accept(f.event(), Plan{Deliveries: []NewDelivery{before}})
			f.claim()
			d := die(f, id, 1)
			f.equal("due", f.get(d.ID).NextAt, f.now().Add(OrderWait))
		},
		"a fallback that only rehearses is cancelled": func(f *fixture) {
			id := f.put("k")
			f.claim()
			d := f.delivery("mail", "")
			d.FallbackFor, d.Cancelled = id, "dry run"
			f.check(f.Finish(f.Context(), []Outcome{{ID: id, Lease: 1, State: Dead, Fallback: &d}}))
			f.equal("state", f.get(d.ID).State, Cancelled)
			f.equal("for", f.get(d.ID).FallbackFor, id)
		},
	}
}

// standIn lets a delivery die, with a fallback to a notifier of its own.
func (f *fixture) standIn(id ID, lease int64) ID {
	f.Helper()
	d := f.delivery("", "")
	d.FallbackFor, d.Notifier = id, d.ID.String()
	f.check(f.Finish(f.Context(), []Outcome{{ID: id, Lease: lease, State: Dead, Attempt: &Attempt{At: f.now(), Error: "gone"}, Fallback: &d}}))
	return d.ID
}

// become brings a fallback that is due to a state.
func (f *fixture) become(id ID, s State) {
	f.Helper()
	switch s {
	case Pending:
		return
	case Cancelled:
		_, err := f.Cancel(f.Context(), []ID{id}, "not wanted")
		f.check(err)
		return
	}
	ds, err := f.Claim(f.Context(), id.String(), 1)
	f.check(err)
	f.equal("claimed", len(ds), 1)
	if s == Delivered || s == Dead {
		f.finish(s, time.Time{}, id)
	}
}

// waitCases are about deliveries that wait for others for less or more than OrderWait.
func waitCases() map[string]func(*fixture) {
	put := func(f *fixture, wait time.Duration) ID {
		f.Helper()
		d := f.delivery("n", "a")
		d.Wait = wait
		f.accept(f.event(), Plan{Deliveries: []NewDelivery{d}})
		return d.ID
	}
	return map[string]func(*fixture){
		"one with a wait of its own passes after it": func(f *fixture) {
			for _, wait := range []time.Duration{time.Second, 5 * OrderWait} {
				first := f.put("a")
				f.claim()
				f.finish(Pending, f.now().Add(10*OrderWait), first)
				waiting := put(f, wait)
				f.equal("due", f.get(waiting).NextAt, f.now().Add(wait))
				f.advance(wait - time.Millisecond)
				f.equal("just before", len(f.claim()), 0)
				f.advance(time.Millisecond)
				f.equal("passes", f.claim(), []ID{waiting})
				f.finish(Delivered, time.Time{}, waiting)
				_, err := f.Retry(f.Context(), []ID{first})
				f.check(err)
				f.equal("the first", f.claim(), []ID{first})
				f.finish(Delivered, time.Time{}, first)
			}
		},
		"a wait of its own is kept when it is handed back, and when the store opens again": func(f *fixture) {
			first, waiting := f.put("a"), put(f, time.Minute)
			start := f.now()
			f.equal("claimed", f.claim(), []ID{first, waiting})
			f.advance(time.Second)
			f.finish(Pending, f.now().Add(OrderWait), first)
			f.handBack(time.Time{}, waiting)
			f.equal("due", f.get(waiting).NextAt, start.Add(time.Minute))
			f.reopen()
			f.equal("due after opening again", f.get(waiting).NextAt, start.Add(time.Minute))
			f.advance(time.Minute)
			f.equal("passes", f.claim(), []ID{waiting})
		},
		"one with a wait of its own goes when the one before it ends": func(f *fixture) {
			first := f.put("a")
			f.claim()
			waiting := put(f, 5*OrderWait)
			f.finish(Delivered, time.Time{}, first)
			f.equal("then", f.claim(), []ID{waiting})
		},
	}
}

// replayCases are about events that a person lets happen again.
func replayCases() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"a replay is no duplicate, also of another replay, and says what it repeats": func(f *fixture) {
			first := f.accept(f.eventOf("x"), Plan{})
			for range 2 {
				again := f.eventOf("x")
				again.ReplayOf = first.ID
				d := f.delivery("n", "")
				f.equal("receipt", f.accept(again, Plan{Deliveries: []NewDelivery{d}}), Receipt{ID: again.ID, Pending: []string{"n"}})
				got, err := f.Event(f.Context(), again.ID)
				f.check(err)
				f.equal("repeats", got.ReplayOf, first.ID)
			}
			f.equal("claimed", len(f.claim()), 2)
			list, _, err := f.Events(f.Context(), EventFilter{})
			f.check(err)
			f.equal("listed", []ID{list[0].ReplayOf, list[1].ReplayOf, list[2].ReplayOf}, []ID{first.ID, first.ID, 0})
		},
		"nothing is a duplicate of a replay": func(f *fixture) {
			replay := f.eventOf("x")
			replay.ReplayOf = 12345
			f.accept(replay, Plan{})
			f.reopen()
			ev := f.eventOf("x")
			f.equal("the event", f.accept(ev, Plan{}), Receipt{ID: ev.ID})
			f.equal("again", f.accept(f.eventOf("x"), Plan{}), Receipt{ID: ev.ID, Duplicate: true})
		},
		"a replay in one batch with its like is stored beside it, and its failure does not forget the body": func(f *fixture) {
			ev, replay := f.eventOf("x"), f.eventOf("x")
			replay.ReplayOf = ev.ID
			failed := errors.New("no plan")
			rs, err := f.Accept(f.Context(), []Event{ev, replay}, func(i int, _ func(string) ([]byte, error)) (Plan, error) {
				return Plan{}, map[int]error{1: failed}[i]
			})
			f.check(err)
			f.equal("receipts", fmt.Sprint(rs[0], errors.Is(rs[1].Err, failed)), fmt.Sprint(Receipt{ID: ev.ID}, true))
			f.equal("again", f.accept(f.eventOf("x"), Plan{}), Receipt{ID: ev.ID, Duplicate: true})
		},
	}
}
