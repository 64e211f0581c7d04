package storetest

import (
	"errors"
	"fmt"
	"time"

	"qaserelay/relay/store"
)

// fallbackCases are about a delivery that stands in for one that died.
func fallbackCases() map[string]func(*Fixture) {
	die := func(f *Fixture, id store.ID, lease int64) store.NewDelivery {
		f.Helper()
		d := f.MakeDelivery("n", "k")
		d.FallbackFor, d.Notifier, d.Claim = id, "mail", true
		f.NoError(f.Finish(f.Context(), []store.Outcome{{
			ID: id, Lease: lease, State: store.Dead, Attempt: &store.Attempt{At: f.Now(), Error: "gone"}, Fallback: &d,
		}}))
		return d
	}
	return map[string]func(*Fixture){
		"a fallback is made with the outcome, for the same event, and can be claimed": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			d := die(f, id, 1)
			f.Equal("state", f.Find(id).State, store.Dead)
			f.Equal("fallback", f.Find(d.ID), store.Delivery{
				ID: d.ID, EventID: f.Find(id).EventID, EventName: "run.completed", Project: "WEB", Rule: "r", Notifier: "mail", OrderKey: "k",
				Title: "a title", State: store.Pending, NextAt: f.Now(), CreatedAt: f.Now(), FirstAt: f.Now(), UpdatedAt: f.Now(),
				FallbackFor: id, Message: d.Message, EventBody: []byte(`{"n":1}`),
			})
			ds, err := f.Claim(f.Context(), "mail", 10)
			f.NoError(err)
			f.Equal("claimed", len(ds), 1)
			f.Equal("for", ds[0].FallbackFor, id)
			ev, err := f.Event(f.Context(), ds[0].EventID)
			f.NoError(err)
			f.Equal("deliveries of the event", ev.Deliveries, []store.ID{id, d.ID})
			list, _, err := f.Deliveries(f.Context(), store.DeliveryFilter{Notifier: "mail"})
			f.NoError(err)
			f.Equal("listed", list[0].FallbackFor, id)
		},
		"an outcome of an older lease makes no fallback": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			d := die(f, id, 7)
			_, _, err := f.Delivery(f.Context(), d.ID)
			f.Equal("not made", errors.Is(err, store.ErrNotFound), true)
			f.Equal("state", f.Find(id).State, store.Sending)
		},
		"an outcome that is told twice makes one fallback, also in the same millisecond": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			first, again := die(f, id, 1), die(f, id, 1)
			ev, err := f.Event(f.Context(), f.Find(id).EventID)
			f.NoError(err)
			f.Equal("deliveries of the event", ev.Deliveries, []store.ID{id, first.ID})
			_, _, err = f.Delivery(f.Context(), again.ID)
			f.Equal("not made again", errors.Is(err, store.ErrNotFound), true)
			f.Equal("unfinished", f.Load().Deliveries, 1)
		},
		"one that dies once more gets another fallback only if the one before has not arrived and cannot any more": func(f *Fixture) {
			for _, c := range []struct {
				first, second store.State // what became of the fallback, and of its own fallback; empty is that there is none
				made          int
			}{
				{store.Pending, "", 0}, {store.Sending, "", 0}, {store.Delivered, "", 0}, {store.Dead, "", 1}, {store.Cancelled, "", 1}, {store.Dead, store.Pending, 0}, {store.Dead, store.Delivered, 0},
				{store.Dead, store.Dead, 1},
			} {
				id := f.Put("")
				f.ClaimIDs()
				heir := f.standIn(id, 1)
				made := 2
				if c.second == "" {
					f.become(heir, c.first)
				} else {
					f.become(heir, store.Sending)
					f.become(f.standIn(heir, 1), c.second)
					made++
				}
				_, err := f.Retry(f.Context(), []store.ID{id})
				f.NoError(err)
				f.ClaimIDs()
				f.standIn(id, 2)
				ev, err := f.Event(f.Context(), f.Find(id).EventID)
				f.NoError(err)
				f.Equal(fmt.Sprintf("deliveries after %s %s", c.first, c.second), len(ev.Deliveries), made+c.made)
				f.Equal("state", f.Find(id).State, store.Dead)
			}
		},
		"a fallback waits for earlier ones of its order key": func(f *Fixture) {
			id := f.Put("k")
			before := f.MakeDelivery("mail", "k")
			f.AcceptOne(f.MakeEvent(), store.Plan{Deliveries: []store.NewDelivery{before}})
			f.ClaimIDs()
			d := die(f, id, 1)
			f.Equal("due", f.Find(d.ID).NextAt, f.Now().Add(store.OrderWait))
		},
		"a fallback that only rehearses is cancelled": func(f *Fixture) {
			id := f.Put("k")
			f.ClaimIDs()
			d := f.MakeDelivery("mail", "")
			d.FallbackFor, d.Cancelled = id, "dry run"
			f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: id, Lease: 1, State: store.Dead, Fallback: &d}}))
			f.Equal("state", f.Find(d.ID).State, store.Cancelled)
			f.Equal("for", f.Find(d.ID).FallbackFor, id)
		},
	}
}

// standIn lets a delivery die, with a fallback to a notifier of its own.
func (f *Fixture) standIn(id store.ID, lease int64) store.ID {
	f.Helper()
	d := f.MakeDelivery("", "")
	d.FallbackFor, d.Notifier = id, d.ID.String()
	f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: id, Lease: lease, State: store.Dead, Attempt: &store.Attempt{At: f.Now(), Error: "gone"}, Fallback: &d}}))
	return d.ID
}

// become brings a fallback that is due to a state.
func (f *Fixture) become(id store.ID, s store.State) {
	f.Helper()
	switch s {
	case store.Pending:
		return
	case store.Cancelled:
		_, err := f.Cancel(f.Context(), []store.ID{id}, "not wanted")
		f.NoError(err)
		return
	}
	ds, err := f.Claim(f.Context(), id.String(), 1)
	f.NoError(err)
	f.Equal("claimed", len(ds), 1)
	if s == store.Delivered || s == store.Dead {
		f.FinishAs(s, time.Time{}, id)
	}
}

// waitCases are about deliveries that wait for others for less or more than OrderWait.
func waitCases() map[string]func(*Fixture) {
	put := func(f *Fixture, wait time.Duration) store.ID {
		f.Helper()
		d := f.MakeDelivery("n", "a")
		d.Wait = wait
		f.AcceptOne(f.MakeEvent(), store.Plan{Deliveries: []store.NewDelivery{d}})
		return d.ID
	}
	return map[string]func(*Fixture){
		"one with a wait of its own passes after it": func(f *Fixture) {
			for _, wait := range []time.Duration{time.Second, 5 * store.OrderWait} {
				first := f.Put("a")
				f.ClaimIDs()
				f.FinishAs(store.Pending, f.Now().Add(10*store.OrderWait), first)
				waiting := put(f, wait)
				f.Equal("due", f.Find(waiting).NextAt, f.Now().Add(wait))
				f.Advance(wait - time.Millisecond)
				f.Equal("just before", len(f.ClaimIDs()), 0)
				f.Advance(time.Millisecond)
				f.Equal("passes", f.ClaimIDs(), []store.ID{waiting})
				f.FinishAs(store.Delivered, time.Time{}, waiting)
				_, err := f.Retry(f.Context(), []store.ID{first})
				f.NoError(err)
				f.Equal("the first", f.ClaimIDs(), []store.ID{first})
				f.FinishAs(store.Delivered, time.Time{}, first)
			}
		},
		"a wait of its own is kept when it is handed back, and when the store opens again": func(f *Fixture) {
			first, waiting := f.Put("a"), put(f, time.Minute)
			start := f.Now()
			f.Equal("claimed", f.ClaimIDs(), []store.ID{first, waiting})
			f.Advance(time.Second)
			f.FinishAs(store.Pending, f.Now().Add(store.OrderWait), first)
			f.HandBack(time.Time{}, waiting)
			f.Equal("due", f.Find(waiting).NextAt, start.Add(time.Minute))
			f.Reopen()
			f.Equal("due after opening again", f.Find(waiting).NextAt, start.Add(time.Minute))
			f.Advance(time.Minute)
			f.Equal("passes", f.ClaimIDs(), []store.ID{waiting})
		},
		"one with a wait of its own goes when the one before it ends": func(f *Fixture) {
			first := f.Put("a")
			f.ClaimIDs()
			waiting := put(f, 5*store.OrderWait)
			f.FinishAs(store.Delivered, time.Time{}, first)
			f.Equal("then", f.ClaimIDs(), []store.ID{waiting})
		},
	}
}

// replayCases are about events that a person lets happen again.
func replayCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"a replay is no duplicate, also of another replay, and says what it repeats": func(f *Fixture) {
			first := f.AcceptOne(f.EventOf("x"), store.Plan{})
			for range 2 {
				again := f.EventOf("x")
				again.ReplayOf = first.ID
				d := f.MakeDelivery("n", "")
				f.Equal("receipt", f.AcceptOne(again, store.Plan{Deliveries: []store.NewDelivery{d}}), store.Receipt{ID: again.ID, Pending: []string{"n"}})
				got, err := f.Event(f.Context(), again.ID)
				f.NoError(err)
				f.Equal("repeats", got.ReplayOf, first.ID)
			}
			f.Equal("claimed", len(f.ClaimIDs()), 2)
			list, _, err := f.Events(f.Context(), store.EventFilter{})
			f.NoError(err)
			f.Equal("listed", []store.ID{list[0].ReplayOf, list[1].ReplayOf, list[2].ReplayOf}, []store.ID{first.ID, first.ID, 0})
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
		"a replay in one batch with its like is stored beside it, and its failure does not forget the body": func(f *Fixture) {
			ev, replay := f.EventOf("x"), f.EventOf("x")
			replay.ReplayOf = ev.ID
			failed := errors.New("no plan")
			rs, err := f.Accept(f.Context(), []store.Event{ev, replay}, func(i int, _ func(string) ([]byte, error)) (store.Plan, error) {
				return store.Plan{}, map[int]error{1: failed}[i]
			})
			f.NoError(err)
			f.Equal("receipts", fmt.Sprint(rs[0], errors.Is(rs[1].Err, failed)), fmt.Sprint(store.Receipt{ID: ev.ID}, true))
			f.Equal("again", f.AcceptOne(f.EventOf("x"), store.Plan{}), store.Receipt{ID: ev.ID, Duplicate: true})
		},
	}
}
