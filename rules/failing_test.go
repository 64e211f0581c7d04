package rules_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/failures"
	"qaserelay/rules/rulefile/rulefiletest"
)

// ending is the end of a run of one series, with what Qase says of it.
type ending struct {
	payload string
	facts   failures.Run
}

// story decides the ends of runs, one a day, with one rule, and returns the message of the last one.
func story(t *testing.T, rule string, how failures.Shown, ends ...ending) rules.Notification {
	t.Helper()
	set := rulefiletest.Parse(t, `
settings: {qase_url: "https://app.qase.io", timezone: UTC}
sources: [{name: qase, secrets: [secret]}]
people: [{name: Ana López, email: ana@example.com, member_id: 41}]
notifiers: [{name: qa, type: chat}]
rules: [`+rule+`]
`).Rules
	set.All()[0].Failures = how
	w := rulefiletest.NewWorld()
	w.Now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	var last rules.Notification
	for i, e := range ends {
		start := rulefiletest.Event(t, "run.started", fmt.Sprintf(
			`{"id":%d,"title":"Nightly regression","plan":{"id":3,"title":"Regression"},"environment":"staging"}`, i+1), w.Now)
		w.DecideEvent(set, start)
		w.Now = w.Now.Add(time.Duration(26+2*i) * time.Minute)
		ev := rulefiletest.Event(t, "run.completed", fmt.Sprintf(`{"id":%d,%s}`, i+1, e.payload), w.Now)
		facts := failures.Facts{Run: &e.facts}
		ev.Facts = facts.Encode()
		d := w.DecideEvent(set, ev)
		if len(d.Notifications) != 1 || len(d.Results[0].Notes) > 0 {
			t.Fatalf("run %d: %d notifications, %+v", i+1, len(d.Notifications), d.Results)
		}
		last = d.Notifications[0]
		w.Now = w.Now.Add(24 * time.Hour)
	}
	return last
}

const everything = `{name: ends, when: 'event_name == "run.completed"', notify: [qa]}`

// ids are the cases of the run.
func ids(n int) (all failures.IDs) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func result(id int, title, suite, reason string) failures.Result {
	return failures.Result{CaseID: id, Status: "failed", Title: title, Suite: suite, Reason: reason, Hash: fmt.Sprint("h", id)}
}

// known are facts of a run of 14 cases.
func known(results ...failures.Result) failures.Run {
	return failures.Run{Known: true, Complete: true, Source: failures.FromAPI, Failed: len(results), Cases: ids(14), Results: results}
}

func red(n int) string { return fmt.Sprintf(`"cases":14,"passed":%d,"failed":%d,"blocked":0`, 14-n, n) }

func alike(n int) (all []failures.Result) {
	for i := range n {
		all = append(all, result(i+1, fmt.Sprint("Page ", i+1, " opens"), "Shop", "connection refused"))
	}
	return all
}

func TestDefaultMessagesAboutFailingTests(t *testing.T) {
	login := result(25%14, "Login works", "Auth", "expected 200, got 500")
	login.Assignee = &failures.Person{MemberID: 41, Name: "Ana López"}
	logout := result(10, "Logout", "Auth", "timeout after 30 s")
	logout.Flaky = true
	pay := result(3, "Pay by card", "Shop / Checkout", "")
	before := ending{red(2), known(pay, result(7, "Sort", "Shop", "wrong order"))}
	third := known(pay, login, logout)
	third.Defects = []failures.Defect{{ID: 12, Title: "Slow", Status: "open", Hashes: []string{"h3"}}}
	hostile := result(4, "<b>*x* [a](http://e)", "@all / `b`", "# no\x1b[31m | <!channel>")
	down := failures.Run{Known: true, Complete: true, Failed: 300, Cases: ids(320), Results: alike(300)}
	withDefect := known(pay)
	withDefect.Defects = third.Defects
	muted := func(r failures.Result) failures.Result { r.Muted = true; return r }
	cases := []struct {
		name string
		how  failures.Shown
		ends []ending
	}{
		{"known", failures.Shown{}, []ending{before, {red(3), third}}},
		{"the first run", failures.Shown{}, []ending{{red(3), third}}},
		{"known in part", failures.Shown{}, []ending{before, {red(12), failures.Run{Known: true, Failed: 12, Cases: ids(14),
			Error: "Qase has 2 of 12 failing results so far", Results: []failures.Result{pay, login}}}}},
		{"cut off", failures.Shown{}, []ending{before, {red(12), failures.Run{Known: true, Failed: 12, Cases: ids(14), Cause: failures.CauseAway,
			Error: "the Qase API did not answer in 20 s", Results: []failures.Result{pay, login}}}}},
		{"unknown", failures.Shown{}, []ending{before, {red(3), failures.Run{Failed: 3, Cause: failures.CauseAway,
			Error: "the Qase API did not answer in 20 s"}}}},
		{"all fixed", failures.Shown{}, []ending{before, {red(0), known()}}},
		{"it is not known what was fixed", failures.Shown{}, []ending{before, {red(0), failures.Run{Cause: failures.CauseAway,
			Error: "the Qase API did not answer in 20 s"}}}},
		{"300 with one reason", failures.Shown{}, []ending{before, {`"cases":320,"passed":20,"failed":300`, down}}},
		{"5,000, of which 1,000 are read", failures.Shown{}, []ending{before, {`"cases":6000,"passed":1000,"failed":5000`, failures.Run{Known: true,
			Failed: 5000, Left: 4988, Cases: ids(6000), Results: manyReasons(12)}}}},
		{"hostile texts", failures.Shown{}, []ending{before, {red(1), known(hostile)}}},
		{"without reasons", failures.Shown{NoReasons: true}, []ending{before, {red(2), known(login, failures.Result{Status: "failed", Hash: "x",
			Title: "the secret", Reason: "the secret"})}}},
		{"all muted", failures.Shown{}, []ending{before, {red(2), known(muted(pay), muted(logout))}}},
		{"some muted", failures.Shown{}, []ending{before, {red(3), known(login, muted(pay), muted(logout))}}},
		{"some muted and one blocked", failures.Shown{}, []ending{before, {`"cases":14,"passed":11,"failed":2,"blocked":1`,
			known(muted(pay), muted(logout))}}},
		{"all with a defect", failures.Shown{}, []ending{before, {red(1), withDefect}}},
		{"no more than one", failures.Shown{Most: 1}, []ending{before, {red(3), third}}},
	}
	var got strings.Builder
	for _, c := range cases {
		n := story(t, everything, c.how, c.ends...)
		readsWell(t, c.name, n)
		fmt.Fprintf(&got, "=== %s\nlevel: %s %s\ntitle: %s\n\n%s\n\n", c.name, n.Level, n.ShownLabel(), n.Title, n.FullBody())
	}
	rulefiletest.Golden(t, filepath.Join("testdata", "failing.golden"), got.String())
}

func manyReasons(n int) (all []failures.Result) {
	for i := range n {
		all = append(all, result(i+1, fmt.Sprint("Page ", i+1, " opens"), "Shop", fmt.Sprint("reason ", i)))
	}
	return all
}

// TestARunIsCountedAnewWhenAPersonAsksAgain decides about a run of whose three failing cases two have passed since.
func TestARunIsCountedAnewWhenAPersonAsksAgain(t *testing.T) {
	facts := known(result(2, "Pay by card", "Shop", "timeout"))
	facts.Recounted, facts.Statuses = true, map[string]int{"passed": 13, "failed": 1}
	n := story(t, everything, failures.Shown{}, ending{red(3), facts})
	if n.Title != "Nightly regression: 1 failed of 14 cases" || !strings.Contains(n.Body, "13 passed") {
		t.Errorf("%s\n%s", n.Title, n.FullBody())
	}
}
