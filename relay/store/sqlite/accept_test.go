package sqlite

import (
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
)

// TestDecisionsNeverSeeEventsThatWereNotStored counts events by a key that each of them reads and changes, while every
// fifth transaction fails: the count has to be that of the stored events.
func TestDecisionsNeverSeeEventsThatWereNotStored(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	commit, transactions := s.writer.end, 0
	s.writer.end = func() error {
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
				ev := store.Event{ID: ids.Next(time.Now()), Hash: sha256.Sum256(body), Body: body,
					ReceivedAt: time.Now(), Keys: []string{"count"}}
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
	s.writer.end = commit
	got, err := s.Get(t.Context(), "count")
	if err != nil || string(got) != strconv.FormatInt(stored.Load(), 10) {
		t.Errorf("the count is %s, want %d (%v)", got, stored.Load(), err)
	}
	if failed.Load() == 0 {
		t.Error("no call failed")
	}
	list, _, err := s.Events(t.Context(), store.EventFilter{Limit: 1000})
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
