package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
)

// faulty is a receiver that answers with an error until it is fixed.
type faulty struct {
	dispatchtest.Arrivals
	err atomic.Pointer[error]
}

func failing(err error) *faulty {
	f := &faulty{}
	f.set(err)
	return f
}

func (f *faulty) set(err error) { f.err.Store(&err) }

func (f *faulty) send(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	f.Add(m.Title)
	return notifiers.Receipt{}, *f.err.Load()
}

func (r *rig) acceptMany(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		r.accept(t, "", fmt.Sprintf("%03d", i))
	}
}

func TestAReceiverThatFailsGetsABreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(errors.New("503 Service Unavailable"))
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 100)
		synctest.Wait()
		if n := len(f.Titles()); n < dispatch.TripAfter || n > dispatch.TripAfter+8 {
			t.Errorf("%d attempts were made before the break", n)
		}
		state := r.States()["ops"]
		if state.State != dispatch.Open || state.Why != "503 Service Unavailable" ||
			time.Until(state.NextTry) != dispatch.FirstBreak {
			t.Errorf("the state is %+v", state)
		}
		before := len(f.Titles())
		_, claims := r.memory.Claimed()
		time.Sleep(dispatch.FirstBreak - time.Second)
		if _, now := r.memory.Claimed(); len(f.Titles()) != before || now != claims {
			t.Errorf("in the break, %d attempts and %d claims were made", len(f.Titles())-before, now-claims)
		}
		time.Sleep(10 * time.Minute) // breaks of 30 s, 1 min, 2 min, 4 min, 5 min
		if n := len(f.Titles()) - before; n < 4 || n > 5 {
			t.Errorf("%d attempts were made to see whether it works", n)
		}
		f.set(nil)
		time.Sleep(dispatch.LongestBreak + time.Minute)
		if states := r.memory.States(); states[store.Delivered] != 100 {
			t.Errorf("when it worked again, there were %v", states)
		}
		if state := r.States()["ops"]; state.State != dispatch.Closed || state.Why != "" {
			t.Errorf("the state is %+v", state)
		}
		for _, line := range []string{"circuit breaker open", "circuit breaker closed"} {
			if n := strings.Count(r.logs.String(), line); n != 1 {
				t.Errorf("%q stands in the log %d times", line, n)
			}
		}
	})
}

func TestABreakCostsDeliveriesNoAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(errors.New("503 Service Unavailable"))
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 100)
		time.Sleep(time.Minute)
		untried := 0
		list, _, _ := r.memory.Deliveries(t.Context(), store.DeliveryFilter{})
		for _, d := range list {
			if d.Attempts == 0 && d.State == store.Pending {
				untried++
			}
		}
		if untried < 80 {
			t.Errorf("%d of 100 are untried", untried)
		}
	})
}

func TestWhatOpensTheCircuit(t *testing.T) {
	plain := errors.New("no")
	cases := []struct {
		name string
		err  error
		open bool
	}{
		{"an error that says nothing", plain, true},
		{"credentials that are not accepted", &notifiers.PermanentError{Reason: notifiers.ReasonAuth, Err: plain},
			true},
		{"a failing receiver that names a time", &notifiers.RetryAfterError{After: time.Second,
			Reason: notifiers.ReasonServer, Err: plain}, true},
		{"messages that are refused", &notifiers.PermanentError{Err: plain}, false},
		{"messages that could not be read", &notifiers.PermanentError{Reason: notifiers.ReasonOther, Err: plain},
			false},
		{"a failure of one message", &notifiers.MessageError{Err: plain}, false},
		{"a failure of one message that names a time", &notifiers.MessageError{Err: &notifiers.RetryAfterError{
			After: time.Second, Reason: notifiers.ReasonServer, Err: plain}}, false},
		{"credentials that one address does not accept", &notifiers.MessageError{Err: &notifiers.PermanentError{
			Reason: notifiers.ReasonAuth, Err: plain}}, false},
		{"a limit of the rate", &notifiers.TransientError{Reason: notifiers.ReasonRate, Err: plain}, false},
		{"a name that is not resolved", &notifiers.TransientError{Reason: notifiers.ReasonDNS, Err: plain}, true},
		{"a wish for patience", &notifiers.RetryAfterError{After: time.Millisecond, Err: plain}, false},
		{"success", nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, dispatchtest.Senders{"ops": failing(c.err).send})
				r.acceptMany(t, 30)
				synctest.Wait()
				if state := r.States()["ops"].State; (state == dispatch.Open) != c.open {
					t.Errorf("the state is %s", state)
				}
			})
		})
	}
}

func TestAFailingStoreDoesNotOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
			_, err := m.KV.Get(ctx, "thread")
			return notifiers.Receipt{}, err
		}
		r := newRig(t, dispatchtest.Senders{"ops": read}, func(o *dispatch.Options) {
			o.Store = keysFail{o.Store.(*memory.Store)}
		})
		r.acceptMany(t, 3*dispatch.TripAfter)
		time.Sleep(time.Second) // outcomes are stored together, after some milliseconds
		if state := r.States()["ops"]; state.State != dispatch.Closed {
			t.Errorf("the state is %+v", state)
		}
		d, _ := r.memory.Titled(t, "007")
		if d.State != store.Pending || d.Attempts == 0 || !strings.Contains(d.Error, "disk") {
			t.Errorf("the delivery is %+v", d)
		}
	})
}

// keysFail is a store that cannot read the keys of notifiers.
type keysFail struct{ *memory.Store }

func (s keysFail) Get(ctx context.Context, key string) ([]byte, error) {
	if strings.HasPrefix(key, "notifier/") {
		return nil, errors.New("the disk failed")
	}
	return s.Store.Get(ctx, key)
}

func TestASingleBadMessageDoesNotOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(errors.New("500 Internal Server Error"))
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.accept(t, "7", "bad")
		time.Sleep(20 * time.Hour)
		if n := len(f.Titles()); n < dispatch.TripAfter {
			t.Fatalf("only %d attempts were made", n)
		}
		if state := r.States()["ops"].State; state != dispatch.Closed {
			t.Errorf("the state is %s", state)
		}
	})
}

func TestAPersonsRetryTriesAFailingReceiverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(errors.New("503 Service Unavailable"))
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 100)
		synctest.Wait()
		f.set(nil)
		d, _ := r.memory.Titled(t, "050")
		if _, err := r.Retry(t.Context(), []store.ID{d.ID}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if states := r.memory.States(); states[store.Delivered] != 100 {
			t.Errorf("a moment later there are %v", states)
		}
	})
}

func TestRetriesOfAPersonMakeNoBreakLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(errors.New("503 Service Unavailable"))
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 30)
		synctest.Wait()
		for i := range 8 {
			tries := len(f.Titles())
			if _, err := r.Retry(t.Context(), []store.ID{r.memory.IDOf(t, "ops", fmt.Sprintf("%03d", i))}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if len(f.Titles()) == tries {
				t.Fatalf("retry %d made no attempt", i)
			}
		}
		if s := r.States()["ops"]; s.State != dispatch.Open || time.Until(s.NextTry) > dispatch.FirstBreak {
			t.Errorf("after the retries, the state is %+v", s)
		}
	})
}

func TestAPersonsRetryLeavesOtherNotifiersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fixed, other := failing(gone()), failing(gone())
		r := newRig(t, dispatchtest.Senders{"fixed": fixed.send, "other": other.send})
		r.acceptMany(t, 20)
		synctest.Wait() // outcomes may still gather
		fixed.set(nil)
		before := r.States()["other"]
		if _, err := r.Retry(t.Context(), []store.ID{r.memory.IDOf(t, "fixed", "007")}); err != nil {
			t.Fatal(err)
		}
		tries := len(other.Titles())
		time.Sleep(6 * time.Second)
		if state := r.States()["fixed"].State; state != dispatch.Closed {
			t.Errorf("the notifier of the delivery is %s", state)
		}
		if state := r.States()["other"]; state != before || len(other.Titles()) != tries {
			t.Errorf("the other notifier was %+v, and is %+v after %d more attempts", before, state,
				len(other.Titles())-tries)
		}
	})
}

func gone() error { return &notifiers.GoneError{Err: errors.New("410 Gone")} }

func TestAReceiverThatIsGonePausesItsNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(gone())
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 50)
		time.Sleep(59 * time.Minute)
		if n := len(f.Titles()); n > 8 {
			t.Errorf("%d attempts were made before the pause", n)
		}
		if states := r.memory.States(); states[store.Pending] != 50 {
			t.Errorf("in the pause there are %v", states)
		}
		before := len(f.Titles())
		time.Sleep(48 * time.Hour)
		if n := len(f.Titles()) - before; n < 47 || n > 49 {
			t.Errorf("in two days of pause, %d attempts were made", n)
		}
		if states := r.memory.States(); states[store.Pending] != 50 {
			t.Errorf("after two days of pause there are %v", states)
		}
		if n := strings.Count(r.logs.String(), "notifier paused"); n != 1 {
			t.Errorf("the log says so %d times", n)
		}
		f.set(nil)
		if err := r.Resume(t.Context(), "ops"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if states := r.memory.States(); states[store.Delivered] != 50 {
			t.Errorf("after resuming there are %v", states)
		}
		if b, _ := r.memory.Get(t.Context(), dispatch.PauseKey("ops")); b != nil {
			t.Errorf("kept of the pause is still %s", b)
		}
		if err := r.Resume(t.Context(), "other"); !errors.Is(err, dispatch.ErrNoNotifier) {
			t.Errorf("resuming one that there is not: %v", err)
		}
	})
}

func TestAPauseOutlastsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(gone())
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 20)
		synctest.Wait()
		r.stop()
		before := len(f.Titles())
		again := newRig(t, dispatchtest.Senders{"ops": f.send}, func(o *dispatch.Options) { o.Store = r.memory })
		time.Sleep(50 * time.Minute)
		if n := len(f.Titles()) - before; n != 0 {
			t.Errorf("after the restart, %d attempts were made", n)
		}
		if state := again.States()["ops"]; state.State != dispatch.Paused || state.Why != "410 Gone" {
			t.Errorf("the state is %+v", state)
		}
		time.Sleep(11 * time.Minute)
		if n := len(f.Titles()) - before; n != 1 {
			t.Errorf("after an hour, %d attempts were made", n)
		}
	})
}

func TestAReloadEndsAPauseIfTheReceiverIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"ops": failing(gone()).send})
		r.acceptMany(t, 20)
		synctest.Wait()
		var got dispatchtest.Arrivals
		r.Apply(dispatchtest.Config(dispatchtest.Senders{"ops": got.Always(nil)}))
		time.Sleep(2 * time.Second)
		if states := r.memory.States(); states[store.Delivered] != 20 {
			t.Errorf("after the reload there are %v", states)
		}
	})
}

func TestAnotherRelaysResumeEndsThePauseHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(gone())
		r := newRig(t, dispatchtest.Senders{"ops": f.send},
			func(o *dispatch.Options) { o.Store.(*memory.Store).Wakes = make(chan string) })
		r.acceptMany(t, 20)
		synctest.Wait()
		f.set(nil)
		kept, _ := r.memory.Get(t.Context(), dispatch.PauseKey("ops"))
		if done, err := r.memory.Swap(t.Context(), dispatch.PauseKey("ops"), kept, store.Change{}); !done ||
			err != nil {
			t.Fatal(done, err)
		}
		time.Sleep(dispatch.PauseInterval + 2*time.Second)
		if states := r.memory.States(); states[store.Delivered] != 20 {
			t.Errorf("there are %v", states)
		}
	})
}

// TestTheNextTryComesWhenTheLogSays opens the breaker with messages in flight, which end after it has opened.
func TestTheNextTryComesWhenTheLogSays(t *testing.T) {
	for _, workers := range []int{1, 4, 16} {
		t.Run(fmt.Sprint("concurrency ", workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testNextTry(t, workers) })
		})
	}
}

func testNextTry(t *testing.T, workers int) {
	var calls atomic.Int64
	f := failing(errors.New("500 Internal Server Error"))
	slow := func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
		receipt, err := f.send(ctx, m)
		time.Sleep(time.Duration(20+calls.Add(1)*37%200) * time.Millisecond)
		return receipt, err
	}
	r := newRig(t, dispatchtest.Senders{"ops": slow}, func(o *dispatch.Options) { setConcurrency(o.Config, workers) })
	r.acceptMany(t, 100)
	time.Sleep(5 * time.Second)
	inFlight := len(f.Titles())
	if inFlight < dispatch.TripAfter || inFlight >= dispatch.TripAfter+workers {
		t.Errorf("%d attempts were made before the breaker opened", inFlight)
	}
	breaks := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute}
	for i := range breaks {
		next := r.States()["ops"].NextTry
		if line := "next=" + next.Format("2006-01-02T15:04:05.000Z07:00"); !strings.Contains(r.logs.String(), line) {
			t.Fatalf("the log does not say %s:\n%s", line, r.logs)
		}
		time.Sleep(time.Until(next) - time.Millisecond)
		if n := len(f.Titles()); n != inFlight+i {
			t.Fatalf("%d attempts were made before the try %d", n, i+1)
		}
		time.Sleep(2 * time.Millisecond)
		if n := len(f.Titles()); n != inFlight+i+1 {
			t.Fatalf("%d attempts were made at the try %d", n-inFlight-i, i+1)
		}
		tried := time.Now()
		time.Sleep(time.Second)
		if i+1 < len(breaks) {
			wait := r.States()["ops"].NextTry.Sub(tried)
			if wait < breaks[i+1] || wait > breaks[i+1]+250*time.Millisecond {
				t.Errorf("after the try %d, the next one comes after %v", i+1, wait)
			}
		}
	}
	f.set(nil)
	time.Sleep(6 * time.Minute)
	if states := r.memory.States(); states[store.Delivered] != 100 {
		t.Errorf("when it worked again, there were %v", states)
	}
}

func setConcurrency(c *config.Config, workers int) {
	for name, n := range c.Notifiers {
		n.Spec.Concurrency = workers
		c.Notifiers[name] = n
	}
}

func TestARestoredPauseIsLoggedWithItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failing(gone())
		r := newRig(t, dispatchtest.Senders{"ops": f.send})
		r.acceptMany(t, 5)
		time.Sleep(10 * time.Minute)
		before := r.States()["ops"]
		r.stop()
		again := newRig(t, dispatchtest.Senders{"ops": f.send}, func(o *dispatch.Options) { o.Store = r.memory })
		synctest.Wait()
		const format = "2006-01-02T15:04:05.000Z07:00"
		for _, want := range []string{"since=" + before.Since.Format(format), "next=" + before.NextTry.Format(format)} {
			if !strings.Contains(again.logs.String(), want) {
				t.Errorf("the log does not say %s:\n%s", want, again.logs)
			}
		}
		if state := again.States()["ops"]; !state.NextTry.Equal(before.NextTry) || !state.Since.Equal(before.Since) {
			t.Errorf("the state was %+v, and is %+v", before, state)
		}
	})
}

func TestAStoredPauseHoldsNoSecretOfTheNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		withURL := func(url string) func(*dispatch.Options) {
			return func(o *dispatch.Options) {
				n := o.Config.Notifiers["ops"]
				n.Spec.Defaults = []byte(`{"url":"` + url + `"}`)
				o.Config.Notifiers["ops"] = n
			}
		}
		f := failing(gone())
		r := newRig(t, dispatchtest.Senders{"ops": f.send}, withURL("https://x.example/s3cret"))
		r.acceptMany(t, 5)
		time.Sleep(time.Second)
		stored, err := r.memory.Get(t.Context(), dispatch.PauseKey("ops"))
		if err != nil || stored == nil || strings.Contains(string(stored), "s3cret") {
			t.Errorf("stored is %s, %v", stored, err)
		}
		r.stop()
		before := len(f.Titles())
		f.set(nil)
		keep := func(o *dispatch.Options) { o.Store = r.memory }
		same := newRig(t, dispatchtest.Senders{"ops": f.send}, keep, withURL("https://x.example/s3cret"))
		time.Sleep(time.Minute)
		if n := len(f.Titles()) - before; n != 0 {
			t.Errorf("with the same address, %d attempts were made", n)
		}
		same.stop()
		newRig(t, dispatchtest.Senders{"ops": f.send}, keep, withURL("https://x.example/corrected"))
		time.Sleep(time.Minute)
		if states := r.memory.States(); states[store.Delivered] != 5 {
			t.Errorf("with a corrected address, there are %v", states)
		}
	})
}
