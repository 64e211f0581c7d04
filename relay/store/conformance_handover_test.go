package store

import (
	"context"
	"errors"
	"time"
)

// handOverCases are about deliveries that are claimed as they are made.
func handOverCases() map[string]func(*fixture) {
	take := func(f *fixture, key string) (ID, Receipt) {
		d := f.delivery("n", key)
		d.Claim = true
		return d.ID, f.accept(f.event(), Plan{Deliveries: []NewDelivery{d}})
	}
	return map[string]func(*fixture){
		"a delivery can be claimed as it is made": func(f *fixture) {
			id, r := take(f, "k")
			f.equal("claimed, pending", []any{r.Claimed, r.Pending}, []any{[]ID{id}, []string{}})
			d := f.get(id)
			f.equal("state and lease", []any{d.State, d.Lease}, []any{Sending, 1})
			f.equal("nothing is left to claim", len(f.claim()), 0)
			f.finish(Delivered, time.Time{}, id)
			f.equal("state", f.get(id).State, Delivered)
		},
		"a delivery behind another one of its key is not given at once": func(f *fixture) {
			first, _ := take(f, "k")
			second, r := take(f, "k")
			f.equal("claimed, pending", []any{r.Claimed, r.Pending}, []any{[]ID{}, []string{"n"}})
			f.equal("nothing is due", len(f.claim()), 0)
			f.finish(Delivered, time.Time{}, first)
			f.equal("the second is next", f.claim(), []ID{second})
		},
		"what was claimed as it was made can be handed back and tried again": func(f *fixture) {
			id, _ := take(f, "k")
			f.handBack(f.now(), id)
			f.equal("claimed", f.claim(), []ID{id})
			f.finish(Pending, f.now().Add(time.Second), id)
			f.advance(time.Second)
			f.equal("claimed again", f.claim(), []ID{id})
		},
		"a rehearsed delivery is never given": func(f *fixture) {
			d := f.delivery("n", "k")
			d.Claim, d.Cancelled = true, "dry run"
			r := f.accept(f.event(), Plan{Deliveries: []NewDelivery{d}})
			f.equal("claimed", len(r.Claimed), 0)
			f.equal("state", f.get(d.ID).State, Cancelled)
		},
	}
}

func abandonedCases() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"what was claimed for a caller who had gone becomes due, if it was stored at all": func(f *fixture) {
			ctx, cancel := context.WithCancel(f.Context())
			d, ev := f.delivery("n", "k"), f.event()
			d.Claim = true
			deciding, goOn := make(chan struct{}), make(chan struct{})
			returned := make(chan error)
			go func() {
				_, err := f.Accept(ctx, []Event{ev}, func(int, func(string) ([]byte, error)) (Plan, error) {
					close(deciding)
					<-goOn
					return Plan{Deliveries: []NewDelivery{d}}, nil
				})
				returned <- err
			}()
			<-deciding
			cancel()
			err := <-returned
			close(goOn)
			f.equal("the caller hears", errors.Is(err, context.Canceled), true)
			f.check(f.Check(f.Context())) // behind the event
			f.check(f.Check(f.Context())) // behind the handing back
			want := []ID{d.ID}
			if _, err := f.Event(f.Context(), ev.ID); errors.Is(err, ErrNotFound) {
				want = nil
			}
			f.equal("claimed", f.claim(), want)
		},
	}
}
