package condition_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// generator makes random conditions over names that are known beforehand, and over fields that are not.
type generator struct{ *rand.Rand }

func (g generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) text() string {
	return g.pick(`"run.completed"`, `"run.started"`, `"review.created"`, `"run"`, `"review"`, `"completed"`, `"started"`, `"WEB"`, `"API"`, `"qase"`, `""`, `"un"`, `"nope"`)
}

func (g generator) name() string {
	return g.pick("event_name", "event_type", "event_action", "project_code", "source", "payload.title", "payload.missing", "entity.title",
		"lower(event_name)", "upper(project_code)")
}

func (g generator) condition(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	a, b := g.condition(depth-1), g.condition(depth-1)
	switch g.IntN(9) {
	case 0, 1:
		return "(" + a + " and " + b + ")"
	case 2, 3:
		return "(" + a + " || " + b + ")"
	case 4:
		return "not (" + a + ")"
	case 5:
		return "(" + a + " ? " + b + " : " + g.condition(depth-1) + ")"
	case 6:
		return "(let x = " + g.name() + "; x == " + g.text() + " or (" + a + "))"
	case 7:
		return "((" + g.pick("nil", "payload.missing", a) + ") ?? (" + b + "))"
	}
	return "any(payload.tags, # == " + g.text() + " and (" + a + "))"
}

func (g generator) leaf() string {
	switch g.IntN(8) {
	case 0, 1:
		return g.name() + g.pick(" == ", " != ") + g.text()
	case 2:
		return g.name() + g.pick(" in ", " not in ") + "[" + g.text() + ", " + g.text() + ", " + g.pick(g.text(), g.name()) + "]"
	case 3:
		return g.name() + g.pick(" startsWith ", " endsWith ", " contains ") + g.text()
	case 4:
		return g.name() + " matches " + g.pick(`"^run"`, `"ed$"`, `"x|WEB"`)
	case 5:
		return "payload.failed" + g.pick(" > ", " == ", " <= ") + g.pick("0", "3", "-1")
	case 6:
		return g.pick("true", "false", "payload.on", "payload.missing", "nil == nil")
	}
	return g.text() + " == " + g.name()
}

// TestFoldingNeverHidesAMatch compares folding with evaluation, on random conditions and events.
func TestFoldingNeverHidesAMatch(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	var events []*event.Event
	for _, name := range []string{"run.completed", "run.started", "review.created", "run", "odd.one"} {
		for _, project := range []string{"WEB", "API", ""} {
			body := fmt.Sprintf(`{"event_name":%q,"project_code":%q,"payload":{"id":1,"title":%s,"failed":3,"on":true,"tags":["WEB","run"]}}`, name, project, g.text())
			ev, err := event.Parse(g.pick("qase", "other"), []byte(body), time.Unix(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, ev)
		}
	}
	skipped, decided := 0, 0
	for range 4000 {
		source := g.condition(g.IntN(4))
		c, findings := condition.Compile(source)
		if findings != nil {
			continue // such as a chain of ?? on something that cannot be nil
		}
		for _, ev := range events {
			matched, err := c.Match(environment(variablesOf(ev)))
			f := condition.FactsOf(ev.Name)
			byName := c.CanMatch(f)
			f["project_code"], f["source"] = ev.Project, ev.Source
			result, isDecided := c.Decided(f)
			if matched && (!byName || !c.CanMatch(f)) {
				t.Fatalf("%s matches %s of %q, but folding hides it", source, ev.Name, ev.Project)
			}
			if err == nil && isDecided && result != matched {
				t.Fatalf("%s on %s: folds to %v, evaluates to %v", source, ev.Name, result, matched)
			}
			if !c.CanMatch(f) {
				skipped++
			}
			decided++
		}
	}
	if decided < 20_000 || skipped < decided/5 {
		t.Errorf("of %d cases only %d were skipped: this proves little", decided, skipped)
	}
}

func TestFoldingFindsWhatARuleCanMatch(t *testing.T) {
	for source, want := range map[string]string{
		`event_name == "run.completed" && payload.failed > 0`:      "run.completed",
		`event_name in ["run.completed", "run.aborted"]`:           "run.aborted run.completed",
		`event_type == "defect" and event_action != "deleted"`:     "defect.created defect.updated defect.resolved",
		`event_name startsWith "plan."`:                            "plan.created plan.updated plan.deleted",
		`event_name matches "^milestone\\.(created|deleted)$"`:     "milestone.created milestone.deleted",
		`not (event_type != "suite" or event_action == "created")`: "suite.updated suite.deleted suite.cloned",
		`event_name == "run.complete"`:                             "",
		`event_type == "run" and event_type == "review"`:           "",
		`event_name == "run.started" ? payload.id > 1 : false`:     "run.started",
	} {
		c, findings := condition.Compile(source)
		if findings != nil {
			t.Fatal(source, findings)
		}
		var got []string
		for _, e := range catalog.All() {
			if c.CanMatch(condition.FactsOf(e.Name)) {
				got = append(got, e.Name)
			}
		}
		if !sameWords(strings.Join(got, " "), want) {
			t.Errorf("%s: got %v, want %s", source, got, want)
		}
	}
}

func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
