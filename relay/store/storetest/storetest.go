// Package storetest holds the conformance suite that every engine of a store passes, and traffic for benchmarks.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store"
)

// Factory makes an empty place for a store, whose clock is now, and returns what opens the store there. After Close,
// open finds the same data again.
type Factory func(t *testing.T, now func() time.Time) (open func() store.Store)

// Run tests the contract of store.Store on stores of a factory: the named topics, or all if none is named.
func Run(t *testing.T, f Factory, topics ...string) {
	for topic, cases := range map[string]map[string]func(*Fixture){
		"accept": acceptCases(), "replay": replayCases(), "abandoned": abandonedCases(), "hand over": handOverCases(),
		"keys": keyCases(), "swap": swapCases(), "rate": rateCases(),
		"deliver": deliverCases(), "order": orderCases(), "wait": waitCases(), "fallback": fallbackCases(),
		"list": listCases(), "load": loadCases(), "keep": keepCases(), "clock": clockCases(), "states": stateCases(),
		"slots": slotCases(), "slots that are kept": slotKeepCases(), "open slots": openCases(),
		"outlines": outlineCases(), "tallies": tallyCases(), "audit": auditCases(), "search": searchCases(), "history": historyCases(),
	} {
		if len(topics) == 0 || slices.Contains(topics, topic) {
			t.Run(topic, func(t *testing.T) { runCases(t, cases, f) })
		}
	}
}

func runCases(t *testing.T, cases map[string]func(*Fixture), f Factory) {
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(NewFixture(t, f))
		})
	}
}

// Fixture is an open store with a clock that the test moves, and helpers that fail the test.
type Fixture struct {
	*testing.T
	store.Store
	open  func() store.Store
	IDs   *store.IDs
	Clock atomic.Int64
	n     int
	mu    sync.Mutex // held while a firing is made
}

// NewFixture opens a store, and closes it when the test ends.
func NewFixture(t *testing.T, factory Factory) *Fixture {
	f := &Fixture{T: t, IDs: store.NewIDs(1)}
	f.Clock.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli())
	f.open = factory(t, f.Now)
	f.Store = f.open()
	t.Cleanup(func() { f.NoError(f.Store.Close()) })
	return f
}

// Now is the time by the clock of the fixture, which is that of the store.
func (f *Fixture) Now() time.Time { return time.UnixMilli(f.Clock.Load()).UTC() }

// Advance moves the clock, also back.
func (f *Fixture) Advance(d time.Duration) { f.Clock.Add(d.Milliseconds()) }

// Reopen closes the store and opens it again.
func (f *Fixture) Reopen() {
	f.Helper()
	f.NoError(f.Store.Close())
	f.Store = f.open()
}

// NoError fails the test on an error.
func (f *Fixture) NoError(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// Equal fails the test unless the texts of got and want are equal.
func (f *Fixture) Equal(what string, got, want any) {
	f.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		f.Fatalf("%s: got %s, want %s", what, g, w)
	}
}

// MakeEvent makes an event with a body of its own.
func (f *Fixture) MakeEvent() store.Event {
	f.n++
	return f.EventOf(fmt.Sprintf(`{"n":%d}`, f.n))
}

// EventOf makes an event with the given body.
func (f *Fixture) EventOf(body string) store.Event {
	return store.Event{
		ID: f.IDs.Next(f.Now()), Source: "qase", Name: "run.completed", Project: "WEB", Hash: sha256.Sum256([]byte(body)),
		Body: []byte(body), ReceivedAt: f.Now(),
	}
}

// MakeDelivery makes a delivery to be planned.
func (f *Fixture) MakeDelivery(notifier, key string) store.NewDelivery {
	return store.NewDelivery{
		ID: f.IDs.Next(f.Now()), Rule: "r", Notifier: notifier, OrderKey: key, Title: "a title", Message: []byte(`{"m":1}`),
	}
}

// AcceptOne stores one event with the given plan.
func (f *Fixture) AcceptOne(ev store.Event, p store.Plan) store.Receipt {
	f.Helper()
	rs, err := f.Accept(f.Context(), []store.Event{ev}, Planned(p))
	f.NoError(err)
	return rs[0]
}

// AcceptDeliveries stores one event with the given deliveries.
func (f *Fixture) AcceptDeliveries(ds ...store.NewDelivery) store.Receipt {
	f.Helper()
	return f.AcceptOne(f.MakeEvent(), store.Plan{Deliveries: ds})
}

// AcceptSame stores the same bodies through all stores, by many callers at once. Each body has to become one event.
func (f *Fixture) AcceptSame(callers, bodies int, through ...store.Store) {
	f.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]map[store.ID]bool{}
	for _, s := range through {
		maker := store.NewIDs(s.Node())
		for range callers {
			wg.Go(func() {
				for b := range bodies {
					ev := f.EventOf(fmt.Sprint("body ", b))
					ev.ID = maker.Next(f.Now())
					rs, err := s.Accept(f.Context(), []store.Event{ev}, Planned(store.Plan{}))
					if err != nil {
						f.Error(err)
						return
					}
					mu.Lock()
					if ids[string(ev.Body)] == nil {
						ids[string(ev.Body)] = map[store.ID]bool{}
					}
					ids[string(ev.Body)][rs[0].ID] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	for body, set := range ids {
		f.Equal("ids of "+body, len(set), 1)
	}
	f.Equal("events", len(f.EventIDs(store.EventFilter{Limit: 1000})), bodies)
}

// Put stores one event with one delivery to notifier n and returns the delivery's id.
func (f *Fixture) Put(key string) store.ID {
	f.Helper()
	d := f.MakeDelivery("n", key)
	f.NoError(f.AcceptDeliveries(d).Err)
	return d.ID
}

// getter returns the value kept under a key, or nil, as a decision sees it.
type getter = func(key string) ([]byte, error)

// Planned decides the same plan for every event.
func Planned(p store.Plan) store.Decide {
	return func(int, func(string) ([]byte, error)) (store.Plan, error) { return p, nil }
}

// ClaimIDs claims for notifier n and returns the deliveries' ids.
func (f *Fixture) ClaimIDs() (ids []store.ID) {
	f.Helper()
	return IDsOf(f.claimAll())
}

// IDsOf returns the ids of deliveries.
func IDsOf(ds []store.Delivery) (ids []store.ID) {
	for _, d := range ds {
		ids = append(ids, d.ID)
	}
	return ids
}

func (f *Fixture) claimAll() []store.Delivery {
	f.Helper()
	ds, err := f.Claim(f.Context(), "n", 100)
	f.NoError(err)
	return ds
}

// Find returns a delivery.
func (f *Fixture) Find(id store.ID) store.Delivery {
	f.Helper()
	d, _, err := f.Delivery(f.Context(), id)
	f.NoError(err)
	return d
}

// EventIDs lists the ids of events.
func (f *Fixture) EventIDs(filter store.EventFilter) []store.ID {
	f.Helper()
	list, _, err := f.Events(f.Context(), filter)
	f.NoError(err)
	ids := []store.ID{}
	for _, ev := range list {
		ids = append(ids, ev.ID)
	}
	return ids
}

// DeliveryIDs lists the ids of deliveries.
func (f *Fixture) DeliveryIDs(filter store.DeliveryFilter) []store.ID {
	f.Helper()
	list, _, err := f.Deliveries(f.Context(), filter)
	f.NoError(err)
	return IDsOf(list)
}

// Value returns the value of a key, or nil.
func (f *Fixture) Value(key string) []byte {
	f.Helper()
	v, err := f.Get(f.Context(), key)
	f.NoError(err)
	return v
}

// RetryAll makes deliveries due now.
func (f *Fixture) RetryAll(ids ...store.ID) {
	f.Helper()
	_, err := f.Retry(f.Context(), ids)
	f.NoError(err)
}

// CancelAll cancels deliveries.
func (f *Fixture) CancelAll(ids ...store.ID) {
	f.Helper()
	_, err := f.Cancel(f.Context(), ids, "not wanted")
	f.NoError(err)
}

// Everything lists all that a reader returns.
func Everything(t *testing.T, r store.Reader) string {
	t.Helper()
	evs, _, err := r.Events(t.Context(), store.EventFilter{Limit: 1000})
	ds, _, err2 := r.Deliveries(t.Context(), store.DeliveryFilter{Limit: 1000})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(evs, ds)
}

// FinishAs ends the current attempt of each delivery.
func (f *Fixture) FinishAs(s store.State, next time.Time, ids ...store.ID) {
	f.Helper()
	f.report(s, next, &store.Attempt{At: f.Now(), Took: time.Millisecond, Status: "an answer"}, ids)
}

// HandBack hands deliveries back untried.
func (f *Fixture) HandBack(next time.Time, ids ...store.ID) {
	f.Helper()
	f.report(store.Pending, next, nil, ids)
}

func (f *Fixture) report(s store.State, next time.Time, a *store.Attempt, ids []store.ID) {
	f.Helper()
	var os []store.Outcome
	for _, id := range ids {
		os = append(os, store.Outcome{ID: id, Lease: f.Find(id).Lease, State: s, NextAt: next, Attempt: a})
	}
	f.NoError(f.Finish(f.Context(), os))
}

// cancelledContext is a context that has ended.
func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
