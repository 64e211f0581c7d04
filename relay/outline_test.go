package relay

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

func TestAnOutlineSaysWhatAnEventIsAboutAndWhatBecameOfIt(t *testing.T) {
	ended := &event.Event{Name: "run.completed", Payload: map[string]any{"failed": 3, "cases": 14}}
	result := func(outcomes ...rules.Outcome) (list []rules.Result) {
		for i, o := range outcomes {
			list = append(list, rules.Result{Rule: fmt.Sprint("r", i), Outcome: o})
		}
		return list
	}
	for name, c := range map[string]struct {
		decision rules.Decision
		ev       *event.Event
		want     string
	}{
		"no rule":     {rules.Decision{Subject: "Checkout"}, &event.Event{Name: "case.updated"}, "Checkout|none|[]"},
		"false rules": {rules.Decision{Subject: "A", Results: result(rules.NotMatched, rules.Disabled)}, ended, "A · 3 failed of 14|none|[]"},
		"a match":     {rules.Decision{Results: result(rules.Matched, rules.NotMatched)}, &event.Event{}, "|matched|[{r0 matched}]"},
		"held back":   {rules.Decision{Results: result(rules.Silenced, rules.Grouped)}, &event.Event{}, "|held|[{r0 silenced} {r1 grouped}]"},
		"held back and sent": {rules.Decision{Results: result(rules.Held, rules.Matched)}, &event.Event{},
			"|matched|[{r0 held} {r1 matched}]"},
		"an error counts first": {rules.Decision{Results: result(rules.Failed, rules.Matched)}, &event.Event{},
			"|error|[{r0 error} {r1 matched}]"},
		"it waits": {rules.Decision{Waits: true, Results: result(rules.Awaiting)}, &event.Event{}, "|waiting|[{r0 awaiting}]"},
		"a digest": {rules.Decision{Row: &rules.Row{}, Notifications: []rules.Notification{{}}, Subject: "no"},
			&event.Event{}, "|none|[]"},
		"line breaks": {rules.Decision{Subject: "a\nb\tc"}, &event.Event{}, "a b c|none|[]"},
	} {
		o := outlineOf(&c.decision, c.ev)
		if got := fmt.Sprintf("%s|%s|%v", o.Subject, o.Outcome, o.Rules); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	long := outlineOf(&rules.Decision{Subject: strings.Repeat("ä", 500)}, ended)
	if n := len([]rune(long.Subject)); n != store.MaxSubject {
		t.Errorf("a long subject has %d characters, want %d", n, store.MaxSubject)
	}
}
