package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite"
)

func milliseconds(f func()) float64 {
	start := time.Now()
	f()
	return float64(time.Since(start).Microseconds()) / 1000
}

// everything lists all that a reader gives.
func everything(t *testing.T, r store.ReadCloser) string {
	t.Helper()
	evs, _, err := r.Events(t.Context(), store.EventFilter{Limit: 1000})
	ds, _, err2 := r.Deliveries(t.Context(), store.DeliveryFilter{Limit: 1000})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(evs, ds)
}

func openTest(t testing.TB, path string, now func() time.Time) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
