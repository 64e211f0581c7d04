package defaults

import (
	"strings"
	"testing"

	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
	"qaserelay/rules/memory"
)

func TestEveryEventHasADefaultMessage(t *testing.T) {
	all := writers()
	for _, e := range catalog.All() {
		if all.byName[e.Name] == nil {
			t.Errorf("no default message for %s", e.Name)
		}
	}
	for name, w := range all.byName {
		if _, known := catalog.Lookup(name); !known {
			t.Errorf("a default message for %s, which the catalog does not know", name)
		}
		if w.writeTitle == nil || w.level == "" == (w.writeLevel == nil) || len(w.ofBody) == 0 {
			t.Errorf("%s: a part is missing: %+v", name, w)
		}
	}
}

func TestNumbersOfEventsAreWhole(t *testing.T) {
	for in, want := range map[any]int{3: 3, "3": 3, " 4 ": 4, 2.9: 2, -1: -1, true: 1, 1e300: 1e15, "x": 0, nil: 0} {
		if got := number(in); got != want {
			t.Errorf("%v: got %d, want %d", in, got, want)
		}
	}
}

func TestAListOfASummaryEndsBeforeTheNext(t *testing.T) {
	tests := func(n int) (all []any) {
		for range n {
			all = append(all, "Login")
		}
		return all
	}
	ev := &event.Event{Name: "summary.daily", Payload: map[string]any{"newly_red": tests(12), "fixed": tests(1)}}
	texts := Write(Facts{Event: ev, Entity: &memory.Entity{}}, false)
	body, _ := texts.Body()
	if want := "\n- Login\n- and 2 more\n\n**Fixed: 1**\n\n- Login"; !strings.HasSuffix(body, want) {
		t.Errorf("got %q, want the end %q", body, want)
	}
}

func TestAFieldIsOneoneLine(t *testing.T) {
	for in, want := range map[string]string{"a": "a", " a ": "a", "a\\\nb": "a b", "a\\\\\\\nb": `a\\ b`,
		"a\n\nb": "a  b", "": ""} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
