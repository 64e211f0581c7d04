package relay

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

func TestARemovedNotifierEndsAndItsDeliveriesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		slow := func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
			time.Sleep(5 * time.Second)
			got.Add(m.Title)
			return notifiers.Receipt{}, nil
		}
		r := newRig(t, dispatchtest.Senders{"ops": slow})
		for i := range 50 {
			r.accept(t, "", fmt.Sprint(i))
		}
		synctest.Wait()
		r.Reload(dispatchtest.Config(dispatchtest.Senders{"other": got.Always(nil)}))
		time.Sleep(5 * time.Minute)
		if states := r.memory.States(); states[store.Delivered] != 4 || states[store.Pending] != 46 {
			t.Errorf("without the notifier: %v", states)
		}
		if n := strings.Count(r.logs.String(), "deliveries pending for an unknown notifier"); n != 1 {
			t.Errorf("the log warns %d times:\n%s", n, r.logs)
		}
		r.Reload(dispatchtest.Config(dispatchtest.Senders{"ops": got.Always(nil)}))
		time.Sleep(time.Second)
		synctest.Wait()
		if states := r.memory.States(); states[store.Delivered] != 50 {
			t.Errorf("with the notifier again: %v", states)
		}
	})
}

func TestAStartSaysHowManyDeliveriesWaitFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Hangs})
		for i := range 50 {
			r.accept(t, "", fmt.Sprint(i))
		}
		synctest.Wait()
		if err := r.stop(); err != nil || strings.Contains(r.logs.String(), "pending from before") {
			t.Fatalf("Run: %v, and the log says:\n%s", err, r.logs)
		}
		next := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Hangs}, func(o *Options) { o.Store = r.Store })
		synctest.Wait()
		if !strings.Contains(next.logs.String(), `msg="deliveries pending from before the start" pending=50`) {
			t.Errorf("the log does not say so:\n%s", next.logs)
		}
	})
}
