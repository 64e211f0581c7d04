package qaseapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/qaseapi/standin"
	"qaserelay/rules/failures"
)

func TestOneRoundFindsOutAllThatAListShows(t *testing.T) {
	b := newBench(t, shop())
	b.source.Failures.OwnerField = "owner"
	run, entity, again := b.Results(t.Context(), b.query(2))
	if !run.Known || !run.Complete || again != 0 || run.Error != "" || run.Failed != 2 || run.Outcome() != "complete" {
		t.Errorf("run %+v, again %s", run, again)
	}
	want := []failures.Result{
		{CaseID: 25, Hash: "hash25", Status: "failed", Reason: "expected 200, got 500", DurationMS: 1000, EndTime: end.Unix(),
			Title: "Login works", Suite: "Shop / Auth", Flaky: true, Tags: []string{"smoke"},
			Assignee: &failures.Person{MemberID: 40, Name: "Bob Bar", Email: "bob@bar.io"}},
		{CaseID: 31, Hash: "hash31", Status: "failed", DurationMS: 1000, EndTime: end.Unix(), Title: "Pay by card",
			Suite: "Checkout", Owner: &failures.Person{MemberID: 41, Name: "Ana López", Email: "ana@bar.io"}}}
	if !reflect.DeepEqual(run.Results, want) {
		t.Errorf("results %+v", run.Results)
	}
	if d := run.Defects; len(d) != 2 || d[0].ID != 12 || d[0].Title != "Cards are refused" || d[0].Hashes[0] != "hash31" {
		t.Errorf("defects %+v", d)
	}
	if fmt.Sprint(run.Cases) != "[25 31 40]" || run.FinishedAt != end.Unix() || run.TookMS != 1_800_000 {
		t.Errorf("run %+v", run)
	}
	wantEntity := map[string]any{"title": "Nightly", "environment": "stg", "environment_title": "Staging",
		"started_at": int(end.Add(-30 * time.Minute).Unix()), "plan": map[string]any{"id": 3, "title": "Regression"}}
	if !reflect.DeepEqual(entity, wantEntity) {
		t.Errorf("entity %v", entity)
	}
	if run.Requests > 14 || b.counts["qase run 200"] != 1 {
		t.Errorf("%d requests: %v", run.Requests, b.api.Requests())
	}
	b.api.Forget()
	if again, _ := b.results(2); shown(again) != shown(run) || len(b.api.Requests()) > 2 {
		t.Errorf("titles, plans and defects are asked for again: %v", b.api.Requests())
	}
}

func TestFailingTestsAreCountedAsTheRunCountsThem(t *testing.T) {
	at := func(r standin.Result, minutes int) standin.Result {
		r.End = end.Add(time.Duration(minutes) * time.Minute)
		return r
	}
	noCase := func(comment string) standin.Result {
		r := result(0, "failed", comment)
		r.NoCase = true
		return r
	}
	for name, c := range map[string]struct {
		failed    int
		statuses  map[string]int
		results   []standin.Result
		want      string
		recovered int
		complete  bool
	}{
		"a case with parameters is one test": {3, nil, []standin.Result{result(1, "failed", "a"), result(1, "failed", "b"),
			result(1, "failed", "c"), result(1, "passed", "")}, "1x3:c", 0, true},
		"a pass on a later attempt is no failure": {1, nil, []standin.Result{at(result(1, "passed", ""), 2),
			at(result(1, "failed", "flaky"), 1), result(2, "failed", "real")}, "2:real", 1, true},
		"in one second the later place decides": {1, nil, []standin.Result{result(1, "failed", "flaky"),
			result(1, "passed", ""),
			result(2, "failed", "real")}, "2:real", 1, true},
		"three failed attempts are one failure": {1, nil, []standin.Result{at(result(1, "failed", "first"), 1),
			at(result(1, "failed", "last"), 3), at(result(1, "failed", "second"), 2)}, "1a3:last", 0, true},
		"attempts and siblings together": {2, nil, []standin.Result{result(1, "failed", "a"), result(1, "failed", "b"),
			result(2, "failed", "flaky"), at(result(2, "passed", ""), 1)}, "1x2:b", 1, true},
		"unclear attempts are not invented": {3, nil, []standin.Result{result(1, "failed", "a"), result(1, "failed", "b"),
			result(1, "failed", "c"), result(1, "failed", "d"), result(2, "failed", "e")}, "1a4:d | 2:e", 0, false},
		"a result without a case": {2, nil, []standin.Result{noCase("Checkout test\nat x"), noCase("")},
			"0:Checkout test | 0:", 0, true},
		"invalid is a failure": {2, nil, []standin.Result{result(1, "failed", "a"), result(2, "invalid", "b")},
			"1:a | 2:b", 0, true},
		"blocked and skipped are not": {1, nil, []standin.Result{result(1, "failed", "a"), result(2, "blocked", "b"),
			result(3, "skipped", "c")}, "1:a", 0, true},
		"a status of the workspace, if the count asks for it": {2, map[string]int{"failed": 1, "broken": 1, "passed": 3},
			[]standin.Result{result(1, "failed", "a"), result(2, "broken", "b")}, "1:a | 2:b", 0, true},
		"a status of the workspace, if it does not": {1, map[string]int{"failed": 1, "accepted": 1},
			[]standin.Result{result(1, "failed", "a"), result(2, "accepted", "b")}, "1:a", 0, true},
		"more than the event says": {1, nil, []standin.Result{result(1, "failed", "a"), result(2, "failed", "b")},
			"1:a | 2:b", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			run := nightly(1, 2, 3)
			run.Statuses = c.statuses
			b := newBench(t, &standin.Project{Runs: []standin.Run{run}, Results: c.results})
			got, _ := b.results(c.failed)
			if shown(got) != c.want || got.Complete != c.complete || len(got.Recovered) != c.recovered {
				t.Errorf("got %s, complete: %t, recovered %v", shown(got), got.Complete, got.Recovered)
			}
		})
	}
}

// TestACaseThatWasTestedAgainAfterTheEnd asks about a run of which one of two failing cases has passed since.
func TestACaseThatWasTestedAgainAfterTheEnd(t *testing.T) {
	later := result(1, "passed", "")
	later.End = end.Add(time.Hour)
	run := nightly(1, 2, 3)
	run.Statuses = map[string]int{"failed": 1, "passed": 2}
	b := newBench(t, &standin.Project{Runs: []standin.Run{run}, Results: []standin.Result{result(1, "failed", "then"), later,
		result(2, "failed", "still")}})
	q := b.query(2)
	if got, _, _ := b.Results(t.Context(), q); got.Recounted || got.Failed != 2 {
		t.Errorf("for the event: %+v", got)
	}
	b.Anew(q)
	q.Again = true
	got, _, again := b.Results(t.Context(), q)
	if shown(got) != "2:still" || !got.Recounted || got.Failed != 1 || !got.Complete || len(got.Recovered) != 1 || again != 0 {
		t.Errorf("for a person who asks again: %s, %+v", shown(got), got)
	}
}

func TestResultsThatComeLateAreWaitedFor(t *testing.T) {
	p := shop()
	for i := range p.Results {
		p.Results[i].AfterQuestions = 2 * i // each round asks for the list, and for the attempts if there are any
	}
	b := newBench(t, p)
	first, again := b.results(2)
	if first.Complete || !first.Known || again != time.Second || first.Error != "Qase has 1 of 2 failing results so far" {
		t.Fatalf("run %+v, again %s", first, again)
	}
	b.pass(again)
	second, again := b.results(2)
	if !second.Complete || again != 0 || second.WaitedMS != 1000 || len(second.Results) != 2 {
		t.Errorf("run %+v, again %s", second, again)
	}
	if n := b.api.Asked("/v1/run"); n != 1 {
		t.Errorf("the run was asked for %d times", n)
	}
}

func TestResultsThatNeverComeCostNoMoreThanTheBudget(t *testing.T) {
	p := shop()
	b := newBench(t, p)
	var pauses []time.Duration
	for again := time.Second; again > 0 && len(pauses) < 100; {
		var run *failures.Run
		run, again = b.results(12)
		if run.Complete || len(run.Results) != 2 || run.Requests > maxRunRequests {
			t.Fatalf("run %+v", run)
		}
		b.pass(again)
		pauses = append(pauses, again)
	}
	if n := len(b.api.Requests()); n > maxRunRequests || fmt.Sprint(pauses[:5]) != "[1s 2s 4s 8s 16s]" {
		t.Errorf("%d requests, pauses %v", n, pauses)
	}
}

func TestThousandsOfFailuresCostThirtyRequests(t *testing.T) {
	p := &standin.Project{}
	run := nightly()
	for id := range 5000 {
		run.Cases = append(run.Cases, id+1)
		p.Cases = append(p.Cases, standin.Case{ID: id + 1, Title: fmt.Sprint("Test ", id+1), Suite: id%40 + 1})
		p.Results = append(p.Results, standin.Result{Run: 7, Case: id + 1, Status: "failed", End: end,
			Hash: fmt.Sprint(id), Trace: "AssertionError: " + strings.Repeat("x", 3000), Steps: 3})
	}
	for id := range 40 {
		p.Suites = append(p.Suites, standin.Suite{ID: id + 1, Title: fmt.Sprint("Suite ", id+1)})
	}
	p.Runs = []standin.Run{run}
	for _, search := range []bool{true, false} {
		b := newBench(t, p)
		b.api.Change(func(w *standin.World) { w.NoSearch = !search })
		var got *failures.Run
		var again time.Duration
		if grown := growth(func() { got, again = b.results(5000) }); grown > 30<<20 {
			t.Errorf("the heap grew by %d MiB", grown>>20)
		}
		if len(got.Results) != 1000 || got.Left != 4000 || got.Complete || again != 0 || got.Error != "" ||
			len(got.Cases) != 5000 {
			t.Errorf("%d results, %d left, complete: %t, again %s, error %s", len(got.Results), got.Left, got.Complete, again,
				got.Error)
		}
		if n := len(b.api.Requests()); n > maxRunRequests || n != got.Requests {
			t.Errorf("%d requests", n)
		}
		titled := 0
		for _, one := range got.Results {
			if one.Title != "" && one.Suite != "" {
				titled++
			}
		}
		if search && titled != maxShown {
			t.Errorf("with search %t, %d have titles; requests %v", search, titled, b.counts)
		}
	}
}

// growth returns by how many bytes the heap has grown at most while f ran.
func growth(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	used := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, stop, most := used(), make(chan struct{}), make(chan uint64)
	go func() {
		for peak := before; ; {
			peak = max(peak, used())
			select {
			case <-stop:
				most <- peak - before
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	return <-most
}

func TestALongTraceCostsTheMemoryOfItsBeginning(t *testing.T) {
	p := shop()
	p.Results[0].Trace, p.Results[0].Comment, p.Results[0].TraceBytes = "\n  java.lang.AssertionError: no\n", "", 20<<20
	p.Results[1].Steps = 2000
	b := newBench(t, p)
	var run *failures.Run
	grown := growth(func() { run, _ = b.results(2) })
	if got := shown(run); got != "25:java.lang.AssertionError: no | 31:" || !run.Complete {
		t.Errorf("got %s", got)
	}
	if grown > 30<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func TestAnAnswerWithoutEndIsCutAndTheOthersAreListed(t *testing.T) {
	p := shop()
	p.Results[0].TraceBytes = 70 << 20
	b := newBench(t, p)
	run, again := b.results(2)
	if shown(run) != "31:" || run.Complete || again == 0 || b.api.Asked("/v1/result") > 8 {
		t.Errorf("got %s, %+v, again %s, requests %v", shown(run), run, again, b.api.Requests())
	}
}

func TestEachTroubleHasItsWords(t *testing.T) {
	for name, c := range map[string]struct {
		trouble standin.Trouble
		failed  int
		error   string
		outcome string
		again   time.Duration
	}{
		"an API that is away": {standin.Trouble{Path: "/v1/run", HangUp: true}, 2, "cannot be reached", "none",
			errorPause},
		"a token that is refused": {standin.Trouble{Path: "/v1/run", Status: 401}, 2,
			"does not accept the api_token (401)", "refused", 0},
		"a project out of reach": {standin.Trouble{Path: "/v1/run", Status: 403}, 2,
			"may not read the project WEB (403)", "refused", 0},
		"a run that was deleted": {standin.Trouble{Path: "/v1/run", Status: 404}, 2, "does not have the run any more",
			"refused", 0},
		"no such project": {standin.Trouble{Status: 404}, 2, "does not see a project WEB (404)", "refused", 0},
		"too many requests": {standin.Trouble{Path: "/v1/run", RetryAfter: "17"}, 2, "too many requests",
			"limited", 17 * time.Second},
		"a server error": {standin.Trouble{Path: "/v1/run", Status: 500}, 2, "500 Internal Server Error",
			"none", errorPause},
		"an empty answer": {standin.Trouble{Path: "/v1/run", Empty: true}, 2, "empty or broken", "none",
			errorPause},
		"an answer that is cut": {standin.Trouble{Path: "/v1/run", Cut: true}, 2, "empty or broken", "none", errorPause},
		"an answer of another kind": {standin.Trouble{Path: "/v1/run", Body: "<html>"}, 2, "empty or broken", "none",
			errorPause},
		"a nested answer": {standin.Trouble{Path: "/v1/run", Body: `{"result":` + strings.Repeat("[", 1<<20)}, 2,
			"nested too deeply", "none", time.Second},
		"a status that says no": {standin.Trouble{Path: "/v1/run", Body: `{"status":false,"result":{}}`}, 2,
			"empty or broken",
			"none", errorPause},
		"results out of reach": {standin.Trouble{Path: "/v1/result", Status: 403}, 2, "may not read the project WEB",
			"refused", 0},
		"results that fail": {standin.Trouble{Path: "/v1/result", Status: 502}, 2, "502 Bad Gateway", "none", errorPause},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, shop())
			b.api.Trouble(c.trouble)
			run, again := b.results(c.failed)
			if run.Known || run.Complete ||
				!strings.Contains(run.Error, c.error) || run.Outcome() != c.outcome || again != c.again {
				t.Errorf("run %+v, outcome %s, again %s", run, run.Outcome(), again)
			}
			asked := len(b.api.Requests())
			for range 20 {
				b.results(c.failed)
			}
			if n := len(b.api.Requests()) - asked; n > 0 && c.again != time.Second || n > maxRunRequests {
				t.Errorf("asked %d times more", n)
			}
			if strings.Contains(run.Error, "127.0.0.1") {
				t.Errorf("a message would name an address of the network: %s", run.Error)
			}
			if n := strings.Count(b.log.String(), "level=WARN"); n > 1 {
				t.Errorf("logged %d warnings: %s", n, b.log.String())
			}
		})
	}
}

func TestAPauseIsOfTheSourceOrOfTheProject(t *testing.T) {
	p := shop()
	p.Hidden = true
	b := newBench(t, p)
	b.api.Change(func(w *standin.World) {
		w.Projects = append(w.Projects, &standin.Project{Code: "API", Runs: []standin.Run{nightly()}})
	})
	b.results(2)
	other := b.query(0)
	other.Project = "API"
	if run, _, _ := b.Results(t.Context(), other); run.Error != "" || !run.Complete {
		t.Errorf("another project has run %+v", run)
	}
	b.api.Forget()
	if run, again := b.results(2); len(b.api.Requests()) != 0 || again != 0 || run.Outcome() != "refused" {
		t.Errorf("a project that rests was asked for: %v", b.api.Requests())
	}
	p.Hidden = false
	b.pass(refusedPause)
	if run, _ := b.results(2); !run.Complete {
		t.Errorf("after the pause: %+v", run)
	}
	b.api.Trouble(standin.Trouble{Status: 401})
	b.api.Forget()
	b.results(2)
	b.Results(t.Context(), other)
	if n := len(b.api.Requests()); n != 1 {
		t.Errorf("a token that is refused was sent %d times", n)
	}
	b.api.Trouble()
	renewed := token
	b.source.Token = &renewed
	b.source.APIURL += "/"
	b.source.APIURL = strings.TrimSuffix(b.source.APIURL, "/")
	b.pass(refusedPause)
	if run, _ := b.results(2); !run.Complete {
		t.Errorf("after the pause: %+v", run)
	}
}

func TestAnotherTokenIsTriedAtOnce(t *testing.T) {
	b := newBench(t, shop())
	wrong := "wrong-token"
	right := b.source.Token
	b.source.Token = &wrong
	if run, _ := b.results(2); run.Outcome() != "refused" {
		t.Fatalf("run %+v", run)
	}
	b.source.Token = right
	if run, _ := b.results(2); !run.Complete {
		t.Errorf("run %+v", run)
	}
}

func TestAnEmptyOrCutAnswerIsAskedForOnceMore(t *testing.T) {
	for _, trouble := range []standin.Trouble{{Empty: true}, {Cut: true}} {
		b := newBench(t, shop())
		trouble.Path, trouble.Times = "/v1/result", 1
		b.api.Trouble(trouble)
		if run, _ := b.results(2); !run.Complete {
			t.Errorf("run %+v", run)
		}
	}
}

func TestARunThatIsDeletedWhileItsResultsAreAwaitedKeepsThoseThatWereThere(t *testing.T) {
	b := newBench(t, shop())
	first, again := b.results(3) // one more than there are
	if !first.Known || len(first.Results) == 0 || again == 0 {
		t.Fatalf("run %+v, again %s", first, again)
	}
	b.api.Change(func(w *standin.World) { w.Projects[0].Runs, w.Projects[0].Results = nil, nil })
	run, again := b.results(3)
	if shown(run) != shown(first) || run.Complete || run.Error != "Qase does not have the run any more" || again != 0 ||
		run.Cause != failures.CauseRefused {
		t.Errorf("run %+v, again %s", run, again)
	}
}

func TestAShortPauseOfQaseIsKept(t *testing.T) {
	b := newBench(t, shop())
	for header, pause := range map[string]time.Duration{"2": 2 * time.Second, "0": time.Second} {
		b.api.Trouble(standin.Trouble{Path: "/v1/result", Times: 1, RetryAfter: header})
		run, again := b.results(2)
		if again != pause || run.Known || b.WhyNot(b.source, "WEB", b.clock().Add(pause)) == "" ||
			b.WhyNot(b.source, "WEB", b.clock().Add(pause+time.Second)) != "" {
			t.Fatalf("%s: run %+v, again %s", header, run, again)
		}
		b.pass(pause)
		if run, _ := b.results(2); !run.Complete {
			t.Errorf("%s: run %+v", header, run)
		}
	}
}

func TestWhyASourceRestsNamesNoAddress(t *testing.T) {
	b := newBench(t, shop())
	b.server.Close()
	run, _ := b.results(2)
	if why := b.WhyNot(b.source, "WEB", b.clock()); why != "the Qase API cannot be reached" || why != run.Error {
		t.Errorf("%q, and first %q", why, run.Error)
	}
}

func TestTooManyRequestsRestTheSourceForAsLongAsQaseSays(t *testing.T) {
	b := newBench(t, shop())
	b.api.Trouble(standin.Trouble{Path: "/v1/result", Times: 1, RetryAfter: "60"})
	run, again := b.results(2)
	if again != time.Minute || run.Known || run.Outcome() != "limited" {
		t.Fatalf("run %+v, again %s", run, again)
	}
	b.pass(59 * time.Second)
	b.api.Forget()
	if _, again := b.results(2); again != time.Second || len(b.api.Requests()) != 0 {
		t.Errorf("again %s, asked %v", again, b.api.Requests())
	}
	b.pass(time.Second)
	if run, _ := b.results(2); !run.Complete {
		t.Errorf("run %+v", run)
	}
}

func TestASlowAPIKeepsTheCallerNoLongerThanItWaits(t *testing.T) {
	b := newBench(t, shop())
	hold := make(chan struct{})
	defer close(hold)
	b.api.Trouble(standin.Trouble{Path: "/v1/result", Hold: hold})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for b.api.Asked("/v1/result") == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	run, entity, again := b.Results(ctx, b.query(2))
	if run.Known || run.Error != "the Qase API did not answer in 1 s" || again == 0 || entity["title"] != "Nightly" {
		t.Errorf("run %+v, again %s, entity %v", run, again, entity)
	}
}

func TestTheTokenGoesToNoOtherAddress(t *testing.T) {
	elsewhere := make(chan string, 100)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		elsewhere <- r.Header.Get("Token")
	}))
	defer other.Close()
	b := newBench(t, shop())
	b.api.Trouble(standin.Trouble{Redirect: other.URL})
	run, again := b.results(2)
	if len(elsewhere) != 0 || !strings.Contains(run.Error, "check api_url") || again != errorPause {
		t.Errorf("run %+v, again %s, %d requests elsewhere", run, again, len(elsewhere))
	}
}

func TestACaseThatWasDeletedAndPartsOutOfReachLeaveTheList(t *testing.T) {
	p := shop()
	p.Cases = p.Cases[1:]
	b := newBench(t, p)
	b.api.Trouble(standin.Trouble{Path: "/v1/defect", Status: 403}, standin.Trouble{Path: "/v1/plan", Status: 403},
		standin.Trouble{Path: "/v1/suite", Status: 404})
	run, again := b.results(2)
	if !run.Complete || again != 0 || !run.Results[0].Deleted || run.Results[1].Title != "Pay by card" ||
		run.Defects != nil {
		t.Errorf("run %+v", run)
	}
	if b.log.String() != "" {
		t.Errorf("logged %s", b.log.String())
	}
}

func TestReasonsAreLeftOutOnRequest(t *testing.T) {
	b := newBench(t, shop())
	b.source.Failures.NoReasons = true
	if run, _ := b.results(2); shown(run) != "25: | 31:" {
		t.Errorf("got %s", shown(run))
	}
}

func TestASourceThatDoesNotAsk(t *testing.T) {
	b := newBench(t, shop())
	b.source.Failures.Off = true
	if run, again := b.results(2); run.Outcome() != "off" || again != 0 || len(b.api.Requests()) != 0 {
		t.Errorf("run %+v", run)
	}
	b.source.Failures.Off, b.source.Token = false, nil
	if run, again := b.results(2); run.Outcome() != "off" || again != 0 || len(b.api.Requests()) != 0 {
		t.Errorf("run %+v", run)
	}
}

func TestAnAPIThatDoesNotAnswerRestsTheSource(t *testing.T) {
	b := newBench(t, shop())
	hold := make(chan struct{})
	defer close(hold)
	b.Timeout = 10 * time.Millisecond
	b.api.Trouble(standin.Trouble{Hold: hold})
	if run, again := b.results(2); !strings.HasPrefix(run.Error, "the Qase API did not answer within ") ||
		again != errorPause {
		t.Errorf("run %+v, again %s", run, again)
	}
	asked := len(b.api.Requests())
	if run, again := b.results(2); len(b.api.Requests()) != asked || again != errorPause || run.Outcome() != "none" {
		t.Errorf("run %+v, again %s", run, again)
	}
}

func TestAPersonWhoAsksAnewDoesNotWaitForAPause(t *testing.T) {
	for status, asksAtOnce := range map[int]bool{500: true, 401: true, 403: true, 404: true, 429: false} {
		b := newBench(t, shop())
		b.api.Trouble(standin.Trouble{Status: status})
		b.results(2)
		b.api.Trouble()
		asked := len(b.api.Requests())
		if run, _ := b.results(2); run.Known || len(b.api.Requests()) != asked {
			t.Errorf("after %d it asks without a pause: %v", status, b.api.Requests()[asked:])
		}
		b.Anew(b.query(2))
		if run, _ := b.results(2); run.Complete != asksAtOnce {
			t.Errorf("after %d and a question of a person: run %+v", status, run)
		}
	}
}

func TestAnEventThatWaitedBeforeARestartHasWaitedAllThatTime(t *testing.T) {
	b := newBench(t, shop())
	q := b.query(2)
	q.Event.ReceivedAt = b.clock().Add(-12 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run, _, _ := b.Results(ctx, q)
	if run.Error != "the Qase API did not answer in 12 s" || run.WaitedMS != 12_000 {
		t.Errorf("run %+v", run)
	}
}

func TestCasesThatWereBlockedOrSkippedAreKnown(t *testing.T) {
	run := nightly(1, 2, 3, 4)
	results := []standin.Result{result(1, "failed", "a"), result(2, "blocked", "b"), result(3, "skipped", "c"),
		result(4, "passed", "")}
	b := newBench(t, &standin.Project{Runs: []standin.Run{run}, Results: results})
	if got, _ := b.results(1); !got.Complete || fmt.Sprint(got.Others) != "[2 3]" {
		t.Errorf("others %v of %+v", got.Others, got)
	}
	run.Statuses = map[string]int{"failed": 1, "blocked": 1, "skipped": 2, "passed": 1}
	b = newBench(t, &standin.Project{Runs: []standin.Run{run}, Results: results})
	if got, _ := b.results(1); got.Others != nil {
		t.Errorf("while a result is still to come, others are %v", got.Others)
	}
}

func TestCasesWithoutAFinalResultAreKnown(t *testing.T) {
	run := nightly(1, 2, 3, 4, 5, 6)
	results := []standin.Result{result(1, "failed", "a"), result(2, "passed", ""), result(3, "in_progress", ""),
		result(4, "passed", "")}
	b := newBench(t, &standin.Project{Runs: []standin.Run{run}, Results: results})
	if got, _ := b.results(1); !got.Complete || fmt.Sprint(got.Others) != "[3 5 6]" {
		t.Errorf("others %v of %+v", got.Others, got)
	}
	run.Statuses = map[string]int{"failed": 1, "passed": 3, "untested": 2}
	b = newBench(t, &standin.Project{Runs: []standin.Run{run}, Results: results})
	if got, _ := b.results(1); got.Others != nil {
		t.Errorf("while a passing result is still to come, others are %v", got.Others)
	}
	many := make([]int, 700)
	results = nil
	for i := range many {
		if many[i] = i + 1; i > 0 {
			results = append(results, result(i, "passed", ""))
		}
	}
	b = newBench(t, &standin.Project{Runs: []standin.Run{nightly(many...)}, Results: results})
	if got, _ := b.results(0); got.Others != nil || got.Requests > 12 {
		t.Errorf("of too many cases, others are %d after %d requests", len(got.Others), got.Requests)
	}
}
