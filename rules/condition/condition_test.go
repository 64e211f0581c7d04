package condition_test

import (
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
		{`now() - time > duration("24h")`, true},
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
		`payload.title > 3`:       "invalid operation: string > int",
		`payload.failed`:          "true or false is needed",
		`payload.failed and true`: "int",
		`any(payload.many, any(payload.many, any(payload.many, false)))`: "too many elements",
		`len(uniq(payload.many)) > 0`:                                    "too long",
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
