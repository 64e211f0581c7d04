package sqlite

import (
	"context"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/storetest"
)

// fileSize returns how large the file is once the log is moved into it.
func fileSize(f *storetest.Fixture) int64 {
	f.Helper()
	return pragmaValue(f.T, f.Store.(*Store), "page_count") * conn.PageSize
}

// putBig stores so many events of 10 KB in one call.
func putBig(f *storetest.Fixture, n int) {
	f.Helper()
	batch := make([]store.Event, n)
	for i := range batch {
		batch[i] = f.MakeEvent()
		batch[i].Body = append(batch[i].Body, make([]byte, 10_000)...)
	}
	_, err := f.Accept(f.Context(), batch, storetest.Planned(store.Plan{}))
	f.NoError(err)
}

func TestTheFileShrinksWhenMostOfItIsPurged(t *testing.T) {
	f := newFixture(t)
	empty := fileSize(f)
	putBig(f, 1000)
	full := fileSize(f)
	f.Advance(time.Hour)
	n, err := f.Purge(f.Context(), f.Now(), f.Now())
	f.NoError(err)
	f.Equal("purged", n, 1000)
	if size := fileSize(f); full < 10_000_000 || size > empty+full/10 {
		t.Errorf("the file has %d bytes, it had %d, and %d when it was empty", size, full, empty)
	}
}

func TestPurgedSpaceIsUsedAgain(t *testing.T) {
	f := newFixture(t)
	most := int64(0)
	for hour := range 30 {
		f.Advance(time.Hour)
		putBig(f, 100)
		_, err := f.Purge(f.Context(), f.Now().Add(-5*time.Hour), f.Now())
		f.NoError(err)
		size := fileSize(f)
		if hour < 10 {
			most = max(most, size*11/10)
		} else if size > most {
			t.Fatalf("after %d hours the file has %d bytes, want at most %d", hour, size, most)
		}
	}
}

func TestAPurgeGoesInSmallSteps(t *testing.T) {
	f := newFixture(t)
	s := f.Store.(*Store)
	putBig(f, 1000)
	f.Advance(time.Hour)
	steps, largest := 0, int64(0)
	commit, last := s.writer.end, pagesFree(t, s)
	s.writer.end = func() error {
		err := commit()
		free := pagesFree(t, s)
		steps, largest, last = steps+1, max(largest, free-last), free
		return err
	}
	_, err := f.Purge(f.Context(), f.Now(), f.Now())
	f.NoError(err)
	if bytes := largest * conn.PageSize; bytes == 0 || bytes > 2*purgeBytes || steps < 1000*10_000/purgeBytes {
		t.Errorf("%d steps, the largest freed %d bytes", steps, bytes)
	}
}

func pagesFree(t *testing.T, s *Store) int64 {
	t.Helper()
	return pragmaValue(t, s, "freelist_count")
}

// pragmaValue reads a number of the database as the last commit left it.
func pragmaValue(t *testing.T, s *Store, name string) (n int64) {
	t.Helper()
	if err := s.list(context.Background(), "PRAGMA "+name, nil, func(r conn.Row) { n = r.Int(0) }); err != nil {
		t.Fatal(err)
	}
	return n
}
