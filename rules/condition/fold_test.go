package condition_test

import (
	"slices"
	"strings"
	"testing"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/conditiontest"
	"qaserelay/rules/event"
)

// TestFoldingNeverHidesAMatch compares folding with evaluation, on random conditions and events.
func TestFoldingNeverHidesAMatch(t *testing.T) {
	g := conditiontest.NewGenerator(1)
	var events []*event.Event
	for _, name := range []string{"run.completed", "run.started", "review.created", "run", "odd.one"} {
		for _, project := range []string{"WEB", "API", ""} {
			events = append(events, g.Event(t, g.Pick("qase", "other"), name, project))
		}
	}
	skipped, decided := 0, 0
	for range 4000 {
		source := g.Condition(g.IntN(4))
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
		names := strings.Fields(want)
		slices.Sort(got)
		slices.Sort(names)
		if !slices.Equal(got, names) {
			t.Errorf("%s: got %v, want %s", source, got, want)
		}
	}
}
