package rules_test

import (
	"slices"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/rulefile/rulefiletest"
)

const ended = `{"id":2,"failed":3,"cases":14,"plan":{"id":1,"title":"Smoke"}}`

// own are the texts of a rule that does not read which tests failed.
const own = `title: x, body: x, notify: [qa]`

func decideEnded(t *testing.T, text string, st rules.State) rules.Decision {
	t.Helper()
	ev := rulefiletest.Event(t, "run.completed", ended, time.Unix(1650540200, 0))
	st.Now = ev.ReceivedAt
	return rulefiletest.Parse(t, rulefiletest.WithRules(text)).Rules.Decide(ev, st)
}

func changedKeys(d rules.Decision) (keys []string) {
	for _, c := range d.Changes {
		keys = append(keys, c.Key)
	}
	return keys
}

func TestOnlyRulesThatAskAwaitWhichTestsFailed(t *testing.T) {
	const text = `
  - {name: now, when: 'payload.failed > 0', ` + own + `}
  - {name: never, when: 'payload.failed > 5', notify: [qa]}
  - {name: names, when: 'payload.failed > 0', notify: [qa]}
  - {name: behind, when: 'payload.failed > 1', ` + own + `}
`
	first := decideEnded(t, text, rules.State{Await: true})
	if got := outcomes(first); got != "now=matched never=not_matched names=awaiting behind=matched" {
		t.Errorf("first: %s", got)
	}
	if !slices.Equal(first.Awaiting, []string{"names"}) || len(first.Notifications) != 2 || len(first.Changes) != 0 {
		t.Errorf("awaiting %v, %d messages, changes %v", first.Awaiting, len(first.Notifications), changedKeys(first))
	}
	rest := decideEnded(t, text, rules.State{Resume: &rules.Resume{Awaiting: first.Awaiting, Matched: []string{"now", "behind"}}})
	if got := outcomes(rest); got != "never=not_matched names=matched" || len(rest.Notifications) != 1 {
		t.Errorf("the rest: %s, %d messages", got, len(rest.Notifications))
	}
	if keys := changedKeys(rest); len(keys) < 2 || keys[0] != "entity:qase/WEB/run/2" {
		t.Errorf("changes: %v", keys)
	}
	whole, both := decideEnded(t, text, rules.State{}), first.Merge(rest)
	if outcomes(both) != outcomes(whole) || both.NotMatched != whole.NotMatched || both.Awaiting != nil ||
		len(both.Notifications) != len(whole.Notifications) {
		t.Errorf("merged: %s, %d not matched; at once: %s, %d", outcomes(both), both.NotMatched, outcomes(whole), whole.NotMatched)
	}
}

func TestADecisionThatNothingAwaitsIsWhole(t *testing.T) {
	d := decideEnded(t, `
  - {name: a, when: 'payload.failed > 0', `+own+`}
`, rules.State{Await: true})
	if d.Awaiting != nil || !slices.Contains(changedKeys(d), "entity:qase/WEB/run/2") {
		t.Errorf("awaiting %v, changes %v", d.Awaiting, changedKeys(d))
	}
}

func TestRulesBehindOneThatMayStopThemAwaitToo(t *testing.T) {
	const text = `
  - {name: stops, when: 'payload.failed > 0', stop: true, notify: [qa]}
  - {name: behind, when: 'payload.failed > 1', ` + own + `}
`
	first := decideEnded(t, text, rules.State{Await: true})
	if got := outcomes(first); got != "stops=awaiting behind=awaiting" {
		t.Fatalf("first: %s", got)
	}
	rest := decideEnded(t, text, rules.State{Resume: &rules.Resume{Awaiting: first.Awaiting}})
	if got := outcomes(first.Merge(rest)); got != "stops=matched behind=stopped" {
		t.Errorf("merged: %s", got)
	}
	const stopped = `
  - {name: now, when: 'payload.failed > 0', stop: true, ` + own + `}
  - {name: names, when: 'payload.failed > 0', notify: [qa]}
`
	if first := decideEnded(t, stopped, rules.State{Await: true}); outcomes(first) != "now=matched names=stopped" {
		t.Errorf("stopped: %s", outcomes(first))
	}
	rest = decideEnded(t, stopped, rules.State{Resume: &rules.Resume{Awaiting: []string{"gone"}, Matched: []string{"now"}}})
	if got := outcomes(rest); got != "names=stopped" {
		t.Errorf("a rule that asks now, behind one that stopped it: %s", got)
	}
}

func TestTheRulesOfTheSecondDecisionMayBeOthers(t *testing.T) {
	first := decideEnded(t, `
  - {name: done, when: 'payload.failed > 0', `+own+`}
  - {name: old, when: 'payload.failed > 0', notify: [qa]}
  - {name: removed, when: 'payload.failed > 0', notify: [qa]}
`, rules.State{Await: true})
	rest := decideEnded(t, `
  - {name: renamed, was: [done], when: 'payload.failed > 0', notify: [qa]}
  - {name: added, when: 'payload.failed > 0', `+own+`}
  - {name: new, was: [old], when: 'payload.failed > 0', notify: [qa]}
  - {name: asks, when: 'payload.failed > 0', notify: [qa]}
`, rules.State{Resume: &rules.Resume{Awaiting: first.Awaiting, Matched: []string{"done"}}})
	if got := outcomes(rest); got != "new=matched asks=matched" {
		t.Errorf("the rest: %s", got)
	}
	both := first.Merge(rest)
	if got := outcomes(both); got != "done=matched new=matched asks=matched removed=not_matched" {
		t.Errorf("merged: %s", got)
	}
	if r := both.Results[3].Reason; r != "the rule was removed while the event waited" {
		t.Errorf("reason: %q", r)
	}
}
