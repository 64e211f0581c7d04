package condition

import (
	"fmt"
	"time"

	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/budget"
)

// Limits of one evaluation. expr has neither a deadline nor a context, so the work itself is bounded.
const (
	maxRange       = 1000     // 1..1000
	maxSteps       = 250_000  // list items visited, times the size of the predicate
	maxItems       = 20_000   // items of a list that is sorted, grouped, joined …
	maxUniqueItems = 1000     // items of a list that uniq compares with each other
	maxTextBytes   = 1 << 20  // of a text that is searched
	maxMatchBytes  = 64 << 10 // of a text that is matched with a pattern, or split
	maxInsertBytes = 100      // of a text that is inserted into another many times
	memoryBudget   = 100_000  // items created by map, filter, split …
)

// Functions that nilSafe puts into expressions. A condition cannot name them.
const (
	stepFunction = "__step"  // counts the items that predicates visit
	listFunction = "__bound" // refuses a list that is too long
	textFunction = "__text"  // counts the work on a text, and refuses one that is too long
)

// Env is the variables of one event, and the work of the condition that reads them. It is for one goroutine.
type Env struct {
	Vars    map[string]any // those of catalog.Variables have to be set
	Budget  *budget.Budget // of the event
	steps   int
	machine vm.VM
}

// NewEnv returns an Env whose Vars hold only the functions that conditions call.
func NewEnv(now time.Time) *Env {
	e := &Env{Vars: make(map[string]any, 20), Budget: budget.New(),
		machine: vm.VM{Stack: make([]any, 0, 8), MemoryBudget: memoryBudget}}
	e.Vars["now"] = func() time.Time { return now }
	e.Vars[stepFunction], e.Vars[listFunction], e.Vars[textFunction] = e.countSteps, boundList, e.boundText
	return e
}

// countSteps is called for each item that a predicate visits, with the size of the predicate.
func (e *Env) countSteps(args ...any) any {
	size, _ := args[0].(int)
	if e.steps += size; e.steps > maxSteps {
		panic("the condition looks at too many elements")
	}
	return nil
}

// boundText is called with a text, the most bytes that it may have, and the number of bytes that count as a step. It
// returns the text.
func (e *Env) boundText(args ...any) any {
	text, isText := args[0].(string)
	if !isText {
		return args[0]
	}
	most, _ := args[1].(int)
	perStep, _ := args[2].(int)
	if len(text) > most {
		panic(fmt.Sprintf("a text of %d bytes is too long here, the most is %d", len(text), most))
	}
	e.countSteps(len(text) / perStep)
	return text
}

// boundList is called with a list and the most items that it may have. It returns the list.
func boundList(args ...any) any {
	list, _ := args[0].([]any)
	if most, _ := args[1].(int); len(list) > most {
		panic(fmt.Sprintf("a list of %d elements is too long here, the most is %d", len(list), most))
	}
	return args[0]
}
