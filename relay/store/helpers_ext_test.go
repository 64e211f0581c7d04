package store_test

import (
	"context"
	"testing"
	"time"

	"qaserelay/relay/store/sqlite"
)

func openTest(t testing.TB, path string, now func() time.Time) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
