package condition_test

import (
	"fmt"
	"testing"

	"qaserelay/rules/condition"
)

func TestHowNearAConditionIs(t *testing.T) {
	env := environment(map[string]any{"event_name": "run.completed", "project_code": "WEB",
		"payload": map[string]any{"id": 7, "failed": 3, "title": "x"}})
	for source, want := range map[string]string{
		`event_name == "run.completed" and payload.failed > 0`:                           "1.00 -",
		`event_name == "run.completed" and payload.failed > 5`:                           "0.50 payload.failed > 5",
		`event_name == "run.aborted" and payload.failed > 0`:                             `0.00 event_name == "run.aborted"`,
		`event_name == "run.completed" and project_code == "WEB" and payload.failed > 5`: "0.67 payload.failed > 5",
		`event_name == "run.completed" and (payload.failed > 5 or payload.id == 8)`:      "0.50 payload.failed > 5",
		`payload.failed > 5 || payload.failed > 2`:                                       "1.00 -",
		`not (payload.failed == 3)`:                                                      "0.00 not (payload.failed == 3)",
		`false`:                                                                          "0.00 false",
		`event_name == "run.completed" and payload.title > 3`:                            "0.50 payload.title > 3",
	} {
		c, findings := condition.Compile(source)
		if findings != nil {
			t.Fatalf("%s: %v", source, findings)
		}
		trace, first := c.Trace(env), "-"
		if f := trace.FirstFalse(); f != nil {
			first = f.Text
		}
		if got := fmt.Sprintf("%.2f %s", trace.Nearness(), first); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}
