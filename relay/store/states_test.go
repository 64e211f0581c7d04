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
	for _, s := range []State{Pending, Sending, Delivered, Dead, Cancelled} {
		if !reached[s] {
			t.Errorf("no step leads to %s", s)
		}
	}
	if len(reached) != 5 {
		t.Errorf("there are %d states, want 5", len(reached))
	}
}

func TestMayFallBack(t *testing.T) {
	for name, c := range map[string]struct {
		made []Fallback
		want bool
	}{
		"the first fallback":                               {nil, true},
		"a fallback of another delivery":                   {[]Fallback{{2, 9, Delivered}}, true},
		"after a fallback that is pending":                 {[]Fallback{{2, 1, Pending}}, false},
		"after a fallback that is being sent":              {[]Fallback{{2, 1, Sending}}, false},
		"after a fallback that was delivered":              {[]Fallback{{2, 1, Delivered}}, false},
		"after a fallback that failed permanently":         {[]Fallback{{2, 1, Dead}}, true},
		"after a fallback that was cancelled":              {[]Fallback{{2, 1, Cancelled}}, true},
		"while the fallback of its fallback is pending":    {[]Fallback{{3, 2, Pending}, {2, 1, Dead}}, false},
		"after the fallback of its fallback was delivered": {[]Fallback{{2, 1, Dead}, {3, 2, Delivered}}, false},
		"after the fallback of its fallback failed too":    {[]Fallback{{2, 1, Dead}, {3, 2, Dead}}, true},
		"after one of two fallbacks was delivered":         {[]Fallback{{2, 1, Dead}, {3, 1, Delivered}}, false},
	} {
		if got := mayFallBack(1, c.made); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
