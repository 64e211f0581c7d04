package ruletest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

func TestProblemsOfTestsAreReportedWithPositions(t *testing.T) {
	if config := rulefiletest.GoldenProblems(t, "tests"); config != nil {
		t.Error("tests with errors gave a config")
	}
}

func TestTestsCanHaveAFileOfTheirOwn(t *testing.T) {
	files := []yamldoc.File{
		{Name: "r.yaml", Data: []byte(rulefiletest.WithRules("  - {name: a, when: 'true', notify: [qa]}"))},
		{Name: "r_test.yaml", Data: []byte("tests:\n  - {name: one, event: run.completed, expect: [{rule: a}]}\n")},
	}
	config, problems := lint.Parse(files, rulefiletest.Options())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if r := Run(config, nil); len(r) != 1 || !r[0].Passed || r[0].File != "r_test.yaml" || r[0].Line != 2 {
		t.Errorf("got %+v", r)
	}
}

// clockRules are rules whose messages show the time and the state of the entity.
func clockRules(tests string) string {
	return "settings: {timezone: Europe/Berlin}\n" + rulefiletest.WithRules(`
  - name: clock
    when: event_name == "run.completed"
    title: >-
      {{ .entity.title }} {{ .timestamp }} {{ .source }} {{ .project_code }} {{ .team_member_id }} {{ .payload.cases }}
    notify: [qa]
`) + "tests:\n" + tests
}

func TestEventsOfTestsAreExamplesAtTheTimeOfTheClock(t *testing.T) {
	at := func(s string) string {
		moment, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return value.JSONText(int(moment.Unix()))
	}
	for name, c := range map[string]struct{ test, title string }{
		"the clock starts on a Monday": {`event: run.completed`,
			"Run 2 " + at("2026-01-05T09:00:00Z") + " qase ID 40 14"},
		"events are a second apart": {`{given: [{event: suite.created}, {event: suite.created}], event: ` +
			`run.completed}`, "Run 2 " + at("2026-01-05T09:00:02Z") + " qase ID 40 14"},
		"advance moves it": {`{given: [{event: suite.created, advance: 1h}], event: run.completed, ` +
			`advance: 1d}`, "Run 2 " + at("2026-01-06T10:00:00Z") + " qase ID 40 14"},
		"advance by nothing is possible": {`{given: [{event: suite.created}], event: run.completed, advance: 0s}`,
			"Run 2 " + at("2026-01-05T09:00:00Z") + " qase ID 40 14"},
		"at is in the zone of the settings": {`{given: [{event: suite.created, at: 2026-07-01 10:00}], event: ` +
			`run.completed}`, "Run 2 " + at("2026-07-01T08:00:01Z") + " qase ID 40 14"},
		"at may have a zone and seconds": {`{given: [{event: suite.created, at: 2026-07-01 10:00:30}], event: ` +
			`run.completed, at: "2026-07-01T11:00:00+02:00"}`,
			"Run 2 " + at("2026-07-01T09:00:00Z") + " qase ID 40 14"},
		"at may lie before the start": {`{event: run.completed, at: 2020-01-01T00:00:00Z}`,
			"Run 2 " + at("2020-01-01T00:00:00Z") + " qase ID 40 14"},
		"keys of the payload are replaced": {`{event: run.completed, payload: {id: 9, cases: null, title: Mine}}`,
			"Mine " + at("2026-01-05T09:00:00Z") + " qase ID 40"},
		"so are the others": {`{event: run.completed, project_code: WEB, team_member_id: 0, source: qase}`,
			"Run 2 " + at("2026-01-05T09:00:00Z") + " qase WEB 0 14"},
		"earlier events are remembered": {`{given: [{event: run.started, payload: {id: 2, title: Nightly}}], event: ` +
			`run.completed}`, "Nightly " + at("2026-01-05T09:00:01Z") + " qase ID 40 14"},
		"but not for ever": {`{given: [{event: run.started, payload: {id: 2, title: Nightly}}], event: ` +
			`run.completed, advance: 91d}`, "Run 2 " + at("2026-04-06T09:00:00Z") + " qase ID 40 14"},
		"nor those of another project": {`{given: [{event: run.started, project_code: WEB, payload: {id: 2, title: ` +
			`Nightly}}], event: run.completed}`, "Run 2 " + at("2026-01-05T09:00:01Z") + " qase ID 40 14"},
	} {
		test := strings.TrimSuffix(strings.TrimPrefix(c.test, "{"), "}")
		text := clockRules("  - {name: x, " + test + ", expect: [{rule: clock, title: '" + c.title + "'}]}\n")
		for _, r := range Run(rulefiletest.Parse(t, text), nil) {
			for _, f := range r.Failures {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func TestAnUnknownEventHasOnlyTheGivenPayload(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - {name: a, when: 'event_name == "dashboard.published" && payload.id == nil && payload.new == 1', notify: [qa]}
`)+"tests: [{name: x, event: dashboard.published, payload: {new: 1}, expect: [{rule: a}]}]")
	if r := Run(c, nil); !r[0].Passed || len(r[0].Notes) > 0 {
		t.Errorf("got %+v", r)
	}
}

func TestPreviousIsTheRunBefore(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - {name: red, when: 'event_name == "run.completed" && previous.failed == 0 && payload.failed > 0', notify: [qa]}
`)+`tests:
  - name: turned red
    given:
      - {event: run.started, payload: {id: 1, title: Nightly 1}}
      - {event: run.completed, payload: {id: 1}}
      - {event: run.started, payload: {id: 2, title: Nightly 2}}
    event: run.completed
    payload: {id: 2, failed: 1}
    expect: [{rule: red}]
  - {name: first run, event: run.completed, payload: {id: 2, failed: 1}, expect: []}
`)
	if sum := summary(Run(c, nil)); sum != "turned red=ok first run=ok" {
		t.Error(sum)
	}
	if sum := summary(Run(c, regexp.MustCompile("^first"))); sum != "first run=ok" {
		t.Errorf("filtered: %s", sum)
	}
}

// summary returns the results in one line, with the failures.
func summary(results []Result) string {
	var parts []string
	for _, r := range results {
		verdict := "ok"
		for i, f := range r.Failures {
			if i == 0 {
				verdict = ""
			}
			verdict += "(" + failureText(f) + ")"
		}
		parts = append(parts, r.Name+"="+verdict)
	}
	return strings.Join(parts, " ")
}

func failureText(f Failure) string {
	parts := []string{string(f.Kind)}
	if f.Expected != "" {
		parts = append(parts, f.Expected)
	}
	if f.Reason != "" {
		parts = append(parts, f.Reason)
	}
	for _, d := range f.Fields {
		parts = append(parts, d.Field+": "+d.Expected+", got "+d.Got)
	}
	if f.Kind == Unexpected {
		parts = append(parts, f.Got.Rule+" → "+f.Got.Notifier)
	}
	return strings.Join(parts, "; ")
}

// FuzzTests gives anything for tests: to rules that are right.
func FuzzTests(f *testing.F) {
	const start = "tests:\n"
	f.Add(start + "  - {name: a, event: run.completed, expect: [{rule: a, title: {contains: x}}]}")
	f.Add(start + "  - {name: a, given: [&g {event: run.started, at: 2026-01-05 09:00}, *g], event: review.created, " +
		"advance: 4w, expect: [{headers: {a: b}, blocks.0.x: {matches: .*}}]}")
	f.Add("tests: &a [{name: a, expect: *a}]")
	f.Add("tests: {<<: {<<: [1]}}")
	if text, err := os.ReadFile("testdata/tests.yaml"); err == nil {
		if i := slices.Index(strings.Split(string(text), "\n"), "tests:"); i > 0 {
			f.Add(strings.Join(strings.Split(string(text), "\n")[i:], "\n"))
		}
	}
	rules := yamldoc.File{Name: "r.yaml",
		Data: []byte(rulefiletest.WithRules("  - {name: a, when: 'true', title: '{{ .previous.id }} {{ " +
			".entity.title }}', notify: [qa, ops]}"))}
	f.Fuzz(func(t *testing.T, text string) {
		config, problems := lint.Parse([]yamldoc.File{rules, {Name: "r_test.yaml", Data: []byte(text)}},
			rulefiletest.Options())
		if (config == nil) != (problems.Err() != nil) {
			t.Errorf("config and errors disagree: %v", problems)
		}
		if config == nil {
			return
		}
		results := Run(config, nil)
		for _, r := range results {
			if r.Passed != (len(r.Failures) == 0) {
				t.Errorf("%+v", r)
			}
		}
		if c := Cover(config.Rules, results); c.Covered+len(c.Missing) != c.Rules {
			t.Errorf("%+v", c)
		}
	})
}
