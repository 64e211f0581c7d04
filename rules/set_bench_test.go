package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rulespkg "qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/rulefiletest"
)

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			var rules strings.Builder
			for i := range n {
				fmt.Fprintf(&rules, "  - {name: r%d, when: 'event_name == \"run.completed\" and payload.failed > %d', notify: [qa]}\n", i, i*10)
			}
			c := rulefiletest.Parse(b, rulefiletest.WithRules(rules.String()))
			ev, err := event.Parse("qase", []byte(`{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":2,"cases":14,"passed":10,"failed":3,"blocked":1,"duration":90000},"team_member_id":40,"project_code":"WEB"}`), time.Unix(1650540200, 0))
			if err != nil {
				b.Fatal(err)
			}
			state := rulespkg.State{Now: ev.ReceivedAt}
			b.ReportAllocs()
			for b.Loop() {
				if d := c.Rules.Decide(ev, state); len(d.Notifications) != 1 {
					b.Fatal(len(d.Notifications))
				}
			}
		})
	}
}

func BenchmarkParseEvent(b *testing.B) {
	body := []byte(`{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":2,"cases":14,"passed":10,"failed":3,"blocked":1,"duration":90000},"team_member_id":40,"project_code":"WEB"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Parse("qase", body, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideIndexed(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		for _, indexed := range []bool{true, false} {
			b.Run(fmt.Sprintf("rules=%d/index=%v", n, indexed), func(b *testing.B) {
				var rules strings.Builder
				for i := range n {
					name := "run.completed"
					if i%(n/10) != 0 {
						name = fmt.Sprintf("case.n%d", i)
					}
					field := "event_name"
					if !indexed {
						field = "(payload.kind ?? event_name)"
					}
					fmt.Fprintf(&rules, "  - {name: r%d, when: '%s == %q and payload.failed > 100', notify: [qa]}\n", i, field, name)
				}
				c := rulefiletest.Parse(b, rulefiletest.WithRules(rules.String()))
				ev, err := event.Parse("qase", []byte(`{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":2,"cases":14,"passed":10,"failed":3,"blocked":1,"duration":90000},"team_member_id":40,"project_code":"WEB"}`), time.Unix(1650540200, 0))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					c.Rules.Decide(ev, rulespkg.State{Now: ev.ReceivedAt})
				}
			})
		}
	}
}
