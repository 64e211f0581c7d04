package catalog

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAllHoldsEveryEventOnce(t *testing.T) {
	want := map[string]string{
		"run":     "started updated completed aborted report_changed deleted",
		"relay":   "silent resumed",
		"summary": "daily weekly",
		"result":  "created updated deleted",
		"defect":  "created updated resolved deleted",
		"review": "created reviewer_added reviewer_removed approval_status_changed commented updated reopened " +
			"declined merged deleted",
		"case":         "created updated cloned deleted",
		"suite":        "created updated cloned deleted",
		"plan":         "created updated deleted",
		"shared_step":  "created updated deleted",
		"milestone":    "created updated deleted",
		"custom_field": "created updated deleted",
	}
	got, documented := map[string]string{}, 0
	for _, e := range All() {
		entity, action, _ := strings.Cut(e.Name, ".")
		if e.Entity != entity {
			t.Errorf("%s: entity %q", e.Name, e.Entity)
		}
		got[entity] = strings.TrimSpace(got[entity] + " " + action)
		if e.Documented != (entity != "result") {
			t.Errorf("%s: documented %t", e.Name, e.Documented)
		}
		if e.Documented {
			documented++
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events:\n got %v\nwant %v", got, want)
	}
	if documented != 44 {
		t.Errorf("%d documented events, want 44", documented)
	}
}

func TestEveryEventIsDescribed(t *testing.T) {
	types := []string{"string", "integer", "boolean", "object", "array"}
	places := []string{"example+table", "example", "table", "newer pages", "receivers"}
	for _, e := range All() {
		if e.Summary == "" || len(e.Fields) == 0 {
			t.Errorf("%s: no summary or no fields", e.Name)
		}
		if e.Label == "" && e.Name != "defect.updated" && e.Entity != "relay" && e.Entity != "summary" {
			t.Errorf("%s: no label", e.Name)
		}
		seen := map[string]bool{}
		for _, f := range e.Fields {
			if seen[f.Name] || !slices.Contains(types, f.Type) || !slices.Contains(places, f.In) {
				t.Errorf("%s: field %+v is there twice or has an unknown type or place", e.Name, f)
			}
			seen[f.Name] = true
		}
	}
}

func TestExamplesAgreeWithFields(t *testing.T) {
	for _, e := range All() {
		var envelope map[string]any
		if err := json.Unmarshal(e.Example, &envelope); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		if envelope["event_name"] != e.Name {
			t.Errorf("%s: the example is of %v", e.Name, envelope["event_name"])
		}
		for _, f := range Envelope() {
			if got := kind(envelope[f.Name]); got != f.Type {
				t.Errorf("%s: %s is %s, want %s", e.Name, f.Name, got, f.Type)
			}
		}
		payload, _ := envelope["payload"].(map[string]any)
		agree(t, e, "", payload)
	}
}

// agree checks the fields of object, which stands at prefix, against those of e. The keys of a plan's cases are ids.
func agree(t *testing.T, e Event, prefix string, object map[string]any) {
	for key, v := range object {
		path := prefix + key
		f, ok := e.Field(path)
		switch {
		case !ok:
			t.Errorf("%s: the example has %s, the fields have not", e.Name, path)
		case v == nil && !f.Nullable, v != nil && kind(v) != f.Type:
			t.Errorf("%s: %s is %s in the example, which %+v does not allow", e.Name, path, kind(v), f)
		}
		if nested, ok := v.(map[string]any); ok && !(e.Entity == "plan" && path == "cases") {
			agree(t, e, path+".", nested)
		}
		if list, ok := v.([]any); ok && len(list) > 0 {
			if nested, ok := list[0].(map[string]any); ok {
				agree(t, e, path+"[].", nested)
			}
		}
	}
}

func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func TestLookup(t *testing.T) {
	e, ok := Lookup("run.started")
	if !ok || e.Label != "Test run start" {
		t.Fatalf("run.started: %+v, %t", e, ok)
	}
	if f, ok := e.Field("plan.title"); !ok || f.Type != "string" {
		t.Errorf("plan.title: %+v, %t", f, ok)
	}
	created, _ := Lookup("case.created")
	if f, ok := created.Field("steps.action"); !ok || f.Name != "steps[].action" {
		t.Errorf("steps.action: %+v, %t", f, ok)
	}
	if _, ok := Lookup("run.finished"); ok {
		t.Error("run.finished is known")
	}
}

func TestCallersOwnWhatTheyGet(t *testing.T) {
	for _, get := range []func() Event{
		func() Event { e, _ := Lookup("run.completed"); return e },
		func() Event { return All()[2] },
	} {
		e := get()
		e.Fields[0].Name, e.Quirks[0], e.Example[0] = "changed", "changed", 'x'
		if again := get(); again.Fields[0].Name != "id" || again.Quirks[0] == "changed" || again.Example[0] != '{' {
			t.Errorf("a change of a returned event is seen by the next caller: %+v", again)
		}
	}
	Envelope()[0].Name = "changed"
	if Envelope()[0].Name != "event_name" {
		t.Error("a change of the returned envelope is seen by the next caller")
	}
}

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"run.complete":          "run.completed",
		"run.compelted":         "run.completed",
		"Run.Completed":         "run.completed",
		"run_completed":         "run.completed",
		"runCompleted":          "run.completed",
		"shared-step:created":   "shared_step.created",
		"run.finished":          "run.completed",
		"run.failed":            "run.completed",
		"test_run.cancelled":    "run.aborted",
		"run.created":           "run.started",
		"Complete test run":     "run.completed",
		"bug.opened":            "defect.created",
		"defect.closed":         "defect.resolved",
		"review.approved":       "review.approval_status_changed",
		"review.reviewer_addd":  "review.reviewer_added",
		"custom_feild.created":  "custom_field.created",
		"testCase.removed":      "case.deleted",
		"milestone.goal":        "",
		"payment.succeeded":     "",
		"":                      "",
		".":                     "",
		"completed":             "",
		"run.completed":         "run.completed",
		"milestone.createdd \t": "milestone.created",
	} {
		if got := Suggest(name); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSuggestedActionsExist(t *testing.T) {
	for action, others := range sameAction {
		for _, other := range others {
			if !slices.ContainsFunc(names(), func(n string) bool { return strings.HasSuffix(n, "."+other) }) {
				t.Errorf("%s: no event has the action %s", action, other)
			}
		}
	}
	for entity, other := range sameEntity {
		if !slices.ContainsFunc(names(), func(n string) bool { return strings.HasPrefix(n, other+".") }) {
			t.Errorf("%s: no event has the entity %s", entity, other)
		}
	}
}

func TestHint(t *testing.T) {
	for name, want := range map[string]string{
		"run.failed":    `a failed run is "run.completed" with payload.failed > 0`,
		"Run.Passed":    `a run that passed is "run.completed" with payload.failed == 0`,
		"run.complete":  `did you mean "run.completed"?`,
		"run.completed": "",
		"nothing.like":  "",
	} {
		if got := Hint(name); got != want {
			t.Errorf("Hint(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	fields := []string{"id", "failed", "passed", "blocked", "duration"}
	for word, want := range map[string]string{"fialed": "failed", "Failed": "failed", "pased": "passed",
		"duraton": "duration", "ids": "id", "x": "", "environment": "", "": ""} {
		if got := Nearest(word, fields); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
