package postgres

import (
	"testing"
	"time"

	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/storetest/seed"
)

// BenchmarkIndexPostgres indexes the words of stored events. An operation is one event.
func BenchmarkIndexPostgres(b *testing.B) {
	address := pgtest.New(b, "fsync=off").Schema(b, "bench")
	w, err := OpenTarget(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	if err := (seed.Seed{Events: b.N, Days: 1, Until: time.Now()}).Write(b.Context(), w); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	s := openPostgres(b, address, nil)
	defer func() { _ = s.Close() }()
	b.ResetTimer()
	storetest.IndexAll(b, s)
	b.StopTimer()
	const sizes = "SELECT pg_total_relation_size('search') + pg_relation_size('outlines_tx')"
	var bytes float64
	if err := s.pool.QueryRow(b.Context(), sizes).Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(bytes/float64(b.N), "database-bytes/op")
}
