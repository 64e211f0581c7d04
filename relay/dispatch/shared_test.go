package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
)

func TestARelayThatLostItsStoreSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		var r *rig
		r = newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			got.Add(m.Title)
			r.memory.Lost.Store(true)
			time.Sleep(time.Second)
			return notifiers.Receipt{}, nil
		}})
		r.acceptMany(t, 50)
		time.Sleep(time.Minute)
		sent := len(got.Titles())
		if sent == 0 || sent > 4 {
			t.Errorf("%d went out, while 4 were on their way", sent)
		}
		if states := r.memory.States(); states[store.Delivered] != sent || states[store.Pending] != 50-sent {
			t.Errorf("%d went out, but there are %v", sent, states)
		}
		before, _ := r.memory.Claimed()
		time.Sleep(time.Minute)
		if now, _ := r.memory.Claimed(); now != before {
			t.Errorf("it claimed %d times", now-before)
		}
	})
}

func TestWordOfAnotherRelaysWorkWakesTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)},
			func(o *dispatch.Options) { o.Store.(*memory.Store).Wakes = make(chan string) })
		time.Sleep(10*time.Second + 500*time.Millisecond)
		r.put(t, "7", "a")
		before := time.Now()
		r.memory.Wakes <- "nobody"
		r.memory.Wakes <- "ops"
		synctest.Wait()
		if len(got.Titles()) != 1 || time.Now() != before {
			t.Errorf("arrived %v after %v", got.Titles(), time.Since(before))
		}
	})
}

func TestANotifierHasAMemoryOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var found []string
		remember := func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
			old, err := m.KV.Get(ctx, "thread")
			if err != nil {
				return notifiers.Receipt{}, err
			}
			found = append(found, string(old))
			_, err = m.KV.Swap(ctx, "thread", old, []byte(m.Title), time.Hour)
			return notifiers.Receipt{}, err
		}
		r := newRig(t, dispatchtest.Senders{"ops": remember})
		for _, title := range []string{"a", "b"} {
			r.accept(t, "7", title)
			synctest.Wait()
		}
		if len(found) != 2 || found[0] != "" || found[1] != "a" {
			t.Errorf("found %q", found)
		}
		if b, _ := r.memory.Get(t.Context(), "notifier/ops/thread"); string(b) != "b" {
			t.Errorf("kept is %q", b)
		}
	})
}

func TestAStalledLaneHoldsNoMoreThanItSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Hangs})
		r.acceptMany(t, 100)
		time.Sleep(5 * time.Second)
		if states := r.memory.States(); states[store.Sending] > 4 {
			t.Errorf("with 4 messages on their way, there are %v", states)
		}
	})
}

func TestAClockThatWentBackStallsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		var back time.Duration
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(o *dispatch.Options) {
			o.Now = func() time.Time { return time.Now().Add(-back).Round(0) }
		})
		r.accept(t, "", "before")
		synctest.Wait()
		back = time.Hour
		r.accept(t, "", "after")
		time.Sleep(2 * time.Second)
		if len(got.Titles()) != 2 {
			t.Errorf("arrived %v", got.Titles())
		}
	})
}
