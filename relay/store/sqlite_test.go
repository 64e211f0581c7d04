package store

import (
	"path/filepath"
	"testing"
	"time"
)

func TestSQLiteKeepsWhatEveryStorePromises(t *testing.T) {
	testStore(t, func(t *testing.T, now func() time.Time) func() Store {
		path := filepath.Join(t.TempDir(), "data", "relay.db")
		return func() Store { return openTest(t, path, now) }
	})
}

func openTest(t testing.TB, path string, now func() time.Time) *SQLite {
	t.Helper()
	s, err := OpenSQLite(t.Context(), path, SQLiteOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
