package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// place is where a store keeps its data in a test: each call of open after a Close finds the same data again.
type place func(t *testing.T, now func() time.Time) (open func() Store)

// testStore runs everything that every store promises.
func testStore(t *testing.T, p place) {
	groups := map[string]map[string]func(*fixture){
		"accept": acceptCases(), "keys": keyCases(), "order": orderCases(), "deliver": deliverCases(), "hand over": handOverCases(), "abandoned": abandonedCases(),
		"list": listCases(), "keep": keepCases(), "fallback": fallbackCases(), "wait": waitCases(), "replay": replayCases(),
		"shared": sharedCases(), "rate": rateCases(), "load": loadCases(), "states": stateCases(), "clock": clockCases(),
	}
	for group, cases := range groups {
		for name, run := range cases {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				run(newFixture(t, p))
			})
		}
	}
}

// fixture is an open store with a clock that the test moves.
type fixture struct {
	*testing.T
	Store
	open  func() Store
	ids   *IDs
	clock atomic.Int64
	n     int
}

func newFixture(t *testing.T, p place) *fixture {
	f := &fixture{T: t, ids: NewIDs(1)}
	f.clock.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli())
	f.open = p(t, f.now)
	f.Store = f.open()
	t.Cleanup(func() { f.check(f.Store.Close()) })
	return f
}

func (f *fixture) now() time.Time { return time.UnixMilli(f.clock.Load()).UTC() }

func (f *fixture) advance(d time.Duration) { f.clock.Add(d.Milliseconds()) }

func (f *fixture) reopen() {
	f.Helper()
	f.check(f.Store.Close())
	f.Store = f.open()
}

func (f *fixture) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) equal(what string, got, want any) {
	f.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		f.Fatalf("%s: got %s, want %s", what, g, w)
	}
}

// event makes an event with a body of its own.
func (f *fixture) event() Event {
	f.n++
	return f.eventOf(fmt.Sprintf(`{"n":%d}`, f.n))
}

func (f *fixture) eventOf(body string) Event {
	return Event{
		ID: f.ids.Next(f.now()), Source: "qase", Name: "run.completed", Project: "WEB", Hash: sha256.Sum256([]byte(body)),
		Body: []byte(body), ReceivedAt: f.now(),
	}
}

func (f *fixture) delivery(notifier, key string) NewDelivery {
	return NewDelivery{
		ID: f.ids.Next(f.now()), Rule: "r", Notifier: notifier, OrderKey: key, Title: "a title", Message: []byte(`{"m":1}`),
	}
}

// accept stores one event with the given plan.
func (f *fixture) accept(ev Event, p Plan) Receipt {
	f.Helper()
	rs, err := f.Accept(f.Context(), []Event{ev}, planned(p))
	f.check(err)
	return rs[0]
}

// put stores one event with one delivery to notifier n and returns the delivery's id.
func (f *fixture) put(key string) ID {
	f.Helper()
	d := f.delivery("n", key)
	f.check(f.accept(f.event(), Plan{Deliveries: []NewDelivery{d}}).Err)
	return d.ID
}

func planned(p Plan) Decide {
	return func(int, func(string) ([]byte, error)) (Plan, error) { return p, nil }
}

// claim claims for notifier n and returns the deliveries' ids.
func (f *fixture) claim() (ids []ID) {
	f.Helper()
	return idsOf(f.claimAll())
}

func idsOf(ds []Delivery) (ids []ID) {
	for _, d := range ds {
		ids = append(ids, d.ID)
	}
	return ids
}

func (f *fixture) claimAll() []Delivery {
	f.Helper()
	ds, err := f.Claim(f.Context(), "n", 100)
	f.check(err)
	return ds
}

func (f *fixture) get(id ID) Delivery {
	f.Helper()
	d, _, err := f.Delivery(f.Context(), id)
	f.check(err)
	return d
}

// finish ends the current attempt of each delivery.
func (f *fixture) finish(s State, next time.Time, ids ...ID) {
	f.Helper()
	f.report(s, next, &Attempt{At: f.now(), Took: time.Millisecond, Status: "an answer"}, ids)
}

func (f *fixture) handBack(next time.Time, ids ...ID) {
	f.Helper()
	f.report(Pending, next, nil, ids)
}

func (f *fixture) report(s State, next time.Time, a *Attempt, ids []ID) {
	f.Helper()
	var os []Outcome
	for _, id := range ids {
		os = append(os, Outcome{ID: id, Lease: f.get(id).Lease, State: s, NextAt: next, Attempt: a})
	}
	f.check(f.Finish(f.Context(), os))
}

// cancelledContext is a context that has ended.
func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
