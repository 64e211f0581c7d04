package silences

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
	"qaserelay/rules/silence"
)

// on returns the register of a relay on a store, which runs until the end of the test or until stop is called.
func on(t *testing.T, s store.Store) (r *Register, stop func()) {
	t.Helper()
	ids := store.IDsOf(s.Node)
	r = New(Options{KV: s, Now: s.Now, Shared: s.Notifications() != nil, Logger: slog.New(slog.DiscardHandler),
		NewID: func(now time.Time) string { return ids.Next(now).String() }})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return r, stop
}

func addTo(t *testing.T, r *Register) *silence.Silence {
	t.Helper()
	now := r.o.Now()
	s, err := silence.New(silence.Spec{Matchers: []string{"rule=r"}, EndsAt: now.Add(time.Hour)}, now, 0)
	if err == nil {
		err = r.Add(t.Context(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// await waits until a silence is as wanted.
func await(t *testing.T, r *Register, id string, is func(*silence.Silence) bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s := r.List().Get(id); s != nil && is(s) {
			return
		}
	}
	t.Fatalf("after 20s the silence is %+v", r.List().Get(id))
}

func TestAFileKeepsSilencesAndTheirCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	var id string
	for run := range 3 {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, stop := on(t, s)
		if run == 0 {
			id = addTo(t, r).ID
		}
		if got := r.List().Find(s.Now(), ofRule, nil); got == nil || got.ID != id || got.Matched != run {
			t.Errorf("run %d: %+v", run, got)
		}
		r.Matched(id, 1, s.Now())
		stop() // stores the last matches
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRelaysOfADatabaseShareSilences(t *testing.T) {
	url := pgtest.New(t, "fsync=off").Schema(t, "silences")
	var registers []*Register
	for range 2 {
		s, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		r, _ := on(t, s)
		registers = append(registers, r)
	}
	a, b := registers[0], registers[1]
	s := addTo(t, a)
	await(t, b, s.ID, func(s *silence.Silence) bool { return s.State(b.o.Now()) == silence.Active })
	a.Matched(s.ID, 2, a.o.Now())
	b.Matched(s.ID, 3, b.o.Now())
	for _, r := range registers {
		await(t, r, s.ID, func(s *silence.Silence) bool { return s.Matched == 5 })
	}
	if _, err := b.Expire(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	await(t, a, s.ID, func(s *silence.Silence) bool { return s.State(a.o.Now()) == silence.Expired })
}
