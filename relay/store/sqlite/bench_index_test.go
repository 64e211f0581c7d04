package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/storetest/seed"
)

// BenchmarkIndex indexes the words of stored events. An operation is one event.
func BenchmarkIndex(b *testing.B) {
	path := filepath.Join(b.TempDir(), "relay.db")
	w, err := OpenTarget(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := (seed.Seed{Events: b.N, Days: 1, Until: time.Now()}).Write(b.Context(), w); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	s := openTest(b, path, nil)
	defer func() { _ = s.Close() }()
	const pages = "SELECT p.page_count * s.page_size FROM pragma_page_count p, pragma_page_size s"
	size := func() (n float64) {
		if err := s.list(b.Context(), pages, nil, func(r conn.Row) { n = float64(r.Int(0)) }); err != nil {
			b.Fatal(err)
		}
		return n
	}
	before := size()
	b.ResetTimer()
	storetest.IndexAll(b, s)
	b.StopTimer()
	b.ReportMetric((size()-before)/float64(b.N), "file-bytes/op")
}
