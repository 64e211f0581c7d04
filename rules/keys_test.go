package rules_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/rulefile/rulefiletest"
)

// keyWorld keeps the values that decisions change.
type keyWorld map[string][]byte

func (w keyWorld) get(key string) ([]byte, error) { return w[key], nil }

// readKeys decides an event, and returns the keys that it read, those that were announced, and those that follow from
// them.
func (w keyWorld) readKeys(s *rules.Set, ev *event.Event, fetched map[string]any) (read, announced, more []string) {
	st := rules.State{Now: ev.ReceivedAt, Get: w.get, Facts: &failures.Facts{Entity: fetched}}
	announced = s.Keys(ev)
	more, st.Seen = s.FlowKeys(ev, announced, st)
	st.Get = func(key string) ([]byte, error) {
		read = append(read, key)
		return w.get(key)
	}
	d := s.Decide(ev, st)
	for range 2 { // also with what was seen, and again without it
		again := s.Decide(ev, st)
		if a, b := fmt.Sprintf("%+v", d), fmt.Sprintf("%+v", again); a != b {
			panic(fmt.Sprintf("decided %s, then %s", a, b))
		}
		st.Seen = nil
	}
	for _, c := range d.Changes {
		w[c.Key] = c.Value
	}
	return read, announced, more
}

func TestAllKeysThatADecisionReadsAreKnownBefore(t *testing.T) {
	for name, when := range map[string]string{"a rule reads the previous run": "previous == nil || previous.id != 0",
		"no rule does": "true"} {
		t.Run(name, func(t *testing.T) {
			c := rulefiletest.Parse(t, rulefiletest.WithRules("  - {name: a, when: '"+when+"', notify: [qa]}\n"))
			w := keyWorld{}
			finished := 0
			for _, tt := range []struct{ event, payload string }{
				{"run.started", `{"id":7,"title":"Nightly #4","plan":{"id":3},"environment":"staging"}`},
				{"run.updated", `{"id":7,"cases_added":2}`},
				{"run.completed", `{"id":7,"failed":2}`},
				{"run.started", `{"id":8,"title":"Nightly #5","plan":null,"environment":null}`},
				{"run.aborted", `{"id":8}`},
				{"run.completed", `{"id":8,"plan":{"id":"x"}}`},
				{"run.completed", `{"id":9}`},
				{"run.completed", `{"id":9,"title":"Nightly #6"}`},
				{"run.completed", `{"failed":1}`},
				{"run.deleted", `{"id":7}`},
				{"defect.created", `{"id":7,"title":"x"}`},
			} {
				ev := rulefiletest.Event(t, tt.event, tt.payload, time.Unix(1650540200, 0))
				read, announced, more := w.readKeys(c.Rules, ev, map[string]any{"environment": "fetched"})
				for _, key := range read {
					if !slices.Contains(announced, key) && !slices.Contains(more, key) {
						t.Errorf("%s %s reads %s, want one of %v and %v", tt.event, tt.payload, key, announced, more)
					}
				}
				for _, key := range more {
					if finished++; !slices.Contains(read, key) {
						t.Errorf("%s %s does not read %s", tt.event, tt.payload, key)
					}
				}
				if len(more) > 0 && !c.Rules.HasFlowKeys(ev) {
					t.Errorf("%s has further keys, and says that it has none", tt.event)
				}
			}
			if finished < 4 {
				t.Errorf("%d keys follow from others", finished)
			}
		})
	}
}

// BenchmarkFlowKeys compares deciding about a completed run that is known with finding the keys that follow from it and
// then deciding.
func BenchmarkFlowKeys(b *testing.B) {
	c := rulefiletest.Parse(b, rulefiletest.WithRules("  - {name: a, when: payload.failed > 1, notify: [qa]}\n"))
	w := keyWorld{}
	started := rulefiletest.Event(b, "run.started", `{"id":2,"title":"Nightly","description":"all","plan":{"id":3,`+
		`"title":"Smoke"},"cases_count":14,"environment":"staging"}`, time.Unix(1650540100, 0))
	w.readKeys(c.Rules, started, nil)
	ev := rulefiletest.Event(b, "run.completed", benchPayload, time.Unix(1650540200, 0))
	st := rules.State{Now: ev.ReceivedAt, Get: w.get}
	for name, run := range map[string]func(){"decide": func() { c.Rules.Decide(ev, st) }, "keys and decide": func() {
		with := st
		_, with.Seen = c.Rules.FlowKeys(ev, c.Rules.Keys(ev), st)
		c.Rules.Decide(ev, with)
	}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
