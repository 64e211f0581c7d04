package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/storetest"
)

// limitPages makes the disk of a store full at so many pages, or gives it room again.
func limitPages(t *testing.T, s *Store, pages int64) {
	t.Helper()
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	if err := s.writer.conn.Run(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

func pageCount(t *testing.T, s *Store) (pages int64) {
	t.Helper()
	if err := s.list(t.Context(), "PRAGMA page_count", nil, func(r conn.Row) { pages = r.Int(0) }); err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestAFullDiskFailsCallsAndTheStoreRecovers(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(10, 1)
	limitPages(t, l.store, pageCount(t, l.store)+4)
	body := []byte(strings.Repeat("x", 100<<10))
	big := store.Event{ID: l.IDs.Next(time.Now()), Body: body, ReceivedAt: time.Now()}
	nothing := storetest.Planned(store.Plan{})
	for range 3 {
		_, err := l.store.Accept(t.Context(), []store.Event{big}, nothing)
		if conn.ResultCode(err) != 13 || errors.Is(err, store.ErrBroken) {
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

func TestATransactionThatFailsLeavesNothing(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(1, 1)
	limitPages(t, l.store, pageCount(t, l.store)+8)
	w := l.store.writer
	group := []*op{}
	for _, name := range []string{"first", "big", "last"} {
		ev := store.Event{ID: l.IDs.Next(time.Now()), Hash: [32]byte{name[0]}, ReceivedAt: time.Now()}
		if name == "big" {
			ev.Body = make([]byte, 100<<10)
		}
		a := &acceptance{take: func() []store.Event { return []store.Event{ev} }}
		a.decide = func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
			before, err := get("big")
			return store.Plan{Changes: []store.Change{{Key: name, Value: []byte(name)},
				{Key: name + " saw big", Value: before}}}, err
		}
		group = append(group, &op{run: func(t *tx) error { return t.accept(a) }})
	}
	if err := w.transact(group); conn.ResultCode(err) != 13 {
		t.Errorf("all together: %v", err)
	}
	if err := errors.Join(w.transact(group[:1]), w.transact(group[2:])); err != nil {
		t.Errorf("the good ones alone: %v", err)
	}
	if err := w.transact(group[1:2]); conn.ResultCode(err) != 13 {
		t.Errorf("the bad one alone: %v", err)
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

// What the disk did not confirm stays in the log, where a start sees how much of it is whole.
func TestABrokenStoreLeavesItsLogAsItIs(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(20, 4)
	s := l.store
	s.writer.sync = func() error { return ioError(conn.CodeFsync) }
	if err := s.Check(t.Context()); !errors.Is(err, store.ErrBroken) {
		t.Fatalf("got %v, want ErrBroken", err)
	}
	size := func(name string) int64 {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	file, log := size(s.Path), size(s.Path+"-wal")
	if err := errors.Join(s.checkpoints.checkpoint(), s.checkpoints.restart(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if size(s.Path) != file || size(s.Path+"-wal") != log {
		t.Errorf("the file has %d bytes and its log %d, before %d and %d", size(s.Path), size(s.Path+"-wal"), file, log)
	}
}

func TestAFailedSyncBreaksTheStoreForGood(t *testing.T) {
	for _, code := range []int{conn.CodeFsync, conn.CodeDirFsync} {
		s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
		commit := s.writer.end
		if sync := s.writer.sync; code == conn.CodeFsync {
			s.writer.sync = func() error { return errors.Join(sync(), ioError(code)) }
		} else {
			s.writer.end = func() error { return ioError(code) }
		}
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
		s.writer.end = commit
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
	commit := s.writer.end
	s.writer.end = func() error {
		s.writer.end = commit
		return ioError(10 | 3<<8) // SQLITE_IOERR_WRITE
	}
	if err := s.Check(t.Context()); conn.ResultCode(err) != 10|3<<8 || errors.Is(err, store.ErrBroken) {
		t.Errorf("got %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestCheckpointsBeginTheLogAnew(t *testing.T) {
	l := newLoad(t)
	c, err := connectReady(l.store.Path, conn.ForCheckpoints())
	if err != nil {
		t.Fatal(err)
	}
	k := newCheckpointer(c, l.store.writer, l.store.log)
	defer func() { _ = c.Close() }()
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

// leaveDuringCommit makes a call whose caller leaves while its transaction is committed, and returns when what follows
// from that is stored too.
func leaveDuringCommit(t *testing.T, s *Store, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	end := s.writer.end
	s.writer.end = func() error {
		s.writer.end = end
		cancel()
		if err := <-returned; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller gets %v", err)
		}
		return end()
	}
	go func() { returned <- call(ctx) }()
	<-ctx.Done()
	for handedBack := false; !handedBack; handedBack = len(s.leases.snapshot()) == 0 {
		if err := s.Check(t.Context()); err != nil { // behind the call
			t.Fatal(err)
		}
	}
}

func TestAnEventThatIsCommittedAfterItsCallerLeftBecomesDue(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	ids := store.NewIDs(0)
	d := store.NewDelivery{ID: ids.Next(time.Now()), Notifier: "n", OrderKey: "k", Message: []byte("{}"), Claim: true}
	leaveDuringCommit(t, s, func(ctx context.Context) error {
		batch := []store.Event{{ID: ids.Next(time.Now()), ReceivedAt: time.Now()}}
		_, err := s.Accept(ctx, batch, storetest.Planned(store.Plan{Deliveries: []store.NewDelivery{d}}))
		return err
	})
	if ds, err := s.Claim(t.Context(), "n", 10); err != nil || len(ds) != 1 || ds[0].ID != d.ID {
		t.Errorf("claimed %v %v, want the delivery", ds, err)
	}
}

func TestAClaimThatIsCommittedAfterItsCallerLeftIsHandedBack(t *testing.T) {
	l := newLoad(t)
	l.AcceptAll(6, 1)
	leaveDuringCommit(t, l.store, func(ctx context.Context) error {
		_, err := l.store.Claim(ctx, "slack", 10)
		return err
	})
	ds, err := l.store.Claim(t.Context(), "slack", 10)
	if err != nil || len(ds) != 6 {
		t.Fatalf("claimed %d again, %v", len(ds), err)
	}
	if ds[0].Lease != 2 || ds[0].Attempts != 0 {
		t.Errorf("lease %d, attempts %d", ds[0].Lease, ds[0].Attempts)
	}
}
