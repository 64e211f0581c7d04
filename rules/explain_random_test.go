package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/conditiontest"
	"qaserelay/rules/event"
	"qaserelay/rules/people"
)

// TestExplainAgreesWithDecide compares traces with decisions, on random conditions and events.
func TestExplainAgreesWithDecide(t *testing.T) {
	g := conditiontest.NewGenerator(3)
	counted := map[rules.Outcome]int{}
	for range 1500 {
		source := g.Condition(g.IntN(4))
		if g.IntN(10) == 0 {
			source = "(" + source + ") and payload.failed > " + g.Text() // fails where it is reached
		}
		compiled, cerr := condition.Compile(source)
		if cerr != nil {
			continue
		}
		s := setOf(compiled)
		name := g.Pick("run.completed", "run.started", "review.created", "odd.one")
		ev := g.Event(t, "qase", name, g.Pick("WEB", "API", ""))
		want := s.Decide(ev, rules.State{}).Results[0]
		got := s.Explain(ev, rules.State{}).Rules[0]
		counted[want.Outcome]++
		if got.Outcome != want.Outcome || got.Reason != want.Reason {
			t.Fatalf("%s: explained as %s, decided as %s", source, got.Outcome, want.Outcome)
		}
		if err := contradiction(got); err != nil {
			t.Fatalf("%s on %s: %v\n%s", source, ev.Body, err, sketch(got.Condition, ""))
		}
	}
	if counted[rules.Matched] < 200 || counted[rules.NotMatched] < 200 || counted[rules.Failed] < 10 {
		t.Errorf("%v: this proves little", counted)
	}
}

// contradiction returns an error if a trace does not fit its outcome, or itself.
func contradiction(r rules.ExplainedRule) error {
	root := r.Condition
	switch {
	case root.Text == "" || strings.Contains(root.Error, "taken apart"):
		return fmt.Errorf("not taken apart: %s", root.Error)
	case r.Outcome == rules.Matched && (root.State != condition.Evaluated || root.Raw != true):
		return fmt.Errorf("matched, but the trace says %s", root.Value)
	case r.Outcome == rules.NotMatched && (root.State == condition.Evaluated && root.Raw == true ||
		root.State == condition.Skipped):
		return fmt.Errorf("not matched, but the trace says %s", root.Value)
	}
	return consistent(root)
}

// consistent returns an error if the state of a part does not fit that of the part around it.
func consistent(t *condition.Trace) error {
	for _, part := range t.Parts {
		if t.State == condition.Skipped && part.State != condition.Skipped {
			return fmt.Errorf("%q was skipped, but not %q in it", t.Text, part.Text)
		}
		if t.State == condition.Evaluated && part.State == condition.Broken {
			return fmt.Errorf("%q has a value, but not %q in it", t.Text, part.Text)
		}
		if err := consistent(part); err != nil {
			return err
		}
	}
	return nil
}

func FuzzExplain(f *testing.F) {
	for _, source := range []string{`payload.a > 0 and (let x = event_name; x in ["a"])`,
		`if true { payload.a } else { 1 < time.Hour() < 3 }`,
		`payload.a?.b[payload.c:2] ?? [1, payload.d] | len() == {"a": payload.e}.a`, "payload\n.a // x\n == `b`",
		`first(payload.tags).name matches "^" + entity.title`} {
		f.Add(source)
	}
	ev, err := event.Parse("qase", []byte(`{"event_name":"run.completed","payload":{"id":1,"a":2,"tags":["x"]}}`),
		time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		compiled, cerr := condition.Compile(source)
		if cerr != nil {
			return
		}
		r := setOf(compiled).Explain(ev, rules.State{}).Rules[0]
		if err := contradiction(r); err != nil && r.Outcome == rules.Matched {
			t.Errorf("%q: %v", source, err)
		}
	})
}

// setOf returns a set with one rule.
func setOf(c *condition.Condition) *rules.Set {
	return rules.NewSet(rules.Options{People: people.New(nil), Settings: rules.Settings{Location: time.UTC}},
		[]*rules.Rule{{RuleInfo: rules.RuleInfo{Name: "r", Enabled: true}, Condition: c}})
}
