package failures

import (
	"strings"
	"testing"
	"time"

	"qaserelay/rules/people"
)

// world decides runs of one series, one after another.
type world struct {
	history []byte
	now     int64
}

// end returns the report of the next run of the series: of cases 1 to 20, of which these fail.
func (w *world) end(id string, failing ...int) *Report {
	w.now += 3600
	return w.endWith(&Ended{ID: id, FinishedAt: w.now}, failing...)
}

func (w *world) endWith(e *Ended, failing ...int) *Report {
	if e.Facts == nil {
		e.Facts = &Run{Known: true, Complete: true}
	}
	if e.Facts.Cases == nil {
		e.Facts.Cases = IDs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
	}
	for _, id := range failing {
		e.Facts.Results = append(e.Facts.Results, Result{CaseID: id, Status: "failed", Hash: e.ID + "-" + string(rune('a'+id))})
	}
	e.Title, e.Project, e.Cases, e.Location, e.QaseURL = "Nightly", "WEB", 20, time.UTC, "https://app.qase.io"
	e.Failed = max(e.Failed, len(failing))
	e.Passed = 20 - e.Failed
	e.History = ReadHistory(w.history)
	r := NewReport(e)
	w.history = e.History.Encode()
	return r
}

func codes(list []*Failure) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Code)
	}
	return strings.Join(all, " ")
}

func TestANewFailureDidNotFailInTheRunBefore(t *testing.T) {
	w := &world{}
	first := w.end("1", 3)
	if first.NewTotal != 1 || first.Compared != nil || !first.List[0].NeverPassed {
		t.Errorf("the first run: %d new, compared with %v", first.NewTotal, first.Compared)
	}
	second := w.end("2", 3, 5)
	if second.NewTotal != 1 || second.Total != 2 || codes(second.List) != "WEB-5 WEB-3" || second.Compared.ID != "1" {
		t.Errorf("the second: %d of %d new: %s", second.NewTotal, second.Total, codes(second.List))
	}
	if fresh, old := second.List[0], second.List[1]; fresh.NeverPassed || !old.NeverPassed || old.RedRuns != 2 || old.Since != 3600 ||
		fresh.RedRuns != 1 {
		t.Errorf("new %+v, old %+v", fresh, old)
	}
	third := w.end("3", 5)
	if third.NewTotal != 0 || codes(third.Fixed) != "WEB-3" || third.Fixed[0].RedRuns != 2 {
		t.Errorf("the third: %d new, fixed %s", third.NewTotal, codes(third.Fixed))
	}
	if again := w.end("4", 3); again.NewTotal != 1 || again.List[0].NeverPassed || codes(again.Fixed) != "WEB-5" {
		t.Errorf("the fourth: %d new, fixed %s", again.NewTotal, codes(again.Fixed))
	}
}

func TestWhileNothingIsKnownAllFailuresAreNew(t *testing.T) {
	w := &world{}
	w.end("1", 3)
	if r := w.endWith(&Ended{ID: "2", FinishedAt: 9000, Failed: 4, Facts: &Run{Error: "no answer"}}); r.NewTotal != 4 || r.Total != 4 ||
		len(r.List) != 0 || len(r.Fixed) != 0 {
		t.Errorf("unknown: %d of %d", r.NewTotal, r.Total)
	}
	if r := w.endWith(&Ended{ID: "3", FinishedAt: 10800, Failed: 4, Facts: &Run{Known: true}}, 3, 5); r.NewTotal != 3 || r.Compared.ID != "1" {
		t.Errorf("in part: %d new, compared with %v", r.NewTotal, r.Compared)
	}
}

func TestAnAbortedRunIsNotTheRunBeforeAndFixesNothing(t *testing.T) {
	w := &world{}
	w.end("1", 3)
	w.now += 3600
	if r := w.endWith(&Ended{ID: "2", FinishedAt: w.now, Aborted: true}, 5); len(r.Fixed) != 0 || r.NewTotal != 1 {
		t.Errorf("aborted: fixed %s", codes(r.Fixed))
	}
	if r := w.end("3", 3, 5); r.Compared.ID != "1" || codes(r.List) != "WEB-5 WEB-3" || r.NewTotal != 1 || r.List[1].RedRuns != 2 {
		t.Errorf("behind it: compared with %s, %s", r.Compared.ID, codes(r.List))
	}
}

func TestTheSameRunTwiceIsComparedWithTheOneBeforeIt(t *testing.T) {
	w := &world{}
	w.end("1", 3)
	w.end("2", 3, 5)
	r := w.endWith(&Ended{ID: "2", FinishedAt: w.now}, 3, 5)
	if r.Compared.ID != "1" || r.NewTotal != 1 || r.List[1].RedRuns != 2 || len(r.History.Runs) != 2 {
		t.Errorf("compared with %s, %d new, %d runs", r.Compared.ID, r.NewTotal, len(r.History.Runs))
	}
}

func TestParallelRunsAreComparedByTheirEnds(t *testing.T) {
	w := &world{}
	w.end("1", 3)
	w.endWith(&Ended{ID: "3", FinishedAt: 20000}, 3)
	r := w.endWith(&Ended{ID: "2", FinishedAt: 10000}, 3)
	if r.Compared.ID != "1" || r.List[0].RedRuns != 2 || r.List[0].Since != 3600 {
		t.Errorf("decided late: compared with %s, %+v", r.Compared.ID, r.List[0])
	}
	if r := w.endWith(&Ended{ID: "4", FinishedAt: 30000}, 3); r.List[0].RedRuns != 4 || r.List[0].Since != 3600 {
		t.Errorf("behind all: %+v", r.List[0])
	}
}

func TestFlakyTestsChangeOften(t *testing.T) {
	w := &world{}
	for i, fails := range []bool{true, false, true, false} {
		if w.now += 3600; fails {
			w.endWith(&Ended{ID: string(rune('a' + i)), FinishedAt: w.now}, 3)
		} else {
			w.endWith(&Ended{ID: string(rune('a' + i)), FinishedAt: w.now})
		}
	}
	if r := w.end("e", 3, 4); r.FlakyTotal != 1 || r.List[1].Rate != "" || codes(r.List) != "WEB-3 WEB-4" || r.List[0].Rate != "3 of 5" {
		t.Errorf("%d flaky: %s %q", r.FlakyTotal, codes(r.List), r.List[0].Rate)
	}
	r := w.endWith(&Ended{ID: "f", FinishedAt: w.now + 1, Facts: &Run{Known: true, Complete: true,
		Recovered: []Result{{CaseID: 9, Status: "passed", Attempts: 2}}}})
	if codes(r.Flaky) != "WEB-9" || r.Total != 0 || r.FlakyTotal != 0 {
		t.Errorf("passed on retry: flaky %s, %d failed", codes(r.Flaky), r.Total)
	}
}

func TestDefectsMutedAndParametersOfFailures(t *testing.T) {
	w := &world{}
	w.end("1", 3)
	facts := &Run{Known: true, Complete: true, Defects: []Defect{{ID: 12, Title: "Slow", Hashes: []string{"1-d", "2-f"}}},
		Results: []Result{{CaseID: 7, Status: "failed", Muted: true}, {CaseID: 8, Status: "failed", Times: 3}, {CaseID: 9, Status: "blocked"}}}
	r := w.endWith(&Ended{ID: "2", FinishedAt: w.now + 1, Failed: 6, Facts: facts}, 3, 5)
	if r.DefectTotal != 2 || r.Muted != 1 || r.Total != 5 || r.NewTotal != 4 || codes(r.List) != "WEB-5 WEB-8 WEB-3 WEB-7" {
		t.Errorf("%d with a defect, %d muted, %d of %d new: %s", r.DefectTotal, r.Muted, r.NewTotal, r.Total, codes(r.List))
	}
}

func TestResultsWithoutACaseAndOfDeletedCases(t *testing.T) {
	w := &world{}
	facts := func() *Run {
		return &Run{Known: true, Complete: true, Results: []Result{{Status: "failed", Reason: "expected 200 & got 500"},
			{CaseID: 4, Status: "failed", Deleted: true}}}
	}
	w.endWith(&Ended{ID: "1", FinishedAt: 100, Failed: 2, Facts: facts()})
	r := w.endWith(&Ended{ID: "2", FinishedAt: 200, Failed: 2, Facts: facts()})
	if r.NewTotal != 1 || !r.List[0].New || r.List[0].Title != "WEB-4 (deleted)" || r.URL(r.List[0]) != "https://app.qase.io/run/WEB/dashboard/2" ||
		r.List[1].Title != "expected 200 & got 500" ||
		r.URL(r.List[1]) != "https://app.qase.io/run/WEB/dashboard/2?source=logs&search=expected+200+%26+got+500" {
		t.Errorf("%d new: %+v, %s", r.NewTotal, r.List[0], r.URL(r.List[1]))
	}
}

func TestOneReasonOfManyIsAGroup(t *testing.T) {
	all := &Run{Known: true, Complete: true}
	for id := range 300 {
		all.Results = append(all.Results, Result{CaseID: id + 1, Status: "failed", Reason: "connection refused", Tags: []string{"x"}})
	}
	var staff []people.Person
	for _, name := range []string{"A", "B", "C", "D", "E", "F"} {
		staff = append(staff, people.Person{Name: name, Owns: []people.Owns{{Case: "WEB-" + string(rune('1'+name[0]-'A')) + "*"}}})
	}
	e := &Ended{ID: "1", FinishedAt: 100, Failed: 300, Facts: all, People: people.New(staff)}
	r := (&world{}).endWith(e)
	failures, _ := r.Vars()
	if len(r.Groups) != 1 || r.Groups[0] != (Group{"connection refused", 300}) || len(failures["owners"].([]any)) != 0 {
		t.Errorf("groups %v, owners %v", r.Groups, failures["owners"])
	}
	if list := failures["list"].([]any); len(list) != maxListed {
		t.Errorf("%d listed", len(list))
	}
}

func TestFixedNeedsToHavePassed(t *testing.T) {
	w := &world{}
	w.end("1", 3, 4, 5)
	facts := &Run{Known: true, Complete: true, Cases: IDs{1, 2, 3, 4}, Others: IDs{4}, Statuses: map[string]int{"skipped": 1}}
	if r := w.endWith(&Ended{ID: "2", FinishedAt: 9000, Facts: facts}); codes(r.Fixed) != "WEB-3" {
		t.Errorf("fixed %s", codes(r.Fixed))
	}
	w = &world{}
	w.end("1", 3)
	facts = &Run{Known: true, Complete: true, Statuses: map[string]int{"skipped": 1}}
	if r := w.endWith(&Ended{ID: "2", FinishedAt: 9000, Facts: facts}); len(r.Fixed) != 0 {
		t.Errorf("fixed although one was skipped, and which is not known: %s", codes(r.Fixed))
	}
}

func TestTheRunBeforeMayBeByTheAPI(t *testing.T) {
	facts := &Run{Known: true, Complete: true, Compared: &Compared{Run: "1", Cases: IDs{1, 2, 3, 4}, Failed: IDs{3, 4}}}
	r := (&world{}).endWith(&Ended{ID: "2", FinishedAt: 9000, Facts: facts}, 2, 3)
	if r.NewTotal != 1 || codes(r.List) != "WEB-2 WEB-3" || codes(r.Fixed) != "WEB-4" || r.List[0].NeverPassed || r.List[1].RedRuns != 2 {
		t.Errorf("%d new: %s, fixed %s", r.NewTotal, codes(r.List), codes(r.Fixed))
	}
}

func TestTheTrendIsALineOfBlocks(t *testing.T) {
	for _, c := range []struct {
		rates []int
		want  string
	}{{nil, ""}, {[]int{50}, ""}, {[]int{79, 79, 80}, "▅▅▅"}, {[]int{0, 100, 50}, "▁▇▃"}} {
		if got := Line(c.rates); got != c.want {
			t.Errorf("%v is %s", c.rates, got)
		}
	}
}

func TestAHistoryIsBoundedAndSurvivesItsEncoding(t *testing.T) {
	w := &world{}
	for run := range 25 {
		e := &Ended{ID: string(rune('a' + run)), FinishedAt: int64(run+1) * 100, Facts: &Run{Known: true, Complete: true}}
		for id := range 12_000 {
			if (id+run)%3 > 0 {
				e.Facts.Results = append(e.Facts.Results, Result{CaseID: id*7 + 1, Status: "failed", Title: strings.Repeat("x", 90)})
			}
		}
		w.endWith(e)
	}
	h := ReadHistory(w.history)
	if len(w.history) > MaxHistoryBytes || len(h.Runs) != maxRuns || len(h.cases) < 1000 {
		t.Errorf("%d bytes, %d runs, %d cases", len(w.history), len(h.Runs), len(h.cases))
	}
	for _, n := range []int{0, 1, 5, len(w.history) / 2, len(w.history) - 1} {
		if h := ReadHistory(w.history[:n]); len(h.Runs) != 0 || len(h.cases) != 0 {
			t.Errorf("%d bytes are read", n)
		}
	}
}

func FuzzReadHistory(f *testing.F) {
	w := &world{}
	w.end("1", 3, 4)
	w.end("2", 3, 5)
	f.Add(w.history)
	f.Add([]byte{version, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, data []byte) {
		h := ReadHistory(data)
		once := h.Encode()
		if again := ReadHistory(once).Encode(); len(once) > MaxHistoryBytes || string(again) != string(once) {
			t.Errorf("%x is encoded as %x, then as %x", data, once, again)
		}
		w := &world{history: data}
		w.end("1", 3, 4)
	})
}

func TestASeriesWasRedIfTheRunBeforeFailed(t *testing.T) {
	w := &world{}
	red := func(id string) bool { return ReadHistory(w.history).WasRed(id, w.now+1) }
	if red("1") {
		t.Error("without a run")
	}
	w.end("1", 3)
	if !red("2") || red("1") {
		t.Errorf("behind a red run %t, of that run itself %t", red("2"), red("1"))
	}
	w.end("2")
	if red("3") {
		t.Error("behind a green one")
	}
	w.now += 3600
	w.endWith(&Ended{ID: "3", FinishedAt: w.now, Aborted: true}, 5)
	if red("4") {
		t.Error("an aborted one counts")
	}
}
