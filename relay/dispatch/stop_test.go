package dispatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
)

func TestStoppingLetsMessagesArriveAndHandsBackTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			select {
			case <-time.After(5 * time.Second):
				got.Add(m.Title)
				return notifiers.Receipt{}, nil
			case <-ctx.Done():
				return notifiers.Receipt{}, ctx.Err()
			}
		}})
		for i := range 50 {
			r.accept(t, "", fmt.Sprint(i))
		}
		synctest.Wait()
		start := time.Now()
		r.stop()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
		states := r.memory.States()
		if states[store.Delivered] != 4 || states[store.Pending] != 46 || len(got.Titles()) != 4 {
			t.Errorf("left behind %v, arrived %d", states, len(got.Titles()))
		}
	})
}

func TestStoppingCutsOffWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Hangs})
		r.accept(t, "7", "a")
		r.accept(t, "7", "b")
		synctest.Wait()
		start := time.Now()
		r.stop()
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("stopping took %v", took)
		}
		d, attempts := r.memory.Titled(t, "a")
		if d.State != store.Pending || len(attempts) != 1 || attempts[0].Reason != notifiers.ReasonCanceled {
			t.Errorf("a is %s after %+v", d.State, attempts)
		}
		if d, attempts = r.memory.Titled(t, "b"); d.State != store.Pending || len(attempts) != 0 {
			t.Errorf("b is %s after %+v", d.State, attempts)
		}
	})
}

func TestStoppingWithAStoreThatFailsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Hangs})
		r.accept(t, "7", "a")
		synctest.Wait()
		r.memory.SetFails(context.DeadlineExceeded)
		start := time.Now()
		r.stop()
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if !strings.Contains(r.logs.String(), "outcomes not written") {
			t.Errorf("the log does not say so:\n%s", r.logs)
		}
	})
}

func TestAChangedNotifierIsUsedFromTheNextMessageOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before, after dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": before.Always(nil)})
		r.accept(t, "7", "a")
		synctest.Wait()
		r.Apply(dispatchtest.Config(dispatchtest.Senders{"ops": after.Always(nil)}))
		synctest.Wait()
		r.accept(t, "7", "b")
		synctest.Wait()
		if len(before.Titles()) != 1 || len(after.Titles()) != 1 {
			t.Errorf("the old one got %v, the new one %v", before.Titles(), after.Titles())
		}
	})
}
