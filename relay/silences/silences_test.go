package silences

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
	"qaserelay/rules/silence"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// rig is a store with a clock that tests move.
type rig struct {
	*memory.Store
	now time.Time
	ids *store.IDs
	log strings.Builder
	to  *slog.Logger
}

func newRig() *rig {
	r := &rig{Store: memory.New(), now: start, ids: store.NewIDs(1)}
	r.to = slog.New(slog.NewTextHandler(&r.log, nil))
	r.Clock = func() time.Time { return r.now }
	return r
}

// register returns the register of a relay on the store.
func (r *rig) register(t *testing.T) *Register {
	t.Helper()
	reg := New(Options{KV: r, Now: r.Clock, Shared: true, Logger: r.to,
		NewID: func(now time.Time) string { return r.ids.Next(now).String() }})
	if err := reg.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return reg
}

func (r *rig) silence(t *testing.T, last time.Duration) *silence.Silence {
	t.Helper()
	s, err := silence.New(silence.Spec{Matchers: []string{"rule=r"}, EndsAt: r.now.Add(last)}, r.now, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var ofRule = &silence.Fields{Rule: "r"}

func TestASilenceIsInForceFromTheAnswerOn(t *testing.T) {
	r := newRig()
	reg, other := r.register(t), r.register(t)
	s := r.silence(t, time.Hour)
	if err := reg.Add(t.Context(), s); err != nil || s.ID == "" {
		t.Fatal(err)
	}
	if got := reg.List().Find(r.now, ofRule, nil); got == nil || got.ID != s.ID {
		t.Error("it is not in force here")
	}
	if err := other.Load(t.Context()); err != nil || other.List().Find(r.now, ofRule, nil) == nil {
		t.Errorf("it is not in force on the other relay: %v", err)
	}
	if again := r.register(t); again.List().Get(s.ID) == nil {
		t.Error("it does not survive a restart")
	}
	if _, err := other.Expire(t.Context(), s.ID); err != nil || other.List().Find(r.now, ofRule, nil) != nil {
		t.Errorf("it goes on after its end: %v", err)
	}
	if err := reg.Load(t.Context()); err != nil || reg.List().Find(r.now, ofRule, nil) != nil {
		t.Errorf("it goes on here after its end on the other relay: %v", err)
	}
	if _, err := reg.Expire(t.Context(), s.ID); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
	if _, err := reg.Expire(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestTwoRelaysAddSilencesAtOnce(t *testing.T) {
	r := newRig()
	a, b := r.register(t), r.register(t)
	done := make(chan error)
	for _, reg := range []*Register{a, b} {
		go func() {
			var err error
			for range 20 {
				s, failed := silence.New(silence.Spec{Matchers: []string{"rule=r"}, EndsAt: start.Add(time.Hour)}, start, 0)
				err = errors.Join(err, failed, reg.Add(context.Background(), s))
			}
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if n := len(r.register(t).List().All()); n != 40 {
		t.Errorf("%d of 40 silences are there", n)
	}
}

func TestAnExpiredSilenceNeverComesBack(t *testing.T) {
	r := newRig()
	reg := r.register(t)
	s := r.silence(t, time.Hour)
	if err := reg.Add(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	longer := func(old *silence.Silence) (*silence.Silence, error) {
		next := *old
		next.EndsAt = r.now.Add(2 * time.Hour)
		return &next, nil
	}
	if next, err := reg.Update(t.Context(), s.ID, longer); err != nil || next.ID != s.ID {
		t.Errorf("an active one is not extended: %+v, %v", next, err)
	}
	r.now = r.now.Add(3 * time.Hour)
	next, err := reg.Update(t.Context(), s.ID, longer)
	if err != nil || next.ID == s.ID || reg.List().Get(s.ID).State(r.now) != silence.Expired ||
		reg.List().Get(next.ID).State(r.now) != silence.Active {
		t.Errorf("an expired one is back: %+v, %v", next, err)
	}
	if _, err := reg.Update(t.Context(), "x", longer); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestMatchesAreCounted(t *testing.T) {
	r := newRig()
	reg, other := r.register(t), r.register(t)
	s := r.silence(t, time.Hour)
	if err := reg.Add(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	reg.Matched(s.ID, 2, r.now.Add(time.Minute))
	other.Matched(s.ID, 3, r.now.Add(2*time.Minute))
	reg.Matched("gone", 1, r.now)
	r.SetFails(errors.New("the disk is full"))
	if reg.flush(t.Context()) == nil {
		t.Fatal("the store did not fail")
	}
	r.SetFails(nil)
	for _, one := range []*Register{reg, other, reg} {
		if err := one.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := r.register(t).List().Get(s.ID)
	if got.Matched != 5 || !got.MatchedAt.Equal(start.Add(2*time.Minute)) {
		t.Errorf("counted %d, the last at %s", got.Matched, got.MatchedAt)
	}
}

func TestAQuietSilenceEndsEarlyAndStaysEnded(t *testing.T) {
	r := newRig()
	reg, other := r.register(t), r.register(t)
	s := r.silence(t, 10*time.Hour)
	s.Quiet = time.Hour
	if err := reg.Add(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.now = start.Add(50 * time.Minute)
	reg.Matched(s.ID, 1, r.now)
	r.now = start.Add(90 * time.Minute)
	if reg.List().Find(r.now, ofRule, nil) == nil {
		t.Error("it ended although it has matched 40 minutes ago")
	}
	if err := reg.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.now = start.Add(110 * time.Minute)
	if err := reg.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.Matched(s.ID, 1, start.Add(109*time.Minute)) // reported late
	if err := other.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.register(t).List().Get(s.ID); got.State(r.now) != silence.Expired || got.Matched != 2 {
		t.Errorf("it is back: %+v", got)
	}
	if n := strings.Count(r.log.String(), `msg="silence expired"`); n != 1 {
		t.Errorf("its end is in the log %d times: %s", n, &r.log)
	}
}

func TestOldSilencesAreForgottenAndTheirNumberIsBounded(t *testing.T) {
	r := newRig()
	reg := r.register(t)
	old := r.silence(t, time.Hour)
	if err := reg.Add(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	r.now = start.Add(time.Hour + silence.Kept)
	if err := reg.end(t.Context()); err != nil || reg.List().Get(old.ID) == nil {
		t.Errorf("it is gone too early: %v", err)
	}
	r.now = r.now.Add(time.Second)
	if err := reg.end(t.Context()); err != nil || reg.List().Get(old.ID) != nil {
		t.Errorf("it is kept too long: %v", err)
	}
	v := &value{}
	for i := range silence.Most {
		s := r.silence(t, time.Hour)
		s.ID = fmt.Sprint(i)
		v.add(s)
	}
	raw, err := v.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Swap(t.Context(), Key, r.Values[Key], store.Change{Key: Key, Value: raw}); err != nil {
		t.Fatal(err)
	}
	if err := reg.Add(t.Context(), r.silence(t, time.Hour)); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	if _, err := reg.Expire(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	if err := reg.Add(t.Context(), r.silence(t, time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestSilencesOfANewerReleaseAreKept(t *testing.T) {
	r := newRig()
	const newer = `[{"id":"1","matchers":["mood=bad"],"ends_at":"2026-11-28T00:00:00Z"}]`
	if _, err := r.Swap(t.Context(), Key, nil, store.Change{Key: Key, Value: []byte(newer)}); err != nil {
		t.Fatal(err)
	}
	reg := r.register(t)
	if err := reg.Add(t.Context(), r.silence(t, time.Hour)); err != nil || len(reg.List().All()) != 1 {
		t.Fatalf("%v: %v", reg.List().All(), err)
	}
	if !strings.Contains(string(r.Values[Key]), `"mood=bad"`) {
		t.Errorf("it is lost: %s", r.Values[Key])
	}
	r.Values[Key] = []byte("{")
	if err := reg.Load(t.Context()); err == nil || len(reg.List().All()) != 1 {
		t.Errorf("a value that cannot be read replaced the silences: %v", err)
	}
}
