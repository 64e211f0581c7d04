package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestThePackageCommentShowsTheTransitions(t *testing.T) {
	var want strings.Builder
	for _, tr := range transitions() {
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

func TestTheTransitionsReachAllStates(t *testing.T) {
	reached := map[State]bool{}
	for _, tr := range transitions() {
		for _, to := range tr.To {
			reached[to] = true
		}
	}
	for _, s := range States() {
		if !reached[s] {
			t.Errorf("no step leads to %s", s)
		}
	}
	if len(reached) != 5 {
		t.Errorf("there are %d states, want 5", len(reached))
	}
}
