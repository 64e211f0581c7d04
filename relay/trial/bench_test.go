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

// BenchmarkBacktest runs drafts over 20,000 stored events, with the process that decides about them, and reports events
// in a second, which should be 10,000 at least: a rule has matched each tenth event, and the draft matches each fifth one;
// and one has matched each event, and still does.
func BenchmarkBacktest(b *testing.B) {
	for _, c := range []struct {
		name    string
		matches int // of how many events one has matched
		more    int // than so many tests have to fail
	}{{"few match", 10, 3}, {"all match", 1, -1}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, rulesFile)
			const events = 20_000
			w.fill(events, c.matches)
			tests := trial.NewBacktests(trial.BacktestOptions{Config: w.config, Store: w.store, Work: trial.Self().WorkOnHistory})
			defer tests.Close()
			draft := trial.Draft{Rule: fmt.Sprintf("- name: failed-run\n  when: event_name == \"run.completed\" and payload.failed > %d\n"+
				"  notify: [qa]", c.more)}
			ctx := access.With(b.Context(), access.Actor{Name: "ana"})
			began, runs := time.Now(), 0
			for b.Loop() {
				one := runBacktest(b, ctx, tests, draft)
				if one.Report == nil || one.Report.Events != events {
					b.Fatalf("%+v", one)
				}
				runs++
			}
			b.ReportMetric(float64(runs*events)/time.Since(began).Seconds(), "events/s")
		})
	}
}

// runBacktest runs a backtest to its end.
func runBacktest(b *testing.B, ctx context.Context, tests *trial.Backtests, d trial.Draft) trial.Backtest {
	b.Helper()
	one, err := tests.Start(ctx, trial.BacktestRequest{Draft: d})
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
