package condition_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
)

// TestTheWorkOfAConditionIsBounded evaluates the most expensive conditions on the largest event that the relay accepts.
// A limit ends each of them, except one whose work the size of the event limits.
func TestTheWorkOfAConditionIsBounded(t *testing.T) {
	numbers := "[" + strings.Repeat("1,", 200_000) + "1]"
	text := strings.Repeat("a", 600_000)
	words := strings.Repeat(`a","`, 20_000)
	vars := variables(t, `{"many":`+numbers+`,"text":"`+text+`","words":["`+words+`a"],"short":"`+text[:60_000]+`",
		"few":[`+strings.Repeat("1,", 9_999)+`1],"re":"`+strings.Repeat(".{0,9}", 30)+`z",
		"long re":"`+strings.Repeat(".{0,1000}", 300)+`z"}`)
	const spent = "more than 64 MiB or 250 ms to decide"
	const steps, longList, longText = "too many elements", "a list of 200001 elements is too long",
		"a text of 600000 bytes"
	for when, want := range map[string]string{
		`any(payload.many, any(payload.many, any(payload.many, # > 1)))`: steps,
		`count(payload.many, # in payload.many) > 0`:                     longList,
		`all(payload.many, payload.text contains "b" or true)`:           steps,
		`all(payload.many, payload.text matches "(a*)*b" or true)`:       steps,
		`all(payload.words, lower(payload.text) == "" or true)`:          steps,
		`len(map(payload.many, split(payload.text, "a"))) > 0`:           longText,
		`len(uniq(payload.many)) > 0`:                                    longList,
		`len(sort(payload.many)) > 0`:                                    longList,
		`len(groupBy(payload.many, #)) > 0`:                              longList,
		`payload.text matches "(a|aa)*b(a|aa)*c"`:                        longText,
		`sum(map(payload.many, sum(map(payload.many, #)))) > 0`:          steps,
		`len(join(payload.words, "aaaaaaaaaaaaaaaaaaaa")) > 0`:           "a list of 20001 elements",
		`len(replace(payload.text, "a", "aaaaaaaaaaaaaaaaaaaa")) > 0`:    "",
		`len(flatten([payload.many, payload.many])) > 0`:                 longList,
		`reduce(payload.many, #acc + #, 0) > 0`:                          longList,
		`reduce(payload.few, #acc + "aaaaaaaaaa", "") == ""`:             spent,
		`count(payload.few, # in payload.few[1:]) > 0`:                   "",
		`count(payload.few, # + 5 in payload.few) > 0`:                   spent,
		`count(payload.few, payload.few == payload.words) > 0`:           spent,
		`all(payload.few, string(payload.many) != "")`:                   spent,
		`all(payload.few, toJSON(payload.many) != "")`:                   spent,
		`all(payload.few, len(concat(payload.few, payload.few)) > 0)`:    "memory budget exceeded",
		`all(payload.few, len(payload.text) > 0)`:                        spent,
		`len(uniq(payload.words[:5000])) == 1`:                           "",
		`len(join(map(payload.few, payload.text), "a")) > 0`:             spent,
		`payload.short matches "(a|aa)+[0-9]{1,500}.{0,900}q"`:           spent,
		`payload.short matches payload.re`:                               "",
		`any(1..9, payload.short matches payload.re)`:                    spent,
		`payload.short matches payload["long re"]`:                       "may have 200 bytes, and this one has 2701",
		`all(payload.few, payload.title matches payload.re)`:             "",
		`len(` + strings.Repeat("payload.text + ", 60) + `"") > 0`:       spent,
	} {
		c, findings := condition.Compile(when)
		if findings != nil {
			t.Errorf("%s: %v", when, findings)
			continue
		}
		if _, err := c.Match(environment(vars)); (err == nil) != (want == "") ||
			!strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: got error %v, want %q", when, err, want)
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
