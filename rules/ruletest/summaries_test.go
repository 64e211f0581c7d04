package ruletest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/recap"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/ruletest"
)

const summaryRules = `
settings: {timezone: Europe/Berlin}
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: chat, type: chat, token: t, channel: "#qa"}]
rules:
  - {name: runs, when: event_type == "run", notify: [chat]}
summaries:
  - {name: qa-week, at: "mon 09:00", project: WEB, plans: [3], notify: [chat]}
  - {name: daily, at: "mon-fri 18:00", project: WEB, notify: [chat], always: true}
`

// nightly lets runs of plan 3 end, one each night at 02:00 in Berlin from a time on, with these failing cases of ten.
func nightly(t *testing.T, m *ruletest.Memory, set *rules.Set, from time.Time, nights ...[]int) (all []ruletest.Wake) {
	t.Helper()
	for i, failing := range nights {
		at := from.AddDate(0, 0, i)
		body := fmt.Sprintf(`{"event_name":"run.completed","timestamp":%d,"project_code":"WEB","team_member_id":1,"payload":`+
			`{"id":%d,"title":"Nightly","plan":{"id":3,"title":"Regression"},"environment":"staging","cases":10,"passed":%d,"failed":%d,`+
			`"duration":%d}}`, at.Unix(), i+1, 10-len(failing), len(failing), 600_000+i*100_000)
		ev, err := event.Parse("qase", []byte(body), at)
		if err != nil {
			t.Fatal(err)
		}
		run := &failures.Run{Known: true, Complete: true, Cases: failures.IDs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
		for _, id := range failing {
			run.Results = append(run.Results, failures.Result{CaseID: id, Status: "failed",
				Title: fmt.Sprintf("Case *%d*", id), Suite: "Shop"})
		}
		ev.Facts = (&failures.Facts{Run: run}).Encode()
		_, wakes := m.Decide(set, ev, at)
		all = append(all, wakes...)
	}
	return all
}

func TestSummariesAreSentAtTheirTimes(t *testing.T) {
	set := rulefiletest.Parse(t, summaryRules).Rules
	berlin, _ := time.LoadLocation("Europe/Berlin")
	m := &ruletest.Memory{}
	m.Arm(set, time.Date(2026, 11, 16, 8, 0, 0, 0, berlin))
	wakes := nightly(t, m, set, time.Date(2026, 11, 17, 2, 0, 0, 0, berlin),
		[]int{1}, []int{1, 2}, []int{1, 3}, []int{1, 2}, []int{1, 4}, []int{1, 2, 4}, []int{1})
	wakes = append(wakes, m.Pass(set, time.Date(2026, 12, 1, 10, 0, 0, 0, berlin))...)
	var got, week []string
	for _, w := range wakes {
		for _, n := range w.Decision.Notifications {
			got = append(got, w.At.In(berlin).Format("Mon 02 15:04 ")+n.Rule+": "+n.Title)
			if n.Rule == "qa-week-summary" {
				week = append(week, n.Body)
			}
		}
	}
	const none = " daily-summary: WEB, daily summary: no run has ended"
	want := []string{
		"Mon 16 18:00" + none,
		"Tue 17 18:00 daily-summary: WEB, daily summary: 1 run, 90% passed, 1 newly red",
		"Wed 18 18:00 daily-summary: WEB, daily summary: 1 run, 80% passed, 1 newly red",
		"Thu 19 18:00 daily-summary: WEB, daily summary: 1 run, 80% passed, 1 newly red",
		"Fri 20 18:00 daily-summary: WEB, daily summary: 1 run, 80% passed, 1 newly red",
		"Mon 23 09:00 qa-week-summary: WEB, weekly summary: 7 runs, 81% passed, 1 newly red",
		"Mon 23 18:00 daily-summary: WEB, daily summary: 3 runs, 80% passed",
		"Tue 24 18:00" + none, "Wed 25 18:00" + none, "Thu 26 18:00" + none, "Fri 27 18:00" + none,
		"Mon 30 18:00" + none, // and nothing at 09:00, since no run has ended in the week
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	const body = `7 runs from Mon 16 Nov 09:00 to Mon 23 Nov 09:00 · 81% passed

Tue 17 Nov 90% · Wed 18 Nov 80% · Thu 19 Nov 80% · Fri 20 Nov 80% · Sat 21 Nov 80% · Sun 22 Nov 70% · Mon 23 Nov 90% ▇▃▃▃▃▁▇

**Newly red: 1**

- [WEB-1 Case \*1\*](<https://app.qase.io/case/WEB-1>) · Shop · 7 runs, since 17 Nov

**Fixed: 3**

- [WEB-2 Case \*2\*](<https://app.qase.io/case/WEB-2>) · Shop
- [WEB-4 Case \*4\*](<https://app.qase.io/case/WEB-4>) · Shop
- [WEB-3 Case \*3\*](<https://app.qase.io/case/WEB-3>) · Shop

**Flakiest**

- [WEB-2 Case \*2\*](<https://app.qase.io/case/WEB-2>) · 5 changes in 6 runs`
	if len(week) != 1 || week[0] != body {
		t.Errorf("got\n%s", strings.Join(week, "\n"))
	}
}

func TestOfMissedSummariesTheLastIsSentOnce(t *testing.T) {
	set := rulefiletest.Parse(t, summaryRules).Rules
	berlin, _ := time.LoadLocation("Europe/Berlin")
	m := &ruletest.Memory{}
	start := time.Date(2026, 11, 16, 8, 0, 0, 0, berlin)
	var slot rules.Change
	for _, c := range set.Armed(start, false) {
		if name, _ := flow.Parse(c.Key); name.Owner == "qa-week-summary" {
			slot = c
		}
	}
	nightly(t, m, set, time.Date(2026, 11, 25, 2, 0, 0, 0, berlin), []int{1}, nil, []int{2})
	now := time.Date(2026, 12, 2, 12, 0, 0, 0, berlin) // the third time was two days ago
	state := m.State(now)
	known := state.Get
	state.Get = func(key string) ([]byte, error) {
		if key == slot.Key {
			return slot.Value, nil
		}
		return known(key)
	}
	wake := func(w rules.Woken) (rules.Decision, rules.Change) {
		w.Key, w.Value, w.Due = slot.Key, slot.Value, slot.Due
		d := set.Wake(w, state)
		i := slices.IndexFunc(d.Changes, func(c rules.Change) bool { return c.Key == slot.Key })
		if i < 0 {
			t.Fatalf("the slot is neither moved nor ended: %+v", d)
		}
		return d, d.Changes[i]
	}
	d, moved := wake(rules.Woken{})
	next := time.Date(2026, 12, 7, 9, 0, 0, 0, berlin)
	if len(d.Notifications) != 1 || !strings.HasPrefix(d.Notifications[0].Body, "3 runs from Mon 23 Nov 09:00 to Mon 30 Nov 09:00") ||
		!moved.Due.Equal(next) || d.Row.Kind != rules.RowSummary || d.Row.Name != recap.Weekly {
		t.Errorf("missed: %+v, next %v", d, moved.Due)
	}

	slot.Due = next // a person asks for it before it is due
	slot.Value = moved.Value
	if d, moved = wake(rules.Woken{Flush: true}); len(d.Notifications) != 1 || !moved.Due.Equal(next) ||
		!strings.HasPrefix(d.Notifications[0].Body, "No run has ended from Mon 30 Nov 09:00 to Wed 2 Dec 12:00") {
		t.Errorf("flushed: %+v, next %v", d.Notifications, moved.Due)
	}
	set = rulefiletest.Parse(t, strings.Replace(summaryRules, "mon 09:00", "fri 09:00", 1)).Rules
	if d, moved = wake(rules.Woken{}); len(d.Notifications) != 0 || moved.Value != nil {
		t.Errorf("of other times: %+v", d)
	}
}

func TestASummaryGoesOnlyToItsOwnNotify(t *testing.T) {
	set := rulefiletest.Parse(t, strings.Replace(summaryRules, "summaries:", `
  - {name: everything, when: "true", notify: [chat], stop: true}
  - {name: named, when: event_type == "summary" || event_name == "summary.weekly", notify: [chat]}
  - {name: throttled, when: project_code == "WEB", throttle: {every: 1h, by: [event_type]}, notify: [chat]}
  - {name: gathered, when: payload.summary != nil, group: {by: [project_code], wait: 1m}, notify: [chat]}
  - {name: late, when: "true", after: {wait: 1h, by: [project_code]}, unless: event_type == "review", notify: [chat]}
  - {name: ended, when: event_name == "run.completed", after: {wait: 400h, by: [project_code]}, unless: event_type == "summary", notify: [chat]}
summaries:`, 1)).Rules
	m := &ruletest.Memory{}
	start := time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	m.Arm(set, start)
	nightly(t, m, set, start.Add(time.Hour), []int{1}, []int{1})
	matched, summaries := map[string]int{}, 0
	for _, w := range m.Pass(set, start.AddDate(0, 0, 8)) {
		if w.Decision.Row.Kind != rules.RowSummary {
			continue
		}
		summaries++
		for _, r := range w.Decision.Results {
			if r.Outcome != rules.NotMatched {
				matched[r.Rule]++
			}
		}
	}
	want := map[string]int{"daily-summary": 5, "qa-week-summary": 1}
	if summaries != 6 || !maps.Equal(matched, want) {
		t.Errorf("%d summaries; got %v, want %v", summaries, matched, want)
	}
}

func TestASummaryIsOfItsPlansOnly(t *testing.T) {
	set := rulefiletest.Parse(t, strings.Replace(summaryRules, "plans: [3]", "plans: [4, 5]", 1)).Rules
	m := &ruletest.Memory{}
	start := time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	m.Arm(set, start)
	wakes := append(nightly(t, m, set, start.Add(time.Hour), []int{1}, []int{1}), m.Pass(set, start.AddDate(0, 0, 8))...)
	for _, w := range wakes {
		if len(w.Decision.Notifications) > 0 && w.Slot.Owner == "qa-week-summary" {
			t.Errorf("sent: %+v", w.Decision.Notifications)
		}
	}
}

func TestATestOfASummarySaysThatItsRunsAreOfAnotherProject(t *testing.T) {
	const steps = `
tests:
  - name: week
    steps:
      - {event: run.completed, %sfailures: [25], at: "2026-01-06 02:00"}
      - {at: "2026-01-12 09:00", expect: [{rule: qa-week-summary}]}
`
	everyRun, _, _ := strings.Cut(strings.Replace(summaryRules, "plans: [3], ", "", 1), "  - {name: daily")
	for project, want := range map[string]string{
		"": "qa-week-summary is about runs of WEB, and those of this test are of ID: give their events project_code: WEB",
		"project_code: API, ": "qa-week-summary is about runs of WEB, and those of this test are of API: " +
			"give their events project_code: WEB",
		"project_code: WEB, ": "",
	} {
		result := ruletest.Run(rulefiletest.Parse(t, everyRun+fmt.Sprintf(steps, project)), nil)[0]
		if got := strings.Join(result.Notes, "; "); got != want || result.Passed != (want == "") {
			t.Errorf("%q: passed %t, notes %q", project, result.Passed, got)
		}
	}
}
