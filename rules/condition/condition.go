package condition

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Bounds on one condition. expr itself knows neither time nor context, so what could run away is bounded here.
const (
	maxConditionBytes = 4 << 10
	maxConditionNodes = 500
	maxRange          = 1000     // 1..1000
	maxSteps          = 250_000  // elements looked at, times the size of the predicate
	maxList           = 20_000   // elements of a list to be sorted, grouped, joined …
	maxQuadratic      = 1000     // elements of a list that uniq compares with each other
	maxText           = 1 << 20  // bytes of a text that is searched
	maxPattern        = 64 << 10 // bytes of a text that is matched with a pattern, or split
	maxPart           = 100      // characters that are put into a text many times
	memoryBudget      = 100_000  // elements created by map, filter, split …
)

// Condition is a compiled when. It may be evaluated by many goroutines at once.
type Condition struct {
	Source  string
	Tree    ast.Node // as it was written
	program *vm.Program
}

// CompileCondition compiles source so that missing and null fields never break it, or says all that is wrong with it.
func Compile(source string) (*Condition, []diag.Finding) {
	if strings.TrimSpace(source) == "" {
		return nil, []diag.Finding{{Message: "the condition is empty", Hint: "write an expression, or `true` for every event"}}
	}
	if len(source) > maxConditionBytes {
		return nil, []diag.Finding{{Message: fmt.Sprintf("the condition has %d bytes, more than %d", len(source), maxConditionBytes), Hint: "split the rule"}}
	}
	safe := &nilSafe{}
	program, err := expr.Compile(source, expr.Env(environment()), expr.AsBool(), expr.MaxNodes(maxConditionNodes), expr.Patch(safe))
	if safe.err != nil {
		safe.err.At = diag.Locate(source, safe.from)
		return nil, conditionFaults(source, *safe.err)
	}
	if err != nil {
		return nil, conditionFaults(source, *explainCompileError(err))
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, []diag.Finding{*explainCompileError(err)}
	}
	return &Condition{source, tree.Node, program}, nil
}

// environment returns the types of all that a condition can name.
func environment() types.Map {
	env := types.Map{
		"now":         types.TypeOf(func() time.Time { return time.Time{} }),
		StepFunction:  types.TypeOf(func(...any) any { return nil }),
		BoundFunction: types.TypeOf(func(...any) any { return nil }),
		TextFunction:  types.TypeOf(func(...any) any { return nil }),
	}
	for name, value := range catalog.Variables() {
		env[name] = types.TypeOf(value)
		if value == nil {
			env[name] = types.Any
		}
	}
	return env
}

// explainCompileError puts expr's errors into words for people who do not know it.
func explainCompileError(err error) *diag.Finding {
	var fe *file.Error
	if !errors.As(err, &fe) {
		text, hint := err.Error(), ""
		if m := regexp.MustCompile(`expected bool, but got (\w+)`).FindStringSubmatch(text); m != nil {
			text, hint = "the condition is "+typeInWords(m[1])+", not true or false", "compare it with something, such as payload.failed > 0"
		}
		return &diag.Finding{Message: text, Hint: hint}
	}
	return &diag.Finding{At: diag.Position{Line: fe.Line, Col: fe.Column}, Message: fe.Message}
}

// Machines are expr's virtual machines, kept for their stacks.
type Machines struct{ pool sync.Pool }

// Run evaluates c. The environment must hold everything of names(), and the functions now, StepFunction, BoundFunction and TextFunction.
func (ms *Machines) Run(c *Condition, env map[string]any) (bool, error) {
	machine, _ := ms.pool.Get().(*vm.VM)
	if machine == nil {
		machine = &vm.VM{MemoryBudget: memoryBudget}
	}
	out, err := machine.Run(c.program, env)
	ms.pool.Put(machine)
	if err != nil {
		return false, runError(err)
	}
	matched, isBool := out.(bool)
	if !isBool {
		return false, fmt.Errorf("the condition gave %v, which is neither true nor false", value.Shorten(fmt.Sprint(out), 40))
	}
	return matched, nil
}

// runError keeps the first line of expr's error, without its drawing.
func runError(err error) error {
	var fe *file.Error
	if errors.As(err, &fe) {
		return fmt.Errorf("%s (at %d:%d of the condition)", describeFailure(fe.Message), fe.Line, fe.Column+1)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(first)
}

// describeFailure puts what expr says of a failure while running into words for people.
func describeFailure(message string) string {
	kind, noBool := strings.CutPrefix(message, "invalid operation: bool(")
	if !noBool {
		kind, noBool = strings.CutPrefix(strings.TrimSuffix(message, ", not bool"), "interface conversion: interface {} is ")
	}
	if !noBool {
		return message
	}
	return "a value of type " + strings.TrimSuffix(kind, ")") + " stands where true or false is needed"
}

// Steps counts the work of the predicates of one condition.
type Steps struct{ Done int }

// Count is called as StepFunction with the size of the predicate, for each element that it looks at.
func (s *Steps) Count(args ...any) any {
	size, _ := args[0].(int)
	if s.Done += size; s.Done > maxSteps {
		panic("the condition looks at too many elements")
	}
	return nil
}

// Text is called as TextFunction with a text, the most bytes that it may have, and how many of them make a step. It
// returns the text.
func (s *Steps) Text(args ...any) any {
	text, isText := args[0].(string)
	if !isText {
		return args[0]
	}
	most, _ := args[1].(int)
	perStep, _ := args[2].(int)
	if len(text) > most {
		panic(fmt.Sprintf("a text of %d bytes is too long here, the most is %d", len(text), most))
	}
	s.Count(len(text) / perStep)
	return text
}

// Bound is called as BoundFunction with a list and the most elements that it may have, and returns the list.
func Bound(args ...any) any {
	list, _ := args[0].([]any)
	if most, _ := args[1].(int); len(list) > most {
		panic(fmt.Sprintf("a list of %d elements is too long here, the most is %d", len(list), most))
	}
	return args[0]
}
