package funcs

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"qaserelay/rules/value"
)

// TestNamedResultsOfTimesArePrintedByName calls each method of a time without arguments. A result whose type has names,
// such as a weekday, is printed by its name and counts as its number elsewhere.
func TestNamedResultsOfTimesArePrintedByName(t *testing.T) {
	at := time.Date(2026, 11, 27, 15, 4, 5, 0, time.UTC)
	named := 0
	for i := range reflect.TypeFor[time.Time]().NumMethod() {
		m := reflect.TypeFor[time.Time]().Method(i)
		if m.Type.NumIn() != 1 || m.Type.NumOut() != 1 {
			continue
		}
		result := m.Func.Call([]reflect.Value{reflect.ValueOf(at)})[0]
		name, hasName := result.Interface().(fmt.Stringer)
		if !hasName || !result.CanInt() {
			continue
		}
		named++
		got, err := Method(at, m.Name)
		if err != nil || value.PlainText(got) != name.String() {
			t.Errorf("%s: got %v, %v, want %s", m.Name, got, err, name)
		}
		number := int(result.Int())
		for _, other := range []any{number, name.String(), fmt.Sprint(number)} {
			if !equal(got, other) || !equal(other, got) || equal(got, number+1) || equal(got, name.String()+"x") {
				t.Errorf("%s: %v and %v do not compare", m.Name, got, other)
			}
		}
		if n := toNumber(got); n != float64(number) {
			t.Errorf("%s: counts as %v, want %d", m.Name, n, number)
		}
	}
	if named < 2 {
		t.Errorf("got %d methods with named results, want weekday and month at least", named)
	}
}

func TestDigReturnsItsFallbackWhereTheKeysEnd(t *testing.T) {
	entity := map[string]any{"plan": map[string]any{"title": "Smoke", "owner": nil}, "environment": nil}
	for _, c := range []struct {
		keys []any
		want any
	}{
		{[]any{"plan", "title"}, "Smoke"},
		{[]any{"plan", "nope"}, "none"},
		{[]any{"plan", "owner", "name"}, "none"},
		{[]any{"plan", "title", "x"}, "none"},
		{[]any{"environment"}, "none"},
		{[]any{"environment", "title"}, "none"},
	} {
		if got, err := dig(append(c.keys, "none", entity)); err != nil || got != c.want {
			t.Errorf("dig %v: got %v, %v, want %v", c.keys, got, err, c.want)
		}
	}
	if got, err := dig([]any{"a", "none", nil}); err != nil || got != "none" {
		t.Errorf("of nothing: got %v, %v", got, err)
	}
	for _, args := range [][]any{{"a", entity}, {"a", "none", "text"}} {
		if got, err := dig(args); err == nil {
			t.Errorf("dig %v: got %v, want an error", args, got)
		}
	}
}
