package storetest

import (
	"context"
	"errors"
	"time"

	"qaserelay/relay/store"
)

// handOverCases are about deliveries that are claimed as they are made.
func handOverCases() map[string]func(*Fixture) {
	take := func(f *Fixture, key string) (store.ID, store.Receipt) {
		d := f.MakeDelivery("n", key)
		d.Claim = true
		return d.ID, f.AcceptDeliveries(d)
	}
	return map[string]func(*Fixture){
		"a delivery can be claimed as it is made": func(f *Fixture) {
			id, r := take(f, "k")
			f.Equal("claimed, pending", []any{r.Claimed, r.Pending}, []any{[]store.ID{id}, []string{}})
			d := f.Find(id)
			f.Equal("state and lease", []any{d.State, d.Lease}, []any{store.Sending, 1})
			f.Equal("nothing is left to claim", len(f.ClaimIDs()), 0)
			f.FinishAs(store.Delivered, time.Time{}, id)
			f.Equal("state", f.Find(id).State, store.Delivered)
		},
		"deliveries behind another one of their key are not given at once": func(f *Fixture) {
			first, _ := take(f, "k")
			second, third, other := f.MakeDelivery("n", "k"), f.MakeDelivery("n", "k"), f.MakeDelivery("n", "j")
			second.Claim, third.Claim, other.Claim = true, true, true
			r := f.AcceptDeliveries(second, third, other)
			f.Equal("claimed, pending", []any{r.Claimed, r.Pending}, []any{[]store.ID{other.ID}, []string{"n"}})
			f.Equal("nothing is due", len(f.ClaimIDs()), 0)
			f.FinishAs(store.Delivered, time.Time{}, first)
			f.Equal("the others are next", f.ClaimIDs(), []store.ID{second.ID, third.ID})
		},
		"a delivery claimed as it was made can be handed back and tried again": func(f *Fixture) {
			id, _ := take(f, "k")
			f.HandBack(f.Now(), id)
			f.Equal("claimed", f.ClaimIDs(), []store.ID{id})
			f.FinishAs(store.Pending, f.Now().Add(time.Second), id)
			f.Advance(time.Second)
			f.Equal("claimed again", f.ClaimIDs(), []store.ID{id})
		},
		"a delivery of a dry run is never claimed": func(f *Fixture) {
			d := f.MakeDelivery("n", "k")
			d.Claim, d.Cancelled = true, "dry run"
			r := f.AcceptDeliveries(d)
			f.Equal("claimed", len(r.Claimed), 0)
			f.Equal("state", f.Find(d.ID).State, store.Cancelled)
		},
	}
}

// abandonedCases are about callers that leave before the answer.
func abandonedCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"a delivery claimed for a caller that has left becomes due, if it was stored at all": func(f *Fixture) {
			ctx, cancel := context.WithCancel(f.Context())
			d, ev := f.MakeDelivery("n", "k"), f.MakeEvent()
			d.Claim = true
			deciding, goOn := make(chan struct{}), make(chan struct{})
			returned := make(chan error)
			go func() {
				_, err := f.Accept(ctx, []store.Event{ev}, func(int, getter) (store.Plan, error) {
					close(deciding)
					<-goOn
					return store.Plan{Deliveries: []store.NewDelivery{d}}, nil
				})
				returned <- err
			}()
			<-deciding
			cancel()
			err := <-returned
			close(goOn)
			f.Equal("the caller hears", errors.Is(err, context.Canceled), true)
			f.NoError(f.Check(f.Context())) // behind the event
			f.NoError(f.Check(f.Context())) // behind the handing back
			want := []store.ID{d.ID}
			if _, err := f.Event(f.Context(), ev.ID); errors.Is(err, store.ErrNotFound) {
				want = nil
			}
			f.Equal("claimed", f.ClaimIDs(), want)
		},
	}
}
