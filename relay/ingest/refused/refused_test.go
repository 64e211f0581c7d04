package refused

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
)

func TestRefusedCallsAreGroupedAndKept(t *testing.T) {
	kv, at := memory.New(), time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	one, two := New(kv, slog.New(slog.DiscardHandler)), New(kv, slog.New(slog.DiscardHandler))
	wrong := Call{Source: "qase", Status: 401, Reason: "wrong secret", Sender: "203.0.113.9", At: at}
	for range 3 {
		one.Note(wrong)
	}
	two.Note(wrong)
	later := wrong
	later.At, later.Status = at.Add(time.Minute), 403
	two.Note(later)
	list := func(b *Book) string {
		groups, err := b.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, g := range groups {
			text += fmt.Sprintf("%s %d %s %s %s %d; ", g.At.Format("15:04"), g.Status, g.Source, g.Reason, g.Sender, g.Count)
		}
		return text
	}
	if got := list(one); got != "03:04 401 qase wrong secret 203.0.113.9 3; " {
		t.Errorf("before it is stored: %s", got)
	}
	for _, b := range []*Book{one, two} {
		if err := b.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := "03:05 403 qase wrong secret 203.0.113.9 1; 03:04 401 qase wrong secret 203.0.113.9 4; "
	for _, b := range []*Book{one, two, New(kv, slog.New(slog.DiscardHandler))} {
		if got := list(b); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	counted, err := kv.Tallies(t.Context(), store.TallyFilter{Kind: store.TallyRefused})
	if err != nil || len(counted) != 3 {
		t.Errorf("counted %v, %v", counted, err)
	}
}

func TestTheGroupsAreBounded(t *testing.T) {
	kv, at := memory.New(), time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	b := New(kv, slog.New(slog.DiscardHandler))
	b.Note(Call{Status: 404, At: at.Add(-8 * 24 * time.Hour)})
	for i := range 3 * Most {
		b.Note(Call{Status: 401, Sender: fmt.Sprint(i), Reason: "r", At: at})
	}
	if n := len(b.waiting); n > maxWaiting+2 {
		t.Errorf("%d groups wait", n)
	}
	if err := b.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	groups, err := b.List(t.Context())
	if err != nil || len(groups) != Most || groups[Most-1].Status != 401 {
		t.Errorf("%d groups, %v", len(groups), err)
	}
}

// flaky is a store of which the groups or the tallies cannot be written for a while.
type flaky struct {
	*memory.Store
	swapFails, tallyFails error
}

func (f *flaky) Swap(ctx context.Context, key string, old []byte, c store.Change) (bool, error) {
	if f.swapFails != nil {
		return false, f.swapFails
	}
	return f.Store.Swap(ctx, key, old, c)
}

func (f *flaky) AddTallies(ctx context.Context, list []store.Tally) error {
	if f.tallyFails != nil {
		return f.tallyFails
	}
	return f.Store.AddTallies(ctx, list)
}

// saved returns how many calls are in the groups and in the tallies of a store.
func saved(t *testing.T, kv *memory.Store) (grouped, tallied int) {
	t.Helper()
	groups, err1 := New(kv, nil).List(t.Context())
	for _, g := range groups {
		grouped += g.Count
	}
	list, err2 := kv.Tallies(t.Context(), store.TallyFilter{Kind: store.TallyRefused})
	for _, one := range list {
		tallied += int(one.N)
	}
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return grouped, tallied
}

func TestWhatCannotBeStoredWaits(t *testing.T) {
	kv := &flaky{Store: memory.New()}
	b, noDisk := New(kv, slog.New(slog.DiscardHandler)), errors.New("no disk")
	for i, c := range []struct {
		swapFails, tallyFails error
		grouped, tallied      int
	}{{noDisk, nil, 0, 1}, {nil, noDisk, 2, 1}, {noDisk, noDisk, 2, 1}, {nil, nil, 4, 4}} {
		kv.swapFails, kv.tallyFails = c.swapFails, c.tallyFails
		b.Note(Call{Status: 401, At: time.Now()})
		if err := b.Save(t.Context()); (err != nil) != (c.swapFails != nil || c.tallyFails != nil) {
			t.Errorf("save %d: %v", i, err)
		}
		if grouped, tallied := saved(t, kv.Store); grouped != c.grouped || tallied != c.tallied {
			t.Errorf("save %d: %d calls in the groups and %d in the tallies, want %d and %d", i, grouped, tallied,
				c.grouped, c.tallied)
		}
	}
}

// TestAFailedSaveIsTriedAgain lets the store fail once, with no further call that is refused.
func TestAFailedSaveIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := memory.New()
		b := New(kv, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { b.Run(ctx) })
		kv.SetFails(errors.New("no disk"))
		b.Note(Call{Status: 401, At: time.Now()})
		synctest.Wait()
		kv.SetFails(nil)
		time.Sleep(saveEvery + time.Second)
		synctest.Wait()
		if grouped, tallied := saved(t, kv); grouped != 1 || tallied != 1 {
			t.Errorf("%d calls in the groups and %d in the tallies", grouped, tallied)
		}
		stop()
		run.Wait()
	})
}

// TestAStoreThatFailsDoesNotFillTheMemory refuses calls with ever other texts while nothing can be stored.
func TestAStoreThatFailsDoesNotFillTheMemory(t *testing.T) {
	kv, at := memory.New(), time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	b := New(kv, slog.New(slog.DiscardHandler))
	kv.SetFails(errors.New("no disk"))
	for i := range 5 * maxWaiting {
		b.Note(Call{Source: "qase", Status: 400, Reason: fmt.Sprint("reason ", i), Sender: fmt.Sprint(i), At: at})
		if i%maxWaiting == 0 && b.Save(t.Context()) == nil {
			t.Fatal("saved without a store")
		}
	}
	if n := len(b.waiting); n > maxWaiting+1 {
		t.Errorf("%d groups wait", n)
	}
	kv.SetFails(nil)
	if err := b.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, tallied := saved(t, kv); tallied != 5*maxWaiting {
		t.Errorf("%d of %d calls are counted", tallied, 5*maxWaiting)
	}
}
