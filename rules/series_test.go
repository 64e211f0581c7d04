package rules_test

import (
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestRunsOfOnePlanAndEnvironmentThatEndAreASeries(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules("  - {name: a, when: 'true', notify: [qa]}\n"))
	for name, tt := range map[string]struct{ started, event, payload, want string }{
		"a completed run": {`{"id":7,"plan":{"id":3},"environment":"staging"}`, "run.completed",
			`{"id":7,"failed":2}`, "qase/WEB/plan/3/staging"},
		"the next one": {`{"id":8,"plan":{"id":3},"environment":"staging"}`, "run.completed",
			`{"id":8,"failed":0}`, "qase/WEB/plan/3/staging"},
		"an aborted run": {`{"id":7,"plan":{"id":3},"environment":"staging"}`, "run.aborted", `{"id":7}`,
			"qase/WEB/plan/3/staging"},
		"another environment": {`{"id":7,"plan":{"id":3},"environment":"a/b"}`, "run.completed", `{"id":7}`,
			"qase/WEB/plan/3/a%2Fb"},
		"no environment": {`{"id":7,"plan":{"id":3},"environment":null}`, "run.completed", `{"id":7}`,
			"qase/WEB/plan/3/"},
		"no plan":                  {`{"id":7,"plan":null,"environment":"staging"}`, "run.completed", `{"id":7}`, ""},
		"an unknown run":           {`{"id":1}`, "run.completed", `{"id":7}`, ""},
		"an update of a run":       {`{"id":7,"plan":{"id":3}}`, "run.updated", `{"id":7}`, ""},
		"an event of another type": {`{"id":7,"plan":{"id":3}}`, "defect.created", `{"id":7}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := rulefiletest.NewWorld()
			w.Decide(t, c, "run.started", tt.started)
			if d := w.Decide(t, c, tt.event, tt.payload); len(d.Notifications) != 1 ||
				d.Notifications[0].Series != tt.want {
				t.Errorf("got %+v, want %q", d.Notifications, tt.want)
			}
		})
	}
}
