package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
)

func TestAHundredCallersShareFewCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.Slow = 10 * time.Millisecond
		var callers sync.WaitGroup
		ids := make([]store.ID, 100)
		for i := range ids {
			callers.Go(func() { ids[i] = r.accept(t, "", fmt.Sprint(i)).ID })
		}
		callers.Wait()
		slices.Sort(ids)
		if n := len(slices.Compact(ids)); n != 100 {
			t.Errorf("100 events got %d ids", n)
		}
		if n := len(r.memory.Batches); n > 3 {
			t.Errorf("100 events took %d commits: %v", n, r.memory.Batches)
		}
	})
}

func TestTheSameBodyAgainIsADuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)})
		first, second := r.accept(t, "7", "a"), r.accept(t, "7", "a")
		if first.Duplicate || !second.Duplicate || first.ID != second.ID {
			t.Errorf("got %+v and %+v", first, second)
		}
		synctest.Wait()
		if n := len(got.Titles()); n != 1 {
			t.Errorf("%d messages were sent", n)
		}
		other := newEvent(t, "7", "a")
		other.Source = "other"
		if receipt, err := r.Accept(t.Context(), other); err != nil || receipt.Duplicate {
			t.Errorf("the same body from another source: %+v, %v", receipt, err)
		}
	})
}

func TestAPanicInTheRulesDoesNotLoseTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.decide = func(_ *rules.Set, ev *event.Event, _ rules.State) rules.Decision {
			if ev.Payload["title"] == "bad" {
				panic("index out of range")
			}
			return rules.Decision{}
		}
		id := r.accept(t, "", "bad").ID
		r.accept(t, "", "good")
		stored, err := r.memory.Event(t.Context(), id)
		if err != nil || !strings.Contains(string(stored.Decisions), "the rules panicked: index out of range") {
			t.Errorf("stored %s, %v", stored.Decisions, err)
		}
	})
}

func TestAStateThatCannotBeReadIsTheCallersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.GetFails = errors.New("disk on fire")
		r.decide = func(_ *rules.Set, _ *event.Event, st rules.State) rules.Decision {
			_, _ = st.Get("throttle/x")
			return rules.Decision{}
		}
		if _, err := r.Accept(t.Context(), newEvent(t, "", "a")); err == nil ||
			!strings.Contains(err.Error(), "disk on fire") {
			t.Errorf("got %v", err)
		}
		if len(r.memory.Stored) != 0 {
			t.Error("the event is stored although it was refused")
		}
	})
}

func TestADecisionThatCannotBeEncodedIsSaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.decide = func(*rules.Set, *event.Event, rules.State) rules.Decision {
			return rules.Decision{Notifications: []rules.Notification{{Message: message.Message{Rule: "x"},
				Notifier: "y", Options: []byte("{")}}}
		}
		id := r.accept(t, "", "a").ID
		stored, _ := r.memory.Event(t.Context(), id)
		if !strings.Contains(string(stored.Decisions), "encoding the message of rule x for y") {
			t.Errorf("stored %s", stored.Decisions)
		}
	})
}

func TestABadEventFailsNoneOfItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.Refused, r.memory.Slow = "BAD", time.Millisecond
		var callers sync.WaitGroup
		errs := make([]error, 100)
		for i := range errs {
			ev := newEvent(t, "", fmt.Sprint(i))
			if i%30 == 7 {
				ev.Project = "BAD"
			}
			callers.Go(func() { _, errs[i] = r.Accept(t.Context(), ev) })
		}
		callers.Wait()
		for i, err := range errs {
			if bad := i%30 == 7; bad != errors.Is(err, store.ErrData) || !bad && err != nil {
				t.Errorf("event %d: %v", i, err)
			}
		}
		if n := len(r.memory.Batches); n > 40 {
			t.Errorf("the others took %d commits: %v", n, r.memory.Batches)
		}
	})
}

func TestABatchOfLargeEventsIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.Slow = time.Millisecond
		var callers sync.WaitGroup
		for i := range 30 {
			ev := newEvent(t, "", fmt.Sprint(i))
			ev.Body = bytes.Repeat([]byte{byte(i)}, 1<<20)
			callers.Go(func() { _, _ = r.Accept(t.Context(), ev) })
		}
		callers.Wait()
		if n := slices.Max(r.memory.Batches); n > maxBatchBytes>>20 {
			t.Errorf("%d events of 1 MiB in one batch: %v", n, r.memory.Batches)
		}
	})
}

func TestOnlyARunningEngineAccepts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := New(Options{Store: memory.New(), Config: dispatchtest.Config(nil)})
		if _, err := idle.Accept(t.Context(), newEvent(t, "", "a")); !errors.Is(err, ErrStopping) {
			t.Errorf("before Run: %v", err)
		}
		if err := idle.Ready(t.Context()); err == nil {
			t.Error("ready before Run")
		}
		r := newRig(t, nil)
		r.accept(t, "", "a")
		if err := r.Ready(t.Context()); err != nil {
			t.Errorf("not ready while running: %v", err)
		}
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := r.Accept(t.Context(), newEvent(t, "", "b")); !errors.Is(err, ErrStopping) {
			t.Errorf("after Run: %v", err)
		}
	})
}

func TestAFailingStoreRefusesAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.SetFails(errors.New("disk full"))
		if _, err := r.Accept(t.Context(), newEvent(t, "", "a")); err == nil {
			t.Error("accepted by a store that failed")
		}
		if err := r.Ready(t.Context()); err == nil {
			t.Error("ready on a store that fails")
		}
		r.memory.SetFails(nil)
		if got := r.accept(t, "", "a"); got.Duplicate {
			t.Error("what was refused counts as seen")
		}
		if err := r.Ready(t.Context()); err != nil {
			t.Errorf("not ready again: %v", err)
		}
	})
}

func TestABrokenStoreEndsTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.SetFails(fmt.Errorf("fsync: %w", store.ErrBroken))
		if _, err := r.Accept(t.Context(), newEvent(t, "", "a")); err == nil {
			t.Error("accepted by a broken store")
		}
		synctest.Wait()
		if _, err := r.Accept(t.Context(), newEvent(t, "", "a")); !errors.Is(err, ErrStopping) {
			t.Errorf("got %v", err)
		}
		if err := r.stop(); !errors.Is(err, store.ErrBroken) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestACallerWhoGivesUpIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.Slow = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Accept(ctx, newEvent(t, "", "a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTooManyWaitingCallersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.memory.Slow = time.Second
		var callers sync.WaitGroup
		var refused, taken int
		var mu sync.Mutex
		for i := range maxPending + 1000 {
			callers.Go(func() {
				_, err := r.Accept(t.Context(), newEvent(t, "", fmt.Sprint(i)))
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, ErrBusy) {
					refused++
				} else if err == nil {
					taken++
				}
			})
		}
		callers.Wait()
		if refused == 0 || taken < maxPending {
			t.Errorf("%d refused, %d taken", refused, taken)
		}
	})
}

func TestADryRunRecordsAndSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(o *Options) { o.DryRun = true })
		r.accept(t, "7", "a")
		time.Sleep(time.Hour)
		if d, _ := r.memory.Titled(t, "a"); d.State != store.Cancelled || d.Error != "dry run" {
			t.Errorf("the delivery is %s: %q", d.State, d.Error)
		}
		if n := len(got.Titles()); n != 0 {
			t.Errorf("%d messages were sent", n)
		}
	})
}

func TestIDsBearTheNumberOfTheRelay(t *testing.T) {
	m := memory.New()
	m.NodeNumber = 5
	e := New(Options{Store: m, Config: dispatchtest.Config(nil)})
	for _, m.NodeNumber = range []int{5, 3} {
		if id := e.IDs.Next(time.Now()); int64(id)>>12&1023 != int64(m.NodeNumber) {
			t.Errorf("the id %d is not of relay %d", id, m.NodeNumber)
		}
	}
}
