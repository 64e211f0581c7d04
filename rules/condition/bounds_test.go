package condition_test

import (
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
)

// TestTheWorstConditionsEndSoon runs the most expensive conditions on the largest event that the relay accepts: each ends
// soon, with a result or an error. It takes the least processor time of some runs, since the machine may be busy.
func TestTheWorstConditionsEndSoon(t *testing.T) {
	numbers := "[" + strings.Repeat("1,", 200_000) + "1]"
	text := strings.Repeat("a", 600_000)
	vars := variables(t, `{"many":`+numbers+`,"text":"`+text+`","words":["`+strings.Repeat(`a","`, 20_000)+`a"]}`)
	for _, when := range []string{
		`any(payload.many, any(payload.many, any(payload.many, # > 1)))`,
		`count(payload.many, # in payload.many) > 0`,
		`all(payload.many, payload.text contains "b" or true)`,
		`all(payload.many, payload.text matches "(a*)*b" or true)`,
		`all(payload.words, lower(payload.text) == "" or true)`,
		`len(map(payload.many, split(payload.text, "a"))) > 0`,
		`len(uniq(payload.many)) > 0`,
		`len(sort(payload.many)) > 0`,
		`len(groupBy(payload.many, #)) > 0`,
		`payload.text matches "(a|aa)*b(a|aa)*c"`,
		`sum(map(payload.many, sum(map(payload.many, #)))) > 0`,
		`len(join(payload.words, "aaaaaaaaaaaaaaaaaaaa")) > 0`,
		`len(replace(payload.text, "a", "aaaaaaaaaaaaaaaaaaaa")) > 0`,
		`len(flatten([payload.many, payload.many])) > 0`,
		`reduce(payload.many, #acc + #, 0) > 0`,
	} {
		c, findings := condition.Compile(when)
		if findings != nil {
			t.Errorf("%s: %v", when, findings)
			continue
		}
		best, limit := time.Hour, 50*time.Millisecond*raceFactor
		for tries := 0; tries < 30 && best > limit; tries++ {
			env := environment(vars)
			start := processorTime(t)
			_, _ = c.Match(env) // an error is fine here
			best = min(best, processorTime(t)-start)
		}
		if best > limit {
			t.Errorf("%s took %s, more than %s", when, best, limit)
		}
	}
}

// BenchmarkCondition compares a condition with the same one without nilSafe.
func BenchmarkCondition(b *testing.B) {
	const when = `event_name == "run.completed" && payload.failed > 0`
	vars := variables(b, `{"id":2,"cases":14,"passed":10,"failed":3,"blocked":1,"duration":90000}`)
	plain, err := expr.Compile(when, expr.Env(catalog.Variables()), expr.AsBool())
	if err != nil {
		b.Fatal(err)
	}
	ours, findings := condition.Compile(when)
	if findings != nil {
		b.Fatal(findings)
	}
	env := environment(vars)
	var machine vm.VM
	const turns = 1000
	var took, plainTook time.Duration
	for b.Loop() {
		start := time.Now()
		for range turns {
			if ok, err := ours.Match(env); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		middle := time.Now()
		for range turns {
			if out, err := machine.Run(plain, vars); out != true || err != nil {
				b.Fatal(out, err)
			}
		}
		took, plainTook = took+middle.Sub(start), plainTook+time.Since(middle)
	}
	b.ReportMetric(float64(took)/float64(plainTook), "ratio")
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N*turns), "ns/condition")
	b.ReportMetric(0, "ns/op")
}
