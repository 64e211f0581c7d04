package qaseapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/qaseapi/standin"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

const token = "t0ken-of-qase"

var end = time.Date(2026, 11, 27, 8, 30, 0, 0, time.UTC)

// bench is a client with its API, and a clock that stands still.
type bench struct {
	*Client
	t      *testing.T
	api    *standin.Server
	server *httptest.Server
	source *rules.Source
	log    *lines
	mu     sync.Mutex
	at     time.Time
	counts map[string]int
}

// lines is a log. It may be written from many goroutines.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func newBench(t *testing.T, p *standin.Project) *bench {
	p.Code = "WEB"
	b := &bench{t: t, log: &lines{}, at: end, counts: map[string]int{}}
	b.api = standin.New(standin.World{Token: token, Projects: []*standin.Project{p}, NoSearch: true,
		Members: []standin.Member{
			{ID: 40, Name: "Bob Bar", Email: "bob@bar.io"}, {ID: 41, Name: "Ana López", Email: "ana@bar.io", NotAuthor: true}}})
	b.server = httptest.NewServer(b.api)
	secret := token
	b.source = &rules.Source{Name: "qase", APIURL: b.server.URL + "/v1", Token: &secret,
		Failures: failures.DefaultSettings()}
	b.Client = NewClient(Options{Logger: slog.New(slog.NewTextHandler(b.log, nil)), Now: b.clock, Timeout: time.Minute,
		Hide: func(s string) string { return strings.ReplaceAll(s, "configured-secret", "<secret>") },
		Requested: func(source, endpoint, code string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.counts[source+" "+endpoint+" "+code]++
		}})
	t.Cleanup(func() {
		b.Close()
		b.server.Close()
		if strings.Contains(b.log.String(), token) {
			t.Errorf("the log shows the token: %s", b.log.String())
		}
	})
	return b
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

// query is about run 7, which counts some failures.
func (b *bench) query(failed int) RunQuery {
	return RunQuery{Source: b.source, Project: "WEB", RunID: "7", Failed: failed, Event: b.event(7)}
}

func (b *bench) event(run int) *event.Event {
	ev, err := event.Parse("qase", fmt.Appendf(nil,
		`{"event_name":"run.completed","timestamp":1767225600,"payload":{"id":%d},`+
			`"team_member_id":40,"project_code":"WEB"}`, run), end)
	if err != nil {
		b.t.Fatal(err)
	}
	return ev
}

// results asks one round about run 7.
func (b *bench) results(failed int) (*failures.Run, time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	run, _, again := b.Results(ctx, b.query(failed))
	if strings.Contains(fmt.Sprintf("%+v", *run), token) {
		b.t.Errorf("the token is shown: %+v", *run)
	}
	return run, again
}

// shown is the list of failing tests in one line.
func shown(run *failures.Run) string {
	var all []string
	for _, one := range run.Results {
		text := fmt.Sprintf("%d", one.CaseID)
		if one.Times > 1 {
			text += fmt.Sprintf("x%d", one.Times)
		}
		if one.Attempts > 1 {
			text += fmt.Sprintf("a%d", one.Attempts)
		}
		all = append(all, text+":"+one.Reason)
	}
	return strings.Join(all, " | ")
}

// nightly is run 7 of some cases.
func nightly(cases ...int) standin.Run {
	return standin.Run{ID: 7, Title: "Nightly", Environment: "stg", Plan: 3, Cases: cases,
		Start: end.Add(-30 * time.Minute), End: end}
}

func result(id int, status, comment string) standin.Result {
	return standin.Result{Run: 7, Case: id, Hash: fmt.Sprint("hash", id), Status: status, Comment: comment, End: end,
		Took: time.Second}
}

// shop is a project with all that a list shows.
func shop() *standin.Project {
	return &standin.Project{Title: "Shop",
		Cases: []standin.Case{{ID: 25, Suite: 12, Title: "Login works", Flaky: true, Tags: []string{"smoke"}},
			{ID: 31, Suite: 13, Title: "Pay by card", Fields: map[int]string{5: "41"}}, {ID: 40, Title: "Logout"}},
		Suites: []standin.Suite{{ID: 12, Title: "Auth", Parent: 11}, {ID: 11, Title: "Shop"}, {ID: 13,
			Title: "Checkout"}},
		Plans:        []standin.Plan{{ID: 3, Title: "Regression", Assignees: map[int]int{25: 40}}},
		Environments: []standin.Environment{{ID: 2, Title: "Staging", Slug: "stg"}},
		Fields:       []standin.Field{{ID: 5, Title: "Owner", Type: "user"}},
		Runs:         []standin.Run{nightly(25, 31, 40)},
		Results: []standin.Result{result(25, "failed", "expected 200, got 500"), result(31, "failed", ""),
			result(40, "passed", "")},
		Defects: []standin.Defect{{ID: 12, Title: "Cards are refused", Results: []string{"hash31"}}, {ID: 13, Title: "Other",
			Results: []string{"x"}}, {ID: 14, Title: "Old", Status: "resolved", Results: []string{"hash25"}}},
	}
}
