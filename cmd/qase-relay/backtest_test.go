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

func TestABacktestCountsWhatIsDueAtATime(t *testing.T) {
	cfg, problems := lint.Parse([]yamldoc.File{{Name: terminal.DefaultRules, Data: []byte(`
notifiers: [{name: ops, type: http, url: "http://127.0.0.1:1/"}]
rules:
  - {name: grp, when: event_name == "run.completed", group: {wait: 1h}, notify: [ops]}
  - {name: hang, when: event_name == "run.started", after: 4h, unless: event_name == "run.aborted", notify: [ops]}
`)}}, testOptions())
	if cfg == nil {
		t.Fatal(problems)
	}
	line := func(at, name string, id int, decided string) string {
		return fmt.Sprintf(`{"id":"%013d","received_at":"2026-01-01T%s:00Z","source":"qase","project":"WEB","event_name":%q,`+
			`"body":{"event_name":%[3]q,"payload":{"id":%[1]d},"project_code":"WEB"}%[4]s}`+"\n", id, at, name, decided)
	}
	const before = `,"decided":{"matched":["grp"],"messages":[{"rule":"grp","notifier":"ops","title":"t"}]}`
	lines := bytes.NewBufferString(line("00:00", "run.completed", 1, before) + line("00:10", "run.completed", 2, before) +
		line("00:20", "run.started", 3, "") + line("03:00", "run.started", 4, "") + line("05:00", "run.completed", 5, before))
	r, err := backtest.Run(t.Context(), readLines(lines), backtest.Options{Rules: cfg.Rules, Examples: 3})
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string][]string{}
	for _, x := range r.Examples {
		titles[x.Rule] = x.Titles
	}
	if r.Messages != 2 || fmt.Sprint(titles["grp"]) != "[2 × grp in WEB]" || len(titles["hang"]) != 1 {
		t.Errorf("%d messages: %v", r.Messages, titles)
	}
	if r.Added != 2 || r.Removed != 3 || r.Open["digest"] != 1 || r.Open["wait"] != 1 {
		t.Errorf("added %d, removed %d, open %v", r.Added, r.Removed, r.Open)
	}
}
