package trial_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/trial"
	"qaserelay/rules/catalog"
)

// manyRules returns a rules file of 100 rules about all kinds of events.
func manyRules() string {
	var b strings.Builder
	b.WriteString(rulesFile)
	all := catalog.All()
	for i := range 97 {
		fmt.Fprintf(&b, "  - name: rule-%d\n    when: event_name == %q and project_code == \"P%d\" and payload.id > %d\n"+
			"    title: 'It changed in {{ .project_code }}'\n    notify: [qa]\n", i, all[i%len(all)].Name, i, i)
	}
	return b.String()
}

// BenchmarkTry is from the request to the result, for a draft of one of 100 rules, with the process that works on it. It
// should be under 150 ms.
func BenchmarkTry(b *testing.B) {
	w := newWorld(b, manyRules())
	r := trial.Request{Event: trial.Event{Name: "run.completed"}, Draft: trial.Draft{
		Rule: "- name: failed-run\n  when: event_name == \"run.completed\"\n  title: Other\n  notify: [qa]"}}
	for b.Loop() {
		if result, err := w.Try(b.Context(), r); err != nil || !result.Check.OK {
			b.Fatal(err, result.Check)
		}
	}
}

// BenchmarkBacktest runs a draft over 20,000 stored events, with the process that decides about them, and reports events
// in a second, which should be 10,000 at least.
func BenchmarkBacktest(b *testing.B) {
	w := newWorld(b, rulesFile)
	const events = 20_000
	w.fill(events)
	tests := trial.NewBacktests(trial.BacktestOptions{Config: w.config, Store: w.store, Work: trial.Self().WorkOnHistory})
	defer tests.Close()
	ctx := access.With(b.Context(), access.Actor{Name: "ana"})
	began := time.Now()
	runs := 0
	for b.Loop() {
		one := runBacktest(b, ctx, tests)
		if one.Report == nil || one.Report.Events != events {
			b.Fatalf("%+v", one)
		}
		runs++
	}
	b.ReportMetric(float64(runs*events)/time.Since(began).Seconds(), "events/s")
}

// runBacktest runs a backtest to its end.
func runBacktest(b *testing.B, ctx context.Context, tests *trial.Backtests) trial.Backtest {
	b.Helper()
	one, err := tests.Start(ctx, trial.BacktestRequest{Draft: trial.Draft{
		Rule: "- name: failed-run\n  when: event_name == \"run.completed\" and payload.failed > 2\n  notify: [qa]"}})
	if err != nil {
		b.Fatal(err)
	}
	for one.State == trial.Running {
		time.Sleep(time.Millisecond)
		if one, err = tests.Get(one.ID); err != nil {
			b.Fatal(err)
		}
	}
	return one
}
