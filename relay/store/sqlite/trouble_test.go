package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/storetest"
)

// limitPages makes the disk of a store full at so many pages, or gives it room again.
func limitPages(t *testing.T, s *Store, pages int64) {
	t.Helper()
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	if err := s.writer.conn.run(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

func pageCount(t *testing.T, s *Store) (pages int64) {
	t.Helper()
	if err := s.List(t.Context(), listing.Query{Text: "PRAGMA page_count", Args: nil}, func(r Row) { pages = r.int(0) }); err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestAFullDiskFailsCallsAndTheStoreRecovers(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(10, 1)
	limitPages(t, l.store, pageCount(t, l.store)+4)
	body := []byte(strings.Repeat("x", 100<<10))
	big := store.Event{ID: l.Ids.Next(time.Now()), Body: body, ReceivedAt: time.Now()}
	nothing := storetest.Planned(store.Plan{})
	for range 3 {
		_, err := l.store.Accept(t.Context(), []store.Event{big}, nothing)
		if resultCode(err) != 13 || errors.Is(err, store.ErrBroken) {
			t.Fatalf("got %v, want that the disk is full", err)
		}
	}
	if _, err := l.store.Event(t.Context(), big.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a part of the event was stored: %v", err)
	}
	if err := l.store.Check(t.Context()); err != nil {
		t.Errorf("what needs no room: %v", err)
	}
	limitPages(t, l.store, 1<<30)
	rs, err := l.store.Accept(t.Context(), []store.Event{big}, nothing)
	if err != nil || rs[0].Duplicate {
		t.Fatalf("with room again: %v %v", rs, err)
	}
}

func TestAnOpThatFailsDoesNotFailItsNeighbours(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(1, 1)
	limitPages(t, l.store, pageCount(t, l.store)+8)
	var big error
	group := []*op{}
	ran, decidedTwice := map[string]int{}, 0
	for _, name := range []string{"first", "big", "last"} {
		ev := store.Event{ID: l.Ids.Next(time.Now()), Hash: [32]byte{name[0]}, ReceivedAt: time.Now()}
		if name == "big" {
			ev.Body = make([]byte, 100<<10)
		}
		f := &flight{batch: []store.Event{ev}, decide: func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
			before, err := get("big")
			if name == "last" && before == nil {
				decidedTwice++
			}
			return store.Plan{Changes: []store.Change{{Key: name, Value: []byte(name)}, {Key: name + " saw big", Value: before}}}, err
		}}
		o := &op{ctx: context.Background(), answer: make(chan error, 1), drop: func() { l.store.ahead.drop(f) }}
		o.run = func(t *tx) error {
			ran[name]++
			_, err := t.accept(f)
			return err
		}
		if err := l.store.ahead.queue(f, func() { group = append(group, o) }); err != nil {
			t.Fatal(err)
		}
	}
	l.store.writer.serve(group)
	if err := errors.Join(<-group[0].answer, <-group[2].answer); err != nil {
		t.Errorf("the neighbours: %v", err)
	}
	if big = <-group[1].answer; resultCode(big) != 13 {
		t.Errorf("the bad one: %v", big)
	}
	if ran["first"] != 2 || ran["big"] != 2 || ran["last"] != 1 {
		t.Errorf("ran %v", ran)
	}
	if decidedTwice != 1 {
		t.Errorf("the one behind the bad one was decided about again %d times, want once", decidedTwice)
	}
	for name, want := range map[string]string{"first": "first", "big": "", "last": "last", "last saw big": ""} {
		if v, err := l.store.Get(t.Context(), name); err != nil || string(v) != want {
			t.Errorf("key %s: %q %v", name, v, err)
		}
	}
}

// ioError is an error of SQLite as the driver gives it.
type ioError int

func (e ioError) Error() string { return fmt.Sprintf("disk I/O error (%d)", int(e)) }

func (e ioError) Code() int { return int(e) }

func TestAFailedSyncBreaksTheStoreForGood(t *testing.T) {
	for _, code := range []int{codeFsync, codeDirFsync} {
		s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
		commit := s.writer.commit
		s.writer.commit = func() error { return ioError(code) }
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := s.Check(t.Context()); !errors.Is(err, store.ErrBroken) {
					t.Errorf("got %v, want ErrBroken", err)
				}
			})
		}
		wg.Wait()
		<-s.Broken()
		s.writer.mu.Lock()
		s.writer.commit = commit
		s.writer.mu.Unlock()
		if err := s.Check(t.Context()); !errors.Is(err, store.ErrBroken) {
			t.Errorf("afterwards: got %v, want ErrBroken", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnotherWriteErrorDoesNotBreakTheStore(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	defer func() { _ = s.Close() }()
	commit := s.writer.commit
	s.writer.commit = func() error {
		s.writer.commit = commit
		return ioError(10 | 3<<8) // SQLITE_IOERR_WRITE
	}
	if err := s.Check(t.Context()); resultCode(err) != 10|3<<8 || errors.Is(err, store.ErrBroken) {
		t.Errorf("got %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAClaimWhoseCallerHasGoneIsHandedBack(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(6, 1)
	var claimed []store.Delivery
	o := claimOp(t.Context(), &claimed, "slack", 10)
	if err := l.store.writer.transact([]*op{o}); err != nil || len(claimed) != 6 {
		t.Fatalf("claimed %d, %v", len(claimed), err)
	}
	o.over.Store(true) // as do does when the context ends
	l.store.writer.reply(o, nil)
	ds, err := l.store.Claim(t.Context(), "slack", 10)
	if err != nil || len(ds) != 6 {
		t.Fatalf("claimed %d again, %v", len(ds), err)
	}
	if ds[0].Lease != 2 || ds[0].Attempts != 0 {
		t.Errorf("lease %d, attempts %d", ds[0].Lease, ds[0].Attempts)
	}
}

func TestAClaimThatWasRolledBackHandsNothingBack(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(3, 1)
	w := l.store.writer
	var gone []store.Delivery
	o := claimOp(t.Context(), &gone, "slack", 10)
	bad := &op{ctx: t.Context(), run: func(*tx) error { return errors.New("a bad op") }}
	if err := w.transact([]*op{o, bad}); err == nil || len(gone) != 3 {
		t.Fatalf("claimed %d, %v", len(gone), err)
	}
	o.over.Store(true)
	ds, err := l.store.Claim(t.Context(), "slack", 10)
	if err != nil || len(ds) != 3 || ds[0].Lease != gone[0].Lease {
		t.Fatalf("claimed %v, %v", ds, err)
	}
	w.reply(o, w.transact([]*op{o}))
	if again, err := l.store.Claim(t.Context(), "slack", 10); err != nil || len(again) != 0 {
		t.Errorf("claimed %d that others are sending, %v", len(again), err)
	}
}

func TestCheckpointsBeginTheLogAnew(t *testing.T) {
	l := newLoad(t)
	c, err := connectReady(l.store.Path, forCheckpoints())
	if err != nil {
		t.Fatal(err)
	}
	k := newCheckpointer(c, l.store.writer, l.store.log)
	defer func() { _ = c.close() }()
	l.AcceptAll(50, 4)
	if err := k.checkpoint(); err != nil {
		t.Fatal(err)
	}
	long, err := k.move("PRAGMA wal_checkpoint(PASSIVE)")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.restart(); err != nil {
		t.Fatal(err)
	}
	l.AcceptAll(1, 1)
	if short, err := k.move("PRAGMA wal_checkpoint(PASSIVE)"); err != nil || short >= long {
		t.Errorf("the log has %d pages, before %d (%v)", short, long, err)
	}
}

func TestTheCheckpointerWakesWhenEnoughWasWritten(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(1, 1)
	l.store.writer.mu.Lock()
	defer l.store.writer.mu.Unlock()
	k := newCheckpointer(nil, l.store.writer, l.store.log)
	k.count(l.store.writer.conn)
	if len(k.wake) != 0 {
		t.Error("awake after a few pages")
	}
	k.written.Store(passivePages)
	k.count(l.store.writer.conn)
	if len(k.wake) != 1 {
		t.Error("asleep after many pages")
	}
}

func TestWhatIsCommittedForACallerWhoHasGoneBecomesDue(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	ids := store.NewIDs(0)
	d := store.NewDelivery{ID: ids.Next(time.Now()), Notifier: "n", OrderKey: "k", Message: []byte("{}"), Claim: true}
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	commit := s.writer.commit
	s.writer.commit = func() error {
		s.writer.commit = commit
		cancel()
		if err := <-returned; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller hears %v", err)
		}
		return commit()
	}
	go func() {
		_, err := s.Accept(ctx, []store.Event{{ID: ids.Next(time.Now()), ReceivedAt: time.Now()}}, storetest.Planned(store.Plan{Deliveries: []store.NewDelivery{d}}))
		returned <- err
	}()
	<-ctx.Done()
	for range 2 { // behind the event, and behind the handing back
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if ds, err := s.Claim(t.Context(), "n", 10); err != nil || len(ds) != 1 || ds[0].ID != d.ID {
		t.Errorf("claimed %v %v, want the delivery", ds, err)
	}
}
