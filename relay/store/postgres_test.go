//go:build unix

package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

func TestPostgresKeepsWhatEveryStorePromises(t *testing.T) {
	c := newCluster(t, "fsync=off")
	var n atomic.Int64
	testStore(t, func(t *testing.T, now func() time.Time) func() Store {
		url := c.schema(t, fmt.Sprintf("case%d", n.Add(1)))
		return func() Store { return openPostgres(t, url, now) }
	})
}

func openPostgres(tb testing.TB, url string, now func() time.Time) *Postgres {
	tb.Helper()
	s, err := OpenPostgres(context.Background(), url, PostgresOptions{Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
