package funcs

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/budget"
	"qaserelay/rules/people"
)

// lenient are the functions that give something for other numbers of arguments, which means nothing.
var lenient = []string{"add", "sub", "mul", "round", "keys"}

// TestUsagesAgreeWithTheFunctions checks that each function takes as many arguments as its usage says, and no others.
func TestUsagesAgreeWithTheFunctions(t *testing.T) {
	all := All(time.UTC, people.New(nil))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		u, known := UsageOf(name)
		if !known {
			if !slices.Contains([]string{"dict", "dig", "pluck"}, name) { // their arguments come in pairs or paths
				t.Errorf("%s has no usage", name)
			}
			continue
		}
		if !strings.Contains(u.Example, name+" ") {
			t.Errorf("%s: the example does not call it: %s", name, u.Example)
		}
		if all[name] == nil {
			continue // and, or
		}
		most := u.Most()
		if most < 0 {
			most = u.Least + 3
		}
		for n := range most + 2 {
			args := slices.Repeat([]any{1}, n)
			_, err := all[name](&Context{Now: time.Now(), Budget: budget.New()}, args)
			outside := n < u.Least || u.Most() >= 0 && n > u.Most()
			if err == nil && outside && !slices.Contains(lenient, name) ||
				err != nil && !outside && strings.Contains(err.Error(), "arguments, want") {
				t.Errorf("%s with %d arguments: %v; its usage is %s", name, n, err, u)
			}
		}
	}
	for name := range usages() {
		if _, there := all[name]; !there {
			t.Errorf("there is no function %s", name)
		}
	}
}
