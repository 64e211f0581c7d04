package failures

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/event"
)

func fromEvent(t *testing.T, name, payload string) (string, Result, bool) {
	t.Helper()
	ev, err := event.Parse("qase", fmt.Appendf(nil, `{"event_name":%q,"timestamp":1767225600,"payload":%s,"project_code":"WEB"}`,
		name, payload), time.Unix(1767225601, 0))
	if err != nil {
		t.Fatal(err)
	}
	return FromEvent(ev)
}

func TestEventsOfResultsAreReadInAnyForm(t *testing.T) {
	for _, payload := range []string{
		`{"run_id":7,"case_id":25,"hash":"abc","status":"failed","comment":"\n no \nmore"}`,
		`{"run":7,"case":25,"hash":"abc","status":2,"comment":"no"}`,
		`{"run":{"id":7},"case":{"id":25},"hash":"abc","status":{"id":2,"slug":"failed"},"stacktrace":"no\n\tat x"}`,
		`{"run":"7","case_id":"25","result_hash":"abc","status":"Failed","comment":"","stacktrace":"no"}`,
		`{"result":{"case_id":25,"hash":"abc","status":"failed","comment":"no"},"run_id":7,"id":1}`,
	} {
		run, r, ok := fromEvent(t, "result.created", payload)
		if !ok || run != "7" || r.CaseID != 25 || r.Hash != "abc" || r.Status != "failed" || r.Reason != "no" || r.EndTime != 1767225600 {
			t.Errorf("%s is read as run %s, %+v, %t", payload, run, r, ok)
		}
	}
	_, r, ok := fromEvent(t, "result.updated", `{"run_id":7,"case":{"id":25,"title":"Login"},"status":"passed",
		"time_spent_ms":1500,"end_time":"2026-01-01 08:00:00"}`)
	if !ok || r.Title != "Login" || r.DurationMS != 1500 || r.EndTime != 1767254400 {
		t.Errorf("got %+v, %t", r, ok)
	}
}

func TestEventsThatDoNotNameAResultAreLeft(t *testing.T) {
	for _, c := range [][2]string{
		{"result.created", `{}`}, {"result.created", `{"run_id":7}`}, {"result.created", `{"case_id":25,"status":"failed"}`},
		{"result.created", `{"run_id":7,"case_id":25}`}, {"result.created", `{"run_id":7,"status":"failed"}`},
		{"result.created", `{"run_id":[7],"case_id":25,"status":"failed"}`},
		{"result.created", `{"run_id":7,"case_id":-3,"status":"failed"}`},
		{"result.created", `{"run_id":7,"case_id":25,"status":99}`},
		{"result.created", `{"result":[],"run":{},"case":{"id":{}},"status":[]}`},
		{"result.deleted", `{"run_id":7,"case_id":25,"status":"failed"}`},
		{"run.completed", `{"run_id":7,"case_id":25,"status":"failed"}`},
	} {
		if run, r, ok := fromEvent(t, c[0], c[1]); ok {
			t.Errorf("%s %s is read as run %s, %+v", c[0], c[1], run, r)
		}
	}
	_, r, ok := fromEvent(t, "result.created", `{"run_id":7,"case_id":25,"status":"failed","comment":"`+
		strings.Repeat("x", 5000)+`"}`)
	if !ok || len(r.Reason) > 210 {
		t.Errorf("the reason has %d bytes", len(r.Reason))
	}
}
