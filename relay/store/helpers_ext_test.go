package store_test

import (
	"context"
	"testing"
	"time"

	"qaserelay/relay/store/sqlite"
)

func openTest(t testing.TB, path string, now func() time.Time) *sqlite.SQLite {
	t.Helper()
	s, err := sqlite.OpenSQLite(context.Background(), path, sqlite.SQLiteOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
