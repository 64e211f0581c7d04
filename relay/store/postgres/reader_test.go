//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/storetest"
)

func testPostgresReader(t *testing.T, s *schemas) {
	url := s.take(t)
	r := &relays{url: url, Fixture: storetest.NewFixture(t, postgresPlace(url))}
	r.Put("k")
	r.ClaimIDs()
	joined := r.joined()
	reader, err := OpenReader(t.Context(), url)
	r.NoError(err)
	r.Equal("read", storetest.Everything(t, reader), storetest.Everything(t, r.Store))
	r.Equal("relays", r.joined(), joined)
	_, err = reader.(*Store).pool.Exec(t.Context(), "DELETE FROM deliveries")
	r.Equal("a change is refused", err != nil && strings.Contains(err.Error(), "read-only transaction"), true)
	r.NoError(reader.Close())
	_, _, err = reader.Events(t.Context(), store.EventFilter{})
	r.Equal("closed", errors.Is(err, store.ErrClosed), true)
}

// joined tells which relays use the store, but for their heartbeats.
func (r *relays) joined() (list string) {
	r.Helper()
	p := r.Store.(*Store)
	r.NoError(p.pool.QueryRow(r.Context(),
		"SELECT string_agg(format('%s %s %s', node, session, ended), ', ') FROM replicas").Scan(&list))
	return list
}

func testPostgresReaderRefusals(t *testing.T, c *pgtest.Cluster) {
	older, empty := c.Schema(t, "older"), c.Schema(t, "untouched")
	if err := openPostgres(t, older, nil).Close(); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "UPDATE older.qase_relay SET version = 0")
	for url, want := range map[string]string{older: "no relay has used it yet", empty: "no relay has used it yet"} {
		if _, err := OpenReader(t.Context(), url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want ...%s...", err, want)
		}
	}
	c.Exec(t, "UPDATE older.qase_relay SET version = 99")
	if _, err := OpenReader(t.Context(), older); err == nil ||
		!strings.Contains(fmt.Sprint(err), "start the newer release") {
		t.Errorf("got %v", err)
	}
	c.Exec(t, "DO $$ BEGIN ASSERT to_regclass('untouched.qase_relay') IS NULL; END $$")
}
