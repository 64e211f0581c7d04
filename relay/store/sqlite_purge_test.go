package store

import (
	"os"
	"testing"
	"time"
)

// putBig stores so many events of 10 KB in one call.
func (f *fixture) putBig(n int) {
	f.Helper()
	batch := make([]Event, n)
	for i := range batch {
		batch[i] = f.event()
		batch[i].Body = append(batch[i].Body, make([]byte, 10_000)...)
	}
	_, err := f.Accept(f.Context(), batch, planned(Plan{}))
	f.check(err)
}

// fileSize moves the log into the file and returns how large that is.
func (f *fixture) fileSize() int64 {
	f.Helper()
	s := f.Store.(*SQLite)
	c, err := connectReady(s.path, forCheckpoints()) // the store's own is in use by its checkpointer
	f.check(err)
	f.check(newCheckpointer(c, s.writer, s.log).restart())
	f.check(c.close())
	info, err := os.Stat(s.path)
	f.check(err)
	return info.Size()
}

func TestTheFileShrinksWhenMostOfItIsPurged(t *testing.T) {
	f := newSQLiteFixture(t)
	empty := f.fileSize()
	f.putBig(1000)
	full := f.fileSize()
	f.advance(time.Hour)
	n, err := f.Purge(f.Context(), f.now(), f.now())
	f.check(err)
	f.equal("purged", n, 1000)
	if size := f.fileSize(); full < 10_000_000 || size > empty+full/10 {
		t.Errorf("the file has %d bytes, it had %d, and %d when it was empty", size, full, empty)
	}
}

func TestPurgedSpaceIsUsedAgain(t *testing.T) {
	f := newSQLiteFixture(t)
	most := int64(0)
	for hour := range 30 {
		f.advance(time.Hour)
		f.putBig(100)
		_, err := f.Purge(f.Context(), f.now().Add(-5*time.Hour), f.now())
		f.check(err)
		size := f.fileSize()
		if hour < 10 {
			most = max(most, size*11/10)
		} else if size > most {
			t.Fatalf("after %d hours the file has %d bytes, want at most %d", hour, size, most)
		}
	}
}

func TestAPurgeGoesInSmallSteps(t *testing.T) {
	f := newSQLiteFixture(t)
	s := f.Store.(*SQLite)
	f.putBig(1000)
	f.advance(time.Hour)
	steps, largest := 0, int64(0)
	commit, last := s.writer.commit, pagesFree(t, s)
	s.writer.commit = func() error {
		err := commit()
		free := pagesFree(t, s)
		steps, largest, last = steps+1, max(largest, free-last), free
		return err
	}
	_, err := f.Purge(f.Context(), f.now(), f.now())
	f.check(err)
	if bytes := largest * pageSize; bytes == 0 || bytes > 2*purgeBytes || steps < 1000*10_000/purgeBytes {
		t.Errorf("%d steps, the largest freed %d bytes", steps, bytes)
	}
}

func pagesFree(t *testing.T, s *SQLite) (n int64) {
	t.Helper()
	if err := s.list(t.Context(), query{"PRAGMA freelist_count", nil}, func(r row) { n = r.int(0) }); err != nil {
		t.Fatal(err)
	}
	return n
}
