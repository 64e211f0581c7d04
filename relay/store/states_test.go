package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/sqlite"
)

func TestThePackageCommentShowsTheTransitions(t *testing.T) {
	var want strings.Builder
	for _, tr := range store.Transitions() {
		to := make([]string, len(tr.To))
		for i, s := range tr.To {
			to[i] = string(s)
		}
		fmt.Fprintf(&want, "//\t%-7s ── %-7s ──▶ %s\n", tr.From, tr.By, strings.Join(to, " | "))
	}
	text, err := os.ReadFile("store.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(text), "\npackage store")
	if !strings.Contains(comment, want.String()) {
		t.Errorf("the package comment has to show\n%s", want.String())
	}
}

func TestTheTableKnowsEveryStateAndNoOther(t *testing.T) {
	s := openTest(t, t.TempDir()+"/relay.db", nil)
	defer func() { _ = s.Close() }()
	var check string
	const q = "SELECT sql FROM sqlite_schema WHERE name = 'deliveries'"
	if err := s.List(t.Context(), listing.Query{Text: q, Args: nil}, func(r sqlite.Row) { check = r.Str(0) }); err != nil {
		t.Fatal(err)
	}
	known := map[store.State]bool{}
	for _, tr := range store.Transitions() {
		for _, to := range tr.To {
			known[to] = true
			if !strings.Contains(check, "'"+string(to)+"'") {
				t.Errorf("the table does not know %q", to)
			}
		}
	}
	if len(known) != 5 {
		t.Errorf("there are %d states, want 5", len(known))
	}
}
