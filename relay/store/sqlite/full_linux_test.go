package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// A file system that is really full fails in other places than a limit of pages does: in the log, and in the
// checkpoint. It takes the right to mount one; TestAFullDiskFailsCallsAndTheStoreRecovers needs no rights.
func TestAFullFileSystemFailsCallsAndTheStoreRecovers(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		if !errors.Is(err, syscall.EPERM) {
			t.Fatal(err)
		}
		t.Log("not allowed to mount a file system; the limit of pages replaces it")
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, filepath.Join(dir, "relay.db"), nil)
	defer func() { _ = s.Close() }()
	stored, err := acceptUntilFull(t.Context(), s)
	if errors.Is(err, store.ErrBroken) || len(stored) < 10 {
		t.Fatalf("after %d events: %v", len(stored), err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	more, _ := acceptUntilFull(t.Context(), s)
	if len(more) < 10 {
		t.Errorf("with room again, %d events", len(more))
	}
	for _, id := range append(stored, more...) {
		if _, err := s.Event(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// acceptUntilFull returns the ids of the events that were stored, and why the next one was not.
func acceptUntilFull(ctx context.Context, s *Store) (stored []store.ID, err error) {
	ids := store.NewIDs(0)
	for {
		ev := store.Event{ID: ids.Next(time.Now()), ReceivedAt: time.Now(), Body: make([]byte, 10<<10)}
		binary.BigEndian.PutUint64(ev.Hash[:], uint64(ev.ID))
		if _, err := s.Accept(ctx, []store.Event{ev}, storetest.Planned(store.Plan{})); err != nil {
			return stored, err
		}
		stored = append(stored, ev.ID)
	}
}
