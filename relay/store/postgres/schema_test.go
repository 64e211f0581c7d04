package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres/tables"
	"qaserelay/relay/store/storetest"
)

// testUpgrades opens tables of each earlier version, with an event and a delivery in them: nothing is lost, and the
// tables become those of a new store.
func testUpgrades(t *testing.T, c *pgtest.Cluster) {
	fresh := c.Schema(t, "fresh")
	if err := openPostgres(t, fresh, nil).Close(); err != nil {
		t.Fatal(err)
	}
	want := columnsOf(t, fresh, "fresh")
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	id := store.FirstID(at)
	for version := 1; version < len(tables.Migrations()); version++ {
		name := fmt.Sprintf("version%d", version)
		url := c.Schema(t, name)
		c.Exec(t, fmt.Sprintf("SET search_path = %s; CREATE TABLE qase_relay (version integer NOT NULL); INSERT INTO qase_relay VALUES (%d);",
			name, version)+strings.Join(tables.Migrations()[:version], ";\n")+fmt.Sprintf(`;
			INSERT INTO events (id, source, name, project, received_at, replay_of, decisions, body)
			VALUES (%[1]d, 'qase', 'run.completed', 'WEB', %[2]d, 0, '[1]', '{"n":1}');
			INSERT INTO deliveries (id, event_id, fallback_for, rule, notifier, order_key, title, state, next_at, wait, lease,
				created_at, first_at, updated_at, error, message)
			VALUES (%[1]d + 1, %[1]d, 0, 'r', 'n', '', 't', 'dead', NULL, 0, 1, %[2]d, %[2]d, %[2]d, 'no', '\x01'),
				(%[1]d + 100, %[1]d, 0, 'r', 'n', '', 't', 'dead', NULL, 0, 1, %[2]d, %[2]d, %[2]d, 'no', '\x01'),
				(%[1]d + 2, %[1]d, %[1]d + 1, 'r', 'n', '', 't', 'dead', NULL, 0, 1, %[2]d, %[2]d, %[2]d, 'no', '\x01');
			INSERT INTO attempts (delivery_id, lease, at, took, status, reason, error, response)
			VALUES (%[1]d + 1, 1, %[2]d, 5000000, '', 'client', 'no', '')`,
			id, at.UnixMilli()))
		if version >= outlinesVersion {
			c.Exec(t, fmt.Sprintf(`INSERT INTO %s.outlines (id, source, name, project, subject, outcome, rules)
				VALUES (%d, 'qase', 'run.completed', 'WEB', 'about run.completed', 'matched', E'\nr\tmatched\n')`, name, id))
		}
		now := func() time.Time { return at.Add(time.Hour) }
		s, other := openPostgres(t, url, now), openPostgres(t, url, now)
		f := &storetest.Fixture{T: t, Store: s}
		if version < outlinesVersion {
			f.CheckFilled(map[string]string{
				store.TallyEvent: "WEB matched 1", store.TallyRule: "r matched 1", store.TallyDelivery: "n dead 3",
				store.TallyReason: "n client 1", store.TallyAttempt: "n 03 1", store.TallySent: "",
			}, other)
		}
		f.CheckIndexed(id)
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		ev, err := s.Event(t.Context(), id)
		if err != nil || string(ev.Body) != `{"n":1}` || !slices.Equal(ev.Deliveries, []store.ID{id + 1, id + 2, id + 100}) {
			t.Errorf("%s: %+v, %v", name, ev, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got := columnsOf(t, url, name); !slices.Equal(got, want) {
			t.Errorf("%s became %v, want %v", name, got, want)
		}
	}
}

// outlinesVersion is the version of the tables that has outlines.
const outlinesVersion = 4

// columnsOf lists the columns of all tables of a schema.
func columnsOf(t *testing.T, url, schema string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, _ := conn.Query(t.Context(), `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
		FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1`, schema)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	return list
}
