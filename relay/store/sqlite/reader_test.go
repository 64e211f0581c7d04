package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/tables"
	"qaserelay/relay/store/storetest"
)

func TestAFileIsReadBesideItsRelayAndNothingChanges(t *testing.T) {
	f := newFixture(t)
	path := f.Store.(*Store).Path
	sending, dead := f.Put("k"), f.Put("")
	f.ClaimIDs()
	f.FinishAs(store.Dead, time.Time{}, dead)
	f.Put("k")
	r, err := OpenReader(path)
	f.NoError(err)
	before := stateOfFile(t, path)
	for s, n := range map[store.State]int{store.Pending: 2, store.Sending: 0,
		store.Dead: 1} { // what is being sent only the relay knows
		list, _, err := r.Deliveries(t.Context(), store.DeliveryFilter{State: s, Notifier: "n"})
		f.NoError(err)
		f.Equal(string(s), len(list), n)
	}
	f.Equal("the file and its log", stateOfFile(t, path) == before, true)

	f.FinishAs(store.Delivered, time.Time{}, sending) // the lease is still good
	f.Equal("the relay continues", f.Find(sending).State, store.Delivered)
	f.Equal("and is read further", storetest.Everything(t, r), storetest.Everything(t, f.Store))
	f.NoError(r.Close())
	f.Reopen()
	_, _, err = r.Events(t.Context(), store.EventFilter{})
	f.Equal("closed", errors.Is(err, store.ErrClosed), true)
}

func TestWhatAProcessLeftWhenItWasKilledIsReadAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	cmd, out := child(t, path)
	for range 50 {
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // reports the signal
	before := stateOfFile(t, path)
	var seen []string
	for range 2 {
		r, err := OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, storetest.Everything(t, r))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if stateOfFile(t, path) != before || seen[0] != seen[1] || strings.Count(seen[0], "run.completed") < 50 {
		t.Errorf("reading changed the file, or read %d bytes and then %d", len(seen[0]), len(seen[1]))
	}
}

// stateOfFile is all that is in a database and its log.
func stateOfFile(t *testing.T, path string) string {
	t.Helper()
	file, err := os.ReadFile(path)
	log, err2 := os.ReadFile(path + "-wal")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return string(file) + string(log)
}

func TestOpenReaderRefuses(t *testing.T) {
	old, _ := version1(t, time.Now())
	empty, missing := filepath.Join(t.TempDir(), "empty.db"), filepath.Join(t.TempDir(), "missing.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"a file of an older release": {old,
			fmt.Sprintf("has version 1, and this program reads version %d: a relay of this release brings it up",
				len(tables.Migrations()))},
		"a file of a newer release": {closedStore(t, "PRAGMA user_version = 99"), "start the newer release"},
		"a file of another program": {closedStore(t, "PRAGMA application_id = 7"), "is a database of another program"},
		"an empty file":             {empty, "no relay has used it yet"},
		"a file that is not there":  {missing, "unable to open database file"},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			if _, err := OpenReader(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want ...%s...", err, c.want)
			}
			if after, _ := os.ReadFile(c.path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that was not there: %v", err)
	}
}

func TestAUserWhoMayOnlyReadIsToldWhoMay(t *testing.T) {
	for code, want := range map[ioError]string{conn.CodeReadOnlyDir: "a.db: disk I/O error (1544); SQLite keeps files beside it, so read it as the user", conn.CodeFsync: "disk I/O error"} {
		if err := adviseReader("a.db", code); !errors.Is(err, code) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
	if err := adviseReader("a.db", nil); err != nil {
		t.Error(err)
	}
}
