package rules_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/rulefiletest"
)

const benchPayload = `{"id":2,"cases":14,"passed":10,"failed":3,"blocked":1,"duration":90000}`

// BenchmarkDecide decides an event with rules that all read it, of which one matches.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			benchDecide(b, n, func(i int) string {
				return fmt.Sprintf(`event_name == "run.completed" and payload.failed > %d`, i*10)
			})
		})
	}
}

// BenchmarkDecideOne decides the end of a run, as Qase sends it, with rules of which one matches and has the default
// message.
func BenchmarkDecideOne(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchDecide(b, n, oneOf(n)) })
	}
}

// oneOf returns the conditions of n rules of which one matches the end of a run. The others are for other events and for
// other projects.
func oneOf(n int) func(i int) string {
	return func(i int) string {
		switch {
		case i == n/2:
			return `event_name == "run.completed" and payload.failed > 0`
		case i%2 == 0:
			return fmt.Sprintf(`event_name == "case.n%d" and payload.failed > 0`, i)
		}
		return fmt.Sprintf(`event_name == "run.completed" and project_code == "P%d"`, i)
	}
}

// TestADecisionAllocatesLittle bounds what the decision on an event allocates, however many rules there are. Ten rules
// have a result each, and of a thousand only the one that can match.
func TestADecisionAllocatesLittle(t *testing.T) {
	for _, c := range []struct {
		rules         int
		allocs, bytes uint64 // about a fifth more than needed
	}{{10, 22, 2950}, {1000, 22, 1400}} {
		decide := decider(t, c.rules, oneOf(c.rules))
		allocs, bytes := uint64(math.MaxUint64), uint64(math.MaxUint64)
		for range 100 { // the least, since other work of the process allocates too
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d := decide()
			runtime.ReadMemStats(&after)
			if len(d.Notifications) != 1 {
				t.Fatalf("%d rules: %d notifications", c.rules, len(d.Notifications))
			}
			allocs, bytes = min(allocs, after.Mallocs-before.Mallocs), min(bytes, after.TotalAlloc-before.TotalAlloc)
		}
		if allocs > c.allocs || bytes > c.bytes {
			t.Errorf("%d rules: a decision allocates %d bytes in %d pieces, want at most %d in %d", c.rules, bytes, allocs,
				c.bytes, c.allocs)
		}
	}
}

// BenchmarkDecideIndexed decides an event with rules of which a tenth is for it, with and without the index by name.
func BenchmarkDecideIndexed(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		for _, field := range []string{"event_name", "(payload.kind ?? event_name)"} {
			b.Run(fmt.Sprintf("rules=%d/index=%v", n, field == "event_name"), func(b *testing.B) {
				benchDecide(b, n, func(i int) string {
					name := "run.completed"
					if i%(n/10) != 0 {
						name = fmt.Sprintf("case.n%d", i)
					}
					return fmt.Sprintf("%s == %q and payload.failed > 100", field, name)
				})
			})
		}
	}
}

func benchDecide(b *testing.B, n int, when func(int) string) {
	decide := decider(b, n, when)
	b.ReportAllocs()
	for b.Loop() {
		decide()
	}
}

// decider returns a function that decides the end of a run by n rules with these conditions.
func decider(t testing.TB, n int, when func(int) string) func() rules.Decision {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "  - {name: r%d, when: '%s', notify: [qa]}\n", i, when(i))
	}
	c := rulefiletest.Parse(t, rulefiletest.WithRules(text.String()))
	ev := rulefiletest.Event(t, "run.completed", benchPayload, time.Unix(1650540200, 0))
	return func() rules.Decision { return c.Rules.Decide(ev, rules.State{Now: ev.ReceivedAt}) }
}

func BenchmarkParseEvent(b *testing.B) {
	body := rulefiletest.Event(b, "run.completed", benchPayload, time.Unix(1650540200, 0)).Body
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Parse("qase", body, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
