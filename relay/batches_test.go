package relay

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// turnStore is a store whose batches wait for their turn, and for the disk once they are decided.
type turnStore struct {
	*memory.Store
	turn, disk chan struct{}
}

func (s *turnStore) AcceptFrom(ctx context.Context, take func() []store.Event, decide store.Decide) ([]store.Receipt, error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	receipts, err := s.Store.AcceptFrom(ctx, take, decide)
	<-s.disk
	return receipts, err
}

// newTurnRig returns a rig with such a store.
func newTurnRig(t *testing.T, prepare func(*rig)) (*rig, *turnStore) {
	s := &turnStore{memory.New(), make(chan struct{}), make(chan struct{})}
	senders := dispatchtest.Senders{"ops": dispatchtest.Sender(nil)}
	return newRigWith(t, senders, prepare, func(o *Options) { o.Store = s }), s
}

func TestABatchHasAllThatCameUntilItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newTurnRig(t, func(*rig) {})
		var callers sync.WaitGroup
		come := func(events int) {
			for i := range events {
				callers.Go(func() { r.accept(t, "", fmt.Sprint(events, i)) })
				synctest.Wait()
			}
		}
		come(4)
		s.turn <- struct{}{}
		synctest.Wait()
		come(fewEvents)
		s.turn <- struct{}{} // before the first batch is on disk
		synctest.Wait()
		if got := r.answered.Load(); got != 0 || !slices.Equal(s.Batches, []int{4, fewEvents}) {
			t.Errorf("batches of %d events; %d callers have an answer", s.Batches, got)
		}
		s.disk <- struct{}{}
		s.disk <- struct{}{}
		callers.Wait()
	})
}

func TestFewEventsWaitForTheEndOfTheBatchBeforeThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newTurnRig(t, func(*rig) {})
		var callers sync.WaitGroup
		for i := range fewEvents {
			callers.Go(func() { r.accept(t, "", fmt.Sprint(i)) })
			synctest.Wait()
			if i == 0 {
				s.turn <- struct{}{} // to a batch of the first one
				synctest.Wait()
			}
		}
		select {
		case s.turn <- struct{}{}:
			t.Errorf("%d events did not wait", fewEvents-1)
		default:
		}
		s.disk <- struct{}{}
		s.turn <- struct{}{}
		s.disk <- struct{}{}
		callers.Wait()
		if !slices.Equal(s.Batches, []int{1, fewEvents - 1}) {
			t.Errorf("batches of %d events", s.Batches)
		}
	})
}

func TestAStoreThatHasNoTurnFailsWhatHasWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newTurnRig(t, func(*rig) {})
		errs := make([]error, 2)
		var callers sync.WaitGroup
		accept := func(i int) {
			callers.Go(func() { _, errs[i] = r.Accept(t.Context(), newEvent(t, "", fmt.Sprint(i))) })
			synctest.Wait()
		}
		accept(0)
		time.Sleep(commitTimeout / 2)
		accept(1)
		time.Sleep(commitTimeout / 2)
		synctest.Wait()
		if got := r.answered.Load(); got != 1 {
			t.Errorf("%d callers have an answer, want the first one", got)
		}
		s.turn <- struct{}{}
		s.disk <- struct{}{}
		callers.Wait()
		if errs[0] == nil || errs[1] != nil || !slices.Equal(s.Batches, []int{1}) {
			t.Errorf("the errors are %v, the batches %d", errs, s.Batches)
		}
		if want := context.DeadlineExceeded; errs[0].Error() != want.Error() {
			t.Errorf("the error is %q, want %q", errs[0], want)
		}
	})
}

func TestABatchIsDecidedByTheRulesOfItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used atomic.Pointer[rules.Set]
		r, s := newTurnRig(t, func(r *rig) {
			decide := r.decide
			r.decide = func(set *rules.Set, ev *event.Event, state rules.State) rules.Decision {
				used.Store(set)
				return decide(set, ev, state)
			}
		})
		var callers sync.WaitGroup
		callers.Go(func() { r.accept(t, "", "a") })
		synctest.Wait()
		changed := *r.Config()
		changed.Rules = &rules.Set{}
		r.config.Store(&changed)
		s.turn <- struct{}{}
		s.disk <- struct{}{}
		callers.Wait()
		if used.Load() != changed.Rules {
			t.Error("the event was decided by the rules of when it came")
		}
	})
}
