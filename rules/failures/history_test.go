package failures

import "testing"

func TestACaseThatWasDeletedLeavesTheHistory(t *testing.T) {
	w := &world{}
	w.endWith(&Ended{ID: "1", FinishedAt: 100, Failed: 2, Cases: 4, Passed: 2, Facts: &Run{Known: true, Complete: true, Failed: 2,
		Cases: IDs{1, 2, 3, 4}, Results: []Result{{CaseID: 1, Status: "failed"}, {CaseID: 2, Status: "failed"}}}})
	h := ReadHistory(w.history)
	if !h.Forget(1) || !h.Forget(3) || h.Forget(1) || h.Forget(9) {
		t.Error("it is not reported which cases were known")
	}
	h = ReadHistory(h.Encode())
	if h.cases[1] != nil || h.cases[2] == nil || h.passed.Has(3) || !h.passed.Has(4) {
		t.Errorf("kept are %v, passed %v", h.cases, h.passed)
	}
}

func TestARunIsComparedWithTheOneByTheAPIAndThenWithItself(t *testing.T) {
	w := &world{}
	run := func(id string, end int64, compared *Compared, failing ...int) *Report {
		facts := &Run{Known: true, Complete: true, Failed: len(failing), Cases: IDs{1, 2, 3, 4}, Compared: compared}
		for _, id := range failing {
			facts.Results = append(facts.Results, Result{CaseID: id, Status: "failed"})
		}
		return w.endWith(&Ended{ID: id, FinishedAt: end, Failed: len(failing), Cases: 4, Passed: 4 - len(failing), Facts: facts})
	}
	r := run("2", 200, &Compared{Run: "1", FinishedAt: 100, Cases: IDs{1, 2, 3, 4}, Failed: IDs{1, 2}}, 1, 3)
	if r.NewTotal != 1 || codes(r.Fixed) != "WEB-2" || r.Compared.ID != "1" || r.List[0].NeverPassed || !r.List[0].New {
		t.Errorf("%d new, fixed %s, compared with %+v, %+v", r.NewTotal, codes(r.Fixed), r.Compared, r.List[0])
	}
	if still := r.List[1]; still.RedRuns != 2 || still.Since != 100 {
		t.Errorf("red in %d runs since %d", still.RedRuns, still.Since)
	}
	r = run("3", 300, nil, 1)
	if still := r.List[0]; still.New || still.RedRuns != 3 || still.Since != 100 || codes(r.Fixed) != "WEB-3" {
		t.Errorf("red in %d runs since %d, fixed %s", still.RedRuns, still.Since, codes(r.Fixed))
	}
}
