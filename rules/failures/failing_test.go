package failures

import (
	"fmt"
	"strings"
	"testing"
)

func TestResultsOfEventsAreTheFailingOnesOfARun(t *testing.T) {
	f := &Failing{}
	take := func(id int, status string, end int64) bool {
		return f.Take(&Result{CaseID: id, Status: status, EndTime: end, Title: fmt.Sprint("Test ", id)})
	}
	for _, c := range []struct {
		id      int
		status  string
		end     int64
		changes bool
	}{
		{7, "failed", 1, true}, {3, "invalid", 2, true}, {5, "passed", 3, false}, {9, "failed", 4, true},
		{7, "passed", 5, true},  // on retry
		{9, "passed", 1, false}, // comes late
		{8, "blocked", 6, false},
	} {
		if got := take(c.id, c.status, c.end); got != c.changes {
			t.Errorf("%d %s: changed %t", c.id, c.status, got)
		}
	}
	again := ReadFailing(f.Encode())
	run := again.Run(3)
	if len(run.Results) != 2 || run.Results[0].CaseID != 3 || run.Results[1].CaseID != 9 || !run.Known || run.Complete {
		t.Errorf("run %+v", run)
	}
	if !again.Run(2).Complete {
		t.Error("as many as the run says are not complete")
	}
	if ReadFailing([]byte("{")).Run(1) != nil || (&Failing{}).Encode() != nil {
		t.Error("nothing is something")
	}
}

func TestResultsOfEventsAreBounded(t *testing.T) {
	f := &Failing{}
	for id := range 2000 {
		f.Take(&Result{CaseID: id + 1, Status: "failed", Title: strings.Repeat("x", 200), Reason: strings.Repeat("y", 200)})
	}
	data := f.Encode()
	run := ReadFailing(data).Run(2000)
	if len(data) > maxFailingBytes || len(run.Results)+run.Left != 2000 || run.Complete || len(run.Results) < 50 {
		t.Errorf("%d bytes, %d results, %d left", len(data), len(run.Results), run.Left)
	}
}
