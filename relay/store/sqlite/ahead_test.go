package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// TestDecisionsNeverKnowOfWhatWasNotStored counts events by a key that each of them reads and changes, while every fifth
// transaction fails: the count is that of the events which are stored, whatever was decided about ahead of a failure.
func TestDecisionsNeverKnowOfWhatWasNotStored(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	commit, transactions := s.writer.commit, 0
	s.writer.commit = func() error {
		if transactions++; transactions%5 == 0 {
			return errors.New("no luck")
		}
		return commit()
	}
	ids := store.NewIDs(0)
	var stored, failed atomic.Int64
	var mu sync.Mutex
	counts := map[string]bool{} // as the stored events saw them
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 60 {
				body := fmt.Appendf(nil, "%d", (caller*60+i)/2) // each body twice
				ev := store.Event{ID: ids.Next(time.Now()), Hash: sha256.Sum256(body), Body: body, ReceivedAt: time.Now(), Keys: []string{"count"}}
				saw := ""
				rs, err := s.Accept(t.Context(), []store.Event{ev}, countUp(&saw))
				switch {
				case err != nil:
					failed.Add(1)
				case !rs[0].Duplicate:
					stored.Add(1)
					mu.Lock()
					if counts[saw] {
						t.Errorf("two stored events saw the count %s", saw)
					}
					counts[saw] = true
					mu.Unlock()
				}
			}
		})
	}
	callers.Wait()
	s.writer.commit = commit
	got, err := s.Get(t.Context(), "count")
	if err != nil || string(got) != strconv.FormatInt(stored.Load(), 10) {
		t.Errorf("the count is %s, want %d (%v)", got, stored.Load(), err)
	}
	if failed.Load() == 0 || s.ahead.lost != 0 || len(s.ahead.flights) != 0 {
		t.Errorf("%d calls failed, %d flights are lost, %d in the air", failed.Load(), s.ahead.lost, len(s.ahead.flights))
	}
	list, _, err := s.Events(t.Context(), store.EventFilter{Limit: listing.MaxLimit})
	if err != nil || len(list) != int(stored.Load()) {
		t.Errorf("%d events are stored, want %d (%v)", len(list), stored.Load(), err)
	}
}

// countUp adds one to the key count, and notes what it was.
func countUp(saw *string) store.Decide {
	return func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
		value, err := get("count")
		*saw = string(value)
		n, _ := strconv.Atoi(*saw)
		return store.Plan{Changes: []store.Change{{Key: "count", Value: strconv.AppendInt(nil, int64(n+1), 10)}}}, err
	}
}

func TestABatchIsDecidedAboutWhileTheOneBeforeIsWritten(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	ids := store.NewIDs(0)
	decided := make(chan struct{})
	commit := s.writer.commit
	s.writer.commit = func() error {
		s.writer.commit = commit
		select {
		case <-decided:
		case <-time.After(10 * time.Second):
			t.Error("the second batch was not decided about while the first one is written")
		}
		return commit()
	}
	first, second := "", ""
	accept := func(body string, saw *string, done func()) {
		ev := store.Event{ID: ids.Next(time.Now()), Hash: sha256.Sum256([]byte(body)), Body: []byte(body), ReceivedAt: time.Now()}
		_, err := s.Accept(context.WithoutCancel(t.Context()), []store.Event{ev}, func(i int, get func(string) ([]byte, error)) (store.Plan, error) {
			defer done()
			return countUp(saw)(i, get)
		})
		if err != nil {
			t.Error(err)
		}
	}
	var calls sync.WaitGroup
	begun := make(chan struct{})
	calls.Go(func() { accept("a", &first, func() { close(begun) }) })
	<-begun
	calls.Go(func() { accept("b", &second, func() { close(decided) }) })
	calls.Wait()
	if first != "" || second != "1" {
		t.Errorf("the batches saw %q and %q, want nothing and 1", first, second)
	}
}
