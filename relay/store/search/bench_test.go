package search

import (
	"strings"
	"testing"

	"qaserelay/relay/store"
)

// BenchmarkWords takes the words of an event with two messages.
func BenchmarkWords(b *testing.B) {
	d := Document{Event: store.StoredEvent{ID: 1 << 60, Name: "run.completed", Project: "WEB", Source: "qase", Body: []byte(
		`{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":7,"title":"Regression 4711 on staging","cases":14,"passed":10,` +
			`"failed":3,"blocked":1,"duration":93000},"team_member_id":40,"project_code":"WEB"}`)},
		Outline:    store.Outline{Subject: "Run 7", Outcome: store.OutcomeMatched, Rules: []store.RuleOutcome{{Rule: "failed", Outcome: "matched"}}},
		Deliveries: []Message{{"failed", "ops", "Run 7 completed: 3 of 14 failed"}}}
	b.ReportAllocs()
	for b.Loop() {
		if text := strings.Join(d.Words(), " "); len(text) < 100 {
			b.Fatal(text)
		}
	}
}
