package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/dbfile"
	"qaserelay/relay/store/sqlite/tables"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/storetest/apart"
	"qaserelay/relay/store/storetest/turns"
)

func TestSQLiteKeepsWhatEveryStorePromises(t *testing.T) {
	storetest.Run(t, sqlitePlace)
	apart.Run(t, sqlitePlace)
	turns.Run(t, sqlitePlace)
}

func sqlitePlace(t *testing.T, now func() time.Time) func() store.Store {
	path := filepath.Join(t.TempDir(), "data", "relay.db")
	return func() store.Store { return openTest(t, path, now) }
}

func newFixture(t *testing.T) *storetest.Fixture { return storetest.NewFixture(t, sqlitePlace) }

func openTest(t testing.TB, path string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closedStore makes a store, closes it, and runs a script in its file.
func closedStore(t *testing.T, script string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "relay.db")
	if err := openTest(t, path, nil).Close(); err != nil {
		t.Fatal(err)
	}
	c, err := conn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Run(script), c.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenSQLiteRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("some notes\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"a file of a newer release": {
			closedStore(t, "PRAGMA user_version = 99"),
			"has version 99, and this program knows versions up to " + strconv.Itoa(len(tables.Migrations())) +
				"; start the newer release",
		},
		"a database of another program": {
			closedStore(t,
				"PRAGMA application_id = 7; PRAGMA journal_mode = DELETE"), "is a database of another program",
		},
		"a database with tables but without a mark": {
			closedStore(t, "PRAGMA application_id = 0; PRAGMA user_version = 0"), "is a database of another program",
		},
		"a file that is no database":     {text, "is not a SQLite database"},
		"a folder":                       {t.TempDir(), ""},
		"a place where no folder can be": {filepath.Join(text, "relay.db"), "creating the directory of the store"},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			for range 2 { // what was refused is released
				_, err := Open(t.Context(), c.path, Options{})
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "in use") {
					t.Fatalf("got %v, want ...%s...", err, c.want)
				}
			}
			if after, _ := os.ReadFile(c.path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestSQLiteFilesAreForTheirOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // permissions are inherited there
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := openTest(t, filepath.Join(dir, "relay.db"), nil)
	defer func() { _ = s.Close() }()
	for name, want := range map[string]os.FileMode{"": 0o700, "relay.db": 0o600, "relay.db-wal": 0o600,
		"relay.db.lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestEveryConnectionHasItsPragmas(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	defer func() { _ = s.Close() }()
	reader, err := connectReady(s.Path, conn.ForReading())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	for name, c := range map[string]struct {
		conn    *conn.Conn
		purpose conn.Purpose
	}{"writer": {s.writer.conn, conn.ForGroups()}, "reader": {reader, conn.ForReading()}, "checkpoints": {s.checkpoints.conn,
		conn.ForCheckpoints()}} {
		for _, p := range c.purpose.Pragmas() {
			if got, err := c.conn.ReadPragma(p.Name); err != nil || got != p.Value {
				t.Errorf("%s: %s is %s (%v), want %s", name, p.Name, got, err, p.Value)
			}
		}
	}
	if err := reader.Run("DELETE FROM events"); err == nil {
		t.Error("a reader can write")
	}
}

func TestConfigureRefusesWhatCannotBeSet(t *testing.T) {
	path := closedStore(t, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM")
	_, err := Open(t.Context(), path, Options{})
	if err == nil || !strings.Contains(err.Error(), "page_size=4096 and cannot be set to 8192") {
		t.Errorf("got %v", err)
	}
}

func TestIDsGrowAndReadBack(t *testing.T) {
	node, now := 0, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := store.IDsOf(func() int { return node })
	last := store.ID(0)
	for i := range 10000 {
		node = 1023 - i/1000
		id := g.Next(now.Add(-time.Duration(i) * time.Millisecond))
		if id <= last {
			t.Fatalf("%d after %d", id, last)
		}
		back, err := store.ParseID(id.String())
		if err != nil || back != id || (last != 0 && id.String() <= last.String()) {
			t.Fatalf("%d reads back as %d (%v)", id, back, err)
		}
		last = id
	}
	if store.FirstID(now) > last || store.FirstID(now.Add(time.Minute)) < last ||
		!store.FirstID(now).Time().Equal(now) {
		t.Error("FirstID is off")
	}
	for _, s := range []string{"", "0", "000000000000!", "0000000000000", fmt.Sprint(int64(last))} {
		if _, err := store.ParseID(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func TestAStoreOnANetworkFileSystemIsWarnedAbout(t *testing.T) {
	for magic, want := range map[uint32]string{0x6969: "NFS", 0xFE534D42: "SMB", 0x01021997: "9p", 0x65735546: "FUSE",
		0xEF53: "", 0x01021994: ""} {
		var log strings.Builder
		s := &Store{Path: "data/relay.db", log: slog.New(slog.NewTextHandler(&log, nil))}
		s.warnOfFileSystem(dbfile.NetworkName(magic))
		if got := log.String(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%#x: %s", magic, got)
		}
		if want != "" && !strings.Contains(log.String(), "put --store on a local disk") {
			t.Errorf("%#x does not say what to do: %s", magic, log.String())
		}
	}
}
