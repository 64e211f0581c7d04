//go:build unix

package sqlite

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/dbfile"
	"qaserelay/relay/store/storetest"
)

// lockedLog is a log that may be read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// watched is a store whose files are about to be lost, with events in it.
type watched struct {
	*Store
	t    *testing.T
	log  *lockedLog
	ids  *store.IDs
	kept []store.ID
}

func newWatched(t *testing.T) *watched {
	w := &watched{t: t, log: &lockedLog{}, ids: store.NewIDs(1)}
	var err error
	w.Store, err = Open(t.Context(), filepath.Join(t.TempDir(), "relay.db"), Options{Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	for range 20 {
		if err := w.put(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// put stores an event, and notes it if the store confirms it.
func (w *watched) put() error {
	id := w.ids.Next(time.Now())
	ev := store.Event{ID: id, Source: "qase", Name: "run.started", Hash: sha256.Sum256([]byte(id.String())),
		Body: bytes.Repeat([]byte("x"), 20_000), ReceivedAt: time.Now()}
	_, err := w.Accept(w.t.Context(), []store.Event{ev}, storetest.Planned(store.Plan{}))
	if err == nil {
		w.kept = append(w.kept, id)
	}
	return err
}

// awaitLoss waits until the store says that it is lost.
func (w *watched) awaitLoss() error {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if err := w.Check(w.t.Context()); errors.Is(err, store.ErrLost) {
			return err
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the loss was not noticed; logs:\n%s", w.log)
		}
	}
}

func (w *watched) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) remove(suffixes ...string) {
	for _, suffix := range suffixes {
		w.do(os.Remove(w.Path + suffix))
	}
}

func TestLostFilesAreNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		lose       func(w *watched)
		what, hint string
	}{
		"the database is deleted":   {func(w *watched) { w.remove("") }, "relay.db was deleted or moved", dbfile.HintRestore},
		"all files are deleted":     {func(w *watched) { w.remove("", "-wal", "-shm") }, "relay.db was deleted or moved", dbfile.HintRestore},
		"the database is moved":     {func(w *watched) { w.do(os.Rename(w.Path, w.Path+".old")) }, "relay.db was deleted or moved", dbfile.HintRestore},
		"the folder is moved":       {func(w *watched) { w.do(os.Rename(filepath.Dir(w.Path), filepath.Dir(w.Path)+".old")) }, "relay.db was deleted or moved", dbfile.HintRestore},
		"the log is deleted":        {func(w *watched) { w.remove("-wal") }, "relay.db-wal was deleted or moved", dbfile.HintLog},
		"the shared memory is gone": {func(w *watched) { w.remove("-shm") }, "relay.db-shm was deleted or moved", dbfile.HintLog},
		"a copy is put in its place": {func(w *watched) {
			content, err := os.ReadFile(w.Path)
			w.do(err)
			w.do(os.WriteFile(w.Path+".copy", content, 0o600))
			w.do(os.Rename(w.Path+".copy", w.Path))
		}, "relay.db was replaced by another file", dbfile.HintRestore},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			c.lose(w)
			if err := w.awaitLoss(); !strings.Contains(err.Error(), c.what) {
				t.Errorf("ready: %v", err)
			}
			if err := w.put(); !errors.Is(err, store.ErrLost) || !strings.Contains(err.Error(), c.what) {
				t.Errorf("an event: %v", err)
			}
			if logs := w.log.String(); strings.Count(logs, "store lost") != 1 || !strings.Contains(logs, c.hint) {
				t.Errorf("logs:\n%s", logs)
			}
		})
	}
}

// TestNoEventIsConfirmedAfterItsFileWasDeleted deletes and replaces files between two events, without any time between.
func TestNoEventIsConfirmedAfterItsFileWasDeleted(t *testing.T) {
	for name, lose := range map[string]func(w *watched){
		"the database": func(w *watched) { w.remove("") },
		"the log":      func(w *watched) { w.remove("-wal") },
		"all files":    func(w *watched) { w.remove("-wal", "", "-shm") },
		"the folder":   func(w *watched) { w.do(os.RemoveAll(filepath.Dir(w.Path))) },
		"emptied":      func(w *watched) { w.do(os.Truncate(w.Path, 0)) },
		"replaced by a copy": func(w *watched) {
			w.do(os.WriteFile(w.Path+".copy", nil, 0o600))
			w.do(os.Rename(w.Path+".copy", w.Path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			w.do(w.put())
			lose(w)
			if err := w.put(); !errors.Is(err, store.ErrLost) {
				t.Errorf("an event: %v", err)
			}
		})
	}
}

func TestALossIsNoticedWithoutEvents(t *testing.T) {
	w := newWatched(t)
	w.remove("", "-wal", "-shm")
	for deadline := time.Now().Add(time.Minute); !strings.Contains(w.log.String(), "store lost"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is logged")
		}
	}
	if _, err := os.Stat(w.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new file was made: %v", err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	for name, lose := range map[string]func(w *watched, f *os.File){
		"the file is cut to nothing": func(w *watched, f *os.File) { w.do(f.Truncate(0)) },
		"the file is cut in half":    func(w *watched, f *os.File) { w.do(f.Truncate(conn.PageSize * 3)) },
		"another file is copied over it": func(w *watched, f *os.File) {
			_, err := f.WriteAt(bytes.Repeat([]byte("not a database "), 5000), 0)
			w.do(err)
		},
		"all pages but the first are overwritten": func(w *watched, f *os.File) {
			info, err := f.Stat()
			w.do(err)
			_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, int(info.Size())-conn.PageSize), conn.PageSize)
			w.do(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			w.do(w.checkpoints.restart()) // what is in the log hides the file
			f, err := os.OpenFile(w.Path, os.O_RDWR, 0)
			w.do(err)
			defer f.Close() // after the store, whose locks it drops
			lose(w, f)
			for range 50 { // a damaged page is noticed when it is read
				_, _, _ = w.Events(t.Context(), store.EventFilter{Limit: 100})
				_ = w.put()
			}
			if err := w.awaitLoss(); !strings.Contains(err.Error(), dbfile.HintRecover) {
				t.Errorf("got %v", err)
			}
			if err := w.put(); !errors.Is(err, store.ErrLost) {
				t.Errorf("an event: %v", err)
			}
			if logs := w.log.String(); strings.Count(logs, "store lost") != 1 || !strings.Contains(logs, ".recover") {
				t.Errorf("logs:\n%s", logs)
			}
		})
	}
}

func TestNothingIsConfirmedThatWentIntoAFileThatIsGone(t *testing.T) {
	w := newWatched(t)
	sync := w.writer.sync
	w.writer.sync = func() error {
		return errors.Join(os.Remove(w.Path), os.Remove(w.Path+"-wal"), sync())
	}
	if err := w.put(); !errors.Is(err, store.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
}

func TestDamageThatANewConnectionMeetsIsNoticed(t *testing.T) {
	w := newWatched(t)
	w.do(w.checkpoints.restart())
	f, err := os.OpenFile(w.Path, os.O_RDWR, 0)
	w.do(err)
	defer f.Close() // after the store, whose locks it drops
	const header = 100
	_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, conn.PageSize-header), header) // the names of the tables
	w.do(err)
	if _, err := w.connectReader(); err == nil {
		t.Fatal("a connection is made")
	}
	if err := w.awaitLoss(); !strings.Contains(err.Error(), dbfile.HintRecover) {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatComesBackIsUsedAgain(t *testing.T) {
	w := newWatched(t)
	w.do(os.Rename(w.Path, w.Path+".old"))
	w.awaitLoss()
	w.do(os.Rename(w.Path+".old", w.Path))
	for deadline := time.Now().Add(time.Minute); w.put() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not used again")
		}
	}
	if !strings.Contains(w.log.String(), "store found again") {
		t.Errorf("logs:\n%s", w.log)
	}
}

func TestAStopSavesWhatALostLogHeld(t *testing.T) {
	w := newWatched(t)
	w.remove("-wal")
	w.awaitLoss()
	w.do(w.Close())
	again := openTest(t, w.Path, nil)
	for _, id := range w.kept {
		if _, err := again.Event(t.Context(), id); err != nil {
			t.Errorf("a confirmed event: %v", err)
		}
	}
}

func TestAStopLeavesARestoredDatabaseAlone(t *testing.T) {
	w := newWatched(t)
	w.remove("", "-wal", "-shm")
	for _, suffix := range []string{"", "-wal"} {
		w.do(os.WriteFile(w.Path+suffix, []byte("restored"), 0o600))
	}
	w.awaitLoss()
	if err := w.Close(); !errors.Is(err, store.ErrLost) {
		t.Errorf("closing says %v", err)
	}
	for _, suffix := range []string{"", "-wal"} {
		if content, err := os.ReadFile(w.Path + suffix); err != nil || string(content) != "restored" {
			t.Errorf("%q is now %q, %v", suffix, content, err)
		}
	}
}

func TestACheckpointIsNoDamage(t *testing.T) {
	w := newWatched(t)
	stop, checked := make(chan struct{}), make(chan bool)
	go func() {
		fine := true
		for {
			select {
			case <-stop:
				checked <- fine
				return
			default:
				fine = fine && w.watch.IsDatabase()
			}
		}
	}()
	for i := range 300 {
		w.do(w.put())
		if i%50 == 0 {
			w.do(w.checkpoints.restart())
		}
	}
	close(stop)
	if !<-checked || w.log.String() != "" {
		t.Errorf("a database that grows is taken for another file; logs:\n%s", w.log)
	}
}
