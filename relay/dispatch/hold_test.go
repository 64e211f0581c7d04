package dispatch_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
)

// A person's pause ends by a person alone: not with time, new rules, a retry or a restart.
func TestAPersonsPauseHoldsUntilOneResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		senders := dispatchtest.Senders{"ops": got.Always(nil)}
		r := newRig(t, senders)
		synctest.Wait()
		if err := r.Pause(t.Context(), "ops", "ana"); err != nil {
			t.Fatal(err)
		}
		if err := r.Pause(t.Context(), "none", "ana"); !errors.Is(err, dispatch.ErrNoNotifier) {
			t.Errorf("pausing an unknown one: %v", err)
		}
		r.acceptMany(t, 5)
		r.Apply(dispatchtest.Config(senders))
		time.Sleep(30 * time.Hour)
		if _, err := r.Retry(t.Context(), []store.ID{r.memory.IDOf(t, "ops", "001")}); err != nil {
			t.Error(err)
		}
		r.stop()
		again := newRig(t, senders, func(o *dispatch.Options) { o.Store = r.memory })
		time.Sleep(3 * time.Hour)
		if n := len(got.Titles()); n != 0 {
			t.Errorf("%d messages were sent", n)
		}
		if s := again.States()["ops"]; s.State != dispatch.Paused || s.Why != "paused by ana" || !s.NextTry.IsZero() {
			t.Errorf("the state is %+v", s)
		}
		if err := again.Resume(t.Context(), "ops"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if n := len(got.Titles()); n != 5 {
			t.Errorf("%d messages were sent after it was resumed", n)
		}
		if kept, err := r.memory.Get(t.Context(), dispatch.PauseKey("ops")); kept != nil || err != nil {
			t.Errorf("the store still has %s, %v", kept, err)
		}
	})
}

// A message that is on its way when a person pauses its notifier may fail, or find the receiver there.
func TestAMessageOnItsWayDoesNotEndAPersonsPause(t *testing.T) {
	for name, outcome := range map[string]error{"it arrives": nil, "it fails": errors.New("503")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := failing(gone())
				r := newRig(t, dispatchtest.Senders{"ops": f.send})
				r.acceptMany(t, 5)
				synctest.Wait()
				if err := r.Pause(t.Context(), "ops", ""); err != nil {
					t.Fatal(err)
				}
				f.set(outcome)
				time.Sleep(3 * time.Hour)
				if s := r.States()["ops"]; s.State != dispatch.Paused || s.Why != "paused by a person" {
					t.Errorf("the state is %+v", s)
				}
			})
		})
	}
}

func TestAPersonsPauseHoldsOnOtherRelaysToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		shared := func(o *dispatch.Options) { o.Store.(*memory.Store).Wakes = make(chan string) }
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)}, shared)
		other := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(o *dispatch.Options) { o.Store = r.memory })
		synctest.Wait()
		if err := r.Pause(t.Context(), "ops", "ana"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * dispatch.PauseInterval)
		if s := other.States()["ops"]; s.State != dispatch.Paused {
			t.Errorf("on the other relay the state is %+v", s)
		}
		if err := r.Resume(t.Context(), "ops"); err != nil {
			t.Fatal(err)
		}
		r.acceptMany(t, 3)
		time.Sleep(3*dispatch.PauseInterval + time.Second)
		if s := other.States()["ops"]; s.State != dispatch.Closed && s.State != dispatch.HalfOpen {
			t.Errorf("after it was resumed, the state on the other relay is %+v", s)
		}
	})
}
