package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
)

// gather lets events join digests of a few keys, and flushes those that are due, without end. It prints the body of each
// event that was confirmed.
func gather(path string) {
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	ids := store.NewIDs(s.Node())
	var mu sync.Mutex
	for caller := range 8 {
		go func() {
			for n := 0; ; n++ {
				body := fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, n)
				ev := store.Event{ID: ids.Next(time.Now()), Source: "qase", Body: []byte(body), Hash: sha256.Sum256([]byte(body)),
					ReceivedAt: time.Now()}
				if rs, err := s.Accept(context.Background(), []store.Event{ev}, joinSlot(n%3)); err == nil && rs[0].Err == nil {
					mu.Lock()
					fmt.Println(body)
					mu.Unlock()
				}
			}
		}()
	}
	for {
		_ = flushSlots(s, ids)
	}
}

// joinSlot decides that an event joins the digest of a key, which is due at once.
func joinSlot(n int) store.Decide {
	key := fmt.Sprintf("slot:g/r/%d", n)
	return func(int, func(string) ([]byte, error)) (store.Plan, error) {
		return store.Plan{Changes: []store.Change{{Key: key, Value: []byte("{}"), Due: time.Now()}},
			Items: []store.Item{{Key: key, Data: []byte("a title")}}}, nil
	}
}

// flushSlots fires the slots that are due. The event of a digest has the bodies of its members.
func flushSlots(s *Store, ids *store.IDs) error {
	_, err := s.Wake(context.Background(), store.Wake{Limit: 10, Decide: func(_ int, x *store.Slot,
		_ func(string) ([]byte, error)) (store.Firing, error) {
		var members []string
		for _, it := range x.Items {
			members = append(members, string(it.Event.Body))
		}
		id := ids.Next(time.Now())
		return store.Firing{Event: &store.Event{ID: id, Source: "qase", Kind: "digest",
			Body: []byte(strings.Join(members, " ")), ReceivedAt: time.Now()},
			Plan: store.Plan{Changes: []store.Change{{Key: x.Key}}, Deliveries: []store.NewDelivery{{
				ID: ids.Next(time.Now()), Rule: "r", Notifier: "n", Message: []byte("{}")}}}}, nil
	}})
	return err
}

func TestEachMemberIsInOneDigestWhenTheProcessIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	confirmed := map[string]bool{}
	for round := range 3 {
		cmd, out := child(t, path, childSlots+"=1")
		for killed := false; ; {
			line, err := out.ReadString('\n')
			if err == io.EOF {
				break // half a line is no confirmation
			}
			if err != nil || strings.HasPrefix(line, "error") {
				t.Fatal(line, err)
			}
			confirmed[strings.TrimSpace(line)] = true
			if len(confirmed) >= 200*(round+1) && !killed {
				killed = true
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // reports the signal
	}
	checkDigests(t, path, confirmed)
}

// checkDigests flushes the rest, and checks that each confirmed event is in one digest, and each digest has one delivery.
func checkDigests(t *testing.T, path string, confirmed map[string]bool) {
	t.Helper()
	s := openTest(t, path, nil)
	defer func() { _ = s.Close() }()
	ids := store.NewIDs(1)
	for left := true; left; {
		if err := flushSlots(s, ids); err != nil {
			t.Fatal(err)
		}
		next, err := s.NextWake(t.Context(), time.Time{}, false)
		if left = !next.IsZero(); err != nil {
			t.Fatal(err)
		}
	}
	members := map[string]int{}
	for f, more := (store.EventFilter{OldestFirst: true, Limit: 1000}), true; more; {
		list, next, err := s.Events(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range list {
			if ev.Kind == "" {
				continue
			}
			for _, m := range strings.Fields(string(ev.Body)) {
				members[m]++
			}
			if full, err := s.Event(t.Context(), ev.ID); err != nil || len(full.Deliveries) != 1 {
				t.Errorf("the digest %s has %d deliveries (%v)", ev.ID, len(full.Deliveries), err)
			}
		}
		f.After, more = next, next != 0
	}
	for m := range confirmed {
		if members[m] != 1 {
			t.Errorf("%s is in %d digests", m, members[m])
		}
	}
	for m, n := range members {
		if n != 1 {
			t.Errorf("%s is in %d digests", m, n)
		}
	}
	if load := s.Load(); load.Bytes != int64(2*load.Deliveries) {
		t.Errorf("after all were flushed, the load is %+v", load)
	}
}
