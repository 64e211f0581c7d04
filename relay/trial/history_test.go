package trial_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/backtest"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/trial"
)

// await waits for the end of a backtest.
func await(t *testing.T, b *trial.Backtests, id string) trial.Backtest {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		one, err := b.Get(id)
		if err != nil || one.State != trial.Running {
			return one
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not end: %+v", one)
		}
	}
}

// TestABacktestOfADraftHasTheFiguresOfTheCommand compares the report with that of the same run without a process.
func TestABacktestOfADraftHasTheFiguresOfTheCommand(t *testing.T) {
	w := newWorld(t, rulesFile)
	at := time.Now().Add(-time.Hour)
	const events = 700
	for i := range events {
		w.keep(at.Add(time.Duration(i)*time.Second),
			fmt.Sprintf("{\"event_name\":\"run.completed\",\"project_code\":\"WEB\",\"payload\":{\"id\":%d,\"failed\":%d,\"title\":\"\xff\"}}", i, i%4))
	}
	b := trial.NewBacktests(trial.BacktestOptions{Config: func() *config.Config { return w.cfg }, Store: w.store,
		Work: trial.Self().WorkOnHistory})
	t.Cleanup(b.Close)
	draft := trial.Draft{Rule: "- name: failed-run\n  when: event_name == \"run.completed\" and payload.failed > 2\n  notify: [qa]"}
	started, err := b.Start(t.Context(), trial.BacktestRequest{Since: "1d", Draft: draft})
	if err != nil {
		t.Fatal(err)
	}
	got := await(t, b, started.ID)
	if got.State != trial.Done || got.Report == nil || got.Report.Events != events || got.Events != events || got.Progress != 1 {
		t.Fatalf("got %+v", got)
	}
	want, err := backtest.Run(t.Context(), func(yield func(desk.Exported, error) bool) {
		f := store.EventFilter{Limit: 1000}
		page, err := desk.ExportFrom(context.Background(), w.store, f, true)
		if err != nil {
			t.Error(err)
		}
		for _, e := range page.Events {
			if !yield(e, nil) {
				return
			}
		}
	}, backtest.Options{Rules: changed(t, "payload.failed > 0", "payload.failed > 2").Rules, RulesFile: "draft", Source: "qase", Examples: 3})
	if err != nil {
		t.Fatal(err)
	}
	if a, c := plain(t, got.Report), plain(t, want); !reflect.DeepEqual(a, c) {
		t.Errorf("got  %v\nwant %v", a, c)
	}
}

// plain returns a report as JSON has it.
func plain(t *testing.T, r *backtest.Report) (v map[string]any) {
	t.Helper()
	text, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// changed returns the configuration of a changed rules file, with the default title in the changed rule.
func changed(t *testing.T, old, with string) *config.Config {
	t.Helper()
	text := strings.Replace(rulesFile, old, with, 1)
	text = strings.Replace(text, "    title: \"{{ .entity.title }}: {{ .payload.failed }} failed\"\n", "", 1)
	return newWorld(t, text).cfg
}

func TestABacktestEndsWithTheProblemsOfItsDraftOrWhenItIsStopped(t *testing.T) {
	w := newWorld(t, rulesFile)
	w.keep(time.Now().Add(-time.Minute), `{"event_name":"run.completed","project_code":"WEB","payload":{"id":1}}`)
	b := trial.NewBacktests(trial.BacktestOptions{Config: func() *config.Config { return w.cfg }, Store: w.store,
		Work: trial.Self().WorkOnHistory})
	started, err := b.Start(t.Context(), trial.BacktestRequest{Draft: trial.Draft{Rule: "- name: x\n  when: \"true\"\n  notify: [qu]"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := await(t, b, started.ID); got.State != trial.Done || got.Report != nil || got.Check.OK ||
		!strings.Contains(got.Check.Problems.Error(), `draft:3:12: error: no notifier "qu"`) {
		t.Errorf("got %+v", got)
	}
	if started, err = b.Start(t.Context(), trial.BacktestRequest{Draft: trial.Draft{File: rulesFile}}); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if got, err := b.Get(started.ID); err != nil || got.State == trial.Running {
		t.Errorf("after the end: %+v, %v", got, err)
	}
	if _, err := b.Start(t.Context(), trial.BacktestRequest{Draft: trial.Draft{File: rulesFile}}); err == nil {
		t.Error("one started after the end")
	}
}

// TestABacktestGoesOnBesideWebhooks runs one while a webhook always waits for its answer.
func TestABacktestGoesOnBesideWebhooks(t *testing.T) {
	w := newWorld(t, rulesFile)
	const events, pages = 120, 3
	w.fill(events, 10)
	asked := 0
	b := trial.NewBacktests(trial.BacktestOptions{Config: func() *config.Config { return w.cfg }, Store: w.store,
		Webhooks: func() (answering int, answered uint64) {
			asked++
			return 1, uint64(asked)
		}})
	t.Cleanup(b.Close)
	started, err := b.Start(t.Context(), trial.BacktestRequest{Draft: trial.Draft{File: rulesFile}})
	if err != nil {
		t.Fatal(err)
	}
	if got := await(t, b, started.ID); got.State != trial.Done || got.Report == nil || got.Report.Events != events || asked < 2*pages {
		t.Errorf("got %+v after %d looks", got, asked)
	}
}
