// Package turns holds the part of the conformance suite about batches that are taken when their transaction begins.
package turns

import (
	"context"
	"errors"
	"sync"
	"testing"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// fixture is an open store.
type fixture struct{ *storetest.Fixture }

// Run tests AcceptFrom on stores of a factory.
func Run(t *testing.T, f storetest.Factory) {
	for name, run := range map[string]func(fixture){
		"a batch is taken once, also when its transaction fails because of others": testTakenOnce,
		"a batch may turn out to be empty":                                         testEmpty,
		"a batch is not taken for a caller who has left":                           testLeft,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(fixture{storetest.NewFixture(t, f)})
		})
	}
}

func testTakenOnce(f fixture) {
	first := f.AcceptOne(f.MakeEvent(), store.Plan{})
	var calls sync.WaitGroup
	for range 20 {
		good, bad, taken := f.MakeEvent(), f.MakeEvent(), 0
		bad.ID = first.ID
		calls.Go(func() {
			rs, err := f.AcceptFrom(f.Context(), func() []store.Event {
				taken++
				return []store.Event{good}
			}, storetest.Planned(store.Plan{}))
			if err != nil || taken != 1 || rs[0].ID != good.ID {
				f.Errorf("taken %d times, stored as %v: %v", taken, rs, err)
			}
		})
		calls.Go(func() {
			_, err := f.Accept(f.Context(), []store.Event{bad}, storetest.Planned(store.Plan{}))
			if !errors.Is(err, store.ErrData) {
				f.Errorf("got %v, want ErrData", err)
			}
		})
	}
	calls.Wait()
}

func testEmpty(f fixture) {
	rs, err := f.AcceptFrom(f.Context(), func() []store.Event { return nil }, storetest.Planned(store.Plan{}))
	f.NoError(err)
	f.Equal("receipts", len(rs), 0)
	f.Equal("the next one", f.AcceptDeliveries(f.MakeDelivery("n", "")).Pending, []string{"n"})
}

func testLeft(f fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	_, err := f.AcceptFrom(ctx, func() []store.Event {
		f.Error("taken")
		return nil
	}, storetest.Planned(store.Plan{}))
	f.Equal("failed", err != nil, true)
}
