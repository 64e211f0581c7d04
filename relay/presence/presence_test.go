package presence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/store/memory"
)

// relay is a relay whose notifier has a state.
type relay struct {
	*Board
	mu    sync.Mutex
	state dispatch.State
	stop  context.CancelFunc
	ended sync.WaitGroup
}

func (r *relay) set(state, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = dispatch.State{State: state, Why: why, Since: time.Now()}
}

func newRelay(t *testing.T, kv *memory.Store, name string) *relay {
	t.Helper()
	r := &relay{state: dispatch.State{State: dispatch.Closed}}
	r.Board = New(Options{KV: kv, Now: time.Now, ID: name, Name: func() string { return name }, Logger: slog.New(slog.DiscardHandler),
		States: func() map[string]dispatch.State {
			r.mu.Lock()
			defer r.mu.Unlock()
			return map[string]dispatch.State{"ops": r.state}
		}})
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	r.ended.Go(func() { r.Run(ctx) })
	return r
}

// sees returns the relays and the states of their notifier that a relay lists.
func (r *relay) sees(t *testing.T) (text string) {
	t.Helper()
	list, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		text += one.Name + " " + one.Notifiers["ops"].State + " " + one.Notifiers["ops"].Why + "; "
	}
	return text
}

func TestEachRelaySeesTheNotifiersOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := memory.New()
		a, b := newRelay(t, kv, "a"), newRelay(t, kv, "b")
		settle := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		settle(2 * time.Second)
		b.set(dispatch.Open, "503")
		settle(2 * time.Second)
		for _, r := range []*relay{a, b} {
			if got := r.sees(t); got != "a closed ; b open 503; " {
				t.Errorf("while the notifier of b waits, it lists %s", got)
			}
		}
		settle(5 * time.Minute)
		if got := a.sees(t); got != "a closed ; b open 503; " {
			t.Errorf("five minutes later: %s", got)
		}
		kv.SetFails(errors.New("no store"))
		settle(30 * time.Second)
		b.set(dispatch.Paused, "by ana")
		settle(30 * time.Second)
		kv.SetFails(nil)
		settle(2 * time.Second)
		if got := a.sees(t); got != "a closed ; b paused by ana; " {
			t.Errorf("once the store is there again: %s", got)
		}
		b.stop()
		b.ended.Wait()
		if got := a.sees(t); got != "a closed ; " {
			t.Errorf("b has stopped: %s", got)
		}
		a.stop()
		a.ended.Wait()
		if value, err := kv.Get(t.Context(), Key); value != nil || err != nil {
			t.Errorf("all have stopped: %s, %v", value, err)
		}
	})
}

func TestARelayThatIsGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := memory.New()
		a, b := newRelay(t, kv, "a"), newRelay(t, kv, "b")
		time.Sleep(2 * time.Second)
		kv.SetFails(errors.New("no store")) // so that b cannot take leave
		b.stop()
		b.ended.Wait()
		kv.SetFails(nil)
		if got := a.sees(t); got != "a closed ; b closed ; " {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(keptFor + time.Second)
		synctest.Wait()
		if got := a.sees(t); got != "a closed ; " {
			t.Errorf("a minute later: %s", got)
		}
		a.stop()
		a.ended.Wait()
	})
}
