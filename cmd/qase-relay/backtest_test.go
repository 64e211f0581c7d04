package main

import (
	"bytes"
	"fmt"
	"testing"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/backtest"
	"qaserelay/rules/lint"
	"qaserelay/rules/yamldoc"
)

// BenchmarkBacktest runs events of runs through two rules, as backtest --events does.
func BenchmarkBacktest(b *testing.B) {
	cfg, problems := lint.Parse([]yamldoc.File{{Name: terminal.DefaultRules, Data: []byte(`
notifiers: [{name: ops, type: http, url: "http://127.0.0.1:1/"}]
rules:
  - {name: failed-run, when: payload.failed > 0, notify: [ops]}
  - {name: staging, when: payload.failed > 3 && entity.environment == "staging", notify: [ops]}
`)}}, testOptions())
	if cfg == nil {
		b.Fatal(problems)
	}
	var lines bytes.Buffer
	for n := range b.N {
		fmt.Fprintf(&lines, `{"id":"%013d","received_at":"2026-01-01T00:00:00Z","source":"qase","project":"WEB",`+
			`"event_name":"run.completed","body":{"event_name":"run.completed","payload":{"id":%d,"cases":14,`+
			`"failed":%d},"project_code":"WEB"},"decided":{"matched":[],"messages":[]}}`+"\n", n, n, n%5)
	}
	b.ReportAllocs()
	b.ResetTimer()
	r, err := backtest.Run(b.Context(), readLines(&lines), backtest.Options{Rules: cfg.Rules, Examples: 3})
	if err != nil || r.Events != b.N {
		b.Fatal(err)
	}
}

func TestABacktestLeavesOutWhatTheRelayHasMade(t *testing.T) {
	cfg, problems := lint.Parse([]yamldoc.File{{Name: terminal.DefaultRules, Data: []byte(`
notifiers: [{name: ops, type: http, url: "http://127.0.0.1:1/"}]
rules: [{name: all, when: "true", notify: [ops]}]
`)}}, testOptions())
	if cfg == nil {
		t.Fatal(problems)
	}
	lines := bytes.NewBufferString(`{"id":"0000000000001","received_at":"2026-01-01T00:00:00Z","source":"qase",` +
		`"event_name":"run.completed","body":{"event_name":"run.completed","payload":{"id":1}}}
{"id":"0000000000002","received_at":"2026-01-01T00:00:00Z","source":"qase","kind":"digest",` +
		`"event_name":"relay.digest","body":{"event_name":"relay.digest","payload":{"id":1}}}
`)
	r, err := backtest.Run(t.Context(), readLines(lines), backtest.Options{Rules: cfg.Rules})
	if err != nil || r.Events != 1 || r.Unreadable != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
