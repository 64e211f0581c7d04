//go:build unix

package postgres

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres/tables"
	"qaserelay/relay/store/storetest"
)

// testRestarts stops the server, as operators do and as crashes do.
func testRestarts(t *testing.T, c *pgtest.Cluster) {
	f := storetest.NewFixture(t, func(t *testing.T, now func() time.Time) func() store.Store {
		return func() store.Store { return openPostgres(t, c.Schema(t, "relay"), now) }
	})
	before := f.Put("")
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		c.Stop(how)
		for what, call := range map[string]func() error{
			"accept": func() error {
				_, err := f.Accept(f.Context(), []store.Event{f.MakeEvent()}, storetest.Planned(store.Plan{}))
				return err
			},
			"claim": func() error { _, err := f.Claim(f.Context(), "n", 1); return err },
			"get":   func() error { _, err := f.Get(f.Context(), "k"); return err },
			"check": func() error { return f.Check(f.Context()) },
		} {
			if err := call(); err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s while the database is away: %v", what, err)
			}
		}
		f.NoError(c.Start())
		f.NoError(f.Check(f.Context()))
		f.Equal("an event from before", f.Find(before).State, store.Pending)
		f.Put("")
	}
	f.Equal("claimed", len(f.ClaimIDs()), 3)
}

func testRefusals(t *testing.T, c *pgtest.Cluster) {
	newer, foreign, bare := c.Schema(t, "newer"), c.Schema(t, "other"), c.Schema(t, "bare")
	if err := openPostgres(t, newer, nil).Close(); err != nil {
		t.Fatal(err)
	}
	c.Exec(t,
		"UPDATE newer.qase_relay SET version = 99; CREATE TABLE other.events (id int); CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA bare TO guest")
	for name, try := range map[string]struct{ url, want string }{
		"tables of a newer release": {newer,
			fmt.Sprintf("the tables have version 99, and this program knows versions up to %d; start the newer release",
				len(tables.Migrations()))},
		"tables of another program":      {foreign, "tables of another program"},
		"a schema that is not there":     {c.URL("missing"), "CREATE SCHEMA"},
		"a user who may not make tables": {strings.Replace(bare, "//relay:", "//guest:", 1), "may not make tables"},
		"a server that is not there": {"postgres://relay:secret@" + closedPort(t) + "/postgres",
			"no connection: is the server up"},
		"a port that is none": {"postgres://relay:secret@127.0.0.1:x/postgres",
			"want postgres://USER:PASSWORD@HOST"},
		"an escape in a password": {"postgres://relay:sec%ret@127.0.0.1/postgres",
			"want postgres://USER:PASSWORD@HOST"},
		"a parameter that cannot be": {"postgres://relay:secret@127.0.0.1/postgres?sslmode=secretive",
			"want postgres://USER:PASSWORD@HOST"},
		"a database that is not there": {strings.Replace(newer, "/postgres?", "/nowhere?", 1),
			`: the database does not exist: create it, or correct its name in the address: FATAL: database "nowhere"`},
		"a user who is not there": {strings.Replace(newer, "//relay:", "//stranger:", 1),
			`: the server refuses the login: check user and password of the address`},
		"a parameter of the pool that is 0": {newer + "&pool_max_conns=0", "want postgres://USER:PASSWORD@HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), try.url, Options{})
			if err == nil || !strings.Contains(err.Error(), try.want) {
				t.Fatalf("got %v, want ...%s...", err, try.want)
			}
			if strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), ":secret") ||
				strings.Contains(err.Error(), "sec%ret") {
				t.Errorf("the password shows: %v", err)
			}
		})
	}
}

// closedPort is an address without a listener.
func closedPort(t *testing.T) string {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// testLost takes the database, its tables or the right to write away. Nothing is confirmed meanwhile.
func testLost(t *testing.T, c *pgtest.Cluster) {
	for name, lose := range map[string]struct{ sql, want string }{
		"the database is dropped":   {"DROP DATABASE lost WITH (FORCE)", "the database is gone"},
		"the schema is dropped":     {"DROP SCHEMA relay CASCADE", "the tables are gone"},
		"one table is dropped":      {"DROP TABLE relay.events", "the tables are gone"},
		"the database is read-only": {"ALTER DATABASE lost SET default_transaction_read_only = on", "the database takes no writes"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Exec(t, "DROP DATABASE IF EXISTS lost WITH (FORCE)")
			c.Exec(t, "CREATE DATABASE lost")
			where := strings.Replace(c.URL("relay"), "/postgres?", "/lost?", 1)
			execAt(t, where, "CREATE SCHEMA relay")
			s := openPostgres(t, where, nil)
			defer s.Close()
			f := &storetest.Fixture{T: t, Store: s, IDs: store.NewIDs(1)}
			f.NoError(s.Check(t.Context()))
			if strings.Contains(name, "dropped") && !strings.Contains(name, "database") {
				execAt(t, where, lose.sql)
			} else {
				c.Exec(t, lose.sql)
				c.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'lost'")
			}
			deadline := time.Now().Add(time.Minute) // each connection has to notice that it was cut
			for {
				err := s.Check(t.Context())
				if err != nil && strings.Contains(err.Error(), lose.want) {
					break
				}
				if err == nil || time.Now().After(deadline) {
					t.Fatalf("ready: %v, want ...%s...", err, lose.want)
				}
			}
			_, err := s.Accept(t.Context(), []store.Event{f.MakeEvent()}, storetest.Planned(store.Plan{}))
			if err == nil || !strings.Contains(err.Error(), lose.want) {
				t.Errorf("an event: %v, want ...%s...", err, lose.want)
			}
		})
	}
}

func execAt(t *testing.T, where, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
