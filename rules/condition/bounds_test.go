package condition_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// TestTheWorstConditionsEndSoon runs what costs most on the largest event that is taken: each ends, with a result or an
// error, before anybody notices. What counts is the processor's time, and the best of some runs, since the machine may be busy.
func TestTheWorstConditionsEndSoon(t *testing.T) {
	numbers := "[" + strings.Repeat("1,", 200_000) + "1]"
	text := strings.Repeat("a", 600_000)
	env := condition.EvalEnv(t, `{"many":`+numbers+`,"text":"`+text+`","words":["`+strings.Repeat(`a","`, 20_000)+`a"]}`)
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
		c, cerr := condition.Compile(when)
		if cerr != nil {
			t.Errorf("%s: %v", when, cerr)
			continue
		}
		best, limit := time.Hour, 50*time.Millisecond*raceFactor
		for tries := 0; tries < 30 && best > limit; tries++ {
			s := &condition.Steps{}
			env[condition.StepFunction], env[condition.TextFunction] = s.Count, s.Text
			start := processorTime(t)
			_, _ = new(condition.Machines).Run(c, env) // an error is fine here
			best = min(best, processorTime(t)-start)
		}
		if best > limit {
			t.Errorf("%s took %s, more than %s", when, best, limit)
		}
	}
}

// BenchmarkCondition compares a condition that nil never breaks with the same one in expr's own machine, on a map that
// is there already.
func BenchmarkCondition(b *testing.B) {
	const when = `event_name == "run.completed" && payload.failed > 0`
	env := condition.EvalEnv(b, `{"id":2,"cases":14,"passed":10,"failed":3,"blocked":1,"duration":90000}`)
	plain, err := expr.Compile(when, expr.Env(catalog.Variables()), expr.AsBool())
	if err != nil {
		b.Fatal(err)
	}
	ours, cerr := condition.Compile(when)
	if cerr != nil {
		b.Fatal(cerr)
	}
	var ms condition.Machines
	var machine vm.VM
	const turns = 1000
	var took, plainTook time.Duration
	for b.Loop() {
		start := time.Now()
		for range turns {
			if ok, err := ms.Run(ours, env); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		middle := time.Now()
		for range turns {
			if out, err := machine.Run(plain, env); out != true || err != nil {
				b.Fatal(out, err)
			}
		}
		took, plainTook = took+middle.Sub(start), plainTook+time.Since(middle)
	}
	b.ReportMetric(float64(took)/float64(plainTook), "ratio")
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N*turns), "ns/condition")
	b.ReportMetric(0, "ns/op")
}

func FuzzDecide(f *testing.F) {
	c := mustParse(f, goodFile)
	f.Add("run.completed", `{"id":7,"failed":3,"plan":null}`)
	f.Add("review.reviewer_added", `{"id":"x","reviewer":{"email":"a@b"}}`)
	f.Add("shared_step.created", `{"hash":"abc","title":5}`)
	f.Fuzz(func(t *testing.T, name, payload string) {
		ev, err := event.Parse("qase", []byte(fmt.Sprintf(`{"event_name":%q,"payload":%s,"project_code":"WEB"}`, name, payload)), time.Unix(0, 0))
		if err != nil {
			return
		}
		kept := map[string][]byte{}
		for range 2 {
			d := c.Rules.Decide(ev, rules.State{Now: time.Unix(0, 0), Get: func(key string) ([]byte, error) { return kept[key], nil }})
			for _, change := range d.Changes {
				kept[change.Key] = change.Value
			}
			for _, n := range d.Notifications {
				if n.Title == "" || strings.ContainsAny(n.Title, "\r\n") {
					t.Errorf("title %q", n.Title)
				}
			}
		}
	})
}
