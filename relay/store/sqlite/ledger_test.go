package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/storetest"
)

// A process that is killed has not written its last counts: the next one counts the events again, from their outlines.
func TestEventsThatWereStoredAndNotCountedAreCountedAtTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	f := &storetest.Fixture{T: t, IDs: store.NewIDs(0)}
	f.Clock.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli())
	put := func(project string) {
		ev := f.MakeEvent()
		ev.Project = project
		f.AcceptOne(ev, store.Plan{Outline: store.Outline{Outcome: store.OutcomeMatched,
			Rules: []store.RuleOutcome{{Rule: "r", Outcome: "matched"}}}})
	}
	for range 2 {
		s := openTest(t, path, f.Now)
		f.Store = s
		put("WEB")
		f.NoError(s.Waiting.Flush(t.Context()))
		s.Waiting.Write = func(context.Context, ledger.Batch) error { return nil } // what comes now is lost, as by a kill
		put("WEB")
		put("API")
		f.NoError(s.Close())
	}
	s := openTest(t, path, f.Now)
	defer func() { f.NoError(s.Close()) }()
	for kind, want := range map[string]string{store.TallyEvent: "[API matched 2 WEB matched 4]", store.TallyRule: "[r matched 6]"} {
		list, err := s.Tallies(t.Context(), store.TallyFilter{Kind: kind})
		f.NoError(err)
		got := []string{}
		for _, one := range list {
			got = append(got, fmt.Sprint(one.A, " ", one.B, " ", one.N))
		}
		f.Equal(kind, got, want)
	}
}
