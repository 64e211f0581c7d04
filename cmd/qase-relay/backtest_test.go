package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/backtest"
	"qaserelay/rules/lint"
	"qaserelay/rules/yamldoc"
)

func TestMomentsAreTakenAsAPersonMeansThem(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2h": "2026-01-31T07:00:00Z", "7d": "2026-01-24T09:00:00Z", "1h30m": "2026-01-31T07:30:00Z", "2026-01-02": "2026-01-02T00:00:00Z",
		"2026-01-02T03:04:05+01:00": "2026-01-02T02:04:05Z", "": "0001-01-01T00:00:00Z",
	} {
		if got, err := terminal.ParseTime("since", text, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "2026-13-01", "7 days", "-2h"} {
		if got, err := terminal.ParseTime("since", text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestDistancesInTimeAreShort(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for want, d := range map[string]time.Duration{"now": 500 * time.Millisecond, "59 s ago": 59 * time.Second,
		"2 min ago": 150 * time.Second,
		"47 h ago":  47 * time.Hour, "3 days ago": 80 * time.Hour, "in 5 min": -5 * time.Minute} {
		if got := terminal.Ago(now.Add(-d), now); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestColumnsOfATableStandBelowEachOther(t *testing.T) {
	var out strings.Builder
	tab := &terminal.Table{S: &terminal.Screen{Writer: &out, Terminal: true, Columns: 40},
		Header: []string{"ID", "WHAT", "TITLE"}}
	tab.Add("", terminal.PlainCell("1"), terminal.PlainCell("日本"), terminal.PlainCell("short"))
	tab.Add("an error\nof two lines", terminal.PlainCell("22"), terminal.PlainCell("x"),
		terminal.PlainCell(strings.Repeat("long ", 20)))
	tab.Print()
	want := "ID  WHAT  TITLE\n1   日本  short\n22  x     long long long long long long…\n  ↳ an error of two lines\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

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
		fmt.Fprintf(&lines, `{"id":"%013d","received_at":"2026-01-01T00:00:00Z","source":"qase","project":"WEB","event_name":"run.completed",`+
			`"body":{"event_name":"run.completed","payload":{"id":%d,"cases":14,"failed":%d},"project_code":"WEB"},"decided":{"matched":[],"messages":[]}}`+"\n", n, n, n%5)
	}
	b.ReportAllocs()
	b.ResetTimer()
	r, err := backtest.Run(b.Context(), readLines(&lines), backtest.Options{Rules: cfg.Rules, Examples: 3})
	if err != nil || r.Events != b.N {
		b.Fatal(err)
	}
}
