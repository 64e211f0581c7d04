package qaseapi

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/qaseapi/standin"
	"qaserelay/rules/failures"
)

// nights are run 7 with a failing test, and runs before it with other tests that failed.
func nights(earlier ...standin.Run) *standin.Project {
	p := shop()
	p.Environments = append(p.Environments, standin.Environment{ID: 3, Title: "Production", Slug: "prod"})
	p.Runs = append(earlier, p.Runs...)
	for _, run := range earlier {
		for _, id := range []int{31, 40} {
			one := result(id, "failed", "red")
			one.Run, one.Hash, one.End = run.ID, fmt.Sprint("h", run.ID, id), run.End
			p.Results = append(p.Results, one)
		}
	}
	return p
}

// night is a run before run 7.
func night(id, daysBefore int, change ...func(*standin.Run)) standin.Run {
	run := nightly(25, 31, 40)
	run.ID, run.Title = id, fmt.Sprint("Nightly ", id)
	run.Start, run.End = run.Start.AddDate(0, 0, -daysBefore), run.End.AddDate(0, 0, -daysBefore)
	for _, c := range change {
		c(&run)
	}
	return run
}

// firstOfSeries asks about run 7, of whose series nothing is stored.
func (b *bench) firstOfSeries() *failures.Run {
	b.t.Helper()
	q := b.query(2)
	of := func(fields map[string]any) string {
		plan, _ := fields["plan"].(map[string]any)
		title, _, _ := strings.Cut(fmt.Sprint(fields["title"]), " ")
		return fmt.Sprint(plan["id"], fields["environment"], title)
	}
	q.Series = &Series{Of: of, Unknown: func(_ context.Context, fields map[string]any) string { return of(fields) }}
	run, _, _ := b.Results(b.t.Context(), q)
	return run
}

func TestTheFirstRunOfASeriesIsComparedWithTheOneBefore(t *testing.T) {
	plan := func(r *standin.Run) { r.Plan = 4 }
	production := func(r *standin.Run) { r.Environment = "prod" }
	aborted := func(r *standin.Run) { r.Status = "aborted" }
	running := func(r *standin.Run) { r.End = time.Time{} }
	later := func(r *standin.Run) { r.End = end.Add(time.Minute) }
	other := func(r *standin.Run) { r.Title = "Smoke" }
	for name, c := range map[string]struct {
		runs []standin.Run
		want string // its id, or empty
	}{
		"the last one":                 {[]standin.Run{night(4, 3), night(6, 1), night(5, 2)}, "6"},
		"no run before":                {nil, ""},
		"one of another plan":          {[]standin.Run{night(6, 1, plan)}, ""},
		"one of another environment":   {[]standin.Run{night(5, 2), night(6, 1, production)}, "5"},
		"one of another title":         {[]standin.Run{night(5, 2), night(6, 1, other)}, "5"},
		"one that was aborted":         {[]standin.Run{night(5, 2), night(6, 1, aborted)}, "5"},
		"one that goes on":             {[]standin.Run{night(5, 2), night(6, 1, running)}, "5"},
		"one that ended later":         {[]standin.Run{night(5, 2), night(6, 1, later)}, "5"},
		"one of more than a month ago": {[]standin.Run{night(6, 40)}, ""},
	} {
		b := newBench(t, nights(c.runs...))
		run := b.firstOfSeries()
		switch before := run.Compared; {
		case !run.Complete || shown(run) != "25:expected 200, got 500 | 31:" || run.Results[0].Title == "":
			t.Errorf("%s: the run itself: %+v", name, run)
		case before == nil && c.want != "" || before != nil && before.Run != c.want:
			t.Errorf("%s: compared with %+v, want %q", name, before, c.want)
		case before != nil && (fmt.Sprint(before.Failed, before.Cases) != "[31 40] [25 31 40]" || before.FinishedAt == 0):
			t.Errorf("%s: compared with %+v", name, before)
		}
		if n := len(b.api.Requests()); n > maxRunRequests {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

func TestTheRunBeforeIsFoundInALongListOfAnyOrder(t *testing.T) {
	var runs []standin.Run
	for i := range 250 {
		runs = append(runs, night(1000+i, 1, func(r *standin.Run) {
			r.Start, r.End = r.Start.Add(time.Duration(i)*time.Minute),
				r.End.Add(time.Duration(i)*time.Minute)
		}))
	}
	b := newBench(t, nights(runs...))
	if before := b.firstOfSeries().Compared; before == nil || before.Run != "1249" {
		t.Errorf("compared with %+v", before)
	}
}

// TestATestThatPassedOnALaterAttemptDidNotFailInTheRunBefore: an alert may be one too many, never one too few.
func TestATestThatPassedOnALaterAttemptDidNotFailInTheRunBefore(t *testing.T) {
	p := nights(night(6, 1))
	recovered := result(31, "passed", "")
	recovered.Run, recovered.End = 6, end.Add(-time.Hour)
	p.Results = append(p.Results, recovered)
	b := newBench(t, p)
	if before := b.firstOfSeries().Compared; before == nil || fmt.Sprint(before.Failed) != "[40]" {
		t.Errorf("compared with %+v", before)
	}
}

func TestAComparisonTakesNoMoreThanThereIs(t *testing.T) {
	for name, trouble := range map[string]standin.Trouble{
		"the runs are out of reach":         {Path: "/v1/run/WEB?", Status: 400},
		"the environments are out of reach": {Path: "/v1/environment", Status: 403},
		"the run before was deleted":        {Path: "/v1/run/WEB/6", Status: 404},
	} {
		b := newBench(t, nights(night(6, 1)))
		b.api.Trouble(trouble)
		if run := b.firstOfSeries(); run.Compared != nil || !run.Complete || run.Error != "" {
			t.Errorf("%s: %+v", name, run)
		}
	}
	b := newBench(t, nights(night(6, 1)))
	_, p := b.progressOf(b.query(2))
	p.budget.spent.Store(maxRunRequests - comparedRequests)
	if run := b.firstOfSeries(); run.Compared != nil || !run.Complete || b.api.Asked("/v1/environment") != 0 {
		t.Errorf("without requests: %+v", run)
	}
}

func TestTheRunBeforeIsAskedForOnce(t *testing.T) {
	p := nights(night(6, 1))
	p.Results[1].AfterQuestions = 3 // of run 7
	b := newBench(t, p)
	first, second := b.firstOfSeries(), b.firstOfSeries()
	if first.Complete || second.Compared == nil || first.Compared != second.Compared || b.api.Asked("/v1/run/WEB/6") != 1 {
		t.Errorf("first %+v, second %+v, requests %v", first, second, b.api.Requests())
	}
}
