package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// checkCounts compares what is counted with what there is.
func checkCounts(t *testing.T, s *SQLite) {
	t.Helper()
	const q = `SELECT notifier, sum(unfinished), sum(state = 'dead'), sum(unfinished * coalesce(length(message), 0)), min(CASE unfinished WHEN 1 THEN id END)
		FROM deliveries GROUP BY notifier`
	sum := Load{}
	err := s.list(t.Context(), query{q, nil}, func(r row) {
		want, got := count{int(r.int(1)), int(r.int(2)), r.int(3), r.id(4)}, s.counts.get(r.str(0))
		if got.unfinished != want.unfinished || got.dead != want.dead || got.bytes != want.bytes || (want.unfinished > 0 && got.since > want.since) {
			t.Errorf("%s is counted as %+v, want %+v", r.str(0), got, want)
		}
		sum.Deliveries += want.unfinished
		sum.Bytes += want.bytes
	})
	if err != nil || s.Load() != sum {
		t.Errorf("the load is %v, want %v (%v)", s.Load(), sum, err)
	}
	c, err := connectReady(s.path, forReading())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := loadCounts(c)
	if err = errors.Join(err, c.close()); err != nil {
		t.Fatal(err)
	}
	for notifier, k := range kept.of {
		now := s.counts.get(notifier)
		if now.since = k.since; now != k {
			t.Errorf("%s is kept as %+v, want %+v", notifier, k, now)
		}
	}
}

func TestTheOldestOfManyIsFoundStepByStep(t *testing.T) {
	f := newSQLiteFixture(t)
	s := f.Store.(*SQLite)
	var ids []ID
	for range 10 {
		ids = append(ids, f.put(""))
		f.advance(time.Second)
	}
	search := func() ID {
		t.Helper()
		s.counts.search()
		at, err := s.searchOldest(t.Context(), "n", s.counts.get("n").since, 3)
		f.check(err)
		return FirstID(at)
	}
	oldest := func(i int) ID { return FirstID(ids[i].Time()) }
	f.equal("all are there", search(), oldest(0))
	f.claim()
	f.finish(Delivered, time.Time{}, ids[:7]...)
	f.equal("not there yet", search(), oldest(2))
	f.equal("further", search(), oldest(4))
	f.equal("and further", search(), oldest(6))
	f.equal("found", search(), oldest(7))
	f.equal("stays", search(), oldest(7))
	checkCounts(t, s)

	s.counts.search()
	f.finish(Dead, time.Time{}, ids[7])
	_, err := f.Retry(f.Context(), []ID{ids[7]})
	f.check(err)
	s.counts.found("n", ids[9])
	f.equal("one that became unfinished meanwhile", search(), oldest(7))
}

func TestTheBacklogOfManyNamesTheirOldest(t *testing.T) {
	f := newSQLiteFixture(t)
	at := f.now()
	first := f.put("")
	f.claim()
	f.advance(time.Minute)
	batch := make([]Event, fewUnfinished)
	for i := range batch {
		batch[i] = f.event()
	}
	ids := make([]ID, len(batch))
	_, err := f.Accept(f.Context(), batch, func(i int, _ func(string) ([]byte, error)) (Plan, error) {
		d := f.delivery("n", "")
		ids[i] = d.ID
		return Plan{Deliveries: []NewDelivery{d}}, nil
	})
	f.check(err)
	backlog := func(what string, want Backlog) {
		t.Helper()
		b, err := f.Backlog(f.Context())
		f.check(err)
		f.equal(what, b, []Backlog{want})
	}
	backlog("many", Backlog{Notifier: "n", Pending: fewUnfinished + 1, Oldest: at})
	f.put("")
	f.finish(Dead, time.Time{}, first)
	backlog("one died", Backlog{Notifier: "n", Pending: fewUnfinished + 1, Dead: 1, Oldest: f.now()})
	f.reopen()
	backlog("opened again", Backlog{Notifier: "n", Pending: fewUnfinished + 1, Dead: 1, Oldest: f.now()})
	checkCounts(t, f.Store.(*SQLite))
}

func TestRatesForgetKeysThatAreFree(t *testing.T) {
	var x rates
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r := Rate{Messages: 1, Per: time.Second}
	for i := range 100_000 {
		now = now.Add(10 * time.Millisecond)
		x.reserve(fmt.Sprint(i), r, time.Hour, now)
		if len(x.next) > 2*fewRates {
			t.Fatalf("%d keys after %d, of which 100 are in use", len(x.next), i)
		}
	}
	busy := rand.IntN(1000)
	for i := range 1000 {
		x.reserve(fmt.Sprint("busy ", i), r, time.Hour, now)
	}
	if wait := x.reserve(fmt.Sprint("busy ", busy), r, 0, now); wait != time.Second {
		t.Errorf("a key in use was forgotten: its wait is %v", wait)
	}
}

func TestARateBeginsAsIfAMessageHadGoneOutBefore(t *testing.T) {
	slack, slow := Rate{Messages: 1, Per: time.Second}, Rate{Messages: 1, Per: time.Hour}
	f := newSQLiteFixture(t)
	first := func(what, key string, r Rate, want time.Duration) {
		t.Helper()
		wait, err := f.Reserve(f.Context(), key, r, time.Hour)
		f.check(err)
		f.equal(what, wait, want)
	}
	first("in a new file", "a", slack, 0)
	f.reopen()
	first("in a file without deliveries", "a", slack, 0)
	f.put("")
	f.reopen()
	f.advance(300 * time.Millisecond)
	first("soon after it was opened", "a", slack, 700*time.Millisecond)
	first("the one after that", "a", slack, 1700*time.Millisecond)
	first("one of a burst", "b", Rate{Messages: 1, Per: time.Second, Burst: 2}, 0)
	first("a slow rate", "c", slow, longestSpent-300*time.Millisecond)
	f.advance(time.Minute)
	first("later", "d", slack, 0)
}
