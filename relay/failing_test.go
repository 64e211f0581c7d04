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
	for i, statuses := range [][]string{
		{"failed", "failed", "failed", "passed", "passed"},
		{"passed", "blocked", "failed", "failed", "passed"},
		{"passed", "passed", "passed", "passed", "passed"},
	} {
		run, end := i+1, nightOf(i)
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

// starts posts the start of a run of nights.
func (m *machine) starts(t *testing.T, night int) {
	t.Helper()
	m.post(t, fmt.Sprintf(`{"event_name":"run.started","timestamp":%d,"payload":{"id":%d,"title":"Nightly",`+
		`"environment":"stg","plan":{"id":3,"title":"Regression"}},"team_member_id":0,"project_code":"WEB"}`,
		nightOf(night).Unix()-1800, night+1))
}

// ends posts the end of a run of nights.
func (m *machine) ends(t *testing.T, night int) {
	t.Helper()
	counts := []string{`"passed":2,"failed":3,"blocked":0`, `"passed":2,"failed":2,"blocked":1`,
		`"passed":5,"failed":0,"blocked":0`}[night]
	m.post(t, fmt.Sprintf(`{"event_name":"run.completed","timestamp":%d,"payload":{"id":%d,"cases":5,%s},`+
		`"team_member_id":0,"project_code":"WEB"}`, nightOf(night).Unix(), night+1, counts))
}

func nightOf(i int) time.Time { return time.Date(2026, 11, 24+i, 8, 0, 0, 0, time.UTC) }

// newNights returns a relay with default messages, which asks about nights, and what it sends.
func newNights(t *testing.T) (*machine, *bodies) {
	t.Helper()
	api := httptest.NewServer(standin.New(standin.World{Token: "t0ken", Projects: []*standin.Project{nights()},
		NoSearch: true}))
	t.Cleanup(api.Close)
	got := &bodies{}
	to := httptest.NewServer(got)
	t.Cleanup(to.Close)
	return start(t, t.TempDir(), fmt.Sprintf(`
sources: [{name: qase, secrets: [s3cret], api_token: t0ken, api_url: %q}]
notifiers: [{name: ops, type: http, url: %q}]
rules: [{name: done, when: event_name == "run.completed", notify: [ops]}]
`, api.URL+"/v1", to.URL)), got
}

func TestAMessageNamesWhatIsNewWhatStillFailsAndWhatIsFixed(t *testing.T) {
	m, got := newNights(t)
	for night := range 3 {
		m.starts(t, night)
		m.ends(t, night)
		eventually(t, "the message arrives", func() bool { return got.count() == night+1 })
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

func TestTheFirstRunAfterAnUpgradeIsComparedWithTheOneBeforeInQase(t *testing.T) {
	m, got := newNights(t)
	m.ends(t, 1)
	eventually(t, "the message arrives", func() bool { return got.count() == 1 })
	for _, part := range []string{"Nightly: 2 failed of 5 cases, 1 new\n", "**New**\n\n- [WEB-4 Login]",
		"**Still failing**\n\n- [WEB-3 Pay]", "2 runs", "Fixed: WEB-1\n"} {
		if !strings.Contains(got.all[0], part) {
			t.Errorf("%q is not in\n%s", part, got.all[0])
		}
	}
}

func TestAGreenRunWhoseStartDidNotComeNamesWhatIsFixed(t *testing.T) {
	m, got := newNights(t)
	m.starts(t, 1)
	m.ends(t, 1)
	eventually(t, "the first message arrives", func() bool { return got.count() == 1 })
	m.ends(t, 2)
	eventually(t, "the messages arrive", func() bool { return got.count() == 2 })
	for _, part := range []string{"Nightly: all 5 test cases passed\n", "Fixed: WEB-3, WEB-4\n"} {
		if !strings.Contains(got.all[1], part) {
			t.Errorf("%q is not in\n%s", part, got.all[1])
		}
	}
}

// TestAGreenRunThatIsKnownInPartNamesWhatIsFixed has an event that brings the title of the run, and neither its plan nor its
// environment.
func TestAGreenRunThatIsKnownInPartNamesWhatIsFixed(t *testing.T) {
	m, got := newNights(t)
	m.starts(t, 1)
	m.ends(t, 1)
	eventually(t, "the first message arrives", func() bool { return got.count() == 1 })
	m.post(t, `{"event_name":"run.updated","timestamp":1795766400,"payload":{"id":3,"title":"Nightly"},"team_member_id":0,`+
		`"project_code":"WEB"}`)
	m.ends(t, 2)
	eventually(t, "the messages arrive", func() bool { return got.count() == 2 })
	if !strings.Contains(got.all[1], "Fixed: WEB-3, WEB-4\n") {
		t.Errorf("nothing is fixed in\n%s", got.all[1])
	}
}

func TestACaseThatWasDeletedIsNeitherFixedNorStillFailing(t *testing.T) {
	m, got := newNights(t)
	m.starts(t, 1)
	m.ends(t, 1)
	eventually(t, "the first message arrives", func() bool { return got.count() == 1 })
	m.post(t, `{"event_name":"case.deleted","timestamp":1795766400,"payload":{"id":4},"team_member_id":0,"project_code":"WEB"}`)
	m.starts(t, 2)
	m.ends(t, 2)
	eventually(t, "the messages arrive", func() bool { return got.count() == 2 })
	if !strings.Contains(got.all[1], "Fixed: WEB-3\n") {
		t.Errorf("fixed in\n%s", got.all[1])
	}
}
