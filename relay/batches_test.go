package relay

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
)

// slowStore is a store that takes batches while it writes others. None is written until it may be.
type slowStore struct {
	*memory.Store
	most  int
	calls chan int // as many as there were
	write chan struct{}
}

func (s *slowStore) Batches() int { return s.most }

func (s *slowStore) Accept(ctx context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	receipts, err := s.Store.Accept(ctx, batch, decide)
	store.Next(ctx)()
	call := <-s.calls + 1
	s.calls <- call
	<-s.write
	return receipts, err
}

func TestABatchIsDecidedWhileTheOneBeforeItIsWritten(t *testing.T) {
	for most, decided := range map[int]int{1: 1, 2: 2} {
		t.Run(fmt.Sprint(most, " at the same time"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowStore{memory.New(), most, make(chan int, 1), make(chan struct{})}
				s.calls <- 0
				r := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Sender(nil)}, func(o *Options) { o.Store = s })
				var callers sync.WaitGroup
				for i := range 4 {
					callers.Go(func() { r.accept(t, "", fmt.Sprint(i)) })
					synctest.Wait()
				}
				calls := <-s.calls
				if r.answered.Load() != 0 || calls != decided {
					t.Errorf("%d calls of the store, want %d; %d callers have an answer", calls, decided, r.answered.Load())
				}
				s.calls <- calls
				close(s.write)
				callers.Wait()
				if calls := <-s.calls; calls != decided+1 {
					t.Errorf("%d calls of the store in all, want %d", calls, decided+1)
				}
				s.calls <- 0
			})
		})
	}
}
