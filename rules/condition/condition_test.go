package condition_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// variables returns the variables of an event with this payload.
func variables(t testing.TB, payload string) map[string]any {
	t.Helper()
	body := `{"event_name":"run.completed","timestamp":1650540194,"team_member_id":40,"project_code":"WEB","payload":` +
		payload + `}`
	ev, err := event.Parse("qase", []byte(body), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return variablesOf(ev)
}

func variablesOf(ev *event.Event) map[string]any {
	vars := catalog.Variables()
	vars["event_name"], vars["event_type"], vars["event_action"] = ev.Name, ev.Type(), ev.Action()
	vars["payload"], vars["project_code"], vars["team_member_id"], vars["source"] = ev.Payload, ev.Project, ev.MemberID,
		ev.Source
	vars["timestamp"], vars["time"] = int(ev.Timestamp), ev.Time()
	return vars
}

// environment returns an Env with these variables, a few seconds after the event.
func environment(vars map[string]any) *condition.Env {
	env := condition.NewEnv(time.Unix(1650540200, 0).UTC())
	maps.Copy(env.Vars, vars)
	return env
}

func match(t testing.TB, c *condition.Condition, payload string) (bool, error) {
	t.Helper()
	return c.Match(environment(variables(t, payload)))
}

func TestConditions(t *testing.T) {
	const payload = `{"id":2,"failed":3,"cases":14,"zero":0,"empty":"","title":"Nightly","null":null,"on":true,
		"ratio":0.5,"plan":{"title":"Smoke"},"tags":["a","b"],"steps":[{"n":1},{"n":2}],"big":12345678901}`
	for _, c := range []struct {
		when string
		want bool
	}{
		{`event_name == "run.completed" && payload.failed > 0`, true},
		{`event_type == "run" and event_action == "completed"`, true},
		{`payload.failed == 3`, true},
		{`payload.failed == 3.0 and payload.failed in [1,2,3]`, true},
		{`payload.big == 12345678901`, true},
		{`project_code in ["WEB", "API"]`, true},
		// Missing and null never break, and compare false.
		{`payload.missing > 0`, false},
		{`payload.missing <= 0`, false},
		{`0 < payload.missing`, false},
		{`payload.null > payload.failed`, false},
		{`payload.missing == 0`, false},
		{`payload.missing != 0`, true},
		{`payload.missing == "x"`, false},
		{`payload.missing == payload.absent`, false},
		{`payload.missing != payload.absent`, true},
		{`payload.missing == nil`, true},
		{`payload.failed != nil`, true},
		{`previous == nil`, true},
		{`previous.failed == 0 and payload.failed > 0`, false},
		{`payload.missing.deeper.still > 1`, false},
		{`payload.null.x == nil`, true},
		{`payload["missing"]["x"] == nil`, true},
		{`payload["failed"] > 2`, true},
		{`payload.steps[0].n == 1`, true},
		{`payload.steps[7].n == 1`, false},
		{`payload.steps[-1].n == 2`, true},
		{`payload.missing in [0]`, false},
		{`payload.missing in [""]`, false},
		{`not (payload.missing in ["a"])`, true},
		{`payload.title not in ["x"]`, true},
		{`"a" in payload.tags`, true},
		{`"a" in payload.missing`, false},
		{`payload.missing contains "x"`, false},
		{`payload.title startsWith "Night"`, true},
		{`payload.title matches "^N.*y$"`, true},
		{`payload.missing matches "x"`, false},
		{`payload.on`, true},
		{`payload.missing`, false},
		{`not payload.missing`, true},
		{`!payload.missing and payload.on`, true},
		{`payload.missing or payload.on`, true},
		{`payload.missing ? false : true`, true},
		{`payload.failed / payload.cases > 0.2`, true},
		{`payload.missing / payload.cases > 0.2`, false},
		{`payload.failed + payload.missing == 3`, false},
		{`-payload.missing < 0`, false},
		{`(payload.missing ?? 5) == 5`, true},
		{`len(payload.missing) == 0`, true},
		{`len(payload.tags) == 2`, true},
		{`lower(payload.missing) == ""`, true},
		{`lower(payload.title) == "nightly"`, true},
		{`any(payload.steps, .n > 1)`, true},
		{`any(payload.missing, .n > 1)`, false},
		{`all(payload.missing, .n > 1)`, true},
		{`count(payload.steps, .missing > 1) == 0`, true},
		{`any(payload.steps, .missing.deep == 1)`, false},
		{`first(payload.missing) == nil`, true},
		{`max(payload.missing, 3) > 1`, false},
		{`int(payload.missing) > 1`, false},
		{`sum(map(payload.steps, .n)) == 3`, true},
		{`let f = payload.missing; f > 1`, false},
		{`let f = payload.failed; f > 1 and f < 5`, true},
		{`payload?.missing?.x == nil`, true},
		{`payload.plan.title == "Smoke"`, true},
		{`payload.failed in 1..5`, true},
		{`now() - time > duration("5s")`, true},
		{`entity.title == nil`, true},
		{`actor.email == "x"`, false},
		{`true`, true},
	} {
		cond, findings := condition.Compile(c.when)
		if findings != nil {
			t.Errorf("%s: does not compile: %v", c.when, findings)
			continue
		}
		got, err := match(t, cond, payload)
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v; want %v", c.when, got, err, c.want)
		}
	}
}

func TestFailedConditionsHaveAReason(t *testing.T) {
	for when, want := range map[string]string{
		`payload.title > 3`:       `the text "x" cannot be compared with the number 3`,
		`payload.failed`:          "true or false is needed",
		`payload.failed and true`: "a number",
		`any(payload.many, any(payload.many, any(payload.many, false)))`: "too many elements",
	} {
		cond, findings := condition.Compile(when)
		if findings != nil {
			t.Errorf("%s: does not compile: %v", when, findings)
			continue
		}
		payload := `{"title":"x","failed":3,"many":[1` + strings.Repeat(",1", 1999) + `]}`
		if _, err := match(t, cond, payload); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", when, err, want)
		}
	}
}

func TestConditionsThatDoNotCompile(t *testing.T) {
	for when, want := range map[string]string{
		``:                        "empty",
		`payload.failed >`:        "ends where a value is needed",
		`event_nam == "x"`:        `no variable or function "event_nam"`,
		`payload.failed = 3`:      "single =",
		`"text"`:                  "the condition is text, not true or false",
		`1 + 2`:                   "the condition is a number, not true or false",
		`title matches "("`:       "title",
		`event_name matches "("`:  "missing closing",
		`__step(1)`:               "no variable",
		`$env["payload"] == nil`:  "no variable",
		`repeat("x", 100) == ""`:  "repeat",
		`payload.id in 1..100000`: "range",
		`event_name == 5`:         "event_name is text, 5 is a number",
		strings.Repeat("true and ", 400) + "true": "more than 500 parts",
		strings.Repeat(" ", 5000) + "x":           "bytes",
	} {
		_, findings := condition.Compile(when)
		if len(findings) == 0 || !strings.Contains(findings[0].Message, want) {
			t.Errorf("%.60s: got %v, want %q", when, findings, want)
		}
	}
}

// TestConditionsDoWhatIsPlainlyMeant holds comparisons of values of different types, which fail in expr.
func TestConditionsDoWhatIsPlainlyMeant(t *testing.T) {
	const payload = `{"id":2,"failed":3,"cases":"14","title":"x","cf":"7.5","on":true,"duration":1300000,"huge":12345678901234567890,
		"created":"2022-04-21 11:22:33","iso":"2022-04-21T13:22:33+02:00","span":"1d12h","german":"21.04.2022","ms":1650540153000,
		"tags":["jira","ci"],"ids":[1,2],"environment":{"id":2,"title":"Staging"},"user":{"name":"Ana"},"no":null,"name":"Zoe\u0308"}`
	for when, want := range map[string]bool{
		`payload.id == "2" and payload.id != "3"`: true, `payload.id == "02"`: false,
		`payload.cases == 14 and payload.cases != 15`:                                   true,
		`payload.cases == 15 or payload.cases != 14 or payload.title == 0`:              false,
		`payload.huge == "12345678901234567890"`:                                        true,
		`payload.huge == "12345678901234567891"`:                                        false,
		`payload.huge > 5 and payload.huge + 1 > payload.huge`:                          true,
		`payload.id in ["2", "3"] and payload.id not in ["3"]`:                          true,
		`payload.cases in [14] and payload.cf in [7.5]`:                                 true,
		`payload.on in ["x"] or payload.user in ["Ana"]`:                                false,
		`payload.tags in ["jira"] and payload.tags not in ["x"]`:                        true,
		`payload.ids in ["2"] and "2" in payload.ids`:                                   true,
		`"jira" in payload.tags and 1 in payload.ids`:                                   true,
		`"title" in payload.environment and "x" in payload.title`:                       true,
		`payload.id in payload.no or payload.id in payload.failed`:                      false,
		`payload.no in ["2"] or payload.no in payload.tags`:                             false,
		`payload.id in 1..3 and payload.cases in 10..20`:                                true,
		`"run-" + payload.id == "run-2"`:                                                true,
		`payload.title + ": " + payload.tags == "x: jira, ci"`:                          true,
		`project_code + "-" + payload.id == "WEB-2"`:                                    true,
		`payload.no + "x" == "x"`:                                                       false,
		`payload.cases > 10 and payload.cf < 8`:                                         true,
		`payload.cases - payload.failed == 11`:                                          true,
		`payload.cases / payload.id == 7 and payload.cases % 4 == 2`:                    true,
		`payload.id contains "2" and lower(payload.id) == "2"`:                          true,
		`payload.environment startsWith "Stag"`:                                         true,
		`date(timestamp).Year() == 2022`:                                                true,
		`date(payload.ms) == date(payload.created)`:                                     true,
		`date(payload.created) == date(payload.iso)`:                                    true,
		`date(payload.no) == nil`:                                                       true,
		`now() - payload.created > duration("40s")`:                                     true,
		`now() - date(payload.created) < duration("10h")`:                               true,
		`timestamp - payload.created > 40`:                                              true,
		`payload.created < now() and time > payload.created`:                            true,
		`payload.duration > duration("20m")`:                                            true,
		`payload.duration > "20m" and payload.duration < "0.5h"`:                        true,
		`payload.duration > "1d"`:                                                       false,
		`now() - payload.created > "40s" and now() - time > "5s"`:                       true,
		`now() - payload.created > duration("1d")`:                                      false,
		`duration("2d") == duration("48h") and duration("1w") > "6d12h"`:                true,
		`duration(payload.span) == duration("36h") and "36h" <= duration(payload.span)`: true,
		`duration(payload.no) == nil`:                                                   true,
		`time > "2022-04-21" and time < "2022-04-22 09:30"`:                             true,
		`payload.iso > date("2022-04-21 11:22") and date(payload.iso) > "2022-04-21"`:   true,
		`date("2022-04-21T11:22:33Z") == date(payload.created)`:                         true,
		`date(payload.no ?? "2022-04-21") == date("2022-04-21")`:                        true,
		`date(payload.german, "02.01.2006") == date("21.04.2022", "02.01.2006", "UTC")`: true,
		`date("21.04.2022", "02.01.2006") == date("2022-04-21")`:                        true,
		`date("21 Apr 22 11:22 UTC") == date("2022-04-21T11:22:00Z")`:                   true,
		`payload.duration > duration("22m")`:                                            false,
		`payload.name == "Zoë" and payload.name == "Zoë"`:                              true,
		`uniq([1, "1", 1.0, [2], [2]]) == [1, "1", [2]]`:                                true,
	} {
		c, findings := condition.Compile(when)
		if findings != nil {
			t.Errorf("%s: %v", when, findings)
			continue
		}
		if got, err := match(t, c, payload); got != want || err != nil {
			t.Errorf("%s: got %v, %v", when, got, err)
		}
		env := environment(variables(t, payload))
		if trace := c.Trace(env); trace.Raw != want {
			t.Errorf("%s: the trace gave %v, %s", when, trace.Raw, trace.Error)
		}
	}
}

func TestErrorsOfConditionsNameNoTypesOfGo(t *testing.T) {
	const payload = `{"id":2,"title":"x","tags":["a"],"plan":{"id":1}}`
	for when, want := range map[string]string{
		`payload.tags > 3`:                    "a list cannot be compared with the number 3",
		`payload.tags contains "a"`:           `a list stands where text is needed; whether a list has "x" is "x" in …`,
		`payload.plan - 1 > 0`:                "an object - the number 1 cannot be calculated",
		`len(payload.id) > 0`:                 "write > 0 to compare it",
		`payload.title`:                       "text stands where true or false is needed",
		`payload.id and true`:                 "a number stands where true or false is needed",
		`payload.title[3] == "x"`:             "",
		`date(payload.tags) == time`:          `date needs a date, such as "2026-01-31", not a list`,
		`sum(payload.title) > 0`:              "",
		`payload.id % 0 == 1`:                 "% 0 cannot be calculated",
		`int(payload.title) == 1`:             "x is not a number",
		`any(payload.id, # > 1)`:              "a number",
		`payload.id.of == 1`:                  `a number has no field "of"`,
		`payload.id.map == 1`:                 `a number has no field "map"`,
		`payload.title() == 1`:                "text",
		`keys(payload.tags) == []`:            "a list",
		`sortBy(payload.plan, .a) == []`:      "an object",
		`payload.tags[0:payload.title] == []`: "text is not a number",
		`round(payload.plan) == 1`:            "an object",
		`duration(payload.id) == time`:        `duration needs a text such as "24h", not the number 2`,
	} {
		c, findings := condition.Compile(when)
		if findings != nil {
			t.Errorf("%s: %v", when, findings)
			continue
		}
		_, err := match(t, c, payload)
		text := fmt.Sprint(err)
		if !strings.Contains(text, want) || (err == nil) != (want == "") {
			t.Errorf("%s: got %v, want %q", when, err, want)
		}
		for _, inner := range []string{"interface", "reflect", "map[", "string", "float64", "[]", "nil pointer", "<nil>"} {
			if strings.Contains(text, inner) && err != nil {
				t.Errorf("%s: the error has %s: %v", when, inner, err)
			}
		}
	}
}

// TestDatesOfAConditionAreInTheZoneOfTheSettings holds dates without a zone that are written in a condition against those
// of events, which are in UTC.
func TestDatesOfAConditionAreInTheZoneOfTheSettings(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	vars := variables(t, `{"created":"2022-04-20 23:00:00","started":"2022-04-20T22:30:00Z","no":null}`)
	vars["time"] = time.Date(2022, 4, 21, 0, 30, 0, 0, berlin)
	for when, want := range map[string]bool{
		`date("2022-04-21") == date("2022-04-20T22:00:00Z")`:                      true,
		`date("2022-01-21") == date("2022-01-20T23:00:00Z")`:                      true,
		`date("2022-04-21 09:30") == date("2022-04-21T07:30:00Z")`:                true,
		`date("2022-04-21 09:30:10") == date("2022-04-21T09:30:10+02:00")`:        true,
		`date("2022-04-21").Hour() == 0`:                                          true,
		`date("21.04.2022", "02.01.2006") == date("2022-04-21")`:                  true,
		`date("2022-04-21", "2006-01-02", "UTC") == date("2022-04-21T00:00:00Z")`: true,
		`date(payload.created) == date("2022-04-21 01:00")`:                       true,
		`time >= "2022-04-21" and time < "2022-04-21 00:31"`:                      true,
		`time - "2022-04-21" == duration("30m")`:                                  true,
		`payload.created > date("2022-04-21")`:                                    true,
		`date(payload.started) > "2022-04-21"`:                                    true,
		`date(payload.no ?? "2022-04-21") == date("2022-04-21")`:                  true,
		`date(payload.no == nil ? "2022-04-21" : "2022-04-22") <= time`:           true,
	} {
		c, findings := condition.Compile(when)
		if findings != nil {
			t.Errorf("%s: %v", when, findings)
			continue
		}
		env := condition.NewEnv(time.Unix(1650600000, 0).In(berlin))
		maps.Copy(env.Vars, vars)
		if got, err := c.Match(env); got != want || err != nil {
			t.Errorf("%s: got %v, %v", when, got, err)
		}
		if trace := c.Trace(env); trace.Raw != want {
			t.Errorf("%s: the trace gave %v, %s", when, trace.Raw, trace.Error)
		}
	}
}
