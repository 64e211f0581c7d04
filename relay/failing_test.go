package relay_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/qaseapi/standin"
)

// bodies receives messages by HTTP, and keeps the title and the body of each.
type bodies struct {
	mu  sync.Mutex
	all []string
}

func (b *bodies) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	var m struct{ Title, Body string }
	_ = json.NewDecoder(req.Body).Decode(&m)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, m.Title+"\n"+m.Body)
}

func (b *bodies) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// nights are three runs of a plan: of the three failures of the first, one fails in the second too, beside a new
// one, one is fixed and one is blocked; the third is green.
func nights() *standin.Project {
	p := &standin.Project{Code: "WEB", Title: "Shop", Plans: []standin.Plan{{ID: 3, Title: "Regression"}},
		Environments: []standin.Environment{{ID: 2, Title: "Staging", Slug: "stg"}}}
	for id, title := range []string{"", "Sort", "Search", "Pay", "Login", "Logout"} {
		if id > 0 {
			p.Cases = append(p.Cases, standin.Case{ID: id, Title: title})
		}
	}
	first := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for i, statuses := range [][]string{
		{"failed", "failed", "failed", "passed", "passed"},
		{"passed", "blocked", "failed", "failed", "passed"},
		{"passed", "passed", "passed", "passed", "passed"},
	} {
		run, end := i+1, first.Add(time.Duration(i)*24*time.Hour)
		p.Runs = append(p.Runs, standin.Run{ID: run, Title: "Nightly", Environment: "stg", Plan: 3,
			Cases: []int{1, 2, 3, 4, 5},
			Start: end.Add(-30 * time.Minute), End: end})
		for c, status := range statuses {
			p.Results = append(p.Results, standin.Result{Run: run, Case: c + 1, Status: status, End: end, Took: time.Second,
				Hash: fmt.Sprint("h", run, c), Comment: "expected 200, got 500"})
		}
	}
	return p
}

func TestAMessageNamesWhatIsNewWhatStillFailsAndWhatIsFixed(t *testing.T) {
	api := httptest.NewServer(standin.New(standin.World{Token: "t0ken", Projects: []*standin.Project{nights()},
		NoSearch: true}))
	t.Cleanup(api.Close)
	got := &bodies{}
	to := httptest.NewServer(got)
	t.Cleanup(to.Close)
	m := start(t, t.TempDir(), fmt.Sprintf(`
sources: [{name: qase, secrets: [s3cret], api_token: t0ken, api_url: %q}]
notifiers: [{name: ops, type: http, url: %q}]
rules: [{name: done, when: event_name == "run.completed", notify: [ops]}]
`, api.URL+"/v1", to.URL))
	for i, counts := range []string{`"passed":2,"failed":3,"blocked":0`, `"passed":2,"failed":2,"blocked":1`,
		`"passed":5,"failed":0,"blocked":0`} {
		at := time.Date(2026, 11, 24+i, 8, 0, 0, 0, time.UTC).Unix()
		m.post(t, fmt.Sprintf(
			`{"event_name":"run.started","timestamp":%d,"payload":{"id":%d,"title":"Nightly","environment":"stg",`+
				`"plan":{"id":3,"title":"Regression"}},"team_member_id":0,"project_code":"WEB"}`, at-1800, i+1))
		m.post(t, fmt.Sprintf(
			`{"event_name":"run.completed","timestamp":%d,"payload":{"id":%d,"cases":5,%s},"team_member_id":0,"project_code":"WEB"}`,
			at, i+1, counts))
		eventually(t, "the message arrives", func() bool { return got.count() == i+1 })
	}
	for i, want := range [][]string{
		{"Nightly: 3 failed of 5 cases\n", "**New**", "WEB-1 Sort", "WEB-3 Pay", "no run to compare with"},
		{"Nightly: 2 failed of 5 cases, 1 new\n", "**New**\n\n- [WEB-4 Login]", "**Still failing**\n\n- [WEB-3 Pay]",
			"2 runs", "Fixed: WEB-1\n",
			"before 40%", "1 blocked"},
		{"Nightly: all 5 test cases passed\n", "**5 passed** of 5 cases", "Fixed: WEB-3, WEB-4\n"},
	} {
		for _, part := range want {
			if !strings.Contains(got.all[i], part) {
				t.Errorf("run %d: %q is not in\n%s", i+1, part, got.all[i])
			}
		}
	}
}
