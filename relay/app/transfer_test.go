package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/sqlite"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/transfer"
)

// fullStore makes a file with rows of every kind, and closes it.
func fullStore(t *testing.T) (path string) {
	path = filepath.Join(t.TempDir(), "relay.db")
	f := storetest.NewFixture(t, func(t *testing.T, now func() time.Time) func() store.Store {
		return func() store.Store {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
	fill(f)
	f.NoError(f.Store.Close())
	return path
}

// fill stores events and deliveries in each state, with attempts, replays, a fallback, waits and keys, a digest that was
// flushed and one that is open.
func fill(f *storetest.Fixture) {
	f.Clock.Store(time.Now().UnixMilli()) // the other engine has the clock of its server
	var all []store.ID
	for i := range 40 {
		d := f.MakeDelivery("n", []string{"", "run/7", "run/8"}[i%3])
		d.Wait = time.Duration(i%2) * time.Minute
		d.Title = "Ürün “x” <b> \U0001F600 " + strings.Repeat("long ", i)
		ev := f.MakeEvent()
		if i%10 == 9 {
			ev.ReplayOf = 1
		}
		f.AcceptOne(ev, store.Plan{Decisions: []byte(`{"results":[]}`), Deliveries: []store.NewDelivery{d},
			Changes: []store.Change{{Key: fmt.Sprint("qase/WEB/run/", i), Value: []byte{0, 255, byte(i)}},
				{Key: fmt.Sprint("expires/", i), Value: []byte("v"), Expires: f.Now().Add(time.Hour)}}})
		all = append(all, d.ID)
	}
	claimed, err := f.Claim(f.Context(), "n", 20)
	f.NoError(err)
	for i, d := range claimed {
		switch i % 4 {
		case 0:
			f.FinishAs(store.Delivered, time.Time{}, d.ID)
		case 1:
			f.FinishAs(store.Dead, time.Time{}, d.ID)
		case 2:
			f.FinishAs(store.Pending, f.Now().Add(time.Hour), d.ID)
		case 3:
			f.HandBack(f.Now(), d.ID)
		}
	}
	_, err = f.Cancel(f.Context(), all[35:], "cancelled by a person")
	f.NoError(err)
	f.NoError(f.AddAudit(f.Context(), store.AuditEntry{Who: "Ünal", Verb: "cancel", Details: "why", Outcome: "ok"}))
	f.Join("slot:g/r/1", 0)
	f.WakeAll()
	f.Join("slot:g/r/2", time.Hour)
	f.Join("slot:g/r/2", time.Hour)
}

// dump returns all rows of a store.
func dump(t *testing.T, url string) string {
	t.Helper()
	r, err := openTransfer(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b strings.Builder
	for _, table := range transfer.Tables() {
		table.Page = 7
		for after, more := transfer.Row(nil), true; more; {
			page, err := r.Page(t.Context(), table, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page {
				fmt.Fprintf(&b, "%s %#v\n", table.Name, row)
				after = row[:table.Key]
			}
			more = len(page) > 0
		}
	}
	return b.String()
}

func copyStore(t *testing.T, from, to string) Copied {
	t.Helper()
	s, err := Copy(t.Context(), from, to, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCopiesAndBackups(t *testing.T) {
	c := pgtest.New(t, "fsync=off")
	t.Run("a store goes to the other engine and back", func(t *testing.T) { testRoundTrip(t, c) })
	t.Run("an interrupted copy goes on", func(t *testing.T) { testInterrupted(t, c) })
	t.Run("a copy refuses what would mix stores", func(t *testing.T) { testRefusals(t, c) })
	t.Run("a backup is made while a relay writes", func(t *testing.T) { testLiveBackup(t, c) })
}

func testRoundTrip(t *testing.T, c *pgtest.Cluster) {
	first := "sqlite:" + fullStore(t)
	second, third := c.Schema(t, "copied"), "sqlite:"+filepath.Join(t.TempDir(), "new", "relay.db")
	done := copyStore(t, first, second)
	if done.Rows["events"] != 44 || done.Rows["deliveries"] != 41 || done.Rows["kv"] != 81 || done.Rows["items"] != 2 || done.Copied == 0 {
		t.Errorf("copied %+v", done)
	}
	copyStore(t, second, third)
	want := dump(t, first)
	for _, url := range []string{second, third} {
		if got := dump(t, url); got != want {
			t.Errorf("%.10s…: got\n%s\nwant\n%s", url, got, want)
		}
		if got := copiesNoted(t, url); got != 1 {
			t.Errorf("%.10s…: %d copies are in its audit trail, want 1", url, got)
		}
		again := copyStore(t, first, url)
		if again.Copied != 0 {
			t.Errorf("copied once more: %+v", again)
		}
	}
	for _, url := range []string{second, third} {
		checkWorks(t, first, url)
	}
}

// copiesNoted returns how many copies the audit trail of a store has.
func copiesNoted(t *testing.T, url string) int {
	t.Helper()
	s, err := OpenStore(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, _, err := s.Audit(t.Context(), store.AuditFilter{Verb: transfer.CopyVerb})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.How != "cli" || !strings.HasPrefix(e.Details, "from ") {
			t.Errorf("the copy is noted as %+v", e)
		}
	}
	return len(list)
}

// checkWorks opens a copy as a relay does, and compares it with the store that it was made of.
func checkWorks(t *testing.T, from, url string) {
	t.Helper()
	want, err := OpenStore(t.Context(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenStore(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	defer got.Close()
	if a, b := storetest.Everything(t, want), storetest.Everything(t, got); a != b {
		t.Errorf("listed\n%s\nwant\n%s", b, a)
	}
	if a, b := want.Load(), got.Load(); a != b {
		t.Errorf("unfinished are %+v, want %+v", b, a)
	}
	a, err1 := want.Backlog(t.Context())
	b, err2 := got.Backlog(t.Context())
	if err := errors.Join(err1, err2); err != nil || len(a) != len(b) || a[0].Dead != b[0].Dead ||
		a[0].Pending != b[0].Pending {
		t.Errorf("the backlog is %+v, want %+v (%v)", b, a, err)
	}
	evs, _, err := got.Events(t.Context(), store.EventFilter{Limit: 1, OldestFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	repeated := (&storetest.Fixture{T: t, IDs: store.NewIDs(2)}).EventOf(string(evs[0].Body))
	rs, err := got.Accept(t.Context(), []store.Event{repeated}, storetest.Planned(store.Plan{}))
	if err != nil || !rs[0].Duplicate || rs[0].ID != evs[0].ID {
		t.Errorf("the body of the first event again: %+v, %v", rs, err)
	}
	due, err := got.NextWake(t.Context(), time.Now(), false)
	if same, err2 := want.NextWake(t.Context(), time.Now(), false); due.IsZero() || !due.Equal(same) ||
		errors.Join(err, err2) != nil {
		t.Errorf("the next slot is due at %v, want %v (%v, %v)", due, same, err, err2)
	}
	if v, err := got.Get(t.Context(), "qase/WEB/run/7"); err != nil || string(v) != "\x00\xff\x07" {
		t.Errorf("a key has %q, %v", v, err)
	}
}

// cutOff is a writer that fails after some pages.
type cutOff struct {
	transfer.Writer
	left int
}

var errCutOff = errors.New("cut off")

func (c *cutOff) Put(ctx context.Context, t transfer.Table, rows []transfer.Row, mark string) error {
	if c.left--; c.left > 0 {
		return c.Writer.Put(ctx, t, rows, mark)
	}
	return errors.Join(errCutOff, c.Writer.Put(ctx, t, rows[:(len(rows)+1)/2], mark))
}

// interrupt copies a part of a store.
func interrupt(t *testing.T, from, to string, pages int) {
	t.Helper()
	r, err := openTransfer(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := openTarget(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := transfer.Copy(t.Context(), r, &cutOff{w, pages}, func(Progress) {}); !errors.Is(err, errCutOff) {
		t.Fatalf("interrupted: %v", err)
	}
}

func testInterrupted(t *testing.T, c *pgtest.Cluster) {
	from := "sqlite:" + fullStore(t)
	for i, pages := range []int{1, 2, 4, 5, 6} {
		file := "sqlite:" + filepath.Join(t.TempDir(), "relay.db")
		for _, to := range []string{c.Schema(t, fmt.Sprint("cut", i)), file} {
			interrupt(t, from, to, pages)
			if _, err := Open(t.Context(), relayOn(to)); !errors.Is(err, ErrUnfinishedCopy) {
				t.Fatalf("a relay started on half a store: %v", err)
			}
			if done := copyStore(t, from, to); !done.Resumed || done.Copied == 0 {
				t.Errorf("after %d pages: %+v", pages, done)
			}
			if got, want := dump(t, to), dump(t, from); got != want {
				t.Errorf("after %d pages got\n%s\nwant\n%s", pages, got, want)
			}
		}
	}
}

func relayOn(url string) Options {
	return Options{Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", StoreURL: url}
}

func testRefusals(t *testing.T, c *pgtest.Cluster) {
	from, other := "sqlite:"+fullStore(t), "sqlite:"+fullStore(t)
	half := "sqlite:" + filepath.Join(t.TempDir(), "half.db")
	interrupt(t, from, half, 2)
	used, usedPG := "sqlite:"+filepath.Join(t.TempDir(), "used.db"), c.Schema(t, "used")
	for _, url := range []string{used, usedPG} {
		s, err := OpenStore(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"a target with other events", from, other, "holds events or keys already"},
		{"half of another copy", other, half, "unfinished copy of another store"},
		{"a source that a relay uses", used, half, "is in use by process"},
		{"a source that a replica uses", usedPG, half, "1 relays use the store"},
		{"a target that a relay uses", from, used, "is in use by process"},
		{"a target that a replica uses", from, usedPG, "1 relays use the store"},
		{"the same store twice", from, from, "is in use"},
		{"a source that is not there", "sqlite:" + filepath.Join(t.TempDir(), "none.db"), half, "no such file"},
	} {
		if _, err := Copy(t.Context(), tt.from, tt.to, func(Progress) {}); err == nil ||
			!strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want …%s…", tt.name, err, tt.want)
		}
	}
}

func testLiveBackup(t *testing.T, c *pgtest.Cluster) {
	for _, url := range []string{"sqlite:" + filepath.Join(t.TempDir(), "relay.db"), c.Schema(t, "live")} {
		s, err := OpenStore(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := &storetest.Fixture{T: t, Store: s, IDs: store.NewIDs(s.Node())}
		f.Clock.Store(time.Now().UnixMilli())
		for range 200 {
			f.AcceptDeliveries(f.MakeDelivery("n", ""))
		}
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					f.AcceptDeliveries(f.MakeDelivery("n", ""))
				}
			}
		}()
		file := filepath.Join(t.TempDir(), "copy.db")
		rows, err := Backup(t.Context(), url, file, false, func(Progress) {})
		close(stop)
		<-stopped
		if err != nil || rows["events"] < 200 || rows["deliveries"] != rows["events"] {
			t.Fatalf("backed up %v, %v", rows, err)
		}
		checkBackup(t, url, file, rows)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkBackup checks the file of a backup, and that it is not replaced by mistake.
func checkBackup(t *testing.T, url, file string, rows map[string]int64) {
	t.Helper()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside the file are %v, %v", entries, err)
	}
	if _, err := Backup(t.Context(), url, file, false, func(Progress) {}); !errors.Is(err, ErrExists) {
		t.Errorf("a second backup: %v", err)
	}
	again, err := Backup(t.Context(), url, file, true, func(Progress) {})
	if err != nil || again["events"] < rows["events"] {
		t.Errorf("a second backup by force: %v, %v", again, err)
	}
	s, err := OpenStore(t.Context(), "sqlite:"+file, nil)
	if err != nil {
		t.Fatal(err)
	}
	noted, _, err := s.Audit(t.Context(), store.AuditFilter{Verb: backupVerb})
	if err != nil || len(noted) != 1 || noted[0].How != "cli" || !strings.HasPrefix(noted[0].Details, "of ") {
		t.Errorf("the backup is noted in it as %+v, %v", noted, err)
	}
	defer s.Close()
	if list, _, err := s.Events(t.Context(), store.EventFilter{Limit: 1000}); err != nil || len(list) < 200 {
		t.Errorf("the backup has %d events, %v", len(list), err)
	}
	if _, err := Backup(t.Context(), url, file, true, func(Progress) {}); err == nil ||
		!strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("a backup replaced a store in use: %v", err)
	}
}

func TestABackupDoesNotReplaceItsStore(t *testing.T) {
	path := fullStore(t)
	before := dump(t, "sqlite:"+path)
	if _, err := Backup(t.Context(), "sqlite:"+path, path, true, func(Progress) {}); !errors.Is(err, ErrExists) {
		t.Errorf("the store was replaced: %v", err)
	}
	if dump(t, "sqlite:"+path) != before {
		t.Error("the store changed")
	}
	if _, err := Backup(t.Context(), "sqlite:"+path+"x", path+"y", false, func(Progress) {}); err == nil {
		t.Error("a store that is not there was backed up")
	}
}
