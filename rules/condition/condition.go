// Package condition compiles, evaluates and analyzes the when of a rule.
//
// A condition is an expression in the language of github.com/expr-lang/expr, with two differences: a missing or null
// field never makes it fail (see nilSafe), and its work and memory are bounded. [Compile] checks a source,
// [Condition.Match] evaluates it with the variables of one event, and [Condition.Trace] does the same part by part, for
// people. The other methods of Condition analyze it without an event: what follows from the name of an event alone, the
// fields that it reads, and its claims about them.
package condition

import (
	"errors"
	"fmt"
	"strings"
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

// Limits of one source.
const (
	maxBytes = 4 << 10
	maxNodes = 500
)

// Condition is a compiled condition. It is safe for concurrent use.
type Condition struct {
	Source  string
	tree    ast.Node // of the source, without the changes of nilSafe
	program *vm.Program
}

// Compile compiles source, or returns its errors with their positions.
func Compile(source string) (*Condition, []diag.Finding) {
	if strings.TrimSpace(source) == "" {
		return nil, []diag.Finding{{Message: "the condition is empty",
			Hint: "write an expression, or `true` for every event"}}
	}
	if len(source) > maxBytes {
		message := fmt.Sprintf("the condition has %d bytes, more than %d", len(source), maxBytes)
		return nil, []diag.Finding{{Message: message, Hint: "split the rule"}}
	}
	safe := &nilSafe{}
	program, err := compile(source, safe)
	if f := safe.refused; f != nil {
		return nil, []diag.Finding{{At: diag.Locate(source, f.at), Message: f.message, Hint: f.hint}}
	}
	if err != nil {
		return nil, diagnoseAll(source, err)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, []diag.Finding{diagnose(source, err)}
	}
	return &Condition{source, tree.Node, program}, nil
}

func compile(source string, patch ast.Visitor) (*vm.Program, error) {
	return expr.Compile(source, expr.Env(variableTypes()), expr.AsBool(), expr.MaxNodes(maxNodes), expr.Patch(patch))
}

// At returns the position of the root of the expression in the source, which is that of its last operator.
func (c *Condition) At() diag.Position { return diag.Locate(c.Source, c.tree.Location().From) }

// variableTypes returns the types of the variables and functions that a condition can name.
func variableTypes() types.Map {
	function := types.TypeOf(func(...any) any { return nil })
	all := types.Map{
		"now":        types.TypeOf(func() time.Time { return time.Time{} }),
		stepFunction: function, listFunction: function, textFunction: function,
	}
	for name, example := range catalog.Variables() {
		all[name] = types.TypeOf(example)
		if example == nil {
			all[name] = types.Any
		}
	}
	return all
}

// Match reports whether the condition is true for the event of env.
func (c *Condition) Match(env *Env) (bool, error) {
	env.steps = 0
	out, err := env.machine.Run(c.program, env.Vars)
	if err != nil {
		return false, runError(err)
	}
	matched, isBool := out.(bool)
	if !isBool {
		return false, fmt.Errorf("the condition gave %v, which is neither true nor false",
			value.Shorten(fmt.Sprint(out), 40))
	}
	return matched, nil
}

// runError keeps the first line of expr's error, without its drawing of the source.
func runError(err error) error {
	var fe *file.Error
	if errors.As(err, &fe) {
		return fmt.Errorf("%s (at %d:%d of the condition)", describeFailure(fe.Message), fe.Line, fe.Column+1)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(first)
}

// describeFailure rewords expr's message about a value that is neither true nor false.
func describeFailure(message string) string {
	kind, notBool := strings.CutPrefix(message, "invalid operation: bool(")
	if !notBool {
		kind, notBool = strings.CutPrefix(strings.TrimSuffix(message, ", not bool"),
			"interface conversion: interface {} is ")
	}
	if !notBool {
		return message
	}
	return "a value of type " + strings.TrimSuffix(kind, ")") + " stands where true or false is needed"
}
