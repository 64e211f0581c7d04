package condition_test

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/rules/condition"
	"qaserelay/rules/rulefile/rulefiletest"
)

func TestTheFirstFaultOfAConditionIsReported(t *testing.T) {
	var got strings.Builder
	for _, when := range []string{
		`payload.failed & payload.x`,
		`payload.a > 1 | payload.b`,
		`payload.title | lower == "x"`,
		`payload.title | lower() == "x"  and evnt_name == "x"`,
		`event_name == "a" AND evnt_nam == "b" OR NOT payload.x`,
		`payload.failed => 3 and payload.x =< 3 and payload.y <> 1 and payload.z === 2`,
		`payload.failed == null or payload.x == None or payload.y == undefined and payload.z == True`,
		`event_name == run.completed`,
		`event_name == run.complete`,
		`event_type == run and project_code == WEB`,
		`(payload.failed > 3 and true`,
		`payload.x in ["a", "b"`,
		`payload.failed > 3)`,
		`event_name == "run.completed`,
		`event_name is "run.completed" and payload.title like "x" and payload.x is not null`,
		`event_name == 3 and timestamp > "2026"`,
		`evnt_name == "x" or lowr(titel) == "x" or failed > 1`,
		`payload.failed > `,
		`payload.failed >> 0`,
		`event_name == “run.completed” and payload.a = “x”`,
		`contains(event_name, "run")`,
		`event_name.startsWith("run")`,
		`{{ .payload.failed }} > 0`,
		`.payload.failed > 0`,
		`event_name`,
		`event_name and payload.x`,
		`not event_name`,
		`event_name in "run.completed"`,
		`time > "31.01.2026"`,
		`"2 h" < time and time > "18:30"`,
		`now() - time > "2 days"`,
		`timestamp > "2026-01-05"`,
		`timestamp > date("2026-01-05")`,
		`now() > date("2026-02-30") and payload.failed > 0`,
		`now() > date("31.1.2026 9:00")`,
		`now() > date("1/13/2026")`,
		`now() > date("1/2/2026")`,
		`now() > date("2026/02/03")`,
		`now() > date("2026-31-01")`,
		`now() > date("2026-13-41")`,
		`now() > date("18:30")`,
		`now() > date("yesterday")`,
		`now() > date("next Monday")`,
		`now() > date(payload.due ?? "soon")`,
		`now() > date("31.01.2026", "DD.MM.YYYY")`,
		`now() > date("2026-01-31", "2006-01-02", "Berlin")`,
		`now() > date("2026-01-31", "2006-01-02", "Europe/Berlin", "x")`,
		`now() - time > duration("2 days")`,
		`now() - time > duration("1 Hour 30 min")`,
		`now() - time > duration("3 months")`,
		`now() - time > duration("90")`,
		`now() - time > duration("P1DT2H")`,
		`now() - time > duration("a while")`,
		`payload.a b payload.c`,
		`title matches "("`,
		`any(payload.x, .a = 1) and payload.b >== 1`,
		`event_name == "run.completed" payload.failed > 3`,
		`payload.failed >== 3`,
		`payload.failed == 3 and`,
		`and payload.failed == 3`,
		`foobarbaz(payload.x)`,
		"true and\n $env == 1",
		`if payload.failed > 3`,
		`any(payload.x, .title == "b" and nam == 3)`,
		`any(payload.x, $.title == "b")`,
		`len(payload.x, 3) > 1`,
		`lower() == "x"`,
		`event_name matches "("`,
		`timestamp - "a" == 3`,
		`payload.x == 'a'' and evnt`,
		`true == 3`,
		`payload.failed > 10%`,
		`payload.failed > 3h`,
		`payload.case-id == 3 and now - time > 1h`,
		`now - time > 3`,
		`now() - time > 3`,
	} {
		_, faults := condition.Compile(when)
		fmt.Fprintln(&got, when)
		for _, f := range faults {
			fmt.Fprintf(&got, "    %d:%d %s (%s)\n", f.At.Line, f.At.Col+1, f.Message, f.Hint)
		}
		if len(faults) == 0 {
			t.Errorf("%s: got no fault", when)
		}
	}
	rulefiletest.Golden(t, "testdata/faults.golden", got.String())
}
