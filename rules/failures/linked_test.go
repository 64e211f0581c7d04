package failures

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// endLinked lets a run end in which each test is linked to the open defect of its number; 0 is linked to none.
func (w *world) endLinked(e *Ended, defects map[int]int) *Report {
	w.now += 3600
	e.FinishedAt, e.Facts = w.now, &Run{Known: true, Complete: true}
	byID := map[int]*Defect{}
	for id := 1; id <= 20; id++ {
		defect, fails := defects[id]
		if !fails {
			continue
		}
		hash := fmt.Sprint(e.ID, "-", id)
		e.Facts.Results = append(e.Facts.Results, Result{CaseID: id, Status: "failed", Hash: hash})
		if defect == 0 {
			continue
		}
		if byID[defect] == nil {
			byID[defect] = &Defect{ID: defect, Title: fmt.Sprint("Broken ", defect), Status: "open"}
		}
		byID[defect].Hashes = append(byID[defect].Hashes, hash)
	}
	for _, d := range byID {
		e.Facts.Defects = append(e.Facts.Defects, *d)
	}
	return w.endWith(e)
}

// defects returns the open defects of a summary since the hour from: number, title and tests.
func (w *world) defects(from int64) string {
	s := &Period{Project: "WEB", QaseURL: "https://app.qase.io", From: time.Unix(from*3600, 0),
		To: time.Unix(w.now+1, 0), Location: time.UTC, Series: []Ran{{"Regression", "staging", ReadHistory(w.history)}}}
	payload, _ := s.Payload()
	var all []string
	for _, one := range payload["defects"].([]any) {
		d := one.(map[string]any)
		all = append(all, fmt.Sprint(d["id"], " ", d["title"], " ", d["tests"]))
	}
	return strings.Join(all, ", ")
}

func TestASummaryListsTheOpenDefectsOfTheNewestRun(t *testing.T) {
	w := &world{}
	is := func(from int64, want string) {
		t.Helper()
		if got := w.defects(from); got != want {
			t.Errorf("got %q, not %q", got, want)
		}
	}
	w.endLinked(&Ended{ID: "1"}, map[int]int{1: 7, 2: 9, 3: 9, 4: 0})
	is(0, "9 Broken 9 2, 7 Broken 7 1")
	w.endLinked(&Ended{ID: "2"}, map[int]int{2: 9, 4: 0}) // case 1 passes
	is(0, "9 Broken 9 1")
	w.endLinked(&Ended{ID: "3", Aborted: true}, map[int]int{5: 11}) // it says nothing of case 2
	is(0, "9 Broken 9 1, 11 Broken 11 1")
	w.now += 3600
	w.endWith(&Ended{ID: "4", FinishedAt: w.now, Failed: 3, Facts: &Run{Error: "the Qase API did not answer"}})
	is(0, "9 Broken 9 1, 11 Broken 11 1")
	is(4, "") // the period began after the runs with defects
	before := w.now
	w.now = 1800
	w.endLinked(&Ended{ID: "0"}, map[int]int{6: 12}) // an older run that is decided late
	w.now = before
	is(0, "9 Broken 9 1, 11 Broken 11 1")
	w.endLinked(&Ended{ID: "5"}, map[int]int{6: 0})
	is(0, "")
}

func TestDefectsThatAreResolvedAndCasesThatAreDeletedLeaveTheHistory(t *testing.T) {
	w := &world{}
	w.endLinked(&Ended{ID: "1"}, map[int]int{1: 7, 2: 9, 3: 9, 4: 11})
	h := ReadHistory(w.history)
	if !h.Resolve(11) || h.Resolve(12) {
		t.Error("the wrong defect was kept")
	}
	h.Forget(1)
	h.Forget(2)
	w.history = h.Encode()
	if got := w.defects(0); got != "9 Broken 9 1" {
		t.Errorf("got %q", got)
	}
}

func TestADefectOfSeveralSeriesIsListedOnce(t *testing.T) {
	a, b := &world{}, &world{}
	a.endLinked(&Ended{ID: "1"}, map[int]int{1: 7, 2: 7})
	b.endLinked(&Ended{ID: "2"}, map[int]int{2: 7, 3: 7})
	s := &Period{Project: "WEB", QaseURL: "https://app.qase.io", From: time.Unix(0, 0), To: time.Unix(9999, 0),
		Location: time.UTC, Series: []Ran{{"Smoke", "", ReadHistory(a.history)}, {"Regression", "", ReadHistory(b.history)}}}
	payload, _ := s.Payload()
	const want = "[map[id:7 series:Smoke, Regression tests:3 title:Broken 7 url:https://app.qase.io/defect/WEB/view/7]]"
	if got := fmt.Sprint(payload["defects"]); got != want || payload["defects_total"] != 1 {
		t.Errorf("%v defects: %s", payload["defects_total"], got)
	}
}

func TestTheDefectsOfAHistoryAreBounded(t *testing.T) {
	e := &Ended{ID: "1", FinishedAt: 3600, Project: "WEB", Location: time.UTC, Cases: 900, Failed: 900,
		Facts: &Run{Known: true, Complete: true}}
	for id := 1; id <= 900; id++ {
		hash := fmt.Sprint(id)
		e.Facts.Results = append(e.Facts.Results, Result{CaseID: id << 30, Status: "failed", Hash: hash})
		e.Facts.Defects = append(e.Facts.Defects, Defect{ID: id%60 + 1, Title: strings.Repeat("é", 300), Hashes: []string{hash}})
	}
	NewReport(e)
	h := ReadHistory(e.History.Encode())
	if len(h.seen.defects) != maxDefects || h.seen.defects[0].id != 11 || len(h.seen.defects[0].tests) != 15 {
		t.Errorf("%d defects: %+v", len(h.seen.defects), h.seen.defects[:1])
	}
	if size := len(h.seen.append(nil)); size > 32<<10 {
		t.Errorf("%d bytes", size)
	}
}

func TestHistoriesOfEarlierReleasesHaveNoDefects(t *testing.T) {
	w := &world{}
	w.endLinked(&Ended{ID: "1"}, map[int]int{3: 7})
	h := ReadHistory(w.history)
	tail := len(h.seen.append(nil))
	older := append([]byte{olderVersion}, w.history[1:len(w.history)-tail]...)
	for form, data := range map[byte][]byte{
		olderVersion: older,
		firstVersion: append([]byte{firstVersion}, older[1:len(older)-1]...), // without the number of older runs
	} {
		if old := ReadHistory(data); len(old.Runs) != 1 || len(old.cases) != 1 || len(old.seen.defects) != 0 {
			t.Errorf("version %d: %d runs, %d cases, %v", form, len(old.Runs), len(old.cases), old.seen)
		}
	}
	w.history = older
	w.endLinked(&Ended{ID: "2"}, map[int]int{3: 7})
	if got := w.defects(0); got != "7 Broken 7 1" {
		t.Errorf("after the next run: %q", got)
	}
}
