package refused

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
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

func TestWhatCannotBeStoredWaits(t *testing.T) {
	kv := memory.New()
	b := New(kv, slog.New(slog.DiscardHandler))
	b.Note(Call{Status: 401, At: time.Now()})
	kv.SetFails(errors.New("no disk"))
	if err := b.Save(t.Context()); err == nil {
		t.Error("saved without a store")
	}
	kv.SetFails(nil)
	if err := b.Save(t.Context()); err != nil {
		t.Error(err)
	}
	if groups, err := New(kv, nil).List(t.Context()); err != nil || len(groups) != 1 || groups[0].Count != 1 {
		t.Errorf("%v, %v", groups, err)
	}
}
