package condition

import (
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/budget"
	"qaserelay/rules/value"
)

// Limits of one evaluation. expr has neither a deadline nor a context, so the work itself is bounded.
const (
	maxRange       = 1000     // 1..1000
	maxSteps       = 250_000  // list items visited, times the size of the predicate
	maxItems       = 20_000   // items of a list that is sorted, grouped, joined …
	maxTextBytes   = 1 << 20  // of a text that is searched
	maxMatchBytes  = 64 << 10 // of a text that is matched with a pattern, or split
	maxInsertBytes = 100      // of a text that is inserted into another many times
	memoryBudget   = 100_000  // items created by map, filter, split …
)

// envVariable holds the Env for the functions that nilSafe puts into expressions. A condition cannot name them.
const envVariable = "__env"

const (
	stepFunction       = "__step"  // counts the items that predicates visit
	listFunction       = "__bound" // refuses a list that is too long
	textFunction       = "__text"  // counts the work on a text, and refuses one that is too long
	lengthFunction     = "__len"   // counts the work of len, and refuses what has no length
	weighFunction      = "__weigh" // counts the size of a value
	sameFunction       = "__same"  // the operators of loose.go
	inFunction         = "__in"
	orderFunction      = "__order"
	arithmeticFunction = "__arithmetic"
	uniqFunction       = "__uniq"
	matchFunction      = "__match"
	dateFunction       = "__date"
	durationFunction   = "__duration"
)

// functions returns these functions for the compiler. Their first argument is the Env.
var functions = sync.OnceValue(func() []expr.Option {
	all := []expr.Option{
		expr.Function(dateFunction, func(args ...any) (any, error) { return args[0].(*Env).date(args[1:]...), nil },
			new(func(...any) time.Time)),
		expr.Function(durationFunction, func(args ...any) (any, error) {
			return args[0].(*Env).duration(args[1:]...), nil
		}, new(func(...any) time.Duration)),
	}
	for name, fn := range map[string]func(*Env, ...any) any{
		stepFunction: (*Env).countSteps, listFunction: (*Env).boundList, textFunction: (*Env).boundText,
		lengthFunction: (*Env).measurable, weighFunction: (*Env).weigh, sameFunction: (*Env).same, inFunction: (*Env).in, orderFunction: (*Env).order,
		arithmeticFunction: (*Env).arithmetic, uniqFunction: (*Env).uniq, matchFunction: (*Env).match,
	} {
		all = append(all, expr.Function(name, func(args ...any) (any, error) {
			return fn(args[0].(*Env), args[1:]...), nil
		}))
	}
	return all
})

// Env is the variables of one event, and the work of the condition that reads them. It is for one goroutine.
type Env struct {
	Vars    map[string]any // those of catalog.Variables have to be set
	Budget  *budget.Budget // of the event
	steps   int
	machine vm.VM

	location *time.Location // of dates without a zone that are written in the condition
	now      time.Time
	nowFunc  func() time.Time // the function now of conditions
}

// NewEnv returns an Env whose Vars hold only the functions that conditions call. Dates without a zone that are written in
// a condition are in that of now.
func NewEnv(now time.Time) *Env {
	e := &Env{Vars: make(map[string]any, 20), Budget: budget.New(),
		location: now.Location(),
		machine:  vm.VM{Stack: make([]any, 0, 8), MemoryBudget: memoryBudget}}
	e.nowFunc = func() time.Time { return e.now }
	e.setNow(now)
	return e
}

// Reset makes the Env as NewEnv returns it, for another event. Nothing may use it for the one before any more.
func (e *Env) Reset(now time.Time) {
	clear(e.Vars)
	*e.Budget, e.location = *budget.New(), now.Location()
	e.setNow(now)
}

func (e *Env) setNow(now time.Time) {
	e.now = now
	e.Vars["now"], e.Vars[envVariable] = e.nowFunc, e
}

// countSteps is called for each item that a predicate visits, with the size of the predicate.
func (e *Env) countSteps(args ...any) any {
	size, _ := args[0].(int)
	if e.steps += size; e.steps > maxSteps {
		panic("the condition looks at too many elements")
	}
	e.spend(budget.Product(size, budget.Step/2))
	return nil
}

// boundText is called with a text, the most bytes that it may have, and the number of bytes that count as a step. It
// returns the text. A number is its text, and an object its name.
func (e *Env) boundText(args ...any) any {
	text, isText := args[0].(string)
	switch v := args[0].(type) {
	case int, float64, *big.Int, bool:
		text = value.PlainText(v)
	case map[string]any:
		e.weigh(v, 1)
		text = value.PlainText(v)
	default:
		if !isText {
			return args[0]
		}
	}
	most, _ := args[1].(int)
	perStep, _ := args[2].(int)
	if len(text) > most {
		panic(fmt.Sprintf("a text of %d bytes is too long here, the most is %d", len(text), most))
	}
	e.countSteps(len(text) / perStep)
	return text
}

// measurable is called with the argument of len, and returns it.
func (e *Env) measurable(args ...any) any {
	switch v := args[0].(type) {
	case string:
		e.spend(len(v))
	case int, float64, *big.Int, bool:
		panic("len counts the elements of a list or the characters of a text, and this is " + describe(v) +
			": write > 0 to compare it")
	}
	return args[0]
}

// boundList is called with a list and the most items that it may have. It returns the list.
func (e *Env) boundList(args ...any) any {
	list, _ := args[0].([]any)
	e.spend(budget.Step * len(list))
	if most, _ := args[1].(int); len(list) > most {
		panic(fmt.Sprintf("a list of %d elements is too long here, the most is %d", len(list), most))
	}
	return args[0]
}
