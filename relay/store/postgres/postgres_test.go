//go:build unix

package postgres

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/storetest/apart"
	"qaserelay/relay/store/storetest/turns"
)

// TestPostgres runs all on one server, since that takes a while to make.
func TestPostgres(t *testing.T) {
	c := pgtest.New(t, "fsync=off")
	s := newSchemas(t, c)
	t.Run("passes the conformance suite", func(t *testing.T) {
		place := func(t *testing.T, now func() time.Time) func() store.Store { return postgresPlace(s.take(t))(t, now) }
		storetest.Run(t, place)
		apart.Run(t, place)
		turns.Run(t, place)
	})
	t.Run("is shared by relays", func(t *testing.T) { testRelays(t, s) })
	t.Run("finds the deliveries of events without reading all", func(t *testing.T) { testLookups(t, c) })
	t.Run("brings tables of each version up", func(t *testing.T) { testUpgrades(t, c) })
	t.Run("is not opened where it would do harm", func(t *testing.T) { testRefusals(t, c) })
	t.Run("finds the first of a stream by its index", func(t *testing.T) { testPlans(t, s) })
	t.Run("has leases of what it may send only", func(t *testing.T) { testNewLeases(t, s) })
	t.Run("is read without a relay", func(t *testing.T) { testPostgresReader(t, s) })
	t.Run("is not read where there is nothing to read", func(t *testing.T) { testPostgresReaderRefusals(t, c) })
	t.Run("is not opened behind a pooler of transactions", func(t *testing.T) { testPoolers(t, c) })
	t.Run("says what to do about a database that is lost", func(t *testing.T) { testLost(t, c) })
	t.Run("recovers with the database", func(t *testing.T) { testRestarts(t, c) })
}

func postgresPlace(url string) storetest.Factory {
	return func(t *testing.T, now func() time.Time) func() store.Store {
		return func() store.Store { return openPostgres(t, url, now) }
	}
}

func openPostgres(tb testing.TB, url string, now func() time.Time) *Store {
	tb.Helper()
	s, err := Open(context.Background(), url, Options{Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// schemas lends schemas to tests and empties them in between, which is quicker than making new tables.
type schemas struct {
	*pgtest.Cluster
	free chan string
}

func newSchemas(tb testing.TB, c *pgtest.Cluster) *schemas {
	s := &schemas{c, make(chan string, runtime.GOMAXPROCS(0))}
	for i := range cap(s.free) {
		name := fmt.Sprintf("shared%d", i)
		if err := openPostgres(tb, c.Schema(tb, name), nil).Close(); err != nil {
			tb.Fatal(err)
		}
		s.free <- name
	}
	return s
}

// take returns the URL of an empty schema, which is the test's until its end.
func (s *schemas) take(t *testing.T) string {
	t.Helper()
	name := <-s.free
	t.Cleanup(func() {
		var empty strings.Builder
		for _, table := range strings.Fields("events outlines audit tally seen dedupe deliveries attempts kv items rates " +
			"replicas counts probe search indexed") {
			fmt.Fprintf(&empty, "DELETE FROM %s.%s;", name, table)
		}
		s.Exec(t, empty.String())
		s.free <- name
	})
	return s.URL(name)
}
