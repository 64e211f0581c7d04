package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/sqlite/conn"
)

// checkCounts compares what is counted with what there is.
func checkCounts(t *testing.T, s *Store) {
	t.Helper()
	const q = `SELECT notifier, sum(unfinished), sum(state = 'dead'), sum(unfinished * coalesce(length(message), 0)), min(CASE unfinished WHEN 1 THEN id END),
		coalesce(json_group_array(id) FILTER (WHERE state = 'sending'), '[]') FROM deliveries GROUP BY notifier`
	sum := store.Load{}
	err := s.list(t.Context(), q, nil, func(r conn.Row) {
		want, got := count{int(r.Int(1)), int(r.Int(2)), r.Int(3), r.ID(4), nil}, s.counts.get(r.Str(0))
		if got.unfinished != want.unfinished || got.dead != want.dead || got.bytes != want.bytes ||
			(want.unfinished > 0 && got.since > want.since) || conn.IDList(slices.Values(slices.Sorted(got.sending.All()))) != r.Str(5) {
			t.Errorf("%s is counted as %+v, want %+v", r.Str(0), got, want)
		}
		sum.Deliveries += want.unfinished
		sum.Bytes += want.bytes
	})
	if err != nil || s.Load() != sum {
		t.Errorf("the load is %v, want %v (%v)", s.Load(), sum, err)
	}
	c, err := connectReady(s.Path, conn.ForReading())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := loadCounts(c)
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	for notifier, k := range kept.of {
		now := s.counts.get(notifier)
		if now.since = k.since; fmt.Sprint(now) != fmt.Sprint(k) {
			t.Errorf("%s is kept as %+v, want %+v", notifier, k, now)
		}
	}
}

func TestTheOldestOfManyIsFoundStepByStep(t *testing.T) {
	f := newFixture(t)
	s := f.Store.(*Store)
	var ids []store.ID
	for range 10 {
		ids = append(ids, f.Put(""))
		f.Advance(time.Second)
	}
	search := func() store.ID {
		t.Helper()
		s.counts.beginSearch()
		at, err := s.searchOldest(t.Context(), "n", s.counts.get("n").since, 3)
		f.NoError(err)
		return store.FirstID(at)
	}
	oldest := func(i int) store.ID { return store.FirstID(ids[i].Time()) }
	f.Equal("all are there", search(), oldest(0))
	f.ClaimIDs()
	f.FinishAs(store.Delivered, time.Time{}, ids[:7]...)
	f.Equal("not there yet", search(), oldest(2))
	f.Equal("further", search(), oldest(4))
	f.Equal("and further", search(), oldest(6))
	f.Equal("found", search(), oldest(7))
	f.Equal("stays", search(), oldest(7))
	checkCounts(t, s)

	s.counts.beginSearch()
	f.FinishAs(store.Dead, time.Time{}, ids[7])
	f.RetryAll(ids[7])
	s.counts.endSearch("n", ids[9])
	f.Equal("one that became unfinished meanwhile", search(), oldest(7))
}

func TestTheBacklogOfManyNamesTheirOldest(t *testing.T) {
	f := newFixture(t)
	at := f.Now()
	first := f.Put("")
	f.ClaimIDs()
	f.Advance(time.Minute)
	batch := make([]store.Event, listing.FewUnfinished)
	for i := range batch {
		batch[i] = f.MakeEvent()
	}
	ids := make([]store.ID, len(batch))
	_, err := f.Accept(f.Context(), batch, func(i int, _ func(string) ([]byte, error)) (store.Plan, error) {
		d := f.MakeDelivery("n", "")
		ids[i] = d.ID
		return store.Plan{Deliveries: []store.NewDelivery{d}}, nil
	})
	f.NoError(err)
	backlog := func(what string, want store.Backlog) {
		t.Helper()
		b, err := f.Backlog(f.Context())
		f.NoError(err)
		f.Equal(what, b, []store.Backlog{want})
	}
	backlog("many", store.Backlog{Notifier: "n", Pending: listing.FewUnfinished + 1, Oldest: at})
	f.Put("")
	f.FinishAs(store.Dead, time.Time{}, first)
	backlog("one died", store.Backlog{Notifier: "n", Pending: listing.FewUnfinished + 1, Dead: 1, Oldest: f.Now()})
	f.Reopen()
	backlog("opened again", store.Backlog{Notifier: "n", Pending: listing.FewUnfinished + 1, Dead: 1, Oldest: f.Now()})
	checkCounts(t, f.Store.(*Store))
}

func TestARateBeginsAsIfAMessageHadGoneOutBefore(t *testing.T) {
	slack, slow := store.Rate{Messages: 1, Per: time.Second}, store.Rate{Messages: 1, Per: time.Hour}
	f := newFixture(t)
	first := func(what, key string, r store.Rate, want time.Duration) {
		t.Helper()
		wait, err := f.Reserve(f.Context(), key, r, time.Hour)
		f.NoError(err)
		f.Equal(what, wait, want)
	}
	first("in a new file", "a", slack, 0)
	f.Reopen()
	first("in a file without deliveries", "a", slack, 0)
	f.Put("")
	f.Reopen()
	f.Advance(300 * time.Millisecond)
	first("soon after it was opened", "a", slack, 700*time.Millisecond)
	first("the one after that", "a", slack, 1700*time.Millisecond)
	first("one of a burst", "b", store.Rate{Messages: 1, Per: time.Second, Burst: 2}, 0)
	first("a slow rate", "c", slow, 10*time.Second-300*time.Millisecond)
	f.Advance(time.Minute)
	first("later", "d", slack, 0)
}
