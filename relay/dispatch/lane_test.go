package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/rules/rulefile"
)

func TestAFreshDeliveryIsSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := make(chan time.Time, 1)
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			sent <- time.Now()
			return notifiers.Receipt{Status: "204 No Content"}, nil
		}})
		time.Sleep(10 * time.Second)
		accepted := time.Now()
		r.accept(t, "7", "a")
		if wait := (<-sent).Sub(accepted); wait != 0 {
			t.Errorf("sent %v after it was accepted", wait)
		}
		synctest.Wait()
		d, attempts := r.memory.Titled(t, "a")
		if d.State != store.Delivered || len(attempts) != 1 || attempts[0].Status != "204 No Content" {
			t.Errorf("got %s with %+v", d.State, attempts)
		}
	})
}

func TestDeliveriesOfOneEntityKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		failures := 3
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			if m.Title == "7-0" && failures > 0 {
				failures--
				return notifiers.Receipt{}, errors.New("503 Service Unavailable")
			}
			got.Add(m.Title)
			return notifiers.Receipt{}, nil
		}})
		for i := range 20 {
			r.accept(t, "7", fmt.Sprintf("7-%d", i))
			r.accept(t, "8", fmt.Sprintf("8-%d", i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if slices.ContainsFunc(got.Titles(), func(s string) bool { return s[0] == '7' }) || len(got.Titles()) != 20 {
			t.Errorf("while the first of 7 fails, arrived %v", got.Titles())
		}
		time.Sleep(5*time.Second + 10*time.Second + 20*time.Second)
		next := map[byte]int{}
		for _, title := range got.Titles() {
			if want := fmt.Sprintf("%c-%d", title[0], next[title[0]]); title != want {
				t.Fatalf("got %s instead of %s in %v", title, want, got.Titles())
			}
			next[title[0]]++
		}
		if len(got.Titles()) != 40 {
			t.Errorf("%d of 40 arrived", len(got.Titles()))
		}
	})
}

func TestADeadDeliveryLetsTheOnesBehindItPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			got.Add(m.Title)
			if m.Title == "bad" {
				return notifiers.Receipt{Status: "404 Not Found"}, &notifiers.PermanentError{Err: errors.New("no such hook")}
			}
			return notifiers.Receipt{}, nil
		}})
		r.accept(t, "7", "bad")
		r.accept(t, "7", "good")
		synctest.Wait()
		d, attempts := r.memory.Titled(t, "bad")
		if d.State != store.Dead || d.Error != "no such hook" || attempts[0].Reason != notifiers.ReasonClient {
			t.Errorf("the bad one is %s: %q, %+v", d.State, d.Error, attempts)
		}
		if want := []string{"bad", "good"}; !slices.Equal(got.Titles(), want) {
			t.Errorf("arrived %v, want %v", got.Titles(), want)
		}
	})
}

func TestRetriesWaitLongerEachTimeAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(errors.New("503 Service Unavailable"))})
		r.accept(t, "7", "a")
		time.Sleep(30 * time.Hour)
		at := got.Times()
		for i, want := range []time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second, 75 * time.Second} {
			if off := at[i] - want; off < 0 || off > time.Second {
				t.Errorf("attempt %d came after %v, want %v", i+1, at[i], want)
			}
		}
		d, attempts := r.memory.Titled(t, "a")
		want := fmt.Sprintf("gave up after %s and %d attempts: 503 Service Unavailable",
			dispatch.Roughly(at[len(at)-1]), len(at))
		if d.State != store.Dead || d.Error != want {
			t.Errorf("it is %s: %q, want %q", d.State, d.Error, want)
		}
		if len(attempts) != len(at) || at[len(at)-1] < 24*time.Hour {
			t.Errorf("%d of %d attempts are recorded, the last after %v", len(attempts), len(at), at[len(at)-1])
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(
			&notifiers.RetryAfterError{After: 2 * time.Minute, Err: errors.New("429 Too Many Requests")})})
		r.accept(t, "7", "a")
		time.Sleep(3 * time.Minute)
		if at := got.Times(); len(at) != 2 || at[1] < 2*time.Minute || at[1] > 2*time.Minute+time.Second {
			t.Errorf("attempts came after %v", at)
		}
	})
}

func TestANotifiersOwnRetryIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(errors.New("no"))}, func(o *dispatch.Options) {
			n := o.Config.Notifiers["ops"]
			n.Spec.Retry = rulefile.Retry{Initial: time.Second, Max: time.Second, For: 5 * time.Second}
			o.Config.Notifiers["ops"] = n
		})
		r.accept(t, "7", "a")
		time.Sleep(time.Minute)
		if d, _ := r.memory.Titled(t, "a"); d.State != store.Dead || len(got.Titles()) > 7 {
			t.Errorf("it is %s after %v", d.State, got.Times())
		}
	})
}

func TestWaitingForItsTurnCostsADeliveryNoTimeForRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 2
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			if m.Title == "slow" {
				time.Sleep(50 * time.Second)
				return notifiers.Receipt{}, nil
			}
			if failures--; failures >= 0 {
				return notifiers.Receipt{}, errors.New("no")
			}
			return notifiers.Receipt{}, nil
		}}, func(o *dispatch.Options) {
			n := o.Config.Notifiers["ops"]
			n.Spec.Retry = rulefile.Retry{Initial: time.Second, Max: time.Second, For: 10 * time.Second}
			o.Config.Notifiers["ops"] = n
		})
		r.accept(t, "7", "slow")
		r.accept(t, "7", "b")
		time.Sleep(2 * time.Minute)
		if d, _ := r.memory.Titled(t, "b"); d.State != store.Delivered || d.Attempts != 3 {
			t.Errorf("it is %s after %d attempts: %s", d.State, d.Attempts, d.Error)
		}
	})
}

func TestANotifierThatPanicsHasFailedAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		r := newRig(t, dispatchtest.Senders{"ops": func(context.Context, *notifiers.Message) (notifiers.Receipt,
			error) {
			if panics {
				panics = false
				panic("nil map")
			}
			return notifiers.Receipt{}, nil
		}})
		r.accept(t, "7", "a")
		time.Sleep(time.Minute)
		d, attempts := r.memory.Titled(t, "a")
		if d.State != store.Delivered || len(attempts) != 2 || attempts[0].Error != "notifier panicked: nil map" ||
			attempts[0].Reason != notifiers.ReasonOther {
			t.Errorf("it is %s after %+v", d.State, attempts)
		}
	})
}

func TestASlowNotifierDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"quick": got.Always(nil), "slow": dispatchtest.Hangs})
		for i := range 100 {
			r.accept(t, "", fmt.Sprint(i))
		}
		synctest.Wait()
		if n := len(got.Titles()); n != 100 {
			t.Errorf("%d of 100 arrived at the quick one", n)
		}
	})
}

func TestOutcomesAreWrittenInBatchesAndNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		var r *rig
		var fail sync.Once
		claimed := make(chan struct{})
		r = newRig(t, dispatchtest.Senders{"ops": func(context.Context, *notifiers.Message) (notifiers.Receipt, error) {
			<-claimed
			fail.Do(func() { r.memory.SetFails(errors.New("database is locked")) })
			got.Add("")
			return notifiers.Receipt{}, nil
		}})
		for i := range 30 {
			r.put(t, "", fmt.Sprint(i))
		}
		r.Wake("ops")
		synctest.Wait()
		close(claimed)
		time.Sleep(time.Minute)
		sent := len(got.Titles())
		r.memory.SetFails(nil)
		time.Sleep(time.Minute)
		if sent == 0 || !strings.Contains(r.logs.String(), "database is locked") {
			t.Errorf("%d were sent; log:\n%s", sent, r.logs)
		}
		stored, _, _ := r.memory.Deliveries(t.Context(), store.DeliveryFilter{})
		for _, d := range stored {
			if d.State != store.Delivered || d.Attempts != 1 {
				t.Errorf("%s is %s after %d attempts", d.Title, d.State, d.Attempts)
			}
		}
		if len(r.memory.Finishes) > len(stored)/2 {
			t.Errorf("%d outcomes took writes of %v", len(stored), r.memory.Finishes)
		}
	})
}

func TestRetryByHandIsSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(&notifiers.PermanentError{Err: errors.New("no")})})
		r.accept(t, "7", "a")
		synctest.Wait()
		d, _ := r.memory.Titled(t, "a")
		before := time.Now()
		if n, err := r.Retry(t.Context(), []store.ID{d.ID}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		synctest.Wait()
		if len(got.Titles()) != 2 || time.Now() != before {
			t.Errorf("sent %d times", len(got.Titles()))
		}
	})
}
