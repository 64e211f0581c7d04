package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/tables"
	"qaserelay/relay/store/storetest"
)

// version1 makes a file as the first version wrote it: an event with a delivery in each state, one of them waiting
// behind another.
func version1(t *testing.T, at time.Time) (path string, event store.ID) {
	t.Helper()
	path, event = filepath.Join(t.TempDir(), "relay.db"), store.FirstID(at)
	c, err := conn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	now := at.UnixMilli()
	script := fmt.Sprintf(`INSERT INTO events (id, source, name, project, received_at, decisions, body)
		VALUES (%[1]d, 'qase', 'run.completed', 'WEB', %[2]d, CAST('[1]' AS BLOB), CAST('{"n":1}' AS BLOB));
		INSERT INTO deliveries (id, event_id, rule, notifier, order_key, title, state, unfinished, next_at, lease, created_at, first_at, updated_at, message)
		SELECT %[1]d + column1, %[1]d, 'r', column2, column3, 't', column4, column4 IN ('pending', 'sending'), column5, 1, %[2]d + column1, %[2]d, %[2]d, column6
		FROM (VALUES (1, 'n', 'k', 'sending', NULL, CAST('12345' AS BLOB)), (2, 'n', 'k', 'sending', NULL, CAST('1234567890' AS BLOB)),
			(3, 'n', '', 'dead', NULL, x'01'), (4, 'n', '', 'delivered', NULL, x'01'), (5, 'm', '', 'dead', NULL, NULL), (6, 'm', '', 'cancelled', NULL, x'01'));
		INSERT INTO kv (key, value, expires_at) VALUES ('k', x'76', %[2]d + 3600000);
		INSERT INTO dedupe (hash, event_id, expires_at) VALUES (zeroblob(16), %[1]d, %[2]d + 3600000);
		PRAGMA application_id = %[3]d; PRAGMA user_version = 1`, event, now, tables.ApplicationID)
	err = errors.Join(c.Configure(conn.ForWriting()), c.Run(tables.Migrations()[0]), c.Run(script), c.Close())
	if err != nil {
		t.Fatal(err)
	}
	return path, event
}

func TestAFileOfTheFirstVersionIsBroughtUp(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	path, event := version1(t, at)
	f := &storetest.Fixture{T: t, IDs: store.NewIDs(1)}
	f.Clock.Store(at.Add(time.Second).UnixMilli())
	s := openTest(t, path, f.Now)
	f.Store = s
	defer func() { f.NoError(s.Close()) }()

	f.Equal("load", s.Load(), store.Load{Deliveries: 2, Bytes: 15})
	b, err := s.Backlog(t.Context())
	f.NoError(err)
	f.Equal("backlog", b, []store.Backlog{{Notifier: "m", Dead: 1},
		{Notifier: "n", Pending: 2, Dead: 1, Oldest: at.Add(time.Millisecond)}})
	ev, err := s.Event(t.Context(), event)
	f.NoError(err)
	f.Equal("event", fmt.Sprintf("%s %s %d %v", ev.Body, ev.Decisions, len(ev.Deliveries), ev.ReplayOf),
		`{"n":1} [1] 6 0000000000000`)
	f.Equal("a body that was seen", f.AcceptOne(store.Event{ID: f.IDs.Next(f.Now()), Body: []byte("x")}, store.Plan{}),
		store.Receipt{ID: event, Duplicate: true})
	v, err := s.Get(t.Context(), "k")
	f.NoError(err)
	f.Equal("key", string(v), "v")
	f.Equal("the first is due", f.Find(event+1).NextAt.After(f.Now()), false)
	f.Equal("the second waits for it", f.Find(event+2).NextAt, at.Add(store.OrderWait+2*time.Millisecond))
	f.Equal("claimed", f.ClaimIDs(), []store.ID{event + 1, event + 2})
	f.FinishAs(store.Pending, f.Now().Add(2*store.OrderWait), event+1)
	f.HandBack(time.Time{}, event+2)
	f.Equal("waits for OrderWait", f.Find(event+2).NextAt, at.Add(store.OrderWait+2*time.Millisecond))
	ds, _, err := s.Deliveries(t.Context(), store.DeliveryFilter{Project: "WEB", Notifier: "n"})
	f.NoError(err)
	f.Equal("listed", len(ds), 4)
	f.CheckFilled(map[string]string{
		store.TallyEvent: "WEB matched 1", store.TallyName: "qase WEB run.completed 1", store.TallyRule: "r matched 1",
		store.TallyDelivery: "m cancelled 1, m dead 1, n dead 1, n delivered 1", store.TallySent: "n 00 1",
		store.TallyAttempt: "n 01 1",
	})
	f.CheckIndexed(event)
	version, err := tables.Version(s.writer.conn, path)
	f.NoError(err)
	f.Equal("version", version, len(tables.Migrations()))
}

func TestTheTableHasEveryStateAndNoOther(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	defer func() { _ = s.Close() }()
	var table string
	const q = "SELECT sql FROM sqlite_schema WHERE name = 'deliveries'"
	if err := s.list(t.Context(), q, nil, func(r conn.Row) { table = r.Str(0) }); err != nil {
		t.Fatal(err)
	}
	check := strings.ReplaceAll(strings.Trim(fmt.Sprint(store.States()), "[]"), " ", "' OR state = '")
	if check = "CHECK (state = '" + check + "')"; !strings.Contains(table, check) {
		t.Errorf("the table is %s, want it with %s", table, check)
	}
}

// A file of any version has the tables that a new one has, and all that was in it.
func TestEveryVersionBecomesTheSame(t *testing.T) {
	columns := func(s *Store) (list []string) {
		const q = "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" FROM sqlite_schema m, pragma_table_xinfo(m.name) c ORDER BY 1"
		if err := s.list(t.Context(), q, nil, func(r conn.Row) { list = append(list, r.Str(0)) }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	fresh := openTest(t, filepath.Join(t.TempDir(), "relay.db"), nil)
	defer func() { _ = fresh.Close() }()
	want := fmt.Sprint(columns(fresh))
	for version := 1; version < len(tables.Migrations()); version++ {
		path, event := version1(t, time.Now())
		c, err := conn.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		steps := strings.Join(tables.Migrations()[1:version], ";\n") + fmt.Sprintf(";PRAGMA user_version = %d", version)
		if err := errors.Join(c.Configure(conn.ForWriting()), c.Run(steps), c.Close()); err != nil {
			t.Fatal(version, err)
		}
		s := openTest(t, path, nil)
		if got := fmt.Sprint(columns(s)); got != want || got == "[]" {
			t.Errorf("version %d became %s, want %s", version, got, want)
		}
		if ev, err := s.Event(t.Context(), event); err != nil || string(ev.Body) != `{"n":1}` || len(ev.Deliveries) != 6 {
			t.Errorf("version %d: %+v, %v", version, ev, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAMigrationThatFailsChangesNothing(t *testing.T) {
	path, _ := version1(t, time.Now())
	c, err := conn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Run("CREATE TABLE counts (x)"), c.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), path, Options{}); err == nil {
		_ = s.Close()
		t.Fatal("opened")
	}
	c, err = conn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Run("DROP TABLE counts"); err != nil {
		t.Fatal(err)
	}
	if v, err := tables.Version(c, path); err != nil || v != 1 {
		t.Errorf("version %d (%v)", v, err)
	}
	if err := tables.Migrate(c, path); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// A notifier whose deliveries a file of version 8 has counted wrongly must not stand still.
func TestVersion9CountsAnew(t *testing.T) {
	path, _ := version1(t, time.Now())
	c, err := conn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	steps := strings.Join(tables.Migrations()[1:8], ";\n") + ";PRAGMA user_version = 8;UPDATE counts SET unfinished = 0"
	if err := errors.Join(c.Configure(conn.ForWriting()), c.Run(steps), c.Close()); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path, nil)
	defer func() { _ = s.Close() }()
	checkCounts(t, s)
	if claimed, err := s.Claim(t.Context(), "n", 10); err != nil || len(claimed) == 0 {
		t.Errorf("claimed %d (%v)", len(claimed), err)
	}
}

// The deliveries that earlier releases have made are found, whatever their ids are.
func TestVersion10FindsTheDeliveriesOfEarlierReleases(t *testing.T) {
	path, event := version1(t, time.Now())
	c, err := conn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	steps := strings.Join(tables.Migrations()[1:9], ";\n") + ";PRAGMA user_version = 9;" +
		fmt.Sprintf("UPDATE deliveries SET id = %[1]d + 100 WHERE id = %[1]d + 3; UPDATE deliveries SET id = %[1]d - 7 WHERE id = %[1]d + 4;"+
			"UPDATE deliveries SET fallback_for = 1 WHERE id = %[1]d + 5", event)
	if err := errors.Join(c.Configure(conn.ForWriting()), c.Run(steps), c.Close()); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path, nil)
	defer func() { _ = s.Close() }()
	ev, err := s.Event(t.Context(), event)
	want := []store.ID{event - 7, event + 1, event + 2, event + 5, event + 6, event + 100}
	if err != nil || !slices.Equal(ev.Deliveries, want) {
		t.Errorf("deliveries %v (%v), want %v", ev.Deliveries, err, want)
	}
	inIndex := []store.ID{}
	const q = "SELECT id FROM deliveries INDEXED BY deliveries_apart WHERE fallback_for IS NOT NULL OR id - event_id NOT BETWEEN 1 AND 15 ORDER BY id"
	if err := s.list(t.Context(), q, nil, func(r conn.Row) { inIndex = append(inIndex, r.ID(0)) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(inIndex, []store.ID{event - 7, event + 5, event + 100}) {
		t.Errorf("the index has %v", inIndex)
	}
}
